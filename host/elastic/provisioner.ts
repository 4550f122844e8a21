import { type Cache, CacheError, type CacheKey, orMiss } from '../cache/cache.ts';
import type { SingleFlight } from '../cache/single-flight.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Principal } from '../policy/engine.ts';
import type { ElasticClient } from './client.ts';
import { ElasticError } from './error.ts';
import { Fences } from './fences.ts';
import type { Source } from './mark.ts';
import { decodeOutcome, encodeOutcome, type Outcome } from './outcome.ts';
import type { ElasticPasswords } from './password.ts';
import { type RoleMap, strangeGroup } from './roles.ts';
import { Slots } from './slots.ts';
import { elasticName } from './user-name.ts';
import { fingerprint, type Wanted, wantedOf } from './wanted.ts';
import { UserWriter } from './writer.ts';

/** For the whole of it, failover and retries included: a proxy and its client wait meanwhile. */
export const PROVISION_MS = 5_000;
/** Users written at the same time: each costs Elasticsearch a bcrypt hash, more would only wait there. */
const MAX_WRITES = 16;
/** Seconds after which whoever could not be provisioned may ask again. */
const RETRY_AFTER = 5;
/** How often the result of somebody else's attempt, made for other groups, is followed by an own one. */
const MAX_TURNS = 4;

export interface ProvisionerDeps {
  /** Where it asks, for the log. */
  readonly hosts: readonly string[];
  /** Undefined in a dry run, which asks Elasticsearch nothing. */
  readonly client: ElasticClient | undefined;
  readonly passwords: ElasticPasswords;
  /** Of the root secret before. */
  readonly previous?: ElasticPasswords | undefined;
  readonly roles: RoleMap;
  /** Groups that users may have at all; undefined for any. */
  readonly groupWhitelist?: readonly string[] | undefined;
  readonly cache: Cache;
  readonly flights: SingleFlight;
  /** How long a user counts as provisioned without Elasticsearch being asked. */
  readonly cacheSeconds: number;
  /** Each request starts that time anew. */
  readonly extendCache: boolean;
  /** A password older than this is replaced; undefined for never. */
  readonly passwordSeconds?: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyLine?: Logger | undefined;
  readonly onResult?: ((result: Provisioned['status']) => void) | undefined;
  /** The user's password is about to change: whatever this host gave to guests for it must go. */
  readonly onFence?: ((username: string) => void) | undefined;
}

export type Provisioned =
  | {
      readonly status: 'ready';
      /** For the backend. */
      readonly authorization: string;
      /** False once its password is about to change: to be asked in the step that hands it on. */
      isCurrent(): boolean;
    }
  /** No name or group that Elasticsearch's users can have: 400. */
  | { readonly status: 'bad-request'; readonly message: string }
  /** Not our user: 403. */
  | { readonly status: 'refused' }
  /** 503. */
  | { readonly status: 'unavailable'; readonly retryAfterSeconds: number };

const UNAVAILABLE: Provisioned = { status: 'unavailable', retryAfterSeconds: RETRY_AFTER };

/** Makes sure that a user exists in Elasticsearch with its roles, and says what to send there in its name. */
export class Provisioner {
  readonly #deps: ProvisionerDeps;
  readonly #writer: UserWriter | undefined;
  readonly #fences: Fences;
  readonly #slots = new Slots(MAX_WRITES);

  constructor(deps: ProvisionerDeps) {
    this.#deps = deps;
    this.#fences = new Fences(deps.cache, deps.clock, deps.onFence ?? (() => {}));
    this.#writer =
      deps.client === undefined
        ? undefined
        : new UserWriter({ ...deps, client: deps.client, fences: this.#fences });
  }

  async provision(principal: Principal, source: Source): Promise<Provisioned> {
    const provisioned = await this.#provision(principal, source);
    this.#deps.onResult?.(provisioned.status);
    return provisioned;
  }

  /** Forgets that the user was provisioned. */
  async forget(elasticName: string): Promise<void> {
    await orMiss(this.#deps.cache.delete(knownKey(elasticName)));
  }

  close(): void {
    this.#fences.close();
  }

  async #provision(principal: Principal, source: Source): Promise<Provisioned> {
    const { roles, groupWhitelist, passwords, clock } = this.#deps;
    const named = elasticName(principal.username);
    if (!named.ok) return { status: 'bad-request', message: named.message };
    if (strangeGroup(principal.groups, groupWhitelist) !== undefined) {
      return {
        status: 'bad-request',
        message: 'a group of the user is not in elasticsearch.group_whitelist',
      };
    }
    const wanted = wantedOf(named.name, principal, roles(principal.groups), source);
    if (this.#writer === undefined) return this.#ready(wanted.name, 1, () => true);
    const print = fingerprint(wanted, passwords);
    const end = clock.monotonic() + PROVISION_MS;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      // Before anything is read: a fence raised meanwhile makes it worthless.
      const isCurrent = this.#fences.watch(wanted.name);
      const outcome = (await this.#known(wanted.name, print)) ?? (await this.#fly(wanted, print, end));
      if (outcome === undefined) return UNAVAILABLE;
      // The store was emptied meanwhile: what was come to is in Elasticsearch, and is found there.
      if (outcome === 'lost') continue;
      // Somebody else's, of the same user with other groups.
      if (outcome.print !== print) continue;
      if (outcome.kind === 'refused') return { status: 'refused' };
      if (isCurrent()) return this.#ready(wanted.name, outcome.generation, isCurrent);
    }
    return UNAVAILABLE;
  }

  #ready(name: string, generation: number, isCurrent: () => boolean): Provisioned {
    return {
      status: 'ready',
      authorization: this.#deps.passwords.authorization(name, generation),
      isCurrent,
    };
  }

  /** What is remembered of the user as it is now. */
  async #known(name: string, print: string): Promise<Outcome | undefined> {
    const { cache, cacheSeconds, extendCache } = this.#deps;
    const bytes = await orMiss(cache.get(knownKey(name)));
    const outcome = bytes === undefined ? undefined : decodeOutcome(bytes);
    if (outcome?.kind !== 'ready' || outcome.print !== print) return undefined;
    if (extendCache) await orMiss(cache.touch(knownKey(name), cacheSeconds));
    return outcome;
  }

  /**
   * One attempt at a time for a user, on all hosts; undefined when there is no
   * outcome, `lost` when there is one that must not be used (see `Lock.leave`).
   */
  async #fly(wanted: Wanted, print: string, end: number): Promise<Outcome | 'lost' | undefined> {
    const left = Math.floor(end - this.#deps.clock.monotonic());
    if (left <= 0) return undefined;
    try {
      const flight = await this.#deps.flights.run(
        flightKey(wanted.name),
        async ({ signal }) => encodeOutcome(await this.#attempt(wanted, print, signal)),
        { waitMs: left, runMs: left, whenDown: 'alone' },
      );
      if (flight.status === 'busy') return 'lost';
      return flight.status === 'done' ? decodeOutcome(flight.value) : undefined;
    } catch (error) {
      this.#report(wanted, error);
      return undefined;
    }
  }

  async #attempt(wanted: Wanted, print: string, signal: AbortSignal): Promise<Outcome> {
    const { cache, cacheSeconds } = this.#deps;
    const writer = this.#writer as UserWriter;
    const forget = async () => void (await cache.delete(knownKey(wanted.name)));
    const slot = await this.#slots.enter(signal);
    if (slot === undefined) {
      throw new ElasticError(
        'ERR_ELASTIC_SLOW',
        'Elasticsearch is slower than new users come',
        this.#deps.hosts.join(', '),
      );
    }
    const written = await writer.write(wanted, signal, forget).finally(slot.leave);
    if (written === 'refused') return { kind: 'refused', print };
    const outcome: Outcome = { kind: 'ready', print, generation: written };
    await orMiss(cache.set(knownKey(wanted.name), encodeOutcome(outcome), cacheSeconds));
    return outcome;
  }

  #report({ username }: Wanted, error: unknown): void {
    const { log } = this.#deps;
    if (error instanceof ElasticError) {
      const { code, message, host, status, hint } = error;
      log.warn('no new users are let through to Elasticsearch', {
        user: username,
        host,
        code,
        error: message,
        ...(status === undefined ? {} : { status }),
        hint,
      });
    } else if (error instanceof CacheError) {
      log.warn('no new users are let through to Elasticsearch: what hosts share cannot be reached', {
        user: username,
        code: error.code,
        error: error.message,
      });
    } else {
      log.error('a user could not be provisioned', { user: username, error: String(error) });
    }
  }
}

function knownKey(name: string): CacheKey {
  return { kind: 'elastic-known', name };
}

function flightKey(name: string): CacheKey {
  return { kind: 'elastic-user', name };
}
