import { copy, writeU8, writeU16, writeU32, writeU64 } from './bytes';

/**
 * Appends to a buffer of fixed capacity. What does not fit is not written and
 * sets `overflow`, which the caller checks once at the end: building never
 * traps and never allocates.
 */
export class ByteWriter {
  len: i32 = 0;
  overflow: bool = false;

  constructor(
    /** Where the bytes go. */
    public buf: StaticArray<u8>,
    /** Offset at which writing ends, where that comes before the buffer's end. */
    public limit: i32 = i32.MAX_VALUE,
  ) {}

  reset(): void {
    this.len = 0;
    this.overflow = false;
  }

  /** Reserves `len` bytes and returns their offset, or -1 when they do not fit. */
  reserve(len: i32): i32 {
    if (len < 0 || len > min(this.limit, this.buf.length) - this.len) {
      this.overflow = true;
      return -1;
    }
    let at = this.len;
    this.len += len;
    return at;
  }

  u8(value: u32): void {
    let at = this.reserve(1);
    if (at >= 0) writeU8(this.buf, at, value);
  }

  u16(value: u32): void {
    let at = this.reserve(2);
    if (at >= 0) writeU16(this.buf, at, value);
  }

  u32(value: u32): void {
    let at = this.reserve(4);
    if (at >= 0) writeU32(this.buf, at, value);
  }

  u64(value: u64): void {
    let at = this.reserve(8);
    if (at >= 0) writeU64(this.buf, at, value);
  }

  /** Copies `[start, end)` of `src`. */
  bytes(src: StaticArray<u8>, start: i32, end: i32): void {
    let at = this.reserve(end - start);
    if (at >= 0 && !copy(this.buf, at, src, start, end - start)) this.overflow = true;
  }

  /** Appends an ASCII literal. */
  ascii(literal: string): void {
    let at = this.reserve(literal.length);
    if (at < 0) return;
    for (let i = 0; i < literal.length; i++) writeU8(this.buf, at + i, literal.charCodeAt(i));
  }

  /** Appends a decimal number. */
  decimal(value: u64): void {
    let divisor: u64 = 1;
    while (value / divisor >= 10) divisor *= 10;
    for (; divisor > 0; divisor /= 10) this.u8(0x30 + <u32>((value / divisor) % 10));
  }

  /** Pads with zero bytes to a multiple of `unit`. */
  align(unit: i32): void {
    while (this.len % unit != 0 && !this.overflow) this.u8(0);
  }
}
