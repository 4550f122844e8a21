import { readU8, readU32, within } from '../bytes/bytes';
import { MAX_CLASSES, MAX_INSTS, MAX_SETS } from './limits';
import { arrange } from './scratch';

/**
 * A compiled program: position-independent bytes, run in place wherever the
 * policy image holds them, never written again.
 *
 *     0  u32  size of the whole
 *     4  u8   magic     5  u8 flags (`Part`)     6  u8 groups (1 User, 2 Group)
 *     8  u16  classes  10  u16 ranges
 *    12  u16  instructions  14  u16  entry
 *    16  u16  sets     18  u16  the set of word characters, NO_SET
 *    20  u16  the class of the newline alone, NO_CLASS    22  u16  states
 *    24  u8[128]       class of each ASCII byte
 *        u32[ranges]   first code point << 11 | class, from U+0080 on
 *        u32[instructions]
 *        u8[sets][(classes + 7) / 8]
 *        u8[states][classes + 1]   next state; the last column is the end of text
 *
 * The alphabet: characters that no instruction tells apart are one class, so
 * instructions, sets and the automaton deal in small numbers, and an invalid
 * byte is simply the class of U+FFFD.
 *
 * An instruction is `op | out << 4 | arg << 18`.
 *
 * Programs come from an authenticated file; still everything here answers
 * "no match" to bytes that make no sense: `openProgram` checks that the parts
 * lie inside, the matchers check each index that comes out of one.
 */
export const HEAD: i32 = 24;
export const MAGIC: u32 = 0x72;
export const ASCII: i32 = 128;
/** An instruction's parts: `inst & 15`, `(inst >> 4) & OUT`, `inst >> ARG`. */
export const OUT: u32 = 0x3fff;
export const ARG: u32 = 18;
export const NO_SET: u32 = 0xffff;
export const NO_CLASS: u32 = 0xffff;

export enum Part {
  Insts = 1,
  Dfa = 2,
  /** Nothing matches but at the beginning of the text. */
  Anchored = 4,
}

export enum Inst {
  /** Consumes a character of class `arg`. */
  Char,
  /** Consumes a character of set `arg`. */
  Set,
  /** Consumes any character. */
  Any,
  /** Goes on at `out`, or, second choice, at `arg`. */
  Alt,
  /** Goes on where one of the `Assert` bits in `arg` holds. */
  Assert,
  /** Notes the place as capture `arg`. */
  Capture,
  Match,
}

/** States of every automaton; the others follow. */
export const DEAD: u32 = 0;
export const ACCEPT: u32 = 1;
export const START: u32 = 2;

export function packInst(op: Inst, out: u32, arg: u32): u32 {
  return op | (out << 4) | (arg << ARG);
}

// The open program: addresses of its parts and their sizes.
let partFlags: u32 = 0;
let classes: u32 = 0;
let ranges: usize = 0;
let rangeCount: u32 = 0;
let asciiMap: usize = 0;
let insts: usize = 0;
let instCount: u32 = 0;
let entry: u32 = 0;
let sets: usize = 0;
let setCount: u32 = 0;
let wordSet: u32 = NO_SET;
let newline: u32 = NO_CLASS;
let table: usize = 0;
let states: u32 = 0;

export function programFlags(): u32 {
  return partFlags;
}
export function classCountOf(): u32 {
  return classes;
}
export function rangeCountOf(): u32 {
  return rangeCount;
}
export function asciiClasses(): usize {
  return asciiMap;
}
export function instAddress(): usize {
  return insts;
}
export function instCountOf(): u32 {
  return instCount;
}
export function entryInst(): u32 {
  return entry;
}
export function setAddress(): usize {
  return sets;
}
export function setCountOf(): u32 {
  return setCount;
}
export function newlineClass(): u32 {
  return newline;
}
/** True when assertions look at the characters around, not only for the ends of the text. */
export function usesContext(): bool {
  return wordSet != NO_SET || newline != NO_CLASS;
}
export function dfaTable(): usize {
  return table;
}
export function stateCount(): u32 {
  return states;
}

export function setBytes(classCount: u32): u32 {
  return (classCount + 7) >> 3;
}

/** Size of the program at `at`, 0 when there is none. */
export function sizeOf(program: StaticArray<u8>, at: i32): i32 {
  let size = <i32>readU32(program, at);
  return size >= HEAD + ASCII && within(program, at, size) && readU8(program, at + 4) == MAGIC ? size : 0;
}

export function groupsOf(program: StaticArray<u8>, at: i32): i32 {
  return sizeOf(program, at) == 0 ? 0 : <i32>readU8(program, at + 6) & 3;
}

/** Makes the program at `at` the open one; false when its parts do not fit its size. */
export function openProgram(program: StaticArray<u8>, at: i32): bool {
  let size = sizeOf(program, at);
  if (size == 0) return false;
  let base = changetype<usize>(program) + at;
  partFlags = load<u8>(base, 5);
  classes = load<u16>(base, 8);
  rangeCount = load<u16>(base, 10);
  instCount = load<u16>(base, 12);
  entry = load<u16>(base, 14);
  setCount = load<u16>(base, 16);
  wordSet = load<u16>(base, 18);
  newline = load<u16>(base, 20);
  states = load<u16>(base, 22);
  if (classes == 0 || classes > MAX_CLASSES || instCount > <u32>MAX_INSTS || setCount > MAX_SETS)
    return false;
  asciiMap = base + HEAD;
  ranges = asciiMap + ASCII;
  insts = ranges + (rangeCount << 2);
  sets = insts + (instCount << 2);
  table = sets + setCount * setBytes(classes);
  arrange(instCount);
  return table + states * (classes + 1) <= base + size;
}

/** Class of a code point from U+0080 on. */
export function classOfRune(rune: u32): u32 {
  let low: u32 = 0;
  let high = rangeCount;
  // INVARIANT: ranges[low] starts at or before `rune`, ranges[high] after it.
  while (high - low > 1 && high > low) {
    let middle = (low + high) >> 1;
    if (load<u32>(ranges + (middle << 2)) >> 11 <= rune) low = middle;
    else high = middle;
  }
  return rangeCount == 0 ? 0 : load<u32>(ranges + (low << 2)) & 0x7ff;
}

/** True when set `set` holds `cls`. */
export function inSet(set: u32, cls: u32): bool {
  if (set >= setCount || cls >= classes) return false;
  return ((load<u8>(sets + set * setBytes(classes) + (cls >> 3)) >> (cls & 7)) & 1) != 0;
}

export function isWordClass(cls: u32): bool {
  return inSet(wordSet, cls);
}
