import { sequenceLength } from '../bytes/utf8';
import { asciiClasses, classOfRune } from './prog';
import { decode } from './scan';

/** What an invalid byte reads as. */
const REPLACEMENT: u32 = 0xfffd;

let size: i32 = 0;

/** Length in bytes of the character read last. */
export function lastSize(): i32 {
  return size;
}

/**
 * Class of the character at `at`, which must be before `end`; like Go, an
 * invalid byte reads as one U+FFFD.
 */
export function classAt(text: StaticArray<u8>, at: i32, end: i32): u32 {
  let byte = <u32>unchecked(text[at]);
  if (byte < 0x80) {
    size = 1;
    return load<u8>(asciiClasses() + byte);
  }
  let len = sequenceLength(text, at, end);
  if (len == 0) {
    size = 1;
    return classOfRune(REPLACEMENT);
  }
  size = len;
  return classOfRune(decode(changetype<usize>(text) + at, len));
}
