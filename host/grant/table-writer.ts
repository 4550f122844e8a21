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

/** Slots read in one go when the table is compared: 64 KiB at the usual size. */
const COMPARED_AT_ONCE = 64;
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
  /** When the file was last changed, by ourselves. */
  #changedAt: bigint;

  private constructor(fd: number, geometry: Geometry) {
    this.#fd = fd;
    this.#geometry = geometry;
    this.#index = new SlotIndex(geometry.slots);
    this.#changedAt = changeTime(fd);
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

  /** Whether this record was written, lives at `now`, and nothing took its place. */
  isLive({ tag, issued }: RecordHeader, now: number): boolean {
    return this.#index.isLive(tag, issued, now);
  }

  /** Zeroes every record of a user, and what may be one; answers how many it knew. */
  revokeUser(userTag: Uint8Array): number {
    const slots = this.#index.ofUser(userTag);
    for (const slot of new Set([...slots, ...this.#doubtful])) this.#zero(slot);
    return slots.length;
  }

  /**
   * False when `path` names another file by now, the file was cut, or somebody
   * else wrote into it: guests may read what is not written here. Reads the
   * whole file only when it was changed by somebody else.
   */
  isIntact(path: string): boolean {
    try {
      const [own, named] = [fstatSync(this.#fd), statSync(path)];
      const { slotSize, slots } = this.#geometry;
      if (own.ino !== named.ino || own.dev !== named.dev || own.size !== slotSize * slots) return false;
      const changedAt = changeTime(this.#fd);
      if (changedAt === this.#changedAt) return true;
      if (!this.#isAsWritten(0, slots)) return false;
      // Its mode or owner was changed, or it was touched.
      this.#changedAt = changedAt;
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Zeroes the expired among the next `count` slots, going round. False when
   * one of them is not as it was written: somebody did that in the moment of
   * one of our own writes, and `isIntact` could not see it.
   */
  sweep(now: number, count: number): boolean {
    const first = this.#swept;
    const end = Math.min(first + count, this.#geometry.slots);
    if (!this.#isAsWritten(first, end)) return false;
    for (let slot = first; slot < end; slot++) if (this.#index.isExpired(slot, now)) this.#zero(slot);
    this.#swept = end % this.#geometry.slots;
    return true;
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

  /** Compares what lies in the slots with what the index knows. */
  #isAsWritten(first: number, end: number): boolean {
    const { slotSize } = this.#geometry;
    const part = Buffer.alloc(slotSize * COMPARED_AT_ONCE);
    const empty = Buffer.alloc(slotSize);
    for (let at = first; at < end; at += COMPARED_AT_ONCE) {
      const count = Math.min(COMPARED_AT_ONCE, end - at);
      if (readSync(this.#fd, part, 0, count * slotSize, at * slotSize) !== count * slotSize) return false;
      for (let i = 0; i < count; i++) {
        const slot = at + i;
        const bytes = part.subarray(i * slotSize, (i + 1) * slotSize);
        if (this.#doubtful.has(slot)) continue;
        if (bytes.equals(empty) ? !this.#index.holds(slot, undefined) : !this.#holds(slot, bytes))
          return false;
      }
    }
    return true;
  }

  #holds(slot: number, bytes: Uint8Array): boolean {
    const header = readHeader(bytes);
    return header !== undefined && this.#index.holds(slot, header);
  }

  #zero(slot: number): void {
    this.#write(slot, Buffer.alloc(this.#geometry.slotSize));
    this.#index.clear(slot);
  }

  /** On a full disk nothing was written where nothing was: no later revocation need fail for it. */
  #settle(slot: number): void {
    const { slotSize } = this.#geometry;
    const bytes = Buffer.alloc(slotSize);
    try {
      if (readSync(this.#fd, bytes, 0, slotSize, slot * slotSize) !== slotSize) return;
    } catch {
      return;
    }
    if (bytes.some(byte => byte !== 0)) return;
    this.#index.clear(slot);
    this.#doubtful.delete(slot);
  }

  #write(slot: number, bytes: Uint8Array): void {
    this.#doubtful.add(slot);
    try {
      const written = writeSync(this.#fd, bytes, 0, bytes.length, slot * this.#geometry.slotSize);
      if (written !== bytes.length) throw new Error(`${written} of ${bytes.length} bytes written`);
    } catch (error) {
      this.#settle(slot);
      throw error;
    }
    this.#doubtful.delete(slot);
    this.#changedAt = changeTime(this.#fd);
  }
}

/** Nobody can set this one, unlike the time of the last writing. */
function changeTime(fd: number): bigint {
  return fstatSync(fd, { bigint: true }).ctimeNs;
}
