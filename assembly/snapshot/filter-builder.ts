import { readU8, readU32, writeU8, writeU32 } from '../bytes/bytes';
import {
  beginningKey,
  MAX_BEGINNING,
  slotOf,
  TEXT_FACTOR,
  WINDOW_KINDS,
  windowKey,
  windowLength,
} from '../policy/hashes';
import { FILTER_SIZE, FILTER_WINDOWS, SLOT_SIZE } from '../policy/layout';
import { alignImage, image, imageStart, intern } from './blocks';
import { BEGINNINGS } from './literals';

/** Makes the filters that `policy/path-filter.ts` applies. */

/** Bits for each piece: one in 32 of the others' pieces is let through to the table. */
const BITS_A_PIECE: i32 = 32;
const MIN_BITS: i32 = 256;
/** 4 KiB: a guest holds the field of bits while it looks at a path. */
const MAX_BITS: i32 = 32_768;
/** Counters of windows, by which the rarest is chosen. */
const COUNTERS: i32 = 65_536;

const counters = new StaticArray<u16>(COUNTERS);
const lengths = new StaticArray<u8>(32);
let windows: u32 = 0;

/** Pieces of the filter being made: key, member, item each. */
let pieces: StaticArray<u32> = new StaticArray<u32>(0);
let pieceCount: i32 = 0;
const PIECE: i32 = 3;

export function openFilter(): void {
  pieceCount = 0;
  windows = 0;
  memory.fill(changetype<usize>(lengths), 0, 32);
  memory.fill(changetype<usize>(counters), 0, COUNTERS * 2);
}

/** First pass: counts the windows of an expression's texts (`writeLiterals`) at `at`. */
export function countTexts(texts: StaticArray<u8>, at: i32): void {
  if (readU8(texts, at) == BEGINNINGS) return;
  let count = readU8(texts, at + 1);
  at += 2;
  for (let i: u32 = 0; i < count; i++) {
    let len = <i32>readU8(texts, at++);
    let kind = kindFor(len);
    for (let from = 0; from + windowLength(kind) <= len; from++) {
      let counter = <i32>(keyOf(texts, at + from, kind) & (COUNTERS - 1));
      if (counters[counter] != u16.MAX_VALUE) counters[counter]++;
    }
    at += len;
  }
}

/** Second pass: adds the expression, item `item` of the member's resources. */
export function addTexts(texts: StaticArray<u8>, at: i32, member: u32, item: i32): void {
  let begins = readU8(texts, at) == BEGINNINGS;
  let count = readU8(texts, at + 1);
  at += 2;
  for (let i: u32 = 0; i < count; i++) {
    let len = <i32>readU8(texts, at++);
    addPiece(begins ? beginningOf(texts, at, len) : rarestWindow(texts, at, len), member, <u32>item);
    at += len;
  }
}

function beginningOf(texts: StaticArray<u8>, at: i32, len: i32): u32 {
  len = min(len, MAX_BEGINNING);
  setBit(lengths, <u32>len);
  return beginningKey(hashOf(texts, at, len), len);
}

function rarestWindow(texts: StaticArray<u8>, at: i32, len: i32): u32 {
  let kind = kindFor(len);
  windows |= 1 << kind;
  let best: u32 = 0;
  let fewest: u32 = u32.MAX_VALUE;
  for (let from = 0; from + windowLength(kind) <= len; from++) {
    let key = keyOf(texts, at + from, kind);
    let times = <u32>counters[<i32>(key & (COUNTERS - 1))];
    if (times >= fewest) continue;
    fewest = times;
    best = key;
  }
  return best;
}

/** The longest kind of window that fits into a text. */
function kindFor(len: i32): i32 {
  let kind = 0;
  while (kind + 1 < WINDOW_KINDS && windowLength(kind + 1) <= len) kind++;
  return kind;
}

function keyOf(texts: StaticArray<u8>, at: i32, kind: i32): u32 {
  return windowKey(hashOf(texts, at, windowLength(kind)), kind);
}

function hashOf(texts: StaticArray<u8>, at: i32, len: i32): u32 {
  let hash: u32 = 0;
  for (let i = 0; i < len; i++) hash = hash * TEXT_FACTOR + readU8(texts, at + i);
  return hash;
}

function addPiece(key: u32, member: u32, item: u32): void {
  let at = pieceCount * PIECE;
  if (at + PIECE > pieces.length) {
    let larger = new StaticArray<u32>(max(pieces.length * 2, 4096 * PIECE));
    memory.copy(changetype<usize>(larger), changetype<usize>(pieces), <usize>at * 4);
    pieces = larger;
  }
  pieces[at] = key;
  pieces[at + 1] = member;
  pieces[at + 2] = item;
  pieceCount++;
}

// --- Writing ----------------------------------------------------------------------------

/** Writes the filter to the image; its offset. */
export function writeFilter(): i32 {
  let order = sortedByKey();
  let keyCount = 0;
  for (let i = 0; i < pieceCount; i++) {
    if (i == 0 || keyAt(order, i) != keyAt(order, i - 1)) keyCount++;
  }
  let slots = keyCount + keyCount / 2 + 1;
  let table = new StaticArray<u8>(slots * SLOT_SIZE);
  let bits = MIN_BITS;
  while (bits < MAX_BITS && bits < keyCount * BITS_A_PIECE) bits *= 2;
  let field = new StaticArray<u8>(bits / 8);
  for (let from = 0; from < pieceCount; ) {
    let key = keyAt(order, from);
    let to = from;
    while (to < pieceCount && keyAt(order, to) == key) to++;
    setBit(field, key & (<u32>bits - 1));
    putSlot(table, slots, key, writeCandidates(order, from, to));
    from = to;
  }
  // The field is read as a whole, a slot of the table by itself: neither across a unit's end without need.
  alignImage(min(field.length, 1024));
  let fieldAt = image.len - imageStart;
  image.bytes(field, 0, field.length);
  alignImage(SLOT_SIZE);
  let tableAt = image.len - imageStart;
  image.bytes(table, 0, table.length);
  let at = image.len - imageStart;
  image.bytes(lengths, 0, FILTER_WINDOWS);
  image.u32(windows);
  image.u32(bits - 1);
  image.u32(fieldAt);
  image.u32(tableAt);
  image.u32(slots);
  assert(image.overflow || image.len - imageStart - at == FILTER_SIZE);
  return at;
}

function writeCandidates(order: StaticArray<i32>, from: i32, to: i32): i32 {
  alignImage(4);
  let at = image.len;
  image.u32(to - from);
  for (let i = from; i < to; i++) {
    image.u32(pieces[order[i] * PIECE + 1]);
    image.u32(pieces[order[i] * PIECE + 2]);
  }
  return intern(at);
}

/** Puts what a key leads to into a table of `slots`. */
export function putSlot(table: StaticArray<u8>, slots: i32, key: u32, offset: i32): void {
  let slot = <i32>slotOf(key, slots);
  while (readU32(table, slot * SLOT_SIZE + 4) != 0) slot = slot + 1 == slots ? 0 : slot + 1;
  writeU32(table, slot * SLOT_SIZE, key);
  writeU32(table, slot * SLOT_SIZE + 4, offset);
}

function keyAt(order: StaticArray<i32>, i: i32): u32 {
  return pieces[order[i] * PIECE];
}

/** Pieces by key, those of one key in the order they came in: a merge sort. */
function sortedByKey(): StaticArray<i32> {
  let from = new StaticArray<i32>(pieceCount);
  let to = new StaticArray<i32>(pieceCount);
  for (let i = 0; i < pieceCount; i++) from[i] = i;
  for (let width = 1; width < pieceCount; width *= 2) {
    for (let left = 0; left < pieceCount; left += width * 2) {
      let middle = min(left + width, pieceCount);
      let end = min(left + width * 2, pieceCount);
      let a = left;
      let b = middle;
      for (let i = left; i < end; i++) {
        if (a < middle && (b >= end || keyAt(from, a) <= keyAt(from, b))) to[i] = from[a++];
        else to[i] = from[b++];
      }
    }
    let swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/** Sets a bit of a field. */
export function setBit(field: StaticArray<u8>, bit: u32): void {
  writeU8(field, <i32>(bit >> 3), readU8(field, <i32>(bit >> 3)) | (1 << (bit & 7)));
}
