import {
  AT_BEGIN,
  clearSet,
  contextAfter,
  copySet,
  END_CLASS,
  enter,
  follow,
  isEmpty,
  look,
  matches,
  PENDING,
  step,
} from './nfa';
import {
  ARG,
  asciiClasses,
  classCountOf,
  entryInst,
  Inst,
  inSet,
  instAddress,
  instCountOf,
  OUT,
  Part,
  programFlags,
  usesContext,
} from './prog';
import { restBase, seenSet, setA, setB, setSize, spaceEnd } from './scratch';
import { classAt, lastSize } from './text';
import { Assert } from './tree';

/**
 * The simulation for long texts, 64 instructions at a time: the instructions
 * that take a character of some class are a mask, and most of them only lead to
 * the next one, which is a shift. For the others the set they lead to is
 * prepared where there is room, else followed each time.
 *
 * In the rest of the scratch space, every set `setSize()` bytes:
 *
 *     plain | start | looks | masks (one set per class) | ready (u8 per class) | rows (one set per instruction)
 */

/** Instructions that lead to the next one and nowhere else. */
let plain: usize = 0;
/** Where a match that starts further on begins; empty when anchored. */
let begin: usize = 0;
/** Assertions about the next character. */
let looks: usize = 0;
let masks: usize = 0;
/** Bits per class: `MASK`, `LOOP`. */
let ready: usize = 0;
/** Where each instruction leads, 0 when there is no room. */
let rows: usize = 0;

/** The mask of the class is filled in. */
const MASK: u32 = 1;
/** A character of the class leaves the current set as it is. */
const LOOP: u32 = 2;

export function plainSet(): usize {
  return plain;
}
export function beginSet(): usize {
  return begin;
}
export function maskSet(cls: u32): usize {
  return masks + <usize>cls * setSize();
}
/** Where instruction `pc` leads, 0 when there was no room for that. */
export function rowSet(pc: u32): usize {
  return rows == 0 ? 0 : rows + <usize>pc * setSize();
}

/** Prepares masks for the open program; false when they do not fit. */
export function prepareMasks(): bool {
  let size = setSize();
  let count = instCountOf();
  let classes = classCountOf();
  plain = restBase();
  begin = plain + size;
  looks = begin + size;
  masks = looks + size;
  ready = masks + <usize>classes * size;
  rows = ready + ((classes + 7) & ~7);
  if (rows > spaceEnd()) return false;
  memory.fill(plain, 0, rows - plain);
  if ((programFlags() & Part.Anchored) == 0) lead(entryInst(), begin);
  if (rows + <usize>count * size > spaceEnd()) rows = 0;
  let insts = instAddress();
  for (let pc: u32 = 0; pc < count; pc++) {
    let inst = load<u32>(insts + (pc << 2));
    let op = <i32>(inst & 15);
    let out = (inst >> 4) & OUT;
    if (op == Inst.Assert && ((inst >> ARG) & ~(Assert.EndText | Assert.BeginText)) != 0) mark(looks, pc);
    if (op > Inst.Any) continue;
    let next = out < count ? <i32>(load<u32>(insts + (out << 2)) & 15) : <i32>Inst.Alt;
    if (out == pc + 1 && (next <= Inst.Any || next == Inst.Match)) mark(plain, pc);
    else if (rows != 0) lead(out, rows + <usize>pc * size);
  }
  return true;
}

function mark(set: usize, pc: u32): void {
  let at = set + (pc >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) | (1 << (pc & 7))));
}

/** Fills `set` with what `pc` leads to behind a character that is no newline. */
function lead(pc: u32, set: usize): void {
  clearSet(set);
  clearSet(seenSet());
  follow(pc, set, 0, PENDING);
}

/** Fills in the mask of the class. */
export function fillMask(cls: u32): void {
  let count = instCountOf();
  let insts = instAddress();
  let mask = masks + <usize>cls * setSize();
  for (let pc: u32 = 0; pc < count; pc++) {
    let inst = load<u32>(insts + (pc << 2));
    let op = inst & 15;
    let arg = inst >> ARG;
    if (op == Inst.Any || (op == Inst.Char && arg == cls) || (op == Inst.Set && inSet(arg, cls)))
      mark(mask, pc);
  }
  store<u8>(ready + cls, MASK);
}

/** As `step` of `nfa.ts`, where the character was no newline that an assertion looks at. */
function stepMasked(from: usize, to: usize, cls: u32): void {
  let size = setSize();
  let mask = masks + <usize>cls * size;
  let insts = instAddress();
  copySet(to, begin);
  if (rows == 0) clearSet(seenSet());
  let carry: u64 = 0;
  for (let at: usize = 0; at < size; at += 8) {
    let active = load<u64>(from + at) & load<u64>(mask + at);
    let shifted = active & load<u64>(plain + at);
    store<u64>(to + at, load<u64>(to + at) | (shifted << 1) | carry);
    carry = shifted >> 63;
    let others = active ^ shifted;
    while (others != 0) {
      let pc = <u32>((at << 3) + ctz(others));
      others &= others - 1;
      if (rows == 0) follow((load<u32>(insts + (pc << 2)) >> 4) & OUT, to, 0, PENDING);
      else {
        let row = rows + <usize>pc * size;
        for (let i: usize = 0; i < size; i += 8) store<u64>(to + i, load<u64>(to + i) | load<u64>(row + i));
      }
    }
  }
}

function intersects(a: usize, b: usize): bool {
  let size = setSize();
  for (let at: usize = 0; at < size; at += 8) {
    if ((load<u64>(a + at) & load<u64>(b + at)) != 0) return true;
  }
  return false;
}

function same(a: usize, b: usize): bool {
  let size = setSize();
  for (let at: usize = 0; at < size; at += 8) {
    if (load<u64>(a + at) != load<u64>(b + at)) return false;
  }
  return true;
}

/** Boolean match of the open program, after `prepareMasks`. */
export function simulateMasked(text: StaticArray<u8>, start: i32, end: i32): bool {
  let now = setA();
  let next = setB();
  let context = AT_BEGIN;
  let classes = classCountOf();
  let withContext = usesContext();
  let anchored = (programFlags() & Part.Anchored) != 0;
  let loops = false;
  enter(now, context);
  if (matches(now)) return true;
  let map = asciiClasses();
  let base = changetype<usize>(text);
  let at = start;
  while (at < end) {
    let byte = <u32>load<u8>(base + at);
    let cls: u32 = 0;
    if (byte < 0x80) {
      cls = load<u8>(map + byte);
      at++;
    } else {
      cls = classAt(text, at, end);
      at += lastSize();
    }
    if (cls >= classes) return false;
    let state = <u32>load<u8>(ready + cls);
    if ((state & LOOP) != 0) continue;
    if ((state & MASK) == 0) fillMask(cls);
    if (withContext && intersects(now, looks)) {
      look(now, context, cls);
      if (matches(now)) return true;
    }
    context = withContext ? contextAfter(cls) : 0;
    if ((context & AT_BEGIN) != 0) step(now, next, cls, context);
    else stepMasked(now, next, cls);
    if (matches(next)) return true;
    if (anchored && isEmpty(next)) return false;
    if (same(now, next)) {
      // Without assertions about neighbours the set is all there is to know.
      if (!withContext) {
        store<u8>(ready + cls, MASK | LOOP);
        loops = true;
      }
      continue;
    }
    if (loops) {
      for (let i: u32 = 0; i < classes; i++) store<u8>(ready + i, <u32>load<u8>(ready + i) & MASK);
      loops = false;
    }
    let old = now;
    now = next;
    next = old;
  }
  look(now, context, END_CLASS);
  return matches(now);
}
