import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type {
  Broadcast,
  CacheKey,
  CacheStatus,
  Held,
  Lock,
  Outcome,
  Resume,
  SharedStore,
  StoreListener,
} from './cache.ts';
import { MAX_ENTRIES, MAX_EVENT } from './limits.ts';
import { Names } from './names.ts';
import { Topics } from './topics.ts';
import { checkLabel, checkValue } from './value.ts';

interface Entry {
  readonly value: Uint8Array | number | { readonly fence: number } | Notes;
  /** Of the monotonic clock: setting the wall clock ends nothing and prolongs nothing. */
  readonly expires: number;
}

interface Notes {
  readonly notes: readonly { readonly at: number; readonly label: string }[];
}

/** What the hosts of one process share; there is usually one of them. */
export class MemorySpace {
  readonly entries = new Map<string, Entry>();
  readonly hosts = new Map<string, Topics>();
  fence = 0;
  /** Events are told one after the other, to all in the same order. */
  told: Promise<unknown> = Promise.resolve();
}

export interface MemoryCacheDeps {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly space?: MemorySpace;
}

/** For one host: nothing outlives the process, nobody else is told anything. */
export class MemoryCache implements SharedStore {
  readonly kind = 'memory';
  readonly hostId: string;
  readonly #clock: Clock;
  readonly #space: MemorySpace;
  readonly #topics: Topics;
  readonly #names = new Names('memory');

  constructor({ clock, random, log, space = new MemorySpace() }: MemoryCacheDeps) {
    this.#clock = clock;
    this.#space = space;
    this.hostId = Buffer.from(random(12)).toString('base64url');
    this.#topics = new Topics(log);
    space.hosts.set(this.hostId, this.#topics);
  }

  async start(_resume: Resume | undefined, _listener: StoreListener): Promise<void> {}

  async get(key: CacheKey): Promise<Uint8Array | undefined> {
    const value = this.#find(this.#names.of(key));
    // A copy: callers may write into what they get, as into what comes from afar.
    return value instanceof Uint8Array ? Uint8Array.from(value) : undefined;
  }

  async set(key: CacheKey, value: Uint8Array, ttlSeconds: number): Promise<void> {
    checkValue(value);
    this.#put(this.#names.of(key), Uint8Array.from(value), ttlSeconds * 1_000);
  }

  async touch(key: CacheKey, ttlSeconds: number): Promise<boolean> {
    const name = this.#names.of(key);
    const value = this.#find(name);
    if (value === undefined) return false;
    this.#put(name, value, ttlSeconds * 1_000);
    return true;
  }

  async delete(key: CacheKey): Promise<boolean> {
    const name = this.#names.of(key);
    const found = this.#find(name) !== undefined;
    this.#space.entries.delete(name);
    return found;
  }

  async increment(key: CacheKey, ttlSeconds: number, by = 1): Promise<number> {
    const name = this.#names.counter(key);
    const before = this.#find(name);
    const sum = (typeof before === 'number' ? before : 0) + by;
    const expires = before === undefined ? undefined : this.#space.entries.get(name)?.expires;
    this.#put(name, sum, ttlSeconds * 1_000, expires);
    return sum;
  }

  async note(key: CacheKey, windowSeconds: number, most: number, label = ''): Promise<number> {
    checkLabel(label);
    const name = this.#names.notes(key);
    const now = this.#clock.monotonic();
    const ms = windowSeconds * 1_000;
    const before = this.#notes(name).filter(({ at }) => now - at < ms);
    const notes = [...before, { at: now, label }].slice(-most);
    this.#put(name, { notes }, ms);
    return notes.length;
  }

  async forget(key: CacheKey, label?: string): Promise<void> {
    const name = this.#names.notes(key);
    const notes = label === undefined ? [] : this.#notes(name).filter(note => note.label !== label);
    const entry = this.#space.entries.get(name);
    if (notes.length > 0 && entry !== undefined) this.#put(name, { notes }, 0, entry.expires);
    else this.#space.entries.delete(name);
  }

  #notes(name: string): Notes['notes'] {
    const found = this.#find(name);
    return typeof found === 'object' && 'notes' in found ? found.notes : [];
  }

  async acquire(key: CacheKey, ttlMs: number): Promise<Lock | Held> {
    const name = this.#names.lock(key);
    const held = this.#find(name);
    if (isLock(held)) return { heldBy: held.fence };
    const own = { fence: ++this.#space.fence };
    this.#put(name, own, ttlMs);
    const ifHeld = async (act: () => void): Promise<boolean> => {
      if (this.#find(name) !== own) return false;
      act();
      return true;
    };
    const release = () => void this.#space.entries.delete(name);
    return {
      fence: own.fence,
      extend: ms => ifHeld(() => this.#put(name, own, ms)),
      set: async (kind, value, ttlSeconds) => {
        checkValue(value);
        const other = this.#names.of({ kind, name: key.name });
        return ifHeld(() => this.#put(other, Uint8Array.from(value), ttlSeconds * 1_000));
      },
      leave: async (result, ms) => {
        checkValue(result);
        return ifHeld(() => {
          this.#put(this.#names.left(key, own.fence), Uint8Array.from(result), ms);
          release();
        });
      },
      release: () => ifHeld(release),
    };
  }

  async outcome(key: CacheKey, fence: number): Promise<Outcome> {
    const left = this.#find(this.#names.left(key, fence));
    if (left instanceof Uint8Array) return { state: 'left', result: Uint8Array.from(left) };
    const held = this.#find(this.#names.lock(key));
    return { state: isLock(held) && held.fence === fence ? 'working' : 'gone' };
  }

  async broadcast(topic: string, payload: Uint8Array, timeoutMs: number): Promise<Broadcast> {
    if (payload.length > MAX_EVENT) {
      throw new TypeError(`an event has at most ${MAX_EVENT} bytes, got ${payload.length}`);
    }
    const acknowledged: string[] = [];
    const all = [...this.#space.hosts];
    const told = this.#space.told.then(() =>
      Promise.all(
        all.map(async ([hostId, topics]) => {
          if (await topics.tell(topic, Uint8Array.from(payload))) acknowledged.push(hostId);
        }),
      ),
    );
    this.#space.told = told;
    let cancel = () => {};
    const late = new Promise<void>(resolve => {
      cancel = this.#clock.after(timeoutMs, resolve);
    });
    await Promise.race([told, late]);
    cancel();
    const until = this.#clock.now();
    const missing = all
      .filter(([hostId]) => !acknowledged.includes(hostId))
      .map(([hostId]) => ({ hostId, until }));
    return { acknowledged: [...acknowledged], missing };
  }

  subscribe(topic: string, handler: (payload: Uint8Array) => void | Promise<void>): () => void {
    return this.#topics.subscribe(topic, handler);
  }

  status(): CacheStatus {
    return { kind: 'memory', state: 'up', lastContact: this.#clock.now() };
  }

  async close(): Promise<void> {
    this.#space.hosts.delete(this.hostId);
  }

  #find(name: string): Entry['value'] | undefined {
    const entry = this.#space.entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.expires > this.#clock.monotonic()) return entry.value;
    this.#space.entries.delete(name);
    return undefined;
  }

  /** The newest lies last, so that the oldest makes room. */
  #put(name: string, value: Entry['value'], ms: number, expires = this.#clock.monotonic() + ms): void {
    const { entries } = this.#space;
    entries.delete(name);
    entries.set(name, { value, expires });
    if (entries.size <= MAX_ENTRIES) return;
    for (const [other, entry] of entries) {
      // A lock that made room would be two holders.
      if (isLock(entry.value) && entry.expires > this.#clock.monotonic()) continue;
      entries.delete(other);
      break;
    }
  }
}

function isLock(value: Entry['value'] | undefined): value is { readonly fence: number } {
  return typeof value === 'object' && 'fence' in value;
}
