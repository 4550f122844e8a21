import { lowerAscii } from '../bytes/ascii';
import { readU8, readU32 } from '../bytes/bytes';
import { scratch } from '../bytes/scratch';
import { Target } from '../http/target';
import { beginningKey, slotOf, TEXT_FACTOR, WINDOW_KINDS, windowKey, windowLength } from './hashes';
import {
  FILTER_BITS,
  FILTER_MASK,
  FILTER_SIZE,
  FILTER_SLOTS,
  FILTER_TABLE,
  FILTER_WINDOWS,
  SLOT_SIZE,
} from './layout';
import { bytes, locate } from './view';

/**
 * All expressions of a domain in one pass over the path: most cannot match
 * without a certain literal text, at the beginning or anywhere. The filter knows
 * these by hashes: for each length that occurs, the hash of every such piece of
 * the path is looked up, first in a small field of bits, then in a table that
 * leads to the expressions. What the filter lets through is judged by the
 * expression itself; what it holds back cannot match.
 *
 * Case is folded as `(?i)` folds it, on both sides: ASCII letters, and the two
 * characters beyond that fold to one (U+017F to `s`, U+212A to `k`).
 */

/** Pieces of one path that are in the field of bits. More: the domain's rules are judged one by one. */
const MAX_PIECES: i32 = 96;

/** Offsets of the lists of candidates found last. */
export const found = new StaticArray<i32>(MAX_PIECES);
export let foundCount: i32 = 0;

const keys = new StaticArray<u32>(MAX_PIECES);
let keyCount: i32 = 0;
/** Length of the folded path in the scratch space; -1 before it is there. */
let folded: i32 = -1;

/** Forgets the path looked at last. */
export function resetFilter(): void {
  folded = -1;
}

/** Finds the candidates of the filter at offset `filter`; false when it cannot say which they are. */
export function applyFilter(filter: i32, target: Target): bool {
  foundCount = 0;
  keyCount = 0;
  if (folded < 0) foldObject(target);
  let at = locate(filter, FILTER_SIZE);
  let windows = readU32(bytes, at + FILTER_WINDOWS);
  let mask = readU32(bytes, at + FILTER_MASK);
  let bits = <i32>readU32(bytes, at + FILTER_BITS);
  let table = <i32>readU32(bytes, at + FILTER_TABLE);
  let slots = readU32(bytes, at + FILTER_SLOTS);
  if (!copyLengths(at)) return false;
  let field = locate(bits, <i32>((mask >> 3) + 1));
  if (!findBeginnings(field, mask)) return false;
  for (let kind = 0; kind < WINDOW_KINDS; kind++) {
    if (((windows >> kind) & 1) != 0 && !findWindows(kind, field, mask)) return false;
  }
  for (let i = 0; i < keyCount; i++) lookUp(unchecked(keys[i]), table, slots);
  return true;
}

/** Bits of the lengths of beginnings, of the filter being applied. */
const lengths = memory.data(32, 16);
/** The longest of them. */
let longest: i32 = 0;

function copyLengths(at: i32): bool {
  longest = 0;
  for (let i = 0; i < 32; i++) {
    let byte = readU8(bytes, at + i);
    store<u8>(lengths + i, byte);
    if (byte != 0) longest = i * 8 + 31 - clz(byte);
  }
  return true;
}

function findBeginnings(field: i32, mask: u32): bool {
  let end = min(folded, longest);
  let hash: u32 = 0;
  for (let len = 1; len <= end; len++) {
    hash = hash * TEXT_FACTOR + unchecked(scratch[len - 1]);
    if (((load<u8>(lengths + (len >> 3)) >> (len & 7)) & 1) == 0) continue;
    let key = beginningKey(hash, len);
    if (isSet(field, key & mask) && !addKey(key)) return false;
  }
  return true;
}

function findWindows(kind: i32, field: i32, mask: u32): bool {
  let len = windowLength(kind);
  if (folded < len) return true;
  // What the byte that leaves the window has become by then.
  let factor: u32 = 1;
  for (let i = 1; i < len; i++) factor *= TEXT_FACTOR;
  let hash: u32 = 0;
  for (let i = 0; i < len - 1; i++) hash = hash * TEXT_FACTOR + unchecked(scratch[i]);
  for (let end = len - 1; end < folded; end++) {
    hash = hash * TEXT_FACTOR + unchecked(scratch[end]);
    let key = windowKey(hash, kind);
    if (isSet(field, key & mask) && !addKey(key)) return false;
    hash -= factor * unchecked(scratch[end - len + 1]);
  }
  return true;
}

function isSet(field: i32, bit: u32): bool {
  return ((readU8(bytes, field + <i32>(bit >> 3)) >> (bit & 7)) & 1) != 0;
}

function addKey(key: u32): bool {
  for (let i = 0; i < keyCount; i++) {
    if (unchecked(keys[i]) == key) return true;
  }
  if (keyCount == MAX_PIECES) return false;
  unchecked((keys[keyCount++] = key));
  return true;
}

/** Adds the key's list of candidates, when the table has one. */
function lookUp(key: u32, table: i32, slots: u32): void {
  if (slots == 0) return;
  let slot = slotOf(key, slots);
  for (let tries: u32 = 0; tries < slots; tries++) {
    let at = locate(table + <i32>slot * SLOT_SIZE, SLOT_SIZE);
    let list = <i32>readU32(bytes, at + 4);
    if (list == 0) return;
    if (readU32(bytes, at) == key) {
      unchecked((found[foundCount++] = list));
      return;
    }
    if (++slot == slots) slot = 0;
  }
}

/** The path and query with case folded, into the scratch space. */
function foldObject(target: Target): void {
  let object = target.object;
  let len = target.objectLength;
  let out = 0;
  for (let i = 0; i < len; i++) {
    let byte = unchecked(object[i]);
    if (byte == 0xc5 && readU8(object, i + 1) == 0xbf && i + 1 < len) {
      unchecked((scratch[out++] = 0x73));
      i++;
    } else if (
      byte == 0xe2 &&
      readU8(object, i + 1) == 0x84 &&
      readU8(object, i + 2) == 0xaa &&
      i + 2 < len
    ) {
      unchecked((scratch[out++] = 0x6b));
      i += 2;
    } else {
      unchecked((scratch[out++] = <u8>lowerAscii(byte)));
    }
  }
  folded = out;
}
