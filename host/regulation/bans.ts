import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine } from '../policy/engine.ts';
import type { Ban, BanStore } from '../store/store.ts';
import { Outage } from './outage.ts';

/** Whom an attempt counts for. */
export interface Suspect {
  /** The account's own name; undefined for a name that nobody has. */
  readonly user: string | undefined;
  /** One of a fixed number of places for names that nobody has. */
  readonly unknown: string | undefined;
  readonly address: string;
  /** `rangeOf(address)` */
  readonly range: string;
  readonly device: string | undefined;
}

export type BanKind = 'user' | 'address' | 'device' | 'unknown';

export interface BansDeps {
  /** Undefined without a database. */
  readonly store: () => BanStore | undefined;
  readonly cache: Cache;
  readonly engine: Pick<Engine, 'compileNetworks' | 'inNetworks'>;
  readonly banSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Bans that a host remembers for when it cannot ask: of 10,000 the oldest goes first. */
const MAX_REMEMBERED = 10_000;

/**
 * Who is banned. With a database that says it, for every host at once and with
 * each attempt, so that what an operator adds or removes counts at once; without
 * one what hosts share does. Devices and names that nobody has are in the shared
 * store alone: nobody lists them.
 */
export class Bans {
  readonly #deps: BansDeps;
  /** Ends of bans, and whether they could be written where they belong. */
  readonly #remembered = new Map<string, { readonly until: number; readonly isSaved: boolean }>();
  readonly #imposing = new Set<string>();
  readonly #outages: { readonly store: Outage; readonly cache: Outage };
  /** The operator's networks, as they were compiled last. */
  #networks: { readonly text: string; readonly set: Uint8Array | undefined } = { text: '', set: undefined };

  constructor(deps: BansDeps) {
    this.#deps = deps;
    const outage = (where: string) =>
      new Outage(deps.log, {
        away: `${where} does not answer: the bans that this host knows of stay in force`,
        back: `${where} answers again: bans are looked up there`,
      });
    this.#outages = { store: outage('the database'), cache: outage('the shared store') };
  }

  async isBanned(suspect: Suspect): Promise<boolean> {
    const { user, unknown, range, device } = suspect;
    const store = this.#deps.store();
    const asked: Promise<boolean>[] = [];
    if (store !== undefined) asked.push(this.#isInStore(store, suspect));
    if (device !== undefined) asked.push(this.#isInCache('device', device));
    else {
      if (unknown !== undefined) asked.push(this.#isInCache('unknown', unknown));
      if (store === undefined && user !== undefined) asked.push(this.#isInCache('user', user));
      if (store === undefined && range !== '') asked.push(this.#isInCache('address', range));
    }
    return (await Promise.all(asked)).includes(true);
  }

  /** Bans for `ban_time`; false when there is such a ban already. */
  async impose(kind: BanKind, name: string, reason: string): Promise<boolean> {
    const key = `${kind} ${name}`;
    if (this.#imposing.has(key)) return false;
    this.#imposing.add(key);
    try {
      const { clock, banSeconds } = this.#deps;
      if ((this.#remembered.get(key)?.until ?? 0) > clock.now() && (await this.#isStill(kind, name))) {
        return false;
      }
      const until = clock.now() + banSeconds * 1_000;
      this.#remember(key, until, await this.#save(kind, name, until, reason));
      return true;
    } finally {
      this.#imposing.delete(key);
    }
  }

  #isStill(kind: BanKind, name: string): Promise<boolean> {
    const is = (own: BanKind) => (kind === own ? name : undefined);
    const [user, unknown, device, range] = [is('user'), is('unknown'), is('device'), is('address') ?? ''];
    return this.isBanned({ user, unknown, device, range, address: '' });
  }

  /** Whether it was written where it belongs. */
  #save(kind: BanKind, name: string, until: number, reason: string): Promise<boolean> {
    const { cache, clock, banSeconds } = this.#deps;
    const store = this.#deps.store();
    const unsaved = () => false;
    if (store !== undefined && (kind === 'user' || kind === 'address')) {
      const ban = { kind, subject: name, until, reason, createdAt: clock.now(), source: 'failures' } as const;
      return this.#outages.store.ask(() => store.put(ban).then(() => true), unsaved);
    }
    const write = () => cache.set(inCache(kind, name), Buffer.from(String(until)), banSeconds);
    return this.#outages.cache.ask(() => write().then(() => true), unsaved);
  }

  #isInCache(kind: BanKind, name: string): Promise<boolean> {
    const find = async () => (await this.#deps.cache.get(inCache(kind, name))) !== undefined;
    return this.#outages.cache.ask(
      async () => (await find()) || this.#isRemembered(kind, name, false),
      () => this.#isRemembered(kind, name, true),
    );
  }

  #isInStore(store: BanStore, suspect: Suspect): Promise<boolean> {
    const { user, address, range, device } = suspect;
    const find = async () => {
      const found = await store.against(user, range, this.#deps.clock.now());
      // Whoever is known from before is not kept out by what strangers did.
      const against = found.filter(({ source }) => source === 'operator' || device === undefined);
      const own = against.filter(({ kind, subject }) => subject === (kind === 'user' ? user : range));
      for (const { kind, subject, until } of own) {
        this.#remember(`${kind} ${subject}`, until ?? Number.POSITIVE_INFINITY, true);
      }
      this.#learn(against.filter(({ kind, source }) => kind === 'address' && source === 'operator'));
      return own.length > 0 || this.#isInNetworks(address) || isKnown(false);
    };
    const isKnown = (orSaved: boolean) =>
      device === undefined &&
      ((user !== undefined && this.#isRemembered('user', user, orSaved)) ||
        this.#isRemembered('address', range, orSaved));
    return this.#outages.store.ask(find, () => isKnown(true) || this.#isInNetworks(address));
  }

  /** The addresses and networks that operators banned, for the engine to look into. */
  #learn(bans: readonly Ban[]): void {
    const { engine } = this.#deps;
    const text = bans.map(({ subject }) => subject).join(' ');
    if (this.#networks.text === text) return;
    const good = text.split(' ').filter(network => engine.compileNetworks([network]) !== undefined);
    this.#networks = { text, set: good.length === 0 ? undefined : engine.compileNetworks(good) };
  }

  #isInNetworks(address: string): boolean {
    const { set } = this.#networks;
    return set !== undefined && this.#deps.engine.inNetworks(set, address);
  }

  #remember(key: string, until: number, isSaved: boolean): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, { until, isSaved });
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  /** @param orSaved what was written counts, too: nobody can be asked whether it was removed since */
  #isRemembered(kind: BanKind, name: string, orSaved: boolean): boolean {
    const found = this.#remembered.get(`${kind} ${name}`);
    if (found === undefined) return false;
    return found.until > this.#deps.clock.now() && (orSaved || !found.isSaved);
  }
}

function inCache(kind: BanKind, name: string) {
  return { kind: `ban-${kind}`, name };
}
