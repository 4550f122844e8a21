import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ID_LENGTH, POLICY_FILE_PREFIX } from '../../assembly/contract.ts';
import { fileError } from '../log/file-error.ts';
import type { Logger } from '../log/logger.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { encodeSnapshot } from './snapshot-file.ts';

/** How often the file is read although it looks untouched, in calls of `check`: once a minute. */
const COMPARE_EACH = 60;

export interface PolicyFileDeps {
  readonly directory: string;
  readonly snapshotKey: Uint8Array;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/** The policy snapshot's file: written, watched, and written again when somebody else touched it. */
export class PolicyFile {
  readonly #deps: PolicyFileDeps;
  #id: Uint8Array = new Uint8Array(ID_LENGTH);
  #image: Uint8Array | undefined;
  /** What the file holds. */
  #bytes = Buffer.alloc(0);
  /** How the file looked when it was last known to hold `#bytes`; undefined while it could not be written. */
  #look: string | undefined;
  #checks = 0;
  #failing = false;

  constructor(deps: PolicyFileDeps) {
    this.#deps = deps;
  }

  /** For the state page; 16 zeros before the first policy. */
  get id(): Uint8Array {
    return this.#id;
  }

  get name(): string {
    return `${POLICY_FILE_PREFIX}${Buffer.from(this.#id).toString('hex')}`;
  }

  /**
   * A policy under a new id. Where it cannot be written the page is to name it
   * all the same: guests that find no such file ask the host, and none goes on
   * with the policy before. `check` tries again.
   */
  put(image: Uint8Array): void {
    const { random, snapshotKey } = this.#deps;
    this.#id = random(ID_LENGTH);
    this.#image = image;
    this.#bytes = Buffer.from(encodeSnapshot(this.#id, image, snapshotKey));
    this.#write();
  }

  /** To be called each second. True when the policy has a new id, which the page must name. */
  check(): boolean {
    if (this.#image === undefined) return false;
    if (this.#look === undefined) {
      this.#write();
      return false;
    }
    const look = this.#lookAt();
    if (look === this.#look && ++this.#checks % COMPARE_EACH !== 0) return false;
    if (this.#isWhole()) {
      this.#look = look;
      return false;
    }
    this.#deps.log.warn('the policy snapshot was removed or changed by somebody else: it is written anew', {
      directory: this.#deps.directory,
      file: this.name,
    });
    this.put(this.#image);
    return true;
  }

  #write(): void {
    const { log, random } = this.#deps;
    const suffix = Buffer.from(random(8)).toString('hex');
    try {
      writeFileAtomically(this.#path(), this.#bytes, suffix);
      this.#look = this.#lookAt();
      if (this.#failing) log.info('policy snapshot written: guests decide again');
      this.#failing = false;
    } catch (error) {
      this.#look = undefined;
      if (!this.#failing) {
        log.error(
          'policy snapshot cannot be written, trying again: guests ask the host about every request',
          {
            directory: this.#deps.directory,
            bytes: this.#bytes.length,
            ...fileError(error),
          },
        );
      }
      this.#failing = true;
    }
  }

  /** Which file, how long and when last changed; the time of change cannot be set by anybody. */
  #lookAt(): string | undefined {
    try {
      const { ino, size, ctimeNs } = statSync(this.#path(), { bigint: true });
      return `${ino} ${size} ${ctimeNs}`;
    } catch {
      return undefined;
    }
  }

  #isWhole(): boolean {
    try {
      return readFileSync(this.#path()).equals(this.#bytes);
    } catch {
      return false;
    }
  }

  #path(): string {
    return join(this.#deps.directory, this.name);
  }
}
