import { hexValue } from '../bytes/ascii';
import { MAX_RUNE } from './char-class';
import { fail, RegexpError } from './error';
import { END, lastRune, nextRune, patternEnd, peek, position, setPosition } from './scan';

let value: u32 = 0;

/** The character of the escape read last. */
export function escapeRune(): u32 {
  return value;
}

function isWord(rune: u32): bool {
  return rune - 0x30 < 10 || (rune | 0x20) - 0x61 < 26;
}

function isOctal(byte: u32): bool {
  return byte - 0x30 < 8;
}

/** Reads an escape that stands for one character, from its backslash on. Answers an error code. */
export function readEscape(): i32 {
  let start = position();
  setPosition(start + 1);
  if (peek(0) == END) return fail(RegexpError.TrailingBackslash, patternEnd(), patternEnd());
  let code = nextRune(patternEnd());
  if (code != 0) return code;
  let c = lastRune();
  if (c < 0x80 && !isWord(c)) {
    value = c;
    return 0;
  }
  switch (c) {
    case 0x61: // a
      value = 7;
      return 0;
    case 0x66: // f
      value = 12;
      return 0;
    case 0x6e: // n
      value = 10;
      return 0;
    case 0x72: // r
      value = 13;
      return 0;
    case 0x74: // t
      value = 9;
      return 0;
    case 0x76: // v
      value = 11;
      return 0;
    case 0x78: // x
      return readHex(start);
  }
  // One digit other than zero would be a reference to a group.
  if (c == 0x30 || (isOctal(c) && isOctal(peek(0)))) {
    value = c - 0x30;
    for (let i = 0; i < 2 && isOctal(peek(0)); i++) {
      value = value * 8 + peek(0) - 0x30;
      setPosition(position() + 1);
    }
    return 0;
  }
  return fail(RegexpError.InvalidEscape, start, position());
}

function hexOf(rune: u32): i32 {
  return rune < 0x80 ? hexValue(rune) : -1;
}

/** `\xHH` or `\x{H...}`, from behind the `x`. */
function readHex(start: i32): i32 {
  if (peek(0) == END) return fail(RegexpError.InvalidEscape, start, position());
  let code = nextRune(patternEnd());
  if (code != 0) return code;
  if (lastRune() != 0x7b) {
    let high = hexOf(lastRune());
    code = nextRune(patternEnd());
    if (code != 0) return code;
    let low = hexOf(lastRune());
    if (high < 0 || low < 0) return fail(RegexpError.InvalidEscape, start, position());
    value = <u32>(high * 16 + low);
    return 0;
  }
  value = 0;
  for (let digits = 0; ; digits++) {
    if (peek(0) == END) break;
    code = nextRune(patternEnd());
    if (code != 0) return code;
    if (lastRune() == 0x7d) {
      if (digits == 0) break;
      return 0;
    }
    let digit = hexOf(lastRune());
    if (digit < 0) break;
    value = value * 16 + <u32>digit;
    if (value > MAX_RUNE) break;
  }
  return fail(RegexpError.InvalidEscape, start, position());
}
