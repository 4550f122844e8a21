import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { type Cache, CacheError, type CacheKey, isHeld, type Lock } from './cache.ts';
import type { Flight, FlightOptions, SingleFlight } from './single-flight.ts';

/** What a run needs beyond its time, to leave its result and to be stopped. */
const LOCK_MARGIN_MS = 2_000;
/** How often those who wait ask. */
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 50;
/** A result that the store did not take at once is left later: others wait for it as long as the lock lies there. */
const LATE_MS = 500;
const LATE_TRIES = 4;

const DONE = 1;
const FAILED = 0;

type Work = Parameters<SingleFlight['run']>[1];

/** Single flight by the locks of a `Cache`, and by promises within the process. */
export class SharedFlight implements SingleFlight {
  readonly #cache: Cache;
  readonly #clock: Clock;
  readonly #marginMs: number;
  readonly #own = new Map<string, Promise<Flight>>();

  constructor(cache: Cache, clock: Clock, marginMs = LOCK_MARGIN_MS) {
    this.#cache = cache;
    this.#clock = clock;
    this.#marginMs = marginMs;
  }

  async run(name: CacheKey, work: Work, options: FlightOptions): Promise<Flight> {
    const id = `${name.kind}:${name.name}`;
    const there = this.#own.get(id);
    if (there !== undefined) {
      const flight = await this.#within(there, options.waitMs);
      return flight.status === 'done' ? { ...flight, ran: false } : flight;
    }
    const own = this.#fly(name, work, options).finally(() => this.#own.delete(id));
    this.#own.set(id, own);
    return own;
  }

  async #within(flight: Promise<Flight>, ms: number): Promise<Flight> {
    let cancel = () => {};
    const late = new Promise<Flight>(resolve => {
      cancel = this.#clock.after(ms, () => resolve({ status: 'busy' }));
    });
    try {
      return await Promise.race([flight, late]);
    } finally {
      cancel();
    }
  }

  async #fly(name: CacheKey, work: Work, options: FlightOptions): Promise<Flight> {
    const end = this.#clock.monotonic() + options.waitMs;
    for (;;) {
      const next = await this.#lockOrFlight(name, options, end);
      if (next === 'down') return this.#runAlone(work, options);
      if (next === 'again') continue;
      return 'status' in next ? next : this.#runLocked(next, work, options);
    }
  }

  /** Only what the store says counts here; what `work` throws is the caller's. */
  async #lockOrFlight(
    name: CacheKey,
    options: FlightOptions,
    end: number,
  ): Promise<Lock | Flight | 'down' | 'again'> {
    try {
      const answer = await this.#cache.acquire(name, options.runMs + this.#marginMs);
      if (!isHeld(answer)) return answer;
      return (await this.#waitFor(name, answer.heldBy, end)) ?? 'again';
    } catch (error) {
      if (error instanceof CacheError && options.whenDown === 'alone') return 'down';
      throw error;
    }
  }

  async #runLocked(lock: Lock, work: Work, options: FlightOptions): Promise<Flight> {
    let value: Uint8Array;
    try {
      value = await work({ signal: AbortSignal.timeout(options.runMs), fence: lock.fence });
    } catch (error) {
      const reason = options.describe?.(error) ?? 'it failed';
      const failed = encode(FAILED, Buffer.from(reason));
      await lock.leave(failed, options.waitMs).catch(() => void leaveLate(lock, failed, options.waitMs));
      throw error;
    }
    // Without an answer nobody knows whether others got this result or come to one of their own.
    const done = encode(DONE, value);
    const left = await lock.leave(done, options.waitMs).catch(() => {
      void leaveLate(lock, done, options.waitMs);
      return options.whenDown === 'alone';
    });
    return left ? { status: 'done', value, ran: true } : { status: 'busy' };
  }

  async #runAlone(work: Work, options: FlightOptions): Promise<Flight> {
    const value = await work({ signal: AbortSignal.timeout(options.runMs), fence: 0 });
    return { status: 'done', value, ran: true };
  }

  /** What that holder came to; undefined when it is gone without a word, and the next may try. */
  async #waitFor(name: CacheKey, fence: number, end: number): Promise<Flight | undefined> {
    for (let pause = POLL_MIN_MS; ; pause = Math.min(2 * pause, POLL_MAX_MS)) {
      const outcome = await this.#cache.outcome(name, fence);
      if (outcome.state === 'left') return decode(outcome.result);
      if (outcome.state === 'gone') return undefined;
      if (this.#clock.monotonic() + pause > end) return { status: 'busy' };
      await sleep(pause);
    }
  }
}

/** What has been left meanwhile, or lost, is left alone: the lock is not ours any more then. */
async function leaveLate(lock: Lock, result: Uint8Array, ms: number): Promise<void> {
  for (let i = 0; i < LATE_TRIES; i++) {
    await sleep(LATE_MS, undefined, { ref: false });
    try {
      await lock.leave(result, ms);
      return;
    } catch {
      // Once more, or the lock falls to the next by itself.
    }
  }
}

function encode(state: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(state), body]);
}

function decode(result: Uint8Array): Flight {
  const body = result.subarray(1);
  return result[0] === DONE
    ? { status: 'done', value: body, ran: false }
    : { status: 'failed', reason: Buffer.from(body).toString('utf8') };
}
