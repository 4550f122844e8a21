import type { Cache, CacheKey } from '../cache/cache.ts';
import { MemoryCache } from '../cache/memory-cache.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import { Outage } from './outage.ts';

/**
 * So many addresses have a counter at a time, 2 MB of them: whoever has more of
 * them is not held up by bans of addresses, and must not fill Redis with them.
 */
export const MAX_ADDRESSES = 20_000;

export interface FailuresDeps {
  /** Where hosts count together. */
  readonly shared: Cache;
  readonly findSeconds: number;
  readonly most: number;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/**
 * Failed attempts of the last `find_time`. While the shared store does not answer
 * each host counts on by itself, from what it has counted until then: guessing
 * does not become free, and nobody is kept out because a cache is down.
 */
export class Failures {
  readonly #deps: FailuresDeps;
  /** What this host has seen itself; undefined where there are no others. */
  readonly #own: Cache | undefined;
  readonly #outage: Outage;

  constructor(deps: FailuresDeps) {
    this.#deps = deps;
    this.#own = deps.shared.kind === 'memory' ? undefined : new MemoryCache(deps);
    this.#outage = new Outage(deps.log, {
      away: 'the shared store does not answer: this host counts failed attempts by itself',
      back: 'failed attempts are counted together with other hosts again',
    });
  }

  /** How many there were, this one included; `most` at most. */
  async count(key: CacheKey, label = ''): Promise<number> {
    const { shared, findSeconds, most } = this.#deps;
    const own = (await this.#own?.note(key, findSeconds, most, label)) ?? 0;
    return this.#outage.ask(
      () => shared.note(key, findSeconds, most, label),
      () => own,
    );
  }

  async forget(key: CacheKey, label?: string): Promise<void> {
    await this.#own?.forget(key, label);
    await this.#outage.ask(
      () => this.#deps.shared.forget(key, label),
      () => {},
    );
  }
}

/** Which addresses have a counter: nobody takes the place of another whose time is not over. */
export class AddressBudget {
  readonly #last = new Map<string, number>();
  readonly #limit: number;

  constructor(limit = MAX_ADDRESSES) {
    this.#limit = limit;
  }

  /** @param now and @param windowMs of the monotonic clock */
  admits(range: string, now: number, windowMs: number): boolean {
    for (const [oldest, at] of this.#last) {
      if (now - at < windowMs) break;
      this.#last.delete(oldest);
    }
    if (!this.#last.has(range) && this.#last.size >= this.#limit) return false;
    // The newest lies last.
    this.#last.delete(range);
    this.#last.set(range, now);
    return true;
  }
}
