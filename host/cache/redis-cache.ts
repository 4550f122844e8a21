import type { Clock } from '../clock.ts';
import type { RedisSetup } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import {
  type Broadcast,
  CacheError,
  type CacheKey,
  type CacheStatus,
  type Held,
  type Lock,
  type Outcome,
  type Resume,
  type SharedStore,
  type StoreListener,
} from './cache.ts';
import { HostBeat } from './host-beat.ts';
import { COMMAND_MS, SERVER_SKEW_MS, START_MS } from './limits.ts';
import { Names } from './names.ts';
import { RedisEvents } from './redis-events.ts';
import { hintFor } from './redis-hints.ts';
import { type Argument, RedisLink } from './redis-link.ts';
import * as scripts from './redis-scripts.ts';
import type { Sealer } from './seal.ts';
import { SentinelNews } from './sentinel-watch.ts';
import { checkLabel, checkValue } from './value.ts';

export interface RedisCacheDeps {
  readonly settings: RedisSetup;
  /** Begins every name: installations that share a server have one each. */
  readonly prefix: string;
  readonly sealer: Sealer;
  /** For how long guests may use what this host wrote, once it is cut off; asked at each beat. */
  readonly leaseMs: () => number;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/** What hosts share, in Redis or a server that speaks like it. */
export class RedisCache implements SharedStore {
  readonly kind = 'redis';
  readonly #deps: RedisCacheDeps;
  readonly #names: Names;
  readonly #link: RedisLink;
  readonly #events: RedisEvents;
  readonly #beat: HostBeat;
  #hostId: string;
  #lastContact: number | undefined;
  #isFull = false;
  /** What was refused and told: there are no more of these than scripts. */
  readonly #refused = new Set<string>();

  constructor(deps: RedisCacheDeps) {
    this.#deps = deps;
    this.#names = new Names(deps.prefix);
    const news = {
      sentinels: new SentinelNews(deps.log),
      onRefused: (error: CacheError) => this.#tellRefused(error),
    };
    this.#link = new RedisLink(deps.settings, news);
    this.#hostId = Buffer.from(deps.random(12)).toString('base64url');
    const parts = {
      ...deps,
      names: this.#names,
      link: this.#link,
      news,
      hostId: () => this.#hostId,
    };
    this.#beat = new HostBeat({
      ...parts,
      onContact: problem => {
        this.#isFull = problem !== '';
        this.#lastContact = deps.clock.now();
      },
      onBehind: number => this.#events.catchUp(number),
    });
    this.#events = new RedisEvents({
      ...parts,
      serverNow: () => this.#beat.serverNow(),
      call: (script, keys, args) => this.#write(script, keys, args),
    });
  }

  get hostId(): string {
    return this.#hostId;
  }

  async start(resume: Resume | undefined, listener: StoreListener): Promise<void> {
    if (resume !== undefined) this.#hostId = resume.hostId;
    this.#link.connect();
    const caughtUp = this.#beat.start(resume, {
      lost: (why, event) => {
        this.#events.skipTo(event);
        listener.lost(why);
      },
      known: marker => this.#events.start(marker, resume, listener),
    });
    await Promise.race([
      caughtUp.then(() => this.#events.caughtUp()),
      new Promise<void>(resolve => this.#deps.clock.after(START_MS, resolve)),
    ]);
  }

  async get(key: CacheKey): Promise<Uint8Array | undefined> {
    const name = this.#names.of(key);
    const sealed = await this.#read(scripts.GET, [name], []);
    return sealed instanceof Uint8Array ? this.#deps.sealer.open(name, sealed) : undefined;
  }

  async set(key: CacheKey, value: Uint8Array, ttlSeconds: number): Promise<void> {
    const name = this.#names.of(key);
    await this.#write(scripts.SET, [name], [this.#seal(name, value), milliseconds(ttlSeconds)]);
  }

  async touch(key: CacheKey, ttlSeconds: number): Promise<boolean> {
    return (await this.#write(scripts.TOUCH, [this.#names.of(key)], [milliseconds(ttlSeconds)])) === 1;
  }

  async delete(key: CacheKey): Promise<boolean> {
    return (await this.#write(scripts.DELETE, [this.#names.of(key)], [])) === 1;
  }

  async increment(key: CacheKey, ttlSeconds: number, by = 1): Promise<number> {
    const name = this.#names.counter(key);
    return Number(await this.#write(scripts.INCREMENT, [name], [by, milliseconds(ttlSeconds)]));
  }

  async note(key: CacheKey, windowSeconds: number, most: number, label = ''): Promise<number> {
    checkLabel(label);
    const name = this.#names.notes(key);
    return Number(await this.#write(scripts.NOTE, [name], [milliseconds(windowSeconds), most, label]));
  }

  async forget(key: CacheKey, label?: string): Promise<void> {
    const name = this.#names.notes(key);
    if (label === undefined) await this.#write(scripts.DELETE, [name], []);
    else await this.#write(scripts.FORGET, [name], [label]);
  }

  async acquire(key: CacheKey, ttlMs: number): Promise<Lock | Held> {
    const token = Buffer.from(this.#deps.random(16)).toString('base64url');
    const lock = this.#names.lock(key);
    const answer = await this.#write(scripts.ACQUIRE, [lock, this.#names.fence(key)], [token, ttlMs]);
    const [taken, shown] = answer as [number, Uint8Array];
    const fence = Number(text(shown));
    if (taken !== 1) return { heldBy: fence };
    const own = `${token} ${fence}`;
    const ifHeld = async (script: scripts.Script, keys: readonly string[], args: readonly Argument[]) =>
      (await this.#write(script, [lock, ...keys], [own, ...args])) === 1;
    return {
      fence,
      extend: ms => ifHeld(scripts.EXTEND, [], [ms]),
      set: (kind, value, ttlSeconds) => {
        const name = this.#names.of({ kind, name: key.name });
        return ifHeld(scripts.SET_IF_HELD, [name], [this.#seal(name, value), milliseconds(ttlSeconds)]);
      },
      leave: (result, ms) => {
        const name = this.#names.left(key, fence);
        return ifHeld(scripts.LEAVE, [name], [this.#seal(name, result), ms]);
      },
      release: () => ifHeld(scripts.RELEASE, [], []),
    };
  }

  async outcome(key: CacheKey, fence: number): Promise<Outcome> {
    const name = this.#names.left(key, fence);
    const answer = await this.#read(scripts.OUTCOME, [this.#names.lock(key), name], [String(fence)]);
    if (answer === 1) return { state: 'working' };
    const result = answer instanceof Uint8Array ? this.#deps.sealer.open(name, answer) : undefined;
    return result === undefined ? { state: 'gone' } : { state: 'left', result };
  }

  broadcast(topic: string, payload: Uint8Array, timeoutMs: number): Promise<Broadcast> {
    return this.#events.broadcast(topic, payload, timeoutMs);
  }

  subscribe(topic: string, handler: (payload: Uint8Array) => void | Promise<void>): () => void {
    return this.#events.subscribe(topic, handler);
  }

  status(): CacheStatus {
    const state = this.#link.isOpen ? 'down' : this.#isFull ? 'full' : 'up';
    const reason = state === 'full' ? (this.#beat.problem ?? this.#link.lastProblem) : this.#link.lastProblem;
    return {
      kind: 'redis',
      state,
      lastContact: this.#lastContact,
      address: this.#link.address,
      ...(state === 'up' ? {} : { reason, hint: hintFor(reason) }),
    };
  }

  async close(): Promise<void> {
    this.#events.close();
    await this.#beat.close();
    this.#link.close();
  }

  /** Once for each thing that its user may not do: the store is used for everything else. */
  #tellRefused({ message }: CacheError): void {
    if (this.#refused.has(message)) return;
    this.#refused.add(message);
    this.#deps.log.warn('the shared store refuses something that hosts need, and they do without it', {
      address: this.#link.address,
      error: message,
      hint: 'give cache.redis.username the rights that docs/shared-state.md lists',
    });
  }

  #seal(name: string, value: Uint8Array): Uint8Array {
    checkValue(value);
    return this.#deps.sealer.seal(name, value);
  }

  async #read(script: scripts.Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const answer = await this.#link.call(script, keys, args);
    this.#lastContact = this.#deps.clock.now();
    return answer;
  }

  /** Not after this call was given up, wherever it lay until then. */
  async #write(script: scripts.Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const until = Math.round(this.#beat.serverNow() + COMMAND_MS + SERVER_SKEW_MS);
    try {
      return await this.#read(script, keys, [until, ...args]);
    } catch (error) {
      if (error instanceof CacheError && error.code === 'ERR_CACHE_FULL') this.#isFull = true;
      throw error;
    }
  }
}

/** Redis refuses a time to live of nothing. */
function milliseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1_000));
}

function text(bytes: Uint8Array | string | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes as Uint8Array).toString('utf8');
}
