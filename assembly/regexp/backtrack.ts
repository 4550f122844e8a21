import {
  ARG,
  asciiClasses,
  classCountOf,
  entryInst,
  Inst,
  inSet,
  instAddress,
  instCountOf,
  isWordClass,
  newlineClass,
  OUT,
  Part,
  programFlags,
} from './prog';
import { spaceEnd, wholeBase } from './scratch';
import { classAt, lastSize } from './text';
import { Assert } from './tree';

/**
 * Leftmost-first match with captures by backtracking, several times quicker
 * than `pikevm.ts` on the short texts that requests are made of. A bit for each
 * pair of instruction and place says that it was tried in vain, so the time
 * stays linear; where the bits or the stack do not fit, the caller uses the
 * other matcher.
 *
 * Scratch space: the bits, then a stack of pairs of u32: instruction and place,
 * or `RESTORE | capture` and its old value.
 */
const RESTORE: u32 = 0x80000000;

/** Bytes for the bits: half of the scratch space, 80,000 pairs. */
const MAX_BITS_BYTES: usize = 10_240;

/** The captures of the attempt under way, -1 while open. */
const places = new StaticArray<i32>(4);

export enum Outcome {
  NoMatch,
  Match,
  DoesNotFit,
}

/** Runs the open program; the places of the groups of its match go to `captures`. */
export function runBacktrack(
  text: StaticArray<u8>,
  start: i32,
  end: i32,
  captures: StaticArray<i32>,
): Outcome {
  let count = instCountOf();
  let columns = <u64>(end - start) + 1;
  let bytes = <usize>(((count * columns + 63) >> 6) << 3);
  if (count == 0 || count * columns > <u64>MAX_BITS_BYTES * 8 || bytes > MAX_BITS_BYTES)
    return Outcome.DoesNotFit;
  let tried = wholeBase();
  for (let at: usize = 0; at < bytes; at += 8) store<u64>(tried + at, 0);
  let last = (programFlags() & Part.Anchored) != 0 ? start : end;
  for (let from = start; from <= last; ) {
    let outcome = attempt(text, start, from, end, tried, tried + bytes);
    if (outcome == Outcome.NoMatch) {
      // Matches start between characters only.
      if (from < end) classAt(text, from, end);
      from += from < end ? lastSize() : 1;
      continue;
    }
    if (outcome == Outcome.Match) {
      for (let i = 0; i < 4; i++) unchecked((captures[i] = places[i]));
    }
    return outcome;
  }
  return Outcome.NoMatch;
}

/** Tries to match from the place `from` on. */
function attempt(
  text: StaticArray<u8>,
  start: i32,
  from: i32,
  end: i32,
  tried: usize,
  stack: usize,
): Outcome {
  let insts = instAddress();
  let count = instCountOf();
  let columns = <u32>(end - start) + 1;
  let limit = spaceEnd() - 8;
  let sp = stack;
  let pc = entryInst();
  let at = from;
  let map = asciiClasses();
  let base = changetype<usize>(text);
  store<u64>(changetype<usize>(places), -1);
  store<u64>(changetype<usize>(places), -1, 8);
  let waiting = true;
  while (waiting) {
    while (pc < count) {
      let bit = pc * columns + <u32>(at - start);
      let byte = tried + (bit >> 3);
      let old = <u32>load<u8>(byte);
      if (((old >> (bit & 7)) & 1) != 0) break;
      store<u8>(byte, <u8>(old | (1 << (bit & 7))));
      let inst = load<u32>(insts + (pc << 2));
      let out = (inst >> 4) & OUT;
      let arg = inst >> ARG;
      let op = inst & 15;
      if (op <= <u32>Inst.Any) {
        if (at == end) break;
        let byte = <u32>load<u8>(base + at);
        let cls: u32 = 0;
        let size = 1;
        if (byte < 0x80) cls = load<u8>(map + byte);
        else {
          cls = classAt(text, at, end);
          size = lastSize();
        }
        if (op == Inst.Char ? arg != cls : op == Inst.Set && !inSet(arg, cls)) break;
        at += size;
      } else if (op == Inst.Match) return Outcome.Match;
      else if (op == Inst.Assert) {
        if ((arg & factsAt(text, start, at, end)) == 0) break;
      } else {
        if (sp > limit) return Outcome.DoesNotFit;
        if (op == Inst.Alt) {
          store<u32>(sp, arg);
          store<u32>(sp, at, 4);
        } else {
          store<u32>(sp, RESTORE | (arg & 3));
          store<i32>(sp, unchecked(places[arg & 3]), 4);
          unchecked((places[arg & 3] = at));
        }
        sp += 8;
      }
      pc = out;
    }
    // Back to the last choice, undoing captures on the way.
    pc = RESTORE;
    while (pc >= RESTORE && sp > stack) {
      sp -= 8;
      pc = load<u32>(sp);
      at = load<i32>(sp, 4);
      if (pc >= RESTORE) unchecked((places[pc & 3] = at));
    }
    waiting = pc < RESTORE;
  }
  return Outcome.NoMatch;
}

/** Class of an ASCII byte; no other is a word character or a newline. */
function neighbour(text: StaticArray<u8>, at: i32): u32 {
  let byte = <u32>unchecked(text[at]);
  return byte < 0x80 ? <u32>load<u8>(asciiClasses() + byte) : classCountOf();
}

/** The `Assert` bits that hold at a place. */
function factsAt(text: StaticArray<u8>, start: i32, at: i32, end: i32): u32 {
  let have: u32 = 0;
  let wordBefore = false;
  let wordNext = false;
  if (at == start) have |= Assert.BeginText | Assert.BeginLine;
  else {
    let before = neighbour(text, at - 1);
    if (before == newlineClass()) have |= Assert.BeginLine;
    wordBefore = isWordClass(before);
  }
  if (at == end) have |= Assert.EndText | Assert.EndLine;
  else {
    let next = neighbour(text, at);
    if (next == newlineClass()) have |= Assert.EndLine;
    wordNext = isWordClass(next);
  }
  return have | (wordBefore != wordNext ? <u32>Assert.WordBoundary : <u32>Assert.NoWordBoundary);
}
