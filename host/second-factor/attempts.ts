import type { Cache } from '../cache/cache.ts';

/**
 * Three codes of a million are right at any time: five guesses in ten minutes
 * find one with a chance of two in a thousand a day. Who guesses knows the
 * password already.
 */
const MAX_FAILURES = 5;
const WINDOW_SECONDS = 600;

/**
 * Failures with second factors by user, over all devices, sessions and hosts.
 * Counted before anything is looked at, so that guesses at the same time are
 * no more than those one after the other; a success is given back.
 */
export class Attempts {
  readonly #cache: Pick<Cache, 'increment'>;

  constructor(cache: Pick<Cache, 'increment'>) {
    this.#cache = cache;
  }

  /** False when there were too many: then nothing may be looked at. */
  async take(username: string): Promise<boolean> {
    return (await this.#cache.increment(key(username), WINDOW_SECONDS)) <= MAX_FAILURES;
  }

  async giveBack(username: string): Promise<void> {
    await this.#cache.increment(key(username), WINDOW_SECONDS, -1);
  }
}

function key(username: string) {
  return { kind: 'second-factor', name: username };
}
