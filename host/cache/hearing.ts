import type { Logger } from '../log/logger.ts';
import { hintFor } from './redis-hints.ts';

/**
 * So many beats in a row the others are ahead, and nothing of theirs is heard: longer than a connection
 * is looked for after a failover.
 */
const BEATS_DEAF = 10;
/** The first attempts may only wait for the connection. */
const FAILURES_TO_TELL = 4;

/** Whether this host hears what the others say, while the store itself answers it. */
export class Hearing {
  readonly #log: Logger;
  readonly #address: string;
  #cursor = -1;
  #beats = 0;
  #isTold = false;

  constructor(log: Logger, address: string) {
    this.#log = log;
    this.#address = address;
  }

  /**
   * At each beat. True when nothing has come for too long: what others revoked meanwhile is unknown.
   *
   * @param cursor the last event that was handled; `last`, that there is
   */
  isDeaf(cursor: number, last: number): boolean {
    this.#beats = cursor < last && cursor === this.#cursor ? this.#beats + 1 : 0;
    this.#cursor = cursor;
    if (this.#beats < BEATS_DEAF) return false;
    this.#beats = 0;
    return true;
  }

  /** @param failures in a row */
  failed(failures: number, reason: string): void {
    if (this.#isTold || failures < FAILURES_TO_TELL) return;
    this.#isTold = true;
    this.#log.warn('what other hosts say cannot be heard, though the shared store answers', {
      address: this.#address,
      reason,
      hint: hintFor(reason),
    });
  }

  heard(): void {
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#log.info('what other hosts say is heard again', { address: this.#address });
  }
}
