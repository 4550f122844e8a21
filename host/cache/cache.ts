/**
 * What hosts share, behind one interface: memory for one host, Redis for
 * several. `test/contracts/cache.ts` runs over every implementation.
 *
 * Every method answers within `CacheLimits.commandMs` or rejects with
 * `CacheError`. Nothing is ever answered in place of what could not be asked: a
 * caller for whom a store that is gone is as good as a miss says so (`orMiss`).
 */
export interface Cache {
  readonly kind: 'memory' | 'redis';
  /** Names this host among those that share the store; new at each start. */
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

  /** Undefined while somebody else has it. It falls back to nobody `ttlMs` after the last `extend`. */
  acquire(name: CacheKey, ttlMs: number): Promise<Lock | undefined>;
  /**
   * The number of the lock's present holder, undefined when nobody has it. What
   * that holder leaves for those who wait, see `Lock.leave`.
   */
  holder(name: CacheKey): Promise<number | undefined>;
  /** What the holder with this number left behind, undefined as long as it left nothing. */
  left(name: CacheKey, fence: number): Promise<Uint8Array | undefined>;

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
  /** Leaves the others, and the store. Waits for nothing longer than `CacheLimits.commandMs`. */
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
  /** Grows with each holder of this name: whoever keeps the highest it has seen refuses a late one. */
  readonly fence: number;
  /** False when it has been lost: then stop at once, somebody else may have begun. */
  extend(ttlMs: number): Promise<boolean>;
  /**
   * Gives the lock back and leaves a result for those who wait for this holder, in
   * one step. False when the lock has been lost: then nothing is left, and the
   * result must not be used, since somebody else may come to another one.
   */
  leave(result: Uint8Array, ttlMs: number): Promise<boolean>;
  /** Gives it back without a result; false when it has been lost. */
  release(): Promise<boolean>;
}

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
