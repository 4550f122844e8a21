import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../log/file-error.ts';
import type { Logger } from '../log/logger.ts';
import { writeFileAtomically } from './atomic-file.ts';

/** Beside the grants, so that they and what is known about them go together. */
const FILE = 'store';

/** What a host remembers of the store that it shares with others. */
export interface Remembered {
  readonly hostId: string;
  readonly marker: string;
  readonly event: number;
}

export interface StoreMemoryDeps {
  readonly directory: string;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/** Keeps that in the guest directory from one run to the next. Lost, it costs every grant that is there, no more. */
export class StoreMemory {
  readonly #deps: StoreMemoryDeps;
  #failing = false;
  /** Something was said while this host had no directory to write to. */
  isBehind = false;

  constructor(deps: StoreMemoryDeps) {
    this.#deps = deps;
  }

  read(): Remembered | undefined {
    try {
      const found = JSON.parse(readFileSync(join(this.#deps.directory, FILE), 'utf8'));
      const { hostId, marker, event } = found;
      const isGood =
        typeof hostId === 'string' && typeof marker === 'string' && Number.isSafeInteger(event) && event >= 0;
      return isGood ? { hostId, marker, event } : undefined;
    } catch {
      return undefined;
    }
  }

  write({ hostId, marker, event }: Remembered): void {
    const { directory, random, log } = this.#deps;
    try {
      const text = JSON.stringify({ hostId, marker, event });
      writeFileAtomically(join(directory, FILE), Buffer.from(text), Buffer.from(random(8)).toString('hex'));
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        log.warn(
          'what is known of the shared store cannot be kept: after a restart everybody is verified anew',
          {
            directory,
            ...fileError(error),
          },
        );
      }
      this.#failing = true;
    }
  }
}
