import { addRange } from './char-class';
import { Found, install } from './unicode';
import { FOLDS, NAMES, RANGES } from './unicode-data';

/**
 * Look-ups in the generated tables. Whoever imports this file links them, some
 * 40 KiB; the guest must not.
 */
export function installUnicodeTables(): void {
  install(addVariants, addClass);
}

/** Longest name of a class, in bytes. */
const MAX_NAME: i32 = 32;

const CLOSURE: u32 = 0xffff;

/** The name asked for in Go's canonical spelling: letters only, the first in upper case. */
const name = new StaticArray<u8>(MAX_NAME);

function canonical(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  let len = 0;
  for (let i = start; i < end; i++) {
    let c = <u32>unchecked(buf[i]);
    if (c == 0x5f || c == 0x2d || c == 0x20) continue;
    if (len == MAX_NAME) return -1;
    if (len == 0 && c - 0x61 < 26) c -= 32;
    else if (len > 0 && c - 0x41 < 26) c += 32;
    unchecked((name[len++] = <u8>c));
  }
  return len;
}

let at: i32 = 0;

function varint(): u32 {
  let value: u32 = 0;
  let byte: u32 = 0x80;
  for (let shift = 0; byte >= 0x80; shift += 7) {
    byte = at < RANGES.length ? <u32>unchecked(RANGES[at++]) : 0;
    value |= (byte & 0x7f) << shift;
  }
  return value;
}

function addClass(buf: StaticArray<u8>, start: i32, end: i32, fold: bool): i32 {
  let len = canonical(buf, start, end);
  if (len <= 0) return Found.No;
  let entry = 0;
  while (entry < NAMES.length) {
    let size = <i32>unchecked(NAMES[entry]);
    if (
      size == len &&
      memory.compare(changetype<usize>(NAMES) + entry + 1, changetype<usize>(name), len) == 0
    ) {
      let offsets = load<u32>(changetype<usize>(NAMES) + entry + 1 + size);
      let folded = offsets >> 16;
      at = <i32>(fold && folded != CLOSURE ? folded : offsets & 0xffff);
      addRanges();
      return fold && folded == CLOSURE ? Found.Fold : Found.Yes;
    }
    entry += size + 5;
  }
  return Found.No;
}

function addRanges(): void {
  let end: u32 = 0;
  for (let count = varint(); count > 0; count--) {
    let lo = end + varint();
    end = lo + varint();
    addRange(lo, end);
  }
}

/** Next character of the orbit of `rune`, itself when it has no other case. */
function next(rune: i32): i32 {
  for (let i = 0; i < FOLDS.length && unchecked(FOLDS[i]) <= rune; i += 4) {
    let first = unchecked(FOLDS[i]);
    if (rune <= unchecked(FOLDS[i + 1]) && (rune - first) % unchecked(FOLDS[i + 3]) == 0) {
      return rune + unchecked(FOLDS[i + 2]);
    }
  }
  return rune;
}

/** Adds the case variants of `[lo, hi]`. */
function addVariants(lo: u32, hi: u32): void {
  let from = <i32>lo;
  let to = <i32>hi;
  for (let i = 0; i < FOLDS.length; i += 4) {
    let first = unchecked(FOLDS[i]);
    let last = unchecked(FOLDS[i + 1]);
    if (first > to) return;
    if (last < from) continue;
    let step = unchecked(FOLDS[i + 3]);
    let rune = first < from ? first + ((from - first + step - 1) / step) * step : first;
    for (; rune <= last && rune <= to; rune += step) {
      for (let other = next(rune); other != rune; other = next(other)) addRange(other, other);
    }
  }
}
