import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log/logger.ts';
import { DirectoryLock } from './lock.ts';
import type { Publisher } from './publisher.ts';

/** How often a directory that cannot be used is tried again. */
const RETRY_MS = 1_000;

export interface WriterSeatDeps {
  readonly directory: string;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Makes the directory if it is gone; throws when it cannot be used. */
  readonly prepare: () => void;
  readonly createPublisher: () => Publisher;
  readonly open: (publisher: Publisher) => void;
}

/**
 * The lock and the publisher that writes under it. Without the lock (somebody
 * took the socket away) the host goes on answering, writes nothing, and sits
 * down again when it can.
 */
export class WriterSeat {
  readonly #deps: WriterSeatDeps;
  readonly #left = new AbortController();
  #lock: DirectoryLock | undefined;
  #publisher: Publisher | undefined;
  #returning: Promise<void> | undefined;

  constructor(deps: WriterSeatDeps) {
    this.#deps = deps;
  }

  /** Waits for the lock and opens the directory; false when the signal aborts first. */
  async take(signal: AbortSignal): Promise<boolean> {
    const { directory, random, log, createPublisher, open } = this.#deps;
    const lock = await DirectoryLock.acquire({
      directory,
      suffix: Buffer.from(random(8)).toString('hex'),
      signal: AbortSignal.any([signal, this.#left.signal]),
      onWait: () =>
        log.warn('another host writes this guest directory: waiting until it stops', { directory }),
    });
    if (lock === undefined) return false;
    const publisher = createPublisher();
    try {
      open(publisher);
    } catch (error) {
      publisher.stop('silent');
      await lock.release();
      throw error;
    }
    this.#lock = lock;
    this.#publisher = publisher;
    return true;
  }

  publish(): void {
    this.#publisher?.start();
  }

  publisher(): Publisher | undefined {
    return this.#publisher;
  }

  /** Asked before each heartbeat. Once the lock is gone, nothing more is written under it. */
  isHeld(): boolean {
    const lock = this.#lock;
    if (lock === undefined) return false;
    if (lock.isHeld()) return true;
    this.#deps.log.error(
      'the lock in the guest directory was removed: nothing is written until it is ours again',
      {
        directory: this.#deps.directory,
      },
    );
    this.#lock = undefined;
    this.#publisher?.stop('silent');
    this.#publisher = undefined;
    this.#returning ??= this.#return(lock);
    return false;
  }

  /** Graceful: the last page says that the host has stopped. */
  stopWriting(): void {
    if (this.#publisher !== undefined && this.isHeld()) this.#publisher?.stop('stopped');
    this.#publisher = undefined;
  }

  async leave(): Promise<void> {
    this.#left.abort();
    await this.#returning;
    this.#publisher?.stop('silent');
    this.#publisher = undefined;
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #return(lost: DirectoryLock): Promise<void> {
    const { directory, log, prepare } = this.#deps;
    const { signal } = this.#left;
    await lost.release();
    if (!existsSync(directory)) {
      log.warn(
        'the guest directory was removed: it is made anew; restart what has the old one mounted, such as a container',
        { directory },
      );
    }
    for (let told = ''; !signal.aborted; ) {
      try {
        prepare();
        if (await this.take(signal)) {
          this.publish();
          log.info('the guest directory is written again', { directory });
        }
        break;
      } catch (error) {
        if (String(error) !== told) {
          log.error('the guest directory cannot be written, trying again: every request is verified', {
            directory,
            error: error instanceof Error ? error.message : String(error),
          });
        }
        told = String(error);
        await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {});
      }
    }
    this.#returning = undefined;
  }
}
