import { within } from './bytes';
import { TEXT_HEADER } from './text';

/** ASCII comparisons on byte ranges. Literals are passed as strings, of which only the char codes are read. */

/** `A`-`Z` to `a`-`z`; every other byte unchanged. */
// @ts-expect-error: decorator
export function lowerAscii(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

// @ts-expect-error: decorator
export function isDigit(byte: u32): bool {
  return byte - 0x30 < 10;
}

// @ts-expect-error: decorator
export function isAlpha(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26;
}

/** Value of a hexadecimal digit, -1 for any other byte. */
export function hexValue(byte: u32): i32 {
  if (byte - 0x30 < 10) return byte - 0x30;
  let lower = byte | 0x20;
  return lower - 0x61 < 6 ? lower - 0x61 + 10 : -1;
}

/** Exact comparison with an ASCII literal. */
export function equalsAscii(buf: StaticArray<u8>, start: i32, end: i32, literal: string): bool {
  let len = literal.length;
  if (end - start != len || start < 0 || end > buf.length) return false;
  for (let i = 0; i < len; i++) {
    if (<u32>unchecked(buf[start + i]) != <u32>literal.charCodeAt(i)) return false;
  }
  return true;
}

/** Comparison with a lower-case ASCII literal, folding `A`-`Z` of the range only. */
export function equalsAsciiFold(buf: StaticArray<u8>, start: i32, end: i32, literal: string): bool {
  let len = literal.length;
  if (end - start != len || start < 0 || end > buf.length) return false;
  let from = changetype<usize>(buf) + start;
  if (len >= 8) {
    // Eight at once; the last eight overlap those before them.
    for (let i = 0; i < len; i += 8) {
      let at = min(i, len - 8);
      let bytes = v128.load_ext<u8>(from + at);
      let upper = i16x8.lt_u(i16x8.sub(bytes, i16x8.splat(0x41)), i16x8.splat(26));
      bytes = v128.or(bytes, v128.and(upper, i16x8.splat(0x20)));
      let letters = v128.load_ext<u8>(changetype<usize>(literal) + TEXT_HEADER + at);
      if (v128.any_true(v128.xor(bytes, letters))) return false;
    }
    return true;
  }
  for (let i = 0; i < len; i++) {
    if (lowerAscii(load<u8>(from + i)) != <u32>literal.charCodeAt(i)) return false;
  }
  return true;
}

/** True when `[start, end)` holds a control byte, or is not inside `buf`. */
export function hasControl(buf: StaticArray<u8>, start: i32, end: i32): bool {
  return holdsAny(buf, start, end, 0x20, 0x7f);
}

/** True when `[start, end)` holds a byte below `limit`, DEL or `other`, or is not inside `buf`. */
export function holdsAny(buf: StaticArray<u8>, start: i32, end: i32, limit: u8, other: u8): bool {
  let len = end - start;
  if (!within(buf, start, len)) return true;
  if (len <= 0) return false;
  let at = changetype<usize>(buf) + start;
  if (len < 16) {
    if (start <= buf.length - 16) {
      return (i8x16.bitmask(marked(v128.load(at), limit, other)) & ((1 << len) - 1)) != 0;
    }
    for (let stop = at + len; at < stop; at++) {
      let byte = load<u8>(at);
      if (byte < limit || byte == 0x7f || byte == other) return true;
    }
    return false;
  }
  // The last sixteen overlap those before them.
  let last = at + (len - 16);
  let found = marked(v128.load(last), limit, other);
  for (; at < last; at += 16) found = v128.or(found, marked(v128.load(at), limit, other));
  return v128.any_true(found);
}

/** Marks the bytes that `holdsAny` looks for. */
function marked(bytes: v128, limit: u8, other: u8): v128 {
  let named = v128.or(i8x16.eq(bytes, i8x16.splat(0x7f)), i8x16.eq(bytes, i8x16.splat(other)));
  return v128.or(i8x16.lt_u(bytes, i8x16.splat(limit)), named);
}
