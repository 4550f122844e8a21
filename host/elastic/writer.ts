import { CacheError } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { ElasticClient, StoredUser } from './client.ts';
import { ElasticError } from './error.ts';
import type { Fences } from './fences.ts';
import { isBuiltIn, type Mark, type Owner, ownerOf } from './mark.ts';
import type { ElasticPasswords } from './password.ts';
import type { FindAccount } from './sync.ts';
import { isSame, userOf, type Wanted } from './wanted.ts';

export interface UserWriterDeps {
  readonly client: ElasticClient;
  readonly passwords: ElasticPasswords;
  readonly previous?: ElasticPasswords | undefined;
  readonly passwordSeconds?: number | undefined;
  readonly fences: Fences;
  /** A write to this user may yet come, over what is written later. */
  readonly onUnsure?: ((name: string, username: string) => void) | undefined;
  /** Undefined where there is no directory to ask: whom it knew is then taken for one of it for ever. */
  readonly findAccount?: FindAccount | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Without a limit, for what is said once of each user. */
  readonly everyLine?: Logger | undefined;
}

/** Hosts' clocks differ by less. */
const SKEW_MS = 24 * 60 * 60 * 1_000;
/** How many refused users are remembered as told of; beyond that the memory starts anew. */
const MAX_WARNED = 1_000;

/** One attempt at one user. */
export interface Turn {
  /** See `Outcome`. */
  readonly fence: number;
  /** Takes back what is remembered of this user, on all hosts. */
  forget(): Promise<void>;
  /** Throws when the user is not to be so any more. */
  check(): void;
}

type Ours = Extract<Owner, { kind: 'ours' }>;

interface Found {
  readonly stored: StoredUser | undefined;
  readonly owner: Ours | undefined;
}

/** Brings one user in Elasticsearch to what is wanted. */
export class UserWriter {
  readonly #deps: UserWriterDeps;
  readonly #warned = new Set<string>();

  constructor(deps: UserWriterDeps) {
    this.#deps = deps;
  }

  /**
   * The mark of the password that counts now, or `refused` for a user that is not
   * ours. Writes nothing when nothing differs.
   */
  async write(wanted: Wanted, signal: AbortSignal, turn: Turn): Promise<Mark | 'refused'> {
    const { client, passwords, log } = this.#deps;
    let found = await this.#find(wanted, signal);
    if (found === 'refused') return found;
    let rotates = false;
    if (found.owner !== undefined && this.#isToRotate(found.owner)) {
      const next = found.owner.mark.generation + 1;
      const isRaised = await this.#fence(wanted, next, signal, turn);
      // A second or two ago: where the store could not say whose turn it is, another host was faster.
      found = await this.#find(wanted, signal);
      if (found === 'refused') return found;
      rotates = isRaised && this.#isToRotate(found.owner);
    }
    const { stored, owner } = found;
    const mark = this.#markFor(wanted, owner, rotates);
    const user = userOf(wanted, stored, mark, passwords);
    if (stored !== undefined && isSame(stored, user)) {
      if (await client.accepts(passwords.authorization(wanted.name, mark.generation), signal)) {
        return mark;
      }
      const now = await this.#find(wanted, signal);
      if (now === 'refused') return now;
      // Another host has written the next one; ours would be the one before it.
      if (now.owner?.mark.generation !== owner?.mark.generation) return this.write(wanted, signal, turn);
      log.warn('the password of an Elasticsearch user was not ours any more: it is set anew', {
        user: wanted.username,
      });
    }
    turn.check();
    try {
      if (!(await client.write(wanted.name, user, signal)))
        this.#deps.onUnsure?.(wanted.name, wanted.username);
    } catch (error) {
      if (error instanceof ElasticError && error.isSilence)
        this.#deps.onUnsure?.(wanted.name, wanted.username);
      if (error instanceof ElasticError && isReservedRefusal(error)) return this.#refuse(wanted, 'reserved');
      throw error;
    }
    log.info(stored === undefined ? 'Elasticsearch user made' : 'Elasticsearch user changed', {
      user: wanted.username,
      count: wanted.roles.length,
    });
    return mark;
  }

  /** What is there now; nothing of ours may be written over what is somebody else's. */
  async #find(wanted: Wanted, signal: AbortSignal): Promise<Found | 'refused'> {
    const { client, passwords, previous } = this.#deps;
    if (isBuiltIn(wanted.name)) return this.#refuse(wanted, 'reserved');
    const stored = await client.find(wanted.name, signal);
    if (stored === undefined) return { stored, owner: undefined };
    const owner = ownerOf(stored, passwords, previous);
    return owner.kind === 'ours' ? { stored, owner } : this.#refuse(wanted, owner.kind);
  }

  #markFor({ name, username, source }: Wanted, owner: Ours | undefined, rotates: boolean): Mark {
    const { passwords, clock, findAccount } = this.#deps;
    const isMissed = findAccount !== undefined && findAccount(username) === undefined;
    const now = new Date(clock.now()).toISOString();
    if (owner === undefined) {
      return { user: username, source, generation: 1, key: passwords.mark(name, 1), since: now };
    }
    const { mark, isCurrent } = owner;
    const generation = rotates ? mark.generation + 1 : mark.generation;
    return {
      user: username,
      // Whoever the directory knows is missed when it does not any more; and who comes by headers
      // then is known to the proxy alone: each look for those who have gone would disable it again.
      source: mark.source === 'directory' && !isMissed ? mark.source : source,
      generation,
      key: passwords.mark(name, generation),
      since: isCurrent && !rotates ? mark.since : now,
    };
  }

  #isToRotate(owner: Ours | undefined): boolean {
    return owner?.isCurrent === true && this.#isOld(owner.mark);
  }

  #isOld({ since }: Mark): boolean {
    const { passwordSeconds, clock } = this.#deps;
    if (passwordSeconds === undefined) return false;
    const age = clock.now() - Date.parse(since);
    // A clock that was far ahead when it began must not keep a password for as long.
    return !(age < passwordSeconds * 1_000 && -age < Math.max(passwordSeconds * 1_000, SKEW_MS));
  }

  async #fence({ name, username }: Wanted, next: number, signal: AbortSignal, turn: Turn): Promise<boolean> {
    const { fences, log } = this.#deps;
    const fields = { user: username };
    try {
      await turn.forget();
      if (await fences.raise(username, signal, next, turn.fence)) return true;
      log.warn('an Elasticsearch password is kept for now: a host could not be told that it changes', fields);
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      log.warn('an Elasticsearch password is kept for now: what hosts share cannot be reached', {
        ...fields,
        code: error.code,
      });
    }
    fences.drop(name);
    return false;
  }

  #refuse({ name, username }: Wanted, kind: Exclude<Owner['kind'], 'ours'>): 'refused' {
    const once = `${kind}:${name}`;
    if (this.#warned.has(once)) return 'refused';
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(once);
    (this.#deps.everyLine ?? this.#deps.log).warn(
      'refused: this user of Elasticsearch is not ours and stays as it is',
      {
        user: username,
        id: name,
        reason: kind,
        hint: HINTS[kind],
      },
    );
    return 'refused';
  }
}

const HINTS: Readonly<Record<Exclude<Owner['kind'], 'ours'>, string>> = {
  reserved: 'the name belongs to Elasticsearch itself: give the user another one',
  foreign:
    'somebody else made it: rename one of the two, delete it there, or hand it over with `postern elastic adopt`',
  'other-secret':
    'a Postern with another root secret made it: set POSTERN_SECRET_PREVIOUS, or hand it over with `postern elastic adopt`',
};

/** Elasticsearch's own word for the names it keeps, should one not be told by `_reserved`. */
function isReservedRefusal({ code, status, message }: ElasticError): boolean {
  return (
    code === 'ERR_ELASTIC_REJECTED' && status === 400 && /is reserved|reserved user|anonymous/i.test(message)
  );
}
