import { hexValue, isDigit } from '../bytes/ascii';
import { readU8, within } from '../bytes/bytes';
import { sequenceLength } from '../bytes/utf8';
import { ByteWriter } from '../bytes/writer';

/**
 * JSON (RFC 8259) read where it lies: `checkJson` once proves a whole document
 * well-formed, and everything else walks its text, so there is no tree, no
 * allocation and no limit on the number of values. A value is the offset of its
 * first byte; `end` is always the end of the document. No recursion.
 */

// Errors of `checkJson`. Zero is none.
export const JSON_SYNTAX: i32 = 1;
export const JSON_DEPTH: i32 = 2;
export const JSON_ESCAPE: i32 = 3;
export const JSON_UTF8: i32 = 4;
export const JSON_END: i32 = 5;

/** Open arrays and objects, one bit each in a u32. A policy needs 7. */
export const MAX_JSON_DEPTH: i32 = 32;

// Kinds of value: the byte they begin with.
export const JSON_NONE: u32 = 0;
export const JSON_OBJECT: u32 = 0x7b;
export const JSON_ARRAY: u32 = 0x5b;
export const JSON_STRING: u32 = 0x22;
export const JSON_NUMBER: u32 = 0x30;
export const JSON_TRUE: u32 = 0x74;
export const JSON_FALSE: u32 = 0x66;
export const JSON_NULL: u32 = 0x6e;

/** Offset at which `checkJson` found its error. */
export let jsonErrorAt: i32 = 0;

/** First byte that is no white space. */
function skipSpace(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  while (at < end) {
    let byte = readU8(buf, at);
    if (byte != 0x20 && byte - 9 > 1 && byte != 13) break;
    at++;
  }
  return at;
}

/** The document's one value; `end` when there is none. */
export function rootValue(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  return skipSpace(buf, start, end);
}

/** Kind of the value at `at`. */
export function kindOf(buf: StaticArray<u8>, at: i32): u32 {
  let byte = readU8(buf, at);
  return byte == 0x2d || isDigit(byte) ? JSON_NUMBER : byte;
}

// --- Checking -------------------------------------------------------------------

function failAt(at: i32, code: i32): i32 {
  jsonErrorAt = at;
  return code;
}

/** Proves `[start, end)` to be one JSON value; 0 or an error, with `jsonErrorAt`. */
export function checkJson(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  if (!within(buf, start, end - start)) return failAt(start, JSON_END);
  let depth = 0;
  let objects: u32 = 0; // bit 0: the innermost container is an object
  let at = skipSpace(buf, start, end);
  while (true) {
    // A value begins at `at`.
    if (at >= end) return failAt(at, JSON_END);
    let kind = kindOf(buf, at);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
      if (depth == MAX_JSON_DEPTH) return failAt(at, JSON_DEPTH);
      depth++;
      objects = (objects << 1) | (kind == JSON_OBJECT ? 1 : 0);
      at = skipSpace(buf, at + 1, end);
      if (readU8(buf, at) != (kind == JSON_OBJECT ? 0x7d : 0x5d) || at >= end) {
        if (kind == JSON_ARRAY) continue;
        at = checkKey(buf, at, end);
        if (at < 0) return jsonError;
        continue;
      }
      depth--; // empty: its closing bracket is at `at`
      objects >>= 1;
    } else if (kind == JSON_STRING) {
      at = checkString(buf, at, end) - 1;
      if (at < 0) return jsonError;
    } else {
      let stop = scalarEnd(buf, at, end);
      if (stop < 0) return failAt(at, JSON_SYNTAX);
      at = stop - 1;
    }
    // The value's last byte is at `at`: close what it closes, or go to the next value.
    while (true) {
      at = skipSpace(buf, at + 1, end);
      if (depth == 0) return at == end ? 0 : failAt(at, JSON_SYNTAX);
      if (at >= end) return failAt(at, JSON_END);
      let byte = readU8(buf, at);
      let inObject = (objects & 1) != 0;
      if (byte == <u32>(inObject ? 0x7d : 0x5d)) {
        depth--;
        objects >>= 1;
        continue;
      }
      if (byte != 0x2c) return failAt(at, JSON_SYNTAX);
      at = skipSpace(buf, at + 1, end);
      if (inObject) {
        at = checkKey(buf, at, end);
        if (at < 0) return jsonError;
      }
      break;
    }
  }
}

/** What `checkKey` and `checkString` failed with. */
let jsonError: i32 = 0;

function reject(at: i32, code: i32): i32 {
  jsonError = failAt(at, code);
  return -1;
}

/** Offset of the value behind the key at `at`, -1 when there is no key. */
function checkKey(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  if (at >= end) return reject(at, JSON_END);
  if (readU8(buf, at) != 0x22) return reject(at, JSON_SYNTAX);
  at = checkString(buf, at, end);
  if (at < 0) return -1;
  at = skipSpace(buf, at, end);
  if (at >= end) return reject(at, JSON_END);
  if (readU8(buf, at) != 0x3a) return reject(at, JSON_SYNTAX);
  return skipSpace(buf, at + 1, end);
}

/** End of the string at `at`, behind its quote; -1 when it is none. */
function checkString(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  at++;
  while (at < end) {
    let byte = readU8(buf, at);
    if (byte == 0x22) return at + 1;
    if (byte < 0x20) return reject(at, JSON_SYNTAX);
    if (byte != 0x5c) {
      let size = sequenceLength(buf, at, end);
      if (size == 0) return reject(at, JSON_UTF8);
      at += size;
      continue;
    }
    let size = escapeSize(buf, at, end);
    if (size == 0) return reject(at, JSON_ESCAPE);
    at += size;
  }
  return reject(at, JSON_END);
}

/** Length of the escape at `at`, 0 when it is bad. A surrogate pair is one escape; half of one is bad. */
function escapeSize(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  if (end - at < 2) return 0;
  let byte = readU8(buf, at + 1);
  if (byte != 0x75) return simpleEscape(byte) != 0 ? 2 : 0;
  let unit = hexUnit(buf, at + 2, end);
  if (unit < 0 || unit >> 10 == 0x37) return 0; // a low surrogate first
  if (unit >> 10 != 0x36) return 6;
  if (end - at < 12 || readU8(buf, at + 6) != 0x5c || readU8(buf, at + 7) != 0x75) return 0;
  return hexUnit(buf, at + 8, end) >> 10 == 0x37 ? 12 : 0;
}

/** What the letter behind a backslash stands for; 0 when it is no escape. */
function simpleEscape(byte: u32): u32 {
  switch (byte) {
    case 0x22:
    case 0x2f:
    case 0x5c:
      return byte;
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    case 0x6e:
      return 10;
    case 0x72:
      return 13;
    case 0x74:
      return 9;
    default:
      return 0;
  }
}

/** Four hexadecimal digits, -1 when there are fewer. */
function hexUnit(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  if (end - at < 4) return -1;
  let value = 0;
  for (let i = 0; i < 4; i++) {
    let digit = hexValue(readU8(buf, at + i));
    if (digit < 0) return -1;
    value = (value << 4) | digit;
  }
  return value;
}

/** End of the number or literal at `at`, -1 when it is none. */
function scalarEnd(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  let byte = readU8(buf, at);
  if (byte == JSON_TRUE) return word(buf, at, end, 'true');
  if (byte == JSON_FALSE) return word(buf, at, end, 'false');
  if (byte == JSON_NULL) return word(buf, at, end, 'null');
  if (byte == 0x2d) at++;
  let begin = at;
  at = digitsEnd(buf, at, end);
  if (at == begin || (at - begin > 1 && readU8(buf, begin) == 0x30)) return -1;
  if (at < end && readU8(buf, at) == 0x2e) {
    begin = at + 1;
    at = digitsEnd(buf, begin, end);
    if (at == begin) return -1;
  }
  if (at < end && (readU8(buf, at) | 0x20) == 0x65) {
    at++;
    if (at < end && (readU8(buf, at) == 0x2b || readU8(buf, at) == 0x2d)) at++;
    begin = at;
    at = digitsEnd(buf, begin, end);
    if (at == begin) return -1;
  }
  return at;
}

function digitsEnd(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  while (at < end && isDigit(readU8(buf, at))) at++;
  return at;
}

function word(buf: StaticArray<u8>, at: i32, end: i32, literal: string): i32 {
  if (end - at < literal.length) return -1;
  for (let i = 0; i < literal.length; i++) {
    if (readU8(buf, at + i) != <u32>literal.charCodeAt(i)) return -1;
  }
  return at + literal.length;
}

// --- Walking a checked document ---------------------------------------------------

/** End of the value at `at`. */
export function valueEnd(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  let depth = 0;
  while (at < end) {
    let byte = readU8(buf, at);
    if (byte == 0x22) {
      at = stringEnd(buf, at, end);
    } else if (byte == 0x7b || byte == 0x5b) {
      depth++;
      at++;
    } else if (byte == 0x7d || byte == 0x5d) {
      depth--;
      at++;
    } else if (depth > 0) {
      at++;
    } else {
      while (at < end && !isScalarEnd(readU8(buf, at))) at++;
    }
    if (depth <= 0) break;
  }
  return at;
}

function isScalarEnd(byte: u32): bool {
  return byte <= 0x20 || byte == 0x2c || byte == 0x5d || byte == 0x7d;
}

function stringEnd(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  at++;
  while (at < end) {
    let byte = readU8(buf, at);
    if (byte == 0x22) return at + 1;
    at += byte == 0x5c ? 2 : 1;
  }
  return end;
}

/** First item of an array, or first key of an object; -1 when it has none or is neither. */
export function firstItem(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  let kind = kindOf(buf, at);
  if (kind != JSON_ARRAY && kind != JSON_OBJECT) return -1;
  at = skipSpace(buf, at + 1, end);
  let byte = readU8(buf, at);
  return at >= end || byte == 0x5d || byte == 0x7d ? -1 : at;
}

/** The item behind this one in an array; given a value of an object, its next key; -1 at the end. */
export function nextItem(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  at = skipSpace(buf, valueEnd(buf, at, end), end);
  return at < end && readU8(buf, at) == 0x2c ? skipSpace(buf, at + 1, end) : -1;
}

/** The value of the key at `at`. */
export function keyValue(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  return skipSpace(buf, skipSpace(buf, stringEnd(buf, at, end), end) + 1, end);
}

/** The value that an object has under an ASCII key written without escapes; -1 when there is none. */
export function findValue(buf: StaticArray<u8>, object: i32, end: i32, key: string): i32 {
  if (kindOf(buf, object) != JSON_OBJECT) return -1;
  for (let at = firstItem(buf, object, end); at >= 0; ) {
    let value = keyValue(buf, at, end);
    if (isString(buf, at, end, key)) return value;
    at = nextItem(buf, value, end);
  }
  return -1;
}

/** True when the value is this ASCII string, written without escapes. */
export function isString(buf: StaticArray<u8>, at: i32, end: i32, literal: string): bool {
  let len = literal.length;
  if (readU8(buf, at) != 0x22 || end - at < len + 2 || readU8(buf, at + len + 1) != 0x22) return false;
  return word(buf, at + 1, end, literal) >= 0;
}

/** Appends the text of the string at `at`, escapes resolved, as UTF-8. */
export function readString(buf: StaticArray<u8>, at: i32, end: i32, out: ByteWriter): void {
  let stop = stringEnd(buf, at, end) - 1;
  at++;
  while (at < stop) {
    let byte = readU8(buf, at);
    if (byte != 0x5c) {
      out.u8(byte);
      at++;
      continue;
    }
    byte = readU8(buf, at + 1);
    if (byte != 0x75) {
      out.u8(simpleEscape(byte));
      at += 2;
      continue;
    }
    let point: u32 = max(hexUnit(buf, at + 2, end), 0);
    at += 6;
    if (point >> 10 == 0x36) {
      point = 0x10000 + ((point & 0x3ff) << 10) + (max(hexUnit(buf, at + 2, end), 0) & 0x3ff);
      at += 6;
    }
    appendPoint(point, out);
  }
}

function appendPoint(point: u32, out: ByteWriter): void {
  if (point < 0x80) {
    out.u8(point);
  } else if (point < 0x800) {
    out.u8(0xc0 | (point >> 6));
    out.u8(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out.u8(0xe0 | (point >> 12));
    out.u8(0x80 | ((point >> 6) & 0x3f));
    out.u8(0x80 | (point & 0x3f));
  } else {
    out.u8(0xf0 | (point >> 18));
    out.u8(0x80 | ((point >> 12) & 0x3f));
    out.u8(0x80 | ((point >> 6) & 0x3f));
    out.u8(0x80 | (point & 0x3f));
  }
}
