import { addRange, groupCount, groupHi, groupLo, MAX_RUNE } from './char-class';

/**
 * Folding and Unicode classes. The tables weigh more than the whole guest, so
 * only the host links them (`unicode-tables.ts` installs them here). Without
 * them folding is known for ASCII and its two relatives, U+017F (s) and U+212A
 * (k); anything else under `(?i)`, and every `\p`, is refused, never guessed.
 */

/** No character outside `[FIRST_FOLD, LAST_FOLD]` has another case. */
const FIRST_FOLD: u32 = 0x41;
const LAST_FOLD: u32 = 0x1e943;
const LONG_S: u32 = 0x17f;
const KELVIN: u32 = 0x212a;

/** What a lookup of a class name answers. */
export enum Found {
  No,
  Yes,
  /** Yes, and the case variants are still to be added. */
  Fold,
}

function noFold(_lo: u32, _hi: u32): void {}

function noClass(_buf: StaticArray<u8>, _start: i32, _end: i32, _fold: bool): i32 {
  return Found.No;
}

let foldTable: (lo: u32, hi: u32) => void = noFold;
let classTable: (buf: StaticArray<u8>, start: i32, end: i32, fold: bool) => i32 = noClass;
let installed: bool = false;

/**
 * `fold` adds all case variants of the characters of a range to the class under
 * construction; `find` adds the ranges of a named class
 * and answers a `Found`.
 */
export function install(
  fold: (lo: u32, hi: u32) => void,
  find: (buf: StaticArray<u8>, start: i32, end: i32, fold: bool) => i32,
): void {
  foldTable = fold;
  classTable = find;
  installed = true;
}

/** Back to the guest's state, for tests. */
export function uninstall(): void {
  installed = false;
}

export function hasTables(): bool {
  return installed;
}

/** Adds the ranges of the class named in `[start, end)`, as Go spells it without `^`. */
export function addNamed(buf: StaticArray<u8>, start: i32, end: i32, fold: bool): i32 {
  return classTable(buf, start, end, fold);
}

/** Adds `[lo, hi]` and every character that differs by case only; false when that needs tables. */
export function addFolded(lo: u32, hi: u32): bool {
  addRange(lo, hi);
  if (hi < FIRST_FOLD || lo > LAST_FOLD || (lo <= FIRST_FOLD && hi >= LAST_FOLD)) return true;
  if (installed) {
    foldTable(max(lo, FIRST_FOLD), min(hi, LAST_FOLD));
    return true;
  }
  if (hi >= 0x80 && !(lo == hi && (lo == LONG_S || lo == KELVIN))) return false;
  addShifted(lo, hi, 0x41, 32);
  addShifted(lo, hi, 0x61, -32);
  addOrbit(lo, hi, 0x4b, 0x6b, KELVIN);
  addOrbit(lo, hi, 0x53, 0x73, LONG_S);
  return true;
}

/** Adds the case variants of all ranges of a group; false when that needs tables. */
export function foldGroup(group: i32): bool {
  let count = groupCount(group);
  for (let i = 0; i < count; i++) {
    let hi = groupHi(group, i);
    if (hi > MAX_RUNE || !addFolded(groupLo(group, i), hi)) return false;
  }
  return true;
}

/** The letters of one case of ASCII within `[lo, hi]`, moved to the other case. */
function addShifted(lo: u32, hi: u32, first: u32, by: i32): void {
  let a = max(lo, first);
  let b = min(hi, first + 25);
  if (a <= b) addRange(a + by, b + by);
}

function addOrbit(lo: u32, hi: u32, upper: u32, lower: u32, other: u32): void {
  if (!((lo <= upper && upper <= hi) || (lo <= lower && lower <= hi) || (lo <= other && other <= hi))) return;
  addRange(upper, upper);
  addRange(lower, lower);
  addRange(other, other);
}
