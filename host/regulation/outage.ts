import { CacheError } from '../cache/cache.ts';
import type { Logger } from '../log/logger.ts';
import { StoreError } from '../store/store.ts';

/** Asks what may be away, and says once that it is, and once that it is back. */
export class Outage {
  readonly #log: Logger;
  readonly #words: { readonly away: string; readonly back: string };
  #isAway = false;

  constructor(log: Logger, words: { readonly away: string; readonly back: string }) {
    this.#log = log;
    this.#words = words;
  }

  /** @param otherwise the answer while nobody answers */
  async ask<T>(act: () => Promise<T>, otherwise: () => T): Promise<T> {
    try {
      const answer = await act();
      if (this.#isAway) this.#log.info(this.#words.back);
      this.#isAway = false;
      return answer;
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof CacheError)) throw error;
      if (!this.#isAway) this.#log.warn(this.#words.away, { error: error.message });
      this.#isAway = true;
      return otherwise();
    }
  }
}
