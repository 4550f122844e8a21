/**
 * Reading and writing bytes inside a `StaticArray<u8>`, the one container for
 * text and binary data in the engine. A range is `(buf, start, end)`, end
 * exclusive, UTF-8 where it is text. Integers are little-endian.
 *
 * The readers answer 0 outside the array instead of trapping: a guest that
 * traps answers 500 with the runtime's error text (RATIONALE "Never trap"),
 * and 0 means "refuse" everywhere.
 */

/** Byte at `at`, 0 when outside. */
export function readU8(buf: StaticArray<u8>, at: i32): u32 {
  return <u32>at < <u32>buf.length ? load<u8>(changetype<usize>(buf) + at) : 0;
}

/** Unsigned 16-bit integer at `at`, 0 when any byte of it is outside. */
export function readU16(buf: StaticArray<u8>, at: i32): u32 {
  return <u64>(<u32>at) + 2 <= <u64>(<u32>buf.length) ? load<u16>(changetype<usize>(buf) + at) : 0;
}

/** Unsigned 32-bit integer at `at`, 0 when any byte of it is outside. */
export function readU32(buf: StaticArray<u8>, at: i32): u32 {
  return <u64>(<u32>at) + 4 <= <u64>(<u32>buf.length) ? load<u32>(changetype<usize>(buf) + at) : 0;
}

/** Unsigned 64-bit integer at `at`, 0 when any byte of it is outside. */
export function readU64(buf: StaticArray<u8>, at: i32): u64 {
  return <u64>(<u32>at) + 8 <= <u64>(<u32>buf.length) ? load<u64>(changetype<usize>(buf) + at) : 0;
}

/** Writes one byte; nothing when outside. */
export function writeU8(buf: StaticArray<u8>, at: i32, value: u32): void {
  if (<u32>at < <u32>buf.length) store<u8>(changetype<usize>(buf) + at, <u8>value);
}

/** Writes a 16-bit integer; nothing when it does not fit. */
export function writeU16(buf: StaticArray<u8>, at: i32, value: u32): void {
  if (<u64>(<u32>at) + 2 <= <u64>(<u32>buf.length)) store<u16>(changetype<usize>(buf) + at, <u16>value);
}

/** Writes a 32-bit integer; nothing when it does not fit. */
export function writeU32(buf: StaticArray<u8>, at: i32, value: u32): void {
  if (<u64>(<u32>at) + 4 <= <u64>(<u32>buf.length)) store<u32>(changetype<usize>(buf) + at, value);
}

/** Writes a 64-bit integer; nothing when it does not fit. */
export function writeU64(buf: StaticArray<u8>, at: i32, value: u64): void {
  if (<u64>(<u32>at) + 8 <= <u64>(<u32>buf.length)) store<u64>(changetype<usize>(buf) + at, value);
}

/** True when `[at, at + len)` lies inside `buf`. */
export function within(buf: StaticArray<u8>, at: i32, len: i32): bool {
  // What is below zero becomes larger than any array.
  return <u64>(<u32>at) + <u64>(<u32>len) <= <u64>(<u32>buf.length);
}

/** Copies `len` bytes (ranges may overlap); false, and nothing copied, when either range is outside. */
export function copy(dst: StaticArray<u8>, dstAt: i32, src: StaticArray<u8>, srcAt: i32, len: i32): bool {
  if (!within(dst, dstAt, len) || !within(src, srcAt, len)) return false;
  let to = changetype<usize>(dst) + dstAt;
  let from = changetype<usize>(src) + srcAt;
  if (to <= from || to >= from + len) copyBytes(to, from, len);
  else memory.copy(to, from, len);
  return true;
}

/**
 * Copies between ranges known to be good; where they overlap, `to` comes first.
 * `memory.copy` goes byte by byte without bulk-memory instructions.
 */
export function copyBytes(to: usize, from: usize, len: i32): void {
  for (; len >= 16; len -= 16) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
  if ((len & 8) != 0) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
  }
  if ((len & 4) != 0) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
  if ((len & 2) != 0) {
    store<u16>(to, load<u16>(from));
    to += 2;
    from += 2;
  }
  if ((len & 1) != 0) store<u8>(to, load<u8>(from));
}

/** Zeroes `[at, at + len)`, clipped to the array. Used to wipe credentials. */
export function wipe(buf: StaticArray<u8>, at: i32, len: i32): void {
  if (at < 0 || at >= buf.length || len <= 0) return;
  let to = changetype<usize>(buf) + at;
  let left = min(len, buf.length - at);
  for (; left >= 16; left -= 16) {
    v128.store(to, i8x16.splat(0));
    to += 16;
  }
  for (; left > 0; left--) store<u8>(to++, 0);
}

/** True when both ranges hold the same bytes. Not for secrets: see `crypto/equal.ts`. */
export function sameBytes(
  a: StaticArray<u8>,
  aStart: i32,
  aEnd: i32,
  b: StaticArray<u8>,
  bStart: i32,
  bEnd: i32,
): bool {
  let len = aEnd - aStart;
  if (len != bEnd - bStart) return false;
  if (!within(a, aStart, len) || !within(b, bStart, len)) return false;
  let p = changetype<usize>(a) + aStart;
  let q = changetype<usize>(b) + bStart;
  for (; len >= 8; len -= 8) {
    if (load<u64>(p) != load<u64>(q)) return false;
    p += 8;
    q += 8;
  }
  for (; len > 0; len--) {
    if (load<u8>(p++) != load<u8>(q++)) return false;
  }
  return true;
}
