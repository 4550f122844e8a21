import { hexValue } from '../bytes/ascii';
import { readU8, sameBytes } from '../bytes/bytes';
import { MAX_URI } from '../contract';
import { Target } from '../http/target';
import { isMatch } from '../regexp/regexp';
import {
  isLastItem,
  itemAt,
  itemCount,
  itemKind,
  itemLength,
  itemStart,
  QUERY_ABSENT,
  QUERY_EQUAL,
  QUERY_NOT_EQUAL,
  QUERY_NOT_PATTERN,
  QUERY_PATTERN,
  QUERY_PRESENT,
} from './layout';

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
export function queryMatches(buf: StaticArray<u8>, image: i32, list: i32, target: Target): bool {
  let count = itemCount(buf, list);
  let all = true;
  for (let i = 0; i < count; i++) {
    let item = itemAt(list, i);
    let last = isLastItem(buf, item);
    let kind = itemKind(buf, item);
    let valueItem = 0;
    if (kind >= QUERY_EQUAL && kind <= QUERY_NOT_PATTERN) {
      if (++i >= count) return false;
      valueItem = itemAt(list, i);
    }
    if (all) all = entryMatches(buf, image, item, kind, valueItem, target);
    if (last) {
      if (all) return true;
      all = true;
    }
  }
  return false;
}

function entryMatches(
  buf: StaticArray<u8>,
  image: i32,
  item: i32,
  kind: u32,
  valueItem: i32,
  target: Target,
): bool {
  let start = itemStart(buf, image, item);
  let present = findValue(target, buf, start, start + itemLength(buf, item));
  if (kind == QUERY_PRESENT) return present;
  if (kind == QUERY_ABSENT) return !present;
  let value = itemStart(buf, image, valueItem);
  switch (kind) {
    case QUERY_EQUAL:
      return sameBytes(text, 0, textLength, buf, value, value + itemLength(buf, valueItem));
    case QUERY_NOT_EQUAL:
      return !sameBytes(text, 0, textLength, buf, value, value + itemLength(buf, valueItem));
    case QUERY_PATTERN:
      return isMatch(buf, value, text, 0, textLength);
    case QUERY_NOT_PATTERN:
      return !isMatch(buf, value, text, 0, textLength);
    default:
      return false;
  }
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
