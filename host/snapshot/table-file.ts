import { join } from 'node:path';
import { GRANTS_FILE_PREFIX, ID_LENGTH } from '../../assembly/contract.ts';
import type { RecordHeader } from '../grant/seal.ts';
import { type Geometry, TableWriter } from '../grant/table-writer.ts';
import { fileError } from '../log/file-error.ts';
import type { Logger } from '../log/logger.ts';

/** Each call of `check` compares and sweeps this part of the table: expired slots are zeroed within a minute. */
const SWEEPS = 60;

export interface TableFileDeps {
  readonly directory: string;
  readonly geometry: Geometry;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

export interface CurrentTable {
  readonly writer: TableWriter;
  readonly id: Uint8Array;
}

/** The grant table's file: made, taken over, watched, and given up for a new one when somebody else touched it. */
export class TableFile {
  readonly #deps: TableFileDeps;
  #id: Uint8Array;
  #current: CurrentTable | undefined;
  #failing = false;

  constructor(deps: TableFileDeps) {
    this.#deps = deps;
    this.#id = deps.random(ID_LENGTH);
  }

  /** For the state page; named even while there is no such file. */
  get id(): Uint8Array {
    return this.#id;
  }

  get name(): string {
    return nameOf(this.#id);
  }

  /** Undefined while there is none. */
  get current(): CurrentTable | undefined {
    return this.#current;
  }

  /** Takes over an earlier host's table, without the records for which `keep` says no; not at all if that fails. */
  reuse(id: Uint8Array, keep: (header: RecordHeader) => boolean): void {
    const { directory, geometry, log } = this.#deps;
    try {
      this.#current = { writer: TableWriter.reuse(join(directory, nameOf(id)), geometry, keep), id };
      this.#id = id;
    } catch (error) {
      log.warn('the grants of the last run cannot be taken over: everybody is verified anew', {
        error: String(error),
      });
    }
  }

  /** Makes the file unless it is there; a failure is told once. */
  make(): void {
    if (this.#current !== undefined) return;
    const { directory, geometry, log } = this.#deps;
    try {
      this.#current = { writer: TableWriter.create(this.#path(), geometry), id: this.#id };
      if (this.#failing) log.info('grant table made: grants are written again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        log.error('grant table cannot be made, trying again: every request is verified', {
          directory,
          ...fileError(error),
        });
      }
      this.#failing = true;
    }
  }

  /** A new id at once, even if the new file cannot be made: no grant of the old one is good any more. */
  replace(): void {
    this.close();
    this.#id = this.#deps.random(ID_LENGTH);
    this.make();
  }

  /** What somebody else did to the file must not stand between a revocation and the guests: false when it was replaced for that. */
  checkFile(): boolean {
    if (this.#current?.writer.isIntact(this.#path()) === false) return this.#giveUp();
    return true;
  }

  /** To be called each second: the file, and a part of its slots. False when it was replaced. */
  check(now: number): boolean {
    if (!this.checkFile()) return false;
    const { geometry, log } = this.#deps;
    try {
      const count = Math.ceil(geometry.slots / SWEEPS);
      return this.#current?.writer.sweep(now, count) === false ? this.#giveUp() : true;
    } catch (error) {
      log.error('expired grants could not be zeroed', fileError(error));
      return true;
    }
  }

  close(): void {
    this.#current?.writer.close();
    this.#current = undefined;
  }

  #giveUp(): false {
    this.#deps.log.warn(
      'the grant table was removed, replaced, cut or written by somebody else: everybody is verified anew',
      { directory: this.#deps.directory },
    );
    this.replace();
    return false;
  }

  #path(): string {
    return join(this.#deps.directory, this.name);
  }
}

function nameOf(id: Uint8Array): string {
  return `${GRANTS_FILE_PREFIX}${Buffer.from(id).toString('hex')}`;
}
