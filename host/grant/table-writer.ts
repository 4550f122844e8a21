import {
  closeSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { GRANT_WAYS } from '../../assembly/contract.ts';
import { type RecordHeader, readHeader } from './seal.ts';
import { SlotIndex } from './slot-index.ts';

/** Shape of a table; its file has exactly `slotSize * slots` bytes. */
export interface Geometry {
  /** Bytes of a slot. */
  readonly slotSize: number;
  /** A multiple of GRANT_WAYS. */
  readonly slots: number;
}

/** Read for the group, so that the proxy need not run as the same user. */
const FILE_MODE = 0o640;

/**
 * The grant table's only writer. The file is opened once; a record is one
 * write, and readers find out by its authentication tag when they met it torn.
 */
export class TableWriter {
  readonly #fd: number;
  readonly #geometry: Geometry;
  readonly #index: SlotIndex;
  /** Slots whose last write failed: whose record lies there, nobody knows. */
  readonly #doubtful = new Set<number>();
  #swept = 0;

  private constructor(fd: number, geometry: Geometry) {
    this.#fd = fd;
    this.#geometry = geometry;
    this.#index = new SlotIndex(geometry.slots);
  }

  /** A new, empty table; `path` must not exist. */
  static create(path: string, geometry: Geometry): TableWriter {
    const fd = openSync(path, 'wx+', FILE_MODE);
    try {
      fchmodSync(fd, FILE_MODE);
      ftruncateSync(fd, geometry.slotSize * geometry.slots);
      return new TableWriter(fd, geometry);
    } catch (error) {
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
  }

  /**
   * An existing table; every record for which `keep` says no, and whatever is
   * no record, is zeroed. Throws when the file is absent or of another size.
   */
  static reuse(path: string, geometry: Geometry, keep: (header: RecordHeader) => boolean): TableWriter {
    const fd = openSync(path, 'r+');
    try {
      if (fstatSync(fd).size !== geometry.slotSize * geometry.slots) throw new Error('another size');
      const table = new TableWriter(fd, geometry);
      table.#load(keep);
      return table;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Writes a record into its set, and zeroes the user's oldest ones over the cap. Throws when the file cannot be written. */
  put(header: RecordHeader, record: Uint8Array, now: number): void {
    const slot = this.#index.place(header.tag, now);
    for (const old of this.#index.surplus(header.userTag, slot, now)) this.#zero(old);
    const bytes = Buffer.alloc(this.#geometry.slotSize);
    bytes.set(record);
    // Remembered first: should the write fail half-way, a revocation still zeroes the slot.
    this.#index.set(slot, header);
    this.#write(slot, bytes);
  }

  /** Zeroes every record of a user, and what may be one; answers how many it knew. */
  revokeUser(userTag: Uint8Array): number {
    const slots = this.#index.ofUser(userTag);
    for (const slot of new Set([...slots, ...this.#doubtful])) this.#zero(slot);
    return slots.length;
  }

  /** False when `path` names another file by now, or the file was cut: guests may read what is not written here. */
  isIntact(path: string): boolean {
    try {
      const [own, named] = [fstatSync(this.#fd), statSync(path)];
      const { slotSize, slots } = this.#geometry;
      return own.ino === named.ino && own.dev === named.dev && own.size === slotSize * slots;
    } catch {
      return false;
    }
  }

  /** Zeroes the expired among the next `count` slots, going round. */
  sweep(now: number, count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#index.isExpired(this.#swept, now)) this.#zero(this.#swept);
      this.#swept = (this.#swept + 1) % this.#geometry.slots;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #load(keep: (header: RecordHeader) => boolean): void {
    const { slotSize, slots } = this.#geometry;
    const set = Buffer.alloc(slotSize * GRANT_WAYS);
    const empty = Buffer.alloc(slotSize);
    for (let first = 0; first < slots; first += GRANT_WAYS) {
      if (readSync(this.#fd, set, 0, set.length, first * slotSize) !== set.length)
        throw new Error('cut short');
      for (let way = 0; way < GRANT_WAYS; way++) {
        const bytes = set.subarray(way * slotSize, (way + 1) * slotSize);
        if (bytes.equals(empty)) continue;
        const header = readHeader(bytes);
        const slot = first + way;
        if (header !== undefined && this.#index.firstOfSet(header.tag) === first && keep(header)) {
          this.#index.set(slot, header);
        } else {
          this.#zero(slot);
        }
      }
    }
  }

  #zero(slot: number): void {
    this.#write(slot, Buffer.alloc(this.#geometry.slotSize));
    this.#index.clear(slot);
  }

  #write(slot: number, bytes: Uint8Array): void {
    this.#doubtful.add(slot);
    const written = writeSync(this.#fd, bytes, 0, bytes.length, slot * this.#geometry.slotSize);
    if (written !== bytes.length) throw new Error(`${written} of ${bytes.length} bytes written`);
    this.#doubtful.delete(slot);
  }
}
