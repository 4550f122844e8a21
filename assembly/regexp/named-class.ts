import { equalsAscii } from '../bytes/ascii';
import { addRange, beginGroup, endGroup } from './char-class';
import { foldGroup } from './unicode';

/** The classes with ASCII members only: Perl's escapes and POSIX's names. */

/** True for the letters of `\d`, `\s`, `\w` and their negations. */
export function isPerlClass(letter: u32): bool {
  let kind = letter | 0x20;
  return kind == 0x64 || kind == 0x73 || kind == 0x77;
}

/** Adds `\d`, `\s` or `\w` (or a negation, in upper case); false when `letter` is none of them. */
export function addPerlClass(letter: u32, fold: bool): bool {
  if (!isPerlClass(letter)) return false;
  let kind = letter | 0x20;
  let group = beginGroup();
  if (kind == 0x64) addDigits();
  else if (kind == 0x77) addWord();
  else {
    addRange(0x09, 0x0a);
    addRange(0x0c, 0x0d);
    addRange(0x20, 0x20);
  }
  // ASCII members fold without tables.
  if (fold) foldGroup(group);
  endGroup(group, letter < 0x60);
  return true;
}

/** Adds the class of `[start, end)`, the name between `[:` and `:]`; false when there is none. */
export function addPosixClass(buf: StaticArray<u8>, start: i32, end: i32, fold: bool): bool {
  let negated = start < end && unchecked(buf[start]) == 0x5e;
  if (negated) start++;
  let group = beginGroup();
  if (equalsAscii(buf, start, end, 'alnum')) {
    addDigits();
    addLetters();
  } else if (equalsAscii(buf, start, end, 'alpha')) addLetters();
  else if (equalsAscii(buf, start, end, 'ascii')) addRange(0, 0x7f);
  else if (equalsAscii(buf, start, end, 'blank')) {
    addRange(0x09, 0x09);
    addRange(0x20, 0x20);
  } else if (equalsAscii(buf, start, end, 'cntrl')) {
    addRange(0, 0x1f);
    addRange(0x7f, 0x7f);
  } else if (equalsAscii(buf, start, end, 'digit')) addDigits();
  else if (equalsAscii(buf, start, end, 'graph')) addRange(0x21, 0x7e);
  else if (equalsAscii(buf, start, end, 'lower')) addRange(0x61, 0x7a);
  else if (equalsAscii(buf, start, end, 'print')) addRange(0x20, 0x7e);
  else if (equalsAscii(buf, start, end, 'punct')) {
    addRange(0x21, 0x2f);
    addRange(0x3a, 0x40);
    addRange(0x5b, 0x60);
    addRange(0x7b, 0x7e);
  } else if (equalsAscii(buf, start, end, 'space')) {
    addRange(0x09, 0x0d);
    addRange(0x20, 0x20);
  } else if (equalsAscii(buf, start, end, 'upper')) addRange(0x41, 0x5a);
  else if (equalsAscii(buf, start, end, 'word')) addWord();
  else if (equalsAscii(buf, start, end, 'xdigit')) {
    addDigits();
    addRange(0x41, 0x46);
    addRange(0x61, 0x66);
  } else {
    endGroup(group, false);
    return false;
  }
  if (fold) foldGroup(group);
  endGroup(group, negated);
  return true;
}

/** What `\w`, `\b` and `\B` take for a word character, whatever the flags. */
export function addWord(): void {
  addDigits();
  addLetters();
  addRange(0x5f, 0x5f);
}

function addDigits(): void {
  addRange(0x30, 0x39);
}

function addLetters(): void {
  addRange(0x41, 0x5a);
  addRange(0x61, 0x7a);
}
