import type { CacheKey } from './cache.ts';

/**
 * One run at a time of what several requests on several hosts ask for.
 *
 * `done`: the one result, whoever came to it. `failed`: another host's attempt
 * failed just now, `reason` is what its `describe` said. `busy`: somebody is at
 * it and was not done in time, or the lock was lost on the way: no result may
 * be used, ask again later (503 with `Retry-After`).
 */
export type Flight =
  | { readonly status: 'done'; readonly value: Uint8Array; readonly ran: boolean }
  | { readonly status: 'failed'; readonly reason: string }
  | { readonly status: 'busy' };

export interface FlightOptions {
  /** How long to wait for somebody else's result, milliseconds. */
  readonly waitMs: number;
  /**
   * How long one run may take, milliseconds: then its signal aborts and the lock
   * goes to the next.
   */
  readonly runMs: number;
  /** What others are told of a failure; without secrets. Default: nothing but that it failed. */
  readonly describe?: (error: unknown) => string;
  /**
   * When the shared store is down: run all the same, once in this process, or
   * reject with `CacheError`. Alone is right only where hosts come to the same
   * result by themselves.
   */
  readonly whenDown: 'alone' | 'refuse';
}

export interface SingleFlight {
  /**
   * Runs `work`, or waits for whoever does. `fence` grows with each run of this
   * name across all hosts; 0 when the shared store is down. Rejects with what
   * `work` throws when it was ours.
   */
  run(
    name: CacheKey,
    work: (run: { readonly signal: AbortSignal; readonly fence: number }) => Promise<Uint8Array>,
    options: FlightOptions,
  ): Promise<Flight>;
}
