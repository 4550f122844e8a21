import { hexValue } from '../bytes/ascii';
import { readU8, sameBytes } from '../bytes/bytes';
import { MAX_URI } from '../contract';
import { Target } from '../http/target';
import { isMatch } from '../regexp/regexp';
import {
  QUERY_ABSENT,
  QUERY_EQUAL,
  QUERY_NOT_EQUAL,
  QUERY_NOT_PATTERN,
  QUERY_PATTERN,
  QUERY_PRESENT,
} from './layout';
import {
  bytes,
  isLastItem,
  itemCount,
  itemKind,
  itemLength,
  itemOffset,
  locateProgram,
  locateString,
  readItem,
} from './view';

/**
 * Scratch: the decoded value of a query key while a request is judged, one
 * string of the document while a policy is compiled.
 */
export const text = new StaticArray<u8>(MAX_URI);
/** Bytes of `text` that hold the value found. */
let textLength: i32 = 0;

/**
 * `query`: alternatives, each an AND list. Only the first value of a key
 * counts, and an absent key reads as empty: Go's `url.Values`.
 */
export function queryMatches(list: i32, target: Target): bool {
  let count = itemCount(list);
  let all = true;
  for (let i = 0; i < count; i++) {
    readItem(list, i);
    let last = isLastItem();
    let kind = itemKind;
    let takesValue = kind >= QUERY_EQUAL && kind <= QUERY_NOT_PATTERN;
    if (takesValue && i + 1 >= count) return false;
    if (all) all = entryMatches(kind, list, i + 1, target);
    if (takesValue) i++;
    if (last) {
      if (all) return true;
      all = true;
    }
  }
  return false;
}

/** Whether the condition read last holds; where its operator wants a value, that is item `valueIndex`. */
function entryMatches(kind: u32, list: i32, valueIndex: i32, target: Target): bool {
  let key = locateString();
  let present = findValue(target, bytes, key, key + itemLength);
  if (kind == QUERY_PRESENT) return present;
  if (kind == QUERY_ABSENT) return !present;
  if (kind < QUERY_EQUAL || kind > QUERY_NOT_PATTERN) return false;
  readItem(list, valueIndex);
  let negated = kind == QUERY_NOT_EQUAL || kind == QUERY_NOT_PATTERN;
  if (kind == QUERY_PATTERN || kind == QUERY_NOT_PATTERN) {
    let program = locateProgram(itemOffset);
    return isMatch(bytes, program, text, 0, textLength) != negated;
  }
  let value = locateString();
  return sameBytes(text, 0, textLength, bytes, value, value + itemLength) != negated;
}

/** Decodes the first value of the key into `text`, which is left empty when the key is absent. */
function findValue(target: Target, key: StaticArray<u8>, keyStart: i32, keyEnd: i32): bool {
  let query = target.object;
  let at = target.queryStart;
  textLength = 0;
  while (at < target.objectLength) {
    let end = pairEnd(query, at, target.objectLength);
    let equal = keyPartEnd(query, at, end);
    if (isPair(query, at, end) && decodedEquals(query, at, equal, key, keyStart, keyEnd)) {
      decodeValue(query, min(equal + 1, end), end);
      return true;
    }
    at = end + 1;
  }
  return false;
}

/** End of the pair that begins at `at`: its `&`, or the query's end. */
export function pairEnd(query: StaticArray<u8>, at: i32, end: i32): i32 {
  while (at < end && unchecked(query[at]) != 0x26) at++;
  return at;
}

/** End of the key of the pair `[at, end)`: its first `=`, or the pair's end. */
export function keyPartEnd(query: StaticArray<u8>, at: i32, end: i32): i32 {
  while (at < end && unchecked(query[at]) != 0x3d) at++;
  return at;
}

/** False for what Go's `url.ParseQuery` drops: empty pairs, pairs with `;` or a bad escape. */
export function isPair(query: StaticArray<u8>, at: i32, end: i32): bool {
  if (at >= end) return false;
  for (; at < end; at++) {
    let byte = unchecked(query[at]);
    if (byte == 0x3b) return false;
    if (byte != 0x25) continue;
    if (end - at < 3 || (hexValue(unchecked(query[at + 1])) | hexValue(unchecked(query[at + 2]))) < 0)
      return false;
    at += 2;
  }
  return true;
}

/** Bytes of the query that `decodeByte` took. */
let taken: i32 = 0;

/** One decoded byte of a query whose escapes are good: `+` is a blank. */
function decodeByte(query: StaticArray<u8>, at: i32, end: i32): u32 {
  let byte = <u32>unchecked(query[at]);
  taken = 1;
  if (byte == 0x2b) return 0x20;
  if (byte != 0x25 || end - at < 3) return byte;
  taken = 3;
  return (hexValue(unchecked(query[at + 1])) << 4) | hexValue(unchecked(query[at + 2]));
}

/** Compares a part of the query, decoded, with a key. */
export function decodedEquals(
  query: StaticArray<u8>,
  at: i32,
  end: i32,
  key: StaticArray<u8>,
  keyStart: i32,
  keyEnd: i32,
): bool {
  while (at < end && keyStart < keyEnd) {
    if (decodeByte(query, at, end) != readU8(key, keyStart++)) return false;
    at += taken;
  }
  return at >= end && keyStart >= keyEnd;
}

function decodeValue(query: StaticArray<u8>, at: i32, end: i32): void {
  while (at < end && textLength < text.length) {
    unchecked((text[textLength++] = <u8>decodeByte(query, at, end)));
    at += taken;
  }
}
