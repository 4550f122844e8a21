import { AT_BEGIN, clearSet, contextAfter, END_CLASS, WORD_BEFORE } from './nfa';
import {
  ARG,
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
 * Leftmost-first match with the places of the named groups, by simulation with
 * one list of threads in order of priority (Pike's machine, see
 * https://swtch.com/~rsc/regexp/regexp2.html). A thread waits at a consuming
 * instruction or at the match and owns four capture places; the instructions
 * between are run through when it is added, with the next character in view.
 *
 * Layout of the scratch space, n instructions, t of them consuming or the match:
 *
 *     seen (n bits) | list A, list B: t threads of u32 pc and i32[4] | stack
 */
export const captures = new StaticArray<i32>(4);

const THREAD: usize = 20;

let seen: usize = 0;
let stack: usize = 0;
let listA: usize = 0;
let listB: usize = 0;

/** Lays out the scratch space for the open program; false when it is too small for it. */
export function captureRoom(): bool {
  let count = instCountOf();
  let insts = instAddress();
  let waiting: usize = 0;
  let pushed: usize = 0;
  for (let pc: u32 = 0; pc < count; pc++) {
    let op = load<u32>(insts + (pc << 2)) & 15;
    if (op == Inst.Alt) pushed += 4;
    else if (op == Inst.Capture) pushed += 8;
    else if (op != Inst.Assert) waiting++;
  }
  seen = wholeBase();
  listA = seen + (((count + 63) >> 6) << 3);
  listB = listA + waiting * THREAD;
  stack = listB + waiting * THREAD;
  // Each choice is pushed once at most, a capture to be restored takes two places.
  return stack + pushed <= spaceEnd();
}

/** The places of the thread being added. */
const now = new StaticArray<i32>(4);

/** A mark on the stack: the next entry restores the capture in the low bits. */
const RESTORE: u32 = 0x80000000;

/** Adds the threads that come from `pc` to the list that ends at `end`; answers its new end. */
function add(pc: u32, end: usize, have: u32, at: i32): usize {
  let insts = instAddress();
  let count = instCountOf();
  let sp = stack;
  while (true) {
    if (pc < count) {
      let place = seen + (pc >> 3);
      let bit = 1 << (pc & 7);
      let old = <u32>load<u8>(place);
      if ((old & bit) == 0) {
        store<u8>(place, old | bit);
        let inst = load<u32>(insts + (pc << 2));
        let out = (inst >> 4) & OUT;
        let arg = inst >> ARG;
        let op = inst & 15;
        if (op == Inst.Alt) {
          store<u32>(sp, arg);
          sp += 4;
          pc = out;
          continue;
        }
        if (op == Inst.Capture) {
          store<i32>(sp, unchecked(now[arg & 3]));
          store<u32>(sp, RESTORE | (arg & 3), 4);
          sp += 8;
          unchecked((now[arg & 3] = at));
          pc = out;
          continue;
        }
        if (op == Inst.Assert) {
          if ((arg & have) != 0) {
            pc = out;
            continue;
          }
        } else {
          store<u32>(end, pc);
          store<u64>(end, load<u64>(changetype<usize>(now)), 4);
          store<u64>(end, load<u64>(changetype<usize>(now), 8), 12);
          end += THREAD;
        }
      }
    }
    while (true) {
      if (sp == stack) return end;
      sp -= 4;
      pc = load<u32>(sp);
      if (pc < RESTORE) break;
      sp -= 4;
      unchecked((now[pc & 3] = load<i32>(sp)));
    }
  }
}

/** What holds between the context behind one character and the class of the next. */
function facts(context: u32, next: u32): u32 {
  let have = context & AT_BEGIN;
  let wordNext = false;
  if (next == END_CLASS) have |= Assert.EndText | Assert.EndLine;
  else {
    if (next == newlineClass()) have |= Assert.EndLine;
    wordNext = isWordClass(next);
  }
  let boundary = wordNext != ((context & WORD_BEFORE) != 0);
  return have | (boundary ? <u32>Assert.WordBoundary : <u32>Assert.NoWordBoundary);
}

/** Runs the open program; the groups of its match go to `captures`. */
export function runPike(text: StaticArray<u8>, start: i32, end: i32): bool {
  if (instCountOf() == 0 || !captureRoom()) return false;
  let insts = instAddress();
  let classes = classCountOf();
  let anchored = (programFlags() & Part.Anchored) != 0;
  let from = listA;
  let to = listB;
  let matched = false;
  let context: u32 = AT_BEGIN;
  let at = start;
  let cls = at < end ? classAt(text, at, end) : END_CLASS;
  let size = at < end ? lastSize() : 0;
  clearSet(seen);
  let fromEnd = from;
  while (true) {
    if (!matched && (at == start || !anchored)) {
      memory.fill(changetype<usize>(now), 0xff, 16);
      // Threads that are there already came earlier, so `seen` keeps theirs.
      fromEnd = add(entryInst(), fromEnd, facts(context, cls), at);
    }
    if (fromEnd == from && (matched || anchored)) return matched;
    if (cls != END_CLASS && cls >= classes) return false;
    let nextAt = at + size;
    let nextClass: u32 = END_CLASS;
    let nextSize = 0;
    if (nextAt < end) {
      nextClass = classAt(text, nextAt, end);
      nextSize = lastSize();
    }
    context = cls == END_CLASS ? 0 : contextAfter(cls);
    let have = facts(context, nextClass);
    clearSet(seen);
    let toEnd = to;
    for (let thread = from; thread < fromEnd; thread += THREAD) {
      let inst = load<u32>(insts + (load<u32>(thread) << 2));
      let op = inst & 15;
      if (op == Inst.Match) {
        memory.copy(changetype<usize>(captures), thread + 4, 16);
        matched = true;
        break; // what follows has lower priority
      }
      if (cls == END_CLASS) continue;
      let arg = inst >> ARG;
      if (op == Inst.Char ? arg == cls : op == Inst.Any || inSet(arg, cls)) {
        store<u64>(changetype<usize>(now), load<u64>(thread, 4));
        store<u64>(changetype<usize>(now), load<u64>(thread, 12), 8);
        toEnd = add((inst >> 4) & OUT, toEnd, have, nextAt);
      }
    }
    if (cls == END_CLASS) return matched;
    let old = from;
    from = to;
    to = old;
    fromEnd = toEnd;
    at = nextAt;
    cls = nextClass;
    size = nextSize;
  }
}
