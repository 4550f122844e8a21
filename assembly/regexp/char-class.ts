import { arenaFull, dropLow, lowAddress, lowMark, takeLow } from './arena';

/**
 * Character classes: sorted, disjoint ranges of code points, kept one after the
 * other at the bottom of the arena while a pattern is parsed. In 32-bit words:
 *
 *     count, value, lo, hi, lo, hi, ...
 *
 * A class is named by the offset of its first word. `value` belongs to the
 * stages after the parser. Equal classes are stored once.
 */
export const MAX_RUNE: u32 = 0x10ffff;

const HEAD: i32 = 8;

/** Offset of the class under construction, -1 when none. */
let open: i32 = -1;
/** Offset of the first range that `addRange` may extend. */
let floor: i32 = 0;
/** Classes of the ASCII characters seen, so that literals need no search; 0 is none, else offset + 1. */
const ascii = new StaticArray<i32>(128);

export function resetClasses(): void {
  open = -1;
  memory.fill(changetype<usize>(ascii), 0, 512);
}

export function beginClass(): void {
  open = lowMark();
  takeLow(HEAD);
  floor = lowMark();
}

/** Adds `[lo, hi]` to the class under construction, in any order. */
export function addRange(lo: u32, hi: u32): void {
  // Folding adds to two growing ranges (upper and lower case) in turn.
  let end = lowMark();
  for (let at = end - 8; at >= floor && at >= end - 16; at -= 8) {
    let address = lowAddress(at);
    let rlo = load<u32>(address);
    let rhi = load<u32>(address, 4);
    if (lo <= rhi + 1 && rlo <= hi + 1) {
      if (lo < rlo) store<u32>(address, lo);
      if (hi > rhi) store<u32>(address, hi, 4);
      return;
    }
  }
  let address = takeLow(8);
  if (address == 0) return;
  store<u32>(address, lo);
  store<u32>(address, hi, 4);
}

/** Where a group inside the class starts; ranges added before it are left alone until `endGroup`. */
export function beginGroup(): i32 {
  floor = lowMark();
  return floor;
}

/** Range `i` of a group, which may still grow. */
export function groupLo(group: i32, i: i32): u32 {
  return load<u32>(lowAddress(group + (i << 3)));
}

export function groupHi(group: i32, i: i32): u32 {
  return load<u32>(lowAddress(group + (i << 3)), 4);
}

export function groupCount(group: i32): i32 {
  return (lowMark() - group) >> 3;
}

export function endGroup(group: i32, negate: bool): void {
  if (negate) {
    clean(group);
    invert(group);
  }
  floor = open + HEAD;
}

/** Ends the class and answers its name, 0 at least; meaningless when the arena is full. */
export function endClass(negate: bool): i32 {
  let first = open + HEAD;
  clean(first);
  if (negate) invert(first);
  if (arenaFull()) return 0;
  let bytes = lowMark() - first;
  store<u32>(lowAddress(open), bytes >> 3);
  store<u32>(lowAddress(open), 0, 4);
  for (let at = 0; at < open; at = nextClass(at)) {
    if (
      classCount(at) << 3 == bytes &&
      memory.compare(lowAddress(at + HEAD), lowAddress(first), bytes) == 0
    ) {
      dropLow(open);
      return at;
    }
  }
  return open;
}

/** The class of one character. */
export function runeClass(rune: u32): i32 {
  if (rune < 128 && unchecked(ascii[rune]) != 0) return unchecked(ascii[rune]) - 1;
  beginClass();
  addRange(rune, rune);
  let at = endClass(false);
  if (rune < 128) unchecked((ascii[rune] = at + 1));
  return at;
}

export function nextClass(at: i32): i32 {
  return at + HEAD + (classCount(at) << 3);
}

export function classCount(at: i32): i32 {
  return load<i32>(lowAddress(at));
}

export function classLo(at: i32, i: i32): u32 {
  return load<u32>(lowAddress(at + HEAD + (i << 3)));
}

export function classHi(at: i32, i: i32): u32 {
  return load<u32>(lowAddress(at + HEAD + (i << 3)), 4);
}

export function classValue(at: i32): u32 {
  return load<u32>(lowAddress(at), 4);
}

export function setClassValue(at: i32, value: u32): void {
  store<u32>(lowAddress(at), value, 4);
}

/** Sorts the ranges from `first` on by Shell's method (in place, no recursion) and merges them. */
function clean(first: i32): void {
  let base = lowAddress(first);
  let count = (lowMark() - first) >> 3;
  for (let gap = count >> 1; gap > 0; gap = gap == 2 ? 1 : (gap * 5) / 11) {
    for (let i = gap; i < count; i++) {
      let range = load<u64>(base + (i << 3));
      let j = i;
      while (j >= gap && <u32>load<u64>(base + ((j - gap) << 3)) > <u32>range) {
        store<u64>(base + (j << 3), load<u64>(base + ((j - gap) << 3)));
        j -= gap;
      }
      store<u64>(base + (j << 3), range);
    }
  }
  let kept = 0;
  for (let i = 0; i < count; i++) {
    let range = base + (i << 3);
    let lo = load<u32>(range);
    let hi = load<u32>(range, 4);
    let last = base + ((kept - 1) << 3);
    if (kept > 0 && lo <= load<u32>(last, 4) + 1) {
      if (hi > load<u32>(last, 4)) store<u32>(last, hi, 4);
    } else {
      store<u32>(base + (kept << 3), lo);
      store<u32>(base + (kept << 3), hi, 4);
      kept++;
    }
  }
  dropLow(first + (kept << 3));
}

/** Replaces the clean ranges from `first` on by their complement. */
function invert(first: i32): void {
  let base = lowAddress(first);
  let count = (lowMark() - first) >> 3;
  let next: u32 = 0;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    let lo = load<u32>(base + (i << 3));
    let hi = load<u32>(base + (i << 3), 4);
    if (next < lo) {
      store<u32>(base + (kept << 3), next);
      store<u32>(base + (kept << 3), lo - 1, 4);
      kept++;
    }
    next = hi + 1;
  }
  dropLow(first + (kept << 3));
  if (next > MAX_RUNE) return;
  let address = takeLow(8);
  if (address == 0) return;
  store<u32>(address, next);
  store<u32>(address, MAX_RUNE, 4);
}
