import { copy, writeU32 } from '../bytes/bytes';
import { SNAPSHOT_TAG_LENGTH, SNAPSHOT_UNIT, SNAPSHOT_UNITS } from '../contract';
import { openSealed } from '../crypto/chacha20-poly1305';
import { FAULT_FILE, FAULT_SIZE, ImageSource } from '../policy/view';

/**
 * Parts of a policy that is not in memory: units of its snapshot file, read when
 * they are asked for, authenticated one by one, and kept until their room is
 * needed. Memory does not grow with the policy.
 */

/** Units held: what a decision among thousands of rules touches, and the largest program. */
export const CACHED_UNITS: i32 = 18;

/** An open snapshot file. */
export abstract class ImageFile {
  /** Reads up to `len` bytes at `offset` into `buf`; answers how many, -1 on any error. */
  abstract read(offset: u64, buf: StaticArray<u8>, len: i32): i32;
}

const NONE: i32 = -1;
const NONCE_LENGTH: i32 = 12;
/** Units whose place is remembered without a search. */
const GUESSES: i32 = 64;

/** One unit as it lies in the file, its tag behind it. */
const unit = new StaticArray<u8>(SNAPSHOT_UNIT + SNAPSHOT_TAG_LENGTH);
const nonce = new StaticArray<u8>(NONCE_LENGTH);

export class UnitCache extends ImageSource {
  /** Where `locate` puts things. */
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(CACHED_UNITS * SNAPSHOT_UNIT);
  /** Key of the snapshot's tags: see `contract.ts`. */
  readonly key: StaticArray<u8> = new StaticArray<u8>(32);
  private file: ImageFile | null = null;
  /** Unit in each slot. */
  private held: StaticArray<i32> = new StaticArray<i32>(CACHED_UNITS);
  /** Slot where a unit was seen last. */
  private guesses: StaticArray<u8> = new StaticArray<u8>(GUESSES);
  /** Slot to be used next: the oldest. */
  private next: i32 = 0;

  /** Begins with another file, whose key is in `key`. */
  open(file: ImageFile): void {
    this.file = file;
    this.next = 0;
    this.heldTo = 0;
    for (let i = 0; i < CACHED_UNITS; i++) unchecked((this.held[i] = NONE));
  }

  locate(at: i32, len: i32): i32 {
    // Neither is below zero (`view.ts`), and division without a sign is a shift.
    let first = <i32>(<u32>at / SNAPSHOT_UNIT);
    let count = len == 0 ? 1 : <i32>(<u32>(at + len - 1) / SNAPSHOT_UNIT) - first + 1;
    let slot = <i32>unchecked(this.guesses[first & (GUESSES - 1)]);
    this.heldTo = 0; // may be overwritten now
    if (!this.holds(slot, first, count)) slot = this.find(first, count);
    if (slot < 0) return slot;
    this.heldFrom = first * SNAPSHOT_UNIT;
    this.heldTo = this.heldFrom + count * SNAPSHOT_UNIT;
    this.heldAt = slot * SNAPSHOT_UNIT;
    unchecked((this.guesses[first & (GUESSES - 1)] = <u8>slot));
    return slot * SNAPSHOT_UNIT + (at - first * SNAPSHOT_UNIT);
  }

  /** Whether the units from `first` on lie in the slots from `slot` on. */
  private holds(slot: i32, first: i32, count: i32): bool {
    if (count > CACHED_UNITS - slot) return false;
    for (let i = 0; i < count; i++) {
      if (unchecked(this.held[slot + i]) != first + i) return false;
    }
    return true;
  }

  /** Slot of the first of these units, which lie side by side; minus a FAULT_…. */
  private find(first: i32, count: i32): i32 {
    if (count > CACHED_UNITS) return -FAULT_SIZE;
    for (let slot = 0; slot <= CACHED_UNITS - count; slot++) {
      if (unchecked(this.held[slot]) == first && this.holds(slot, first, count)) return slot;
    }
    if (this.next + count > CACHED_UNITS) this.next = 0;
    let slot = this.next;
    for (let i = 0; i < count; i++) {
      unchecked((this.held[slot + i] = NONE));
      if (!this.read(first + i, slot + i)) return -FAULT_FILE;
      unchecked((this.held[slot + i] = first + i));
    }
    this.next = slot + count;
    return slot;
  }

  /** Reads a unit into a slot; false when it is not what the host wrote. */
  private read(index: i32, slot: i32): bool {
    let file = this.file;
    if (file === null) return false;
    let stride = SNAPSHOT_UNIT + SNAPSHOT_TAG_LENGTH;
    if (file.read(<u64>SNAPSHOT_UNITS + <u64>index * stride, unit, stride) != stride) return false;
    if (!isUnit(this.key, index)) return false;
    return copy(this.bytes, slot * SNAPSHOT_UNIT, unit, 0, SNAPSHOT_UNIT);
  }
}

/** True when the unit just read is number `index` of the key's snapshot. */
function isUnit(key: StaticArray<u8>, index: i32): bool {
  writeU32(nonce, 0, index);
  let tagEnd = SNAPSHOT_UNIT + SNAPSHOT_TAG_LENGTH;
  return (
    openSealed(key, 0, nonce, 0, unit, 0, SNAPSHOT_UNIT, unit, SNAPSHOT_UNIT, tagEnd, unit, SNAPSHOT_UNIT) ==
    0
  );
}
