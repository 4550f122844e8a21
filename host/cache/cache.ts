/**
 * What hosts share, behind one interface: memory for one host, Redis for
 * several. `test/contracts/cache.ts` runs over every implementation.
 *
 * Every method answers within `COMMAND_MS` or rejects with
 * `CacheError`. Nothing is ever answered in place of what could not be asked: a
 * caller for whom a store that is gone is as good as a miss says so (`orMiss`).
 */
export interface Cache {
  readonly kind: 'memory' | 'redis';
  /** Names this host among those that share the store; it keeps it as long as its guest directory. */
  readonly hostId: string;

  /** Undefined when it is absent, expired, or not sealed by us for this very key. */
  get(key: CacheKey): Promise<Uint8Array | undefined>;
  /** Writes, or replaces, for `ttlSeconds`. */
  set(key: CacheKey, value: Uint8Array, ttlSeconds: number): Promise<void>;
  /** Starts the time to live anew (`extend_cache`); false when the key is gone. */
  touch(key: CacheKey, ttlSeconds: number): Promise<boolean>;
  /** Whether it was there. */
  delete(key: CacheKey): Promise<boolean>;

  /** Adds to a counter and answers the sum. The first addition starts its `ttlSeconds`, later ones do not. */
  increment(key: CacheKey, ttlSeconds: number, by?: number): Promise<number>;

  /**
   * Notes that something happened just now, and answers how often it did within
   * the last `windowSeconds`, this time included. The last `most` times are
   * remembered, so no more are answered.
   *
   * @param label `[A-Za-z0-9_-]*`, for `forget`
   */
  note(key: CacheKey, windowSeconds: number, most: number, label?: string): Promise<number>;
  /** Forgets what was noted, or that with this label alone. */
  forget(key: CacheKey, label?: string): Promise<void>;

  /**
   * The lock, or whose it is. It falls back to nobody `ttlMs` after the last
   * `extend`; who had it then finds out at the next step.
   */
  acquire(name: CacheKey, ttlMs: number): Promise<Lock | Held>;
  /** What became of that holder, see `Lock.leave`. */
  outcome(name: CacheKey, fence: number): Promise<Outcome>;

  /**
   * Tells every host that shares the store, this one included, and waits until
   * each has handled it, for at most `timeoutMs`. Whoever is cut off or stopped
   * is `missing` until what its guests hold is void anyway; it handles the event
   * as soon as it is back, before it vouches for anything.
   */
  broadcast(topic: string, payload: Uint8Array, timeoutMs: number): Promise<Broadcast>;
  /**
   * Handles a topic's events, in order, one at a time; they are acknowledged when
   * the handler is done. A handler that throws is not acknowledged and not asked
   * again. Answers how to stop listening.
   */
  subscribe(topic: string, handler: (payload: Uint8Array) => void | Promise<void>): () => void;

  /** How the store is doing; asks nobody. */
  status(): CacheStatus;
  /** Leaves the others, and the store. Waits for nothing longer than `COMMAND_MS`. */
  close(): Promise<void>;
}

/**
 * `kind` says what it is for and stands in Redis as it is (`[a-z-]+`); `name` is
 * any text, of which Redis sees a hash.
 */
export interface CacheKey {
  readonly kind: string;
  readonly name: string;
}

export interface Lock {
  /** Grows with each holder of this name, flushed stores included: whoever keeps the highest refuses a late one. */
  readonly fence: number;
  /** False when it has been lost: then stop at once, somebody else may have begun. */
  extend(ttlMs: number): Promise<boolean>;
  /**
   * Writes the value of the lock's own name under another kind, in one step with
   * looking whether the lock is still ours. False when it is not: nothing is written.
   */
  set(kind: string, value: Uint8Array, ttlSeconds: number): Promise<boolean>;
  /**
   * Gives the lock back and leaves a result for those who wait for this holder, in
   * one step. False when the lock has been lost: then nothing is left, and the
   * result must not be used, since somebody else may come to another one.
   */
  leave(result: Uint8Array, ttlMs: number): Promise<boolean>;
  /** Gives it back without a result; false when it has been lost. */
  release(): Promise<boolean>;
}

/** Somebody else has the lock. */
export interface Held {
  readonly heldBy: number;
}

export function isHeld(answer: Lock | Held): answer is Held {
  return 'heldBy' in answer;
}

/** `gone`: it has the lock no more and left nothing. */
export type Outcome =
  | { readonly state: 'left'; readonly result: Uint8Array }
  | { readonly state: 'working' }
  | { readonly state: 'gone' };

export interface Broadcast {
  /** Ids of the hosts that handled it. */
  readonly acknowledged: readonly string[];
  /** Hosts that did not, and until when (milliseconds since 1970) their guests may use what they hold. */
  readonly missing: readonly { readonly hostId: string; readonly until: number }[];
}

export interface CacheStatus {
  readonly kind: 'memory' | 'redis';
  /** `up`: answers; `down`: does not, what needs it is refused at once; `full`: answers, takes nothing new. */
  readonly state: 'up' | 'down' | 'full';
  /** When it answered last, milliseconds since 1970; undefined: not since the start. */
  readonly lastContact: number | undefined;
  /** What it said, or why it could not be asked; without secrets. Undefined while it is up. */
  readonly reason?: string;
  /** What mends it. */
  readonly hint?: string;
  /** Address without credentials, for logs and `/health`. */
  readonly address?: string;
}

export type CacheErrorCode =
  /** Not reached, too slow, not ready, or turned away by the circuit breaker. */
  | 'ERR_CACHE_UNAVAILABLE'
  /** It has no room and evicts nothing. */
  | 'ERR_CACHE_FULL'
  /** It refuses us: wrong password, missing permission. */
  | 'ERR_CACHE_REFUSED';

/** Its message names the store and what to do, and holds neither keys nor values. */
export class CacheError extends Error {
  readonly code: CacheErrorCode;

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CacheError';
    this.code = code;
  }
}

/** For what is only kept to save work: a store that is gone is a miss. Other errors pass. */
export async function orMiss<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CacheError) return undefined;
    throw error;
  }
}

/**
 * What the application does with the store besides using it. Whoever writes
 * grants learns from it when those may no longer be believed.
 */
export interface SharedStore extends Cache {
  /**
   * Begins to take part; topics are subscribed to before. Answers when what
   * happened since `resume` has been handled, or it is clear that the store
   * cannot be reached for now: never later than `START_MS`.
   */
  start(resume: Resume | undefined, listener: StoreListener): Promise<void>;
}

/** What a host remembers of the store between two runs. */
export interface Resume {
  readonly hostId: string;
  /** Value of the marker key. */
  readonly marker: string;
  /** Number of the last event it handled. */
  readonly event: number;
}

export interface StoreListener {
  /**
   * Everything that other hosts may have said is unknown: the marker key is gone
   * or another one (somebody flushed the store, or it is another store), or
   * events are missing. Nobody's grant may be believed.
   */
  lost(why: 'flushed' | 'missed-events' | 'first-contact'): void;
  /** To be kept for the next run. */
  progress(resume: Resume): void;
}
