import { sequenceLength } from '../bytes/utf8';
import { fail, RegexpError } from './error';

/** Reading the pattern: the position in it, and the runes there. */

/** What `peek` answers at the end of the pattern. */
export const END: u32 = 0x110000;

let buf: StaticArray<u8> = new StaticArray<u8>(0);
let stop: i32 = 0;

/** Offset of the next byte of the pattern. */
let at: i32 = 0;

export function openPattern(pattern: StaticArray<u8>, start: i32, end: i32): void {
  buf = pattern;
  at = start;
  stop = end;
}

export function pattern(): StaticArray<u8> {
  return buf;
}

export function position(): i32 {
  return at;
}

export function setPosition(to: i32): void {
  at = to;
}

export function patternEnd(): i32 {
  return stop;
}

/** Byte `ahead` of the position, `END` after the end. */
export function peek(ahead: i32): u32 {
  return at + ahead < stop ? <u32>unchecked(buf[at + ahead]) : END;
}

/** Offset of the first `byte` from `from` on, -1 when there is none. */
export function indexOf(byte: u32, from: i32): i32 {
  for (let i = from; i < stop; i++) {
    if (<u32>unchecked(buf[i]) == byte) return i;
  }
  return -1;
}

/** The rune decoded last. */
let rune: u32 = 0;

export function lastRune(): u32 {
  return rune;
}

/**
 * Reads one rune into `lastRune()`; `END` when the pattern is at its end, which
 * is no error. Answers an error code for invalid UTF-8, which Go reports with
 * the rest of the text, here up to `limit`.
 */
export function nextRune(limit: i32): i32 {
  if (at >= limit) {
    rune = END;
    return 0;
  }
  let len = sequenceLength(buf, at, limit);
  if (len == 0) return fail(RegexpError.InvalidUtf8, at, limit);
  rune = decode(changetype<usize>(buf) + at, len);
  at += len;
  return 0;
}

/** Invalid UTF-8 in `[from, limit)`. */
export function checkUtf8(from: i32, limit: i32): i32 {
  while (from < limit) {
    let len = sequenceLength(buf, from, limit);
    if (len == 0) return fail(RegexpError.InvalidUtf8, from, limit);
    from += len;
  }
  return 0;
}

/** Code point of a valid sequence of `len` bytes. */
export function decode(from: usize, len: i32): u32 {
  let b0 = <u32>load<u8>(from);
  if (len == 1) return b0;
  let b1 = <u32>load<u8>(from, 1) & 0x3f;
  if (len == 2) return ((b0 & 0x1f) << 6) | b1;
  let b2 = <u32>load<u8>(from, 2) & 0x3f;
  if (len == 3) return ((b0 & 0x0f) << 12) | (b1 << 6) | b2;
  return ((b0 & 0x07) << 18) | (b1 << 12) | (b2 << 6) | (<u32>load<u8>(from, 3) & 0x3f);
}
