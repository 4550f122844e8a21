import { addRange, beginClass, beginGroup, endClass, endGroup } from './char-class';
import { fail, RegexpError } from './error';
import { escapeRune, readEscape } from './escape';
import { addPerlClass, addPosixClass, isPerlClass } from './named-class';
import {
  checkUtf8,
  END,
  indexOf,
  lastRune,
  nextRune,
  pattern,
  patternEnd,
  peek,
  position,
  setPosition,
} from './scan';
import { addFolded, addNamed, Found, foldGroup, hasTables } from './unicode';

const BACKSLASH: u32 = 0x5c;
const BRACKET: u32 = 0x5b;
const CLOSING: u32 = 0x5d;
const CARET: u32 = 0x5e;
const DASH: u32 = 0x2d;

let parsed: i32 = 0;

/** Name of the class read last. */
export function parsedClass(): i32 {
  return parsed;
}

/** Adds `[lo, hi]`, folded when the flags say so; an error when that needs tables. */
export function addChecked(lo: u32, hi: u32, fold: bool, start: i32): i32 {
  if (!fold) addRange(lo, hi);
  else if (!addFolded(lo, hi)) return fail(RegexpError.NeedsTables, start, position());
  return 0;
}

/** Reads a bracket expression, from its `[` on, into `parsedClass()`. Answers an error code. */
export function readClass(fold: bool): i32 {
  let start = position();
  setPosition(start + 1);
  let negated = peek(0) == CARET;
  if (negated) setPosition(start + 2);
  beginClass();
  for (let first = true; first || peek(0) != CLOSING; first = false) {
    if (peek(0) == BRACKET && peek(1) == 0x3a && peek(2) != END) {
      let found = readPosix(fold);
      if (found < 0) return -found;
      if (found > 0) continue;
    }
    if (peek(0) == BACKSLASH && (peek(1) | 0x20) == 0x70) {
      let code = readUnicode(fold);
      if (code != 0) return code;
      continue;
    }
    if (peek(0) == BACKSLASH && addPerlClass(peek(1), fold)) {
      setPosition(position() + 2);
      continue;
    }
    let code = readRange(fold, start);
    if (code != 0) return code;
  }
  setPosition(position() + 1);
  parsed = endClass(negated);
  return 0;
}

/** `[:name:]`: 1 when added, 0 when this is none, a negative error code otherwise. */
function readPosix(fold: bool): i32 {
  let start = position();
  let end = start + 2;
  do {
    end = indexOf(0x3a, end);
    if (end < 0 || end + 1 >= patternEnd()) return 0;
    end++;
  } while (<u32>unchecked(pattern()[end]) != CLOSING);
  if (!addPosixClass(pattern(), start + 2, end - 1, fold)) {
    return -fail(RegexpError.InvalidCharRange, start, end + 1);
  }
  setPosition(end + 1);
  return 1;
}

/** One character or `lo-hi`. */
function readRange(fold: bool, classStart: i32): i32 {
  let start = position();
  let code = readChar(classStart);
  if (code != 0) return code;
  let lo = escaped;
  let hi = lo;
  if (peek(0) == DASH && peek(1) != END && peek(1) != CLOSING) {
    setPosition(position() + 1);
    code = readChar(classStart);
    if (code != 0) return code;
    hi = escaped;
    if (hi < lo) return fail(RegexpError.InvalidCharRange, start, position());
  }
  return addChecked(lo, hi, fold, start);
}

let escaped: u32 = 0;

/** One character of a class, into `escaped`. */
function readChar(classStart: i32): i32 {
  if (peek(0) == END) return fail(RegexpError.MissingBracket, classStart, patternEnd());
  if (peek(0) == BACKSLASH) {
    let code = readEscape();
    escaped = escapeRune();
    return code;
  }
  let code = nextRune(patternEnd());
  escaped = lastRune();
  return code;
}

/** `\pN`, `\p{Name}`, `\P...`, with `^` for negation, from the backslash on, added to the open class. */
export function readUnicode(fold: bool): i32 {
  let start = position();
  let negated = peek(1) == 0x50;
  setPosition(start + 2);
  let code = nextRune(patternEnd());
  if (code != 0) return code;
  let nameStart = start + 2;
  let nameEnd = position();
  if (lastRune() == 0x7b) {
    nameStart++;
    nameEnd = indexOf(0x7d, nameStart);
    if (nameEnd < 0) {
      code = checkUtf8(start, patternEnd());
      return code != 0 ? code : fail(RegexpError.InvalidCharRange, start, patternEnd());
    }
    setPosition(nameEnd + 1);
    code = checkUtf8(nameStart, nameEnd);
    if (code != 0) return code;
  }
  if (nameStart < nameEnd && <u32>unchecked(pattern()[nameStart]) == CARET) {
    negated = !negated;
    nameStart++;
  }
  if (!hasTables()) return fail(RegexpError.NeedsTables, start, position());
  let group = beginGroup();
  let found = addNamed(pattern(), nameStart, nameEnd, fold);
  if (found == Found.No) return fail(RegexpError.InvalidCharRange, start, position());
  if (found == Found.Fold) foldGroup(group);
  endGroup(group, negated);
  return 0;
}

/** A class of its own for an escape outside brackets: `\pL`. */
export function readUnicodeEscape(fold: bool): i32 {
  beginClass();
  let code = readUnicode(fold);
  if (code == 0) parsed = endClass(false);
  return code;
}

/** `\d`, `\s`, `\w` and their negations outside brackets; false when it is another escape. */
export function readPerlEscape(fold: bool): bool {
  if (!isPerlClass(peek(1))) return false;
  beginClass();
  addPerlClass(peek(1), fold);
  setPosition(position() + 2);
  parsed = endClass(false);
  return true;
}
