import { within } from './bytes';

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

/** Character `i` of a literal, which has that many: `charCodeAt` would look up the length each time. */
export function literalAt(literal: string, i: i32): u32 {
  return load<u16>(changetype<usize>(literal) + ((<usize>i) << 1));
}

/** Exact comparison with an ASCII literal. */
export function equalsAscii(buf: StaticArray<u8>, start: i32, end: i32, literal: string): bool {
  let len = literal.length;
  if (end - start != len || start < 0 || end > buf.length) return false;
  for (let i = 0; i < len; i++) {
    if (<u32>unchecked(buf[start + i]) != literalAt(literal, i)) return false;
  }
  return true;
}

/** Comparison with a lower-case ASCII literal, folding `A`-`Z` of the range only. */
export function equalsAsciiFold(buf: StaticArray<u8>, start: i32, end: i32, literal: string): bool {
  let len = literal.length;
  if (end - start != len || start < 0 || end > buf.length) return false;
  for (let i = 0; i < len; i++) {
    if (lowerAscii(unchecked(buf[start + i])) != literalAt(literal, i)) return false;
  }
  return true;
}

/** True when `[start, end)` holds a control byte, or is not inside `buf`. */
export function hasControl(buf: StaticArray<u8>, start: i32, end: i32): bool {
  if (!within(buf, start, end - start)) return true;
  let at = changetype<usize>(buf) + start;
  let stop = changetype<usize>(buf) + end;
  for (; at + 16 <= stop; at += 16) {
    let bytes = v128.load(at);
    let control = v128.or(i8x16.lt_u(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x7f)));
    if (v128.any_true(control)) return true;
  }
  for (; at < stop; at++) {
    let byte = <u32>load<u8>(at);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}
