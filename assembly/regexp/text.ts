import { sequenceLength } from '../bytes/utf8';
import { asciiClasses, classOfRune } from './prog';
import { decode } from './scan';

/** What an invalid byte reads as. */
export const REPLACEMENT: u32 = 0xfffd;

/** No code points: an invalid sequence, and none that could be read. */
export const INVALID: u32 = 0xffffffff;
export const NONE: u32 = 0xfffffffe;

let size: i32 = 0;

/** Length in bytes of the character read last. */
export function lastSize(): i32 {
  return size;
}

// biome-ignore lint/complexity/noStaticOnlyClass: only methods can be marked to be inlined
export class Sequence {
  /**
   * The code point of the sequence at `at`, where four bytes can be read, with
   * the first of them `first`, C2 to F4; or `INVALID`. As `bytes/utf8.ts`, in one pass.
   */
  @inline
  static read(at: usize, first: u32): u32 {
    let second = <u32>load<u8>(at, 1) ^ 0x80;
    if (first < 0xe0) return second < 0x40 ? ((first & 0x1f) << 6) | second : INVALID;
    let third = <u32>load<u8>(at, 2) ^ 0x80;
    if (first < 0xf0) {
      let rune = ((first & 0x0f) << 12) | (second << 6) | third;
      return (second | third) < 0x40 && rune >= 0x800 && rune >> 11 != 0x1b ? rune : INVALID;
    }
    let fourth = <u32>load<u8>(at, 3) ^ 0x80;
    let rune = ((first & 0x07) << 18) | (second << 12) | (third << 6) | fourth;
    return (second | third | fourth) < 0x40 && rune - 0x10000 < 0x100000 ? rune : INVALID;
  }
}

/**
 * Class of the character at `at`, which must be before `end`; like Go, an
 * invalid byte reads as one U+FFFD.
 */
export function classAt(text: StaticArray<u8>, at: i32, end: i32): u32 {
  let byte = <u32>unchecked(text[at]);
  size = 1;
  if (byte < 0x80) return load<u8>(asciiClasses() + byte);
  if (byte < 0xc2 || byte > 0xf4) return classOfRune(REPLACEMENT);
  let from = changetype<usize>(text) + at;
  if (at + 4 <= end) {
    let rune = Sequence.read(from, byte);
    if (rune == INVALID) return classOfRune(REPLACEMENT);
    size = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    return classOfRune(rune);
  }
  let len = sequenceLength(text, at, end);
  if (len == 0) return classOfRune(REPLACEMENT);
  size = len;
  return classOfRune(decode(from, len));
}
