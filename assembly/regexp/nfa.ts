import {
  ARG,
  classCountOf,
  entryInst,
  Inst,
  instAddress,
  instCountOf,
  isWordClass,
  newlineClass,
  OUT,
  Part,
  programFlags,
  setAddress,
  setBytes,
  setCountOf,
} from './prog';
import { seenSet, setSize, stackBase, stackEnd } from './scratch';
import { Assert } from './tree';

/**
 * Steps over the open program's instructions, for a boolean answer: which
 * instructions wait at a place in the text is a bit set, priority does not
 * matter. Both the simulation and the construction of the automaton go
 *
 *     enter -> (look -> step)* -> look at the end of the text
 *
 * A set holds the consuming instructions, the match, and the assertions that
 * depend on the next character; `look` resolves those. An assertion about the
 * previous character is resolved on the way into the set; since one may also
 * follow behind `look`, the facts about the place stay in its context.
 */

/** What is known about a place from the text before it, as `Assert` bits and `WORD_BEFORE`. */
export const WORD_BEFORE: u32 = 64;

/** What only the next character decides. */
export const PENDING: u32 = Assert.EndText | Assert.EndLine | Assert.WordBoundary | Assert.NoWordBoundary;

/** Context of the beginning of the text. */
export const AT_BEGIN: u32 = Assert.BeginText | Assert.BeginLine;

/** The class of the end of the text. */
export const END_CLASS: u32 = 0xffffffff;

/** Context behind a character of class `cls`. */
export function contextAfter(cls: u32): u32 {
  return (cls == newlineClass() ? <u32>Assert.BeginLine : 0) | (isWordClass(cls) ? WORD_BEFORE : 0);
}

/** Adds what is reachable from `pc` without consuming, where `have` holds and `pending` may. */
export function follow(pc: u32, set: usize, have: u32, pending: u32): void {
  let insts = instAddress();
  let count = instCountOf();
  let seen = seenSet();
  let base = stackBase();
  // Each choice pushes once, when it is seen first; only a corrupted program
  // has more of them than there is room.
  let end = stackEnd();
  let sp = base;
  while (true) {
    if (pc < count) {
      let at = seen + (pc >> 3);
      let bit = 1 << (pc & 7);
      let old = <u32>load<u8>(at);
      if ((old & bit) == 0) {
        store<u8>(at, old | bit);
        let inst = load<u32>(insts + (pc << 2));
        let out = (inst >> 4) & OUT;
        let op = inst & 15;
        if (op == Inst.Alt) {
          if (sp < end) {
            store<u16>(sp, inst >> ARG);
            sp += 2;
          }
          pc = out;
          continue;
        }
        if (op == Inst.Capture) {
          pc = out;
          continue;
        }
        if (op == Inst.Assert) {
          let need = inst >> ARG;
          if ((need & have) != 0) {
            pc = out;
            continue;
          }
          if ((need & pending) == 0) at = 0;
        }
        if (at != 0) {
          let place = set + (pc >> 3);
          store<u8>(place, <u32>load<u8>(place) | bit);
        }
      }
    }
    if (sp == base) return;
    sp -= 2;
    pc = load<u16>(sp);
  }
}

/** Fills `set` with the places to start from, at a place with `context`. */
export function enter(set: usize, context: u32): void {
  clearSet(set);
  clearSet(seenSet());
  follow(entryInst(), set, context, PENDING);
}

/** Follows the assertions in `set` that hold between `context` and the class `next`, `END_CLASS` at the end. */
export function look(set: usize, context: u32, next: u32): void {
  let have = context & AT_BEGIN;
  let wordNext = false;
  if (next == END_CLASS) have |= Assert.EndText | Assert.EndLine;
  else {
    if (next == newlineClass()) have |= Assert.EndLine;
    wordNext = isWordClass(next);
  }
  have |= wordNext != ((context & WORD_BEFORE) != 0) ? <u32>Assert.WordBoundary : <u32>Assert.NoWordBoundary;
  let size = setSize();
  let insts = instAddress();
  let count = instCountOf();
  clearSet(seenSet());
  for (let at: usize = 0; at < size; at += 8) {
    let word = load<u64>(set + at);
    while (word != 0) {
      let pc = <u32>((at << 3) + ctz(word));
      word &= word - 1;
      if (pc >= count) return;
      let inst = load<u32>(insts + (pc << 2));
      if ((inst & 15) == Inst.Assert && ((inst >> ARG) & have) != 0) {
        follow((inst >> 4) & OUT, set, have, 0);
      }
    }
  }
}

/** True when an assertion of `set` waits for the next character. */
export function hasPending(set: usize): bool {
  let size = setSize();
  let insts = instAddress();
  let count = instCountOf();
  for (let at: usize = 0; at < size; at += 8) {
    let word = load<u64>(set + at);
    while (word != 0) {
      let pc = <u32>((at << 3) + ctz(word));
      word &= word - 1;
      if (pc < count && (load<u32>(insts + (pc << 2)) & 15) == Inst.Assert) return true;
    }
  }
  return false;
}

/** Fills `to` with what `from` becomes behind a character of class `cls`, where `context` holds. */
export function step(from: usize, to: usize, cls: u32, context: u32): void {
  let size = setSize();
  let insts = instAddress();
  let count = instCountOf();
  let sets = setAddress();
  let setCount = setCountOf();
  let bytes = setBytes(classCountOf());
  clearSet(to);
  clearSet(seenSet());
  for (let at: usize = 0; at < size; at += 8) {
    let word = load<u64>(from + at);
    while (word != 0) {
      let pc = <u32>((at << 3) + ctz(word));
      word &= word - 1;
      if (pc >= count) return;
      let inst = load<u32>(insts + (pc << 2));
      let arg = inst >> ARG;
      let op = inst & 15;
      let takes = false;
      if (op == Inst.Char) takes = arg == cls;
      else if (op == Inst.Set) {
        takes = arg < setCount && ((load<u8>(sets + arg * bytes + (cls >> 3)) >> (cls & 7)) & 1) != 0;
      } else if (op == Inst.Any) takes = true;
      if (takes) follow((inst >> 4) & OUT, to, context, PENDING);
    }
  }
  if ((programFlags() & Part.Anchored) == 0) follow(entryInst(), to, context, PENDING);
}

/** True when `set` holds the match, always the last instruction. */
export function matches(set: usize): bool {
  let last = instCountOf() - 1;
  return ((load<u8>(set + (last >> 3)) >> (last & 7)) & 1) != 0;
}

export function isEmpty(set: usize): bool {
  let size = setSize();
  for (let at: usize = 0; at < size; at += 8) {
    if (load<u64>(set + at) != 0) return false;
  }
  return true;
}

// Sets are a few words; the runtime's general loops would cost more.
export function copySet(to: usize, from: usize): void {
  let size = setSize();
  for (let at: usize = 0; at < size; at += 8) store<u64>(to + at, load<u64>(from + at));
}

export function clearSet(set: usize): void {
  let size = setSize();
  for (let at: usize = 0; at < size; at += 8) store<u64>(set + at, 0);
}

/** True when no match can start behind the beginning of the text. */
export function startsOnlyAtBegin(set: usize): bool {
  clearSet(set);
  clearSet(seenSet());
  follow(entryInst(), set, ~Assert.BeginText, 0);
  return isEmpty(set);
}
