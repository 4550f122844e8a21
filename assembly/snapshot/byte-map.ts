import { readU8, sameBytes } from '../bytes/bytes';

const NONE = new StaticArray<i32>(0);
/** A slot: start, end, value. */
const SLOT: i32 = 3;

/**
 * From byte ranges of one buffer to numbers, by content; what has been stored
 * once is found again. When it is three quarters full it forgets instead of
 * growing: the only cost is a copy more in the image.
 */
export class ByteMap {
  private slots: StaticArray<i32> = NONE;
  private used: i32 = 0;

  /** Makes room for `size` slots, a power of two. */
  reserve(size: i32): void {
    this.slots = new StaticArray<i32>(size * SLOT);
  }

  clear(): void {
    this.used = 0;
    let slots = this.slots;
    for (let i = 0; i < slots.length; i++) unchecked((slots[i] = 0));
  }

  /** Value of an equal range, -1 when there is none. */
  find(buf: StaticArray<u8>, start: i32, end: i32): i32 {
    let slot = this.slotOf(buf, start, end);
    return slot >= 0 && unchecked(this.slots[slot + 1]) != 0 ? unchecked(this.slots[slot + 2]) : -1;
  }

  /** Remembers the range, which `find` did not find and which stays as it is. */
  put(buf: StaticArray<u8>, start: i32, end: i32, value: i32): void {
    let slots = this.slots;
    if (start >= end || (this.used + 1) * 4 > (slots.length / SLOT) * 3) return;
    let slot = this.slotOf(buf, start, end);
    if (slot < 0) return;
    unchecked((slots[slot] = start));
    unchecked((slots[slot + 1] = end));
    unchecked((slots[slot + 2] = value));
    this.used++;
  }

  /** Index of the range's slot, or of the free one where it belongs; an end of 0 is free. */
  private slotOf(buf: StaticArray<u8>, start: i32, end: i32): i32 {
    let slots = this.slots;
    let mask = slots.length / SLOT - 1;
    if (mask < 0) return -1;
    let hash: u32 = 0x811c_9dc5; // FNV-1a
    for (let i = start; i < end; i++) hash = (hash ^ readU8(buf, i)) * 0x0100_0193;
    hash ^= hash >> 15;
    for (let tries = 0; tries <= mask; tries++) {
      let slot = ((hash + tries) & mask) * SLOT;
      let slotEnd = unchecked(slots[slot + 1]);
      if (slotEnd == 0 || sameBytes(buf, start, end, buf, unchecked(slots[slot]), slotEnd)) return slot;
    }
    return -1;
  }
}
