import { arenaFull, clearHigh, dropHigh, lowAddress, lowMark, takeHigh, takeLow } from './arena';
import { MAX_RAW_INSTS } from './limits';
import { simplify } from './simplify';
import { Node, Op, Slot, Trait } from './tree';

/**
 * Tree to instructions, in the order of the pattern: code falls through to the
 * instruction behind it, so only choices and loops have to be patched, and each
 * at a known place. An own stack instead of recursion.
 *
 * Raw instructions are 8 bytes in the arena: u32 value, u16 out, u8 kind.
 */
export enum Raw {
  /** Consumes a character of the class at offset `value`. */
  Char,
  /** First choice `out`, second choice `value`. */
  Alt,
  /** Bit of `Assert` in `value`. */
  Assert,
  /** Capture `value`. */
  Capture,
  /** Goes on at `out`. Taken out at the end. */
  Jump,
  Match,
}

/** A node at work. */
@unmanaged
class Frame {
  below: Frame | null;
  node: Node;
  /** Next child to compile. */
  next: Node | null;
  /** Instruction that starts or controls the node. */
  pc: i32;
  /** Chain of instructions to point behind the node, by their place + 1. */
  chain: i32;
  /** Copies made of a repeated child, children of others. */
  done: i32;
}

let base: usize = 0;
let count: i32 = 0;
let top: Frame | null = null;

export function rawCount(): i32 {
  return count;
}
export function rawKind(pc: i32): Raw {
  return <Raw>load<u8>(base + (pc << 3), 6);
}
export function rawOut(pc: i32): u32 {
  return load<u16>(base + (pc << 3), 4);
}
export function rawValue(pc: i32): u32 {
  return load<u32>(base + (pc << 3));
}

function emit(kind: Raw, value: u32): i32 {
  if (count >= MAX_RAW_INSTS) return 0;
  let at = takeLow(8);
  if (at == 0) return 0;
  store<u32>(at, value);
  store<u16>(at, <u16>(count + 1), 4);
  store<u8>(at, <u8>kind, 6);
  return count++;
}

function setValue(pc: i32, value: u32): void {
  store<u32>(base + (pc << 3), value);
}

function setOut(pc: i32, out: u32): void {
  store<u16>(base + (pc << 3), <u16>out, 4);
}

/** Points an Alt's way into the loop, or out of it, whichever `body` says, respecting laziness. */
function aim(pc: i32, lazy: bool, body: i32, exit: i32): void {
  setOut(pc, lazy ? exit : body);
  setValue(pc, lazy ? body : exit);
}

/** Adds an Alt whose exit is not known yet to the frame's chain. */
function chain(frame: Frame, pc: i32): void {
  setValue(pc, frame.chain);
  frame.chain = pc + 1;
}

function push(node: Node): bool {
  let frame = changetype<Frame>(takeHigh(offsetof<Frame>()));
  if (arenaFull()) return true;
  frame.below = top;
  frame.node = simplify(node);
  frame.next = frame.node.child;
  frame.pc = count;
  top = frame;
  return true;
}

/** Compiles the tree at the bottom of the arena; false when it does not fit. */
export function compileTree(tree: Node): bool {
  base = lowAddress(lowMark());
  count = 0;
  top = null;
  push(tree);
  for (let frame = top; frame != null; frame = top) {
    if (arenaFull() || count >= MAX_RAW_INSTS) return false;
    if (advance(frame)) continue;
    top = frame.below;
    dropHigh(offsetof<Frame>());
  }
  emit(Raw.Match, 0);
  clearHigh();
  return !arenaFull();
}

/** Goes on with a node: true when it started a child, false when the node is done. */
function advance(frame: Frame): bool {
  let node = frame.node;
  let lazy = (node.traits & Trait.Lazy) != 0;
  switch (<i32>node.op) {
    case Op.Char:
      emit(Raw.Char, node.value);
      break;
    case Op.Assert:
      emit(Raw.Assert, node.value);
      break;
    case Op.Capture:
      if (node.value != Slot.None) emit(Raw.Capture, node.value * 2 + frame.done);
      if (frame.done++ == 0) return push(node.child);
      break;
    case Op.Concat: {
      let next = frame.next;
      if (next == null) break;
      frame.next = next.next;
      return push(next);
    }
    case Op.Alternate:
      return alternate(frame);
    case Op.Quest:
      if (frame.done++ == 0) {
        emit(Raw.Alt, 0);
        return push(node.child);
      }
      aim(frame.pc, lazy, frame.pc + 1, count);
      break;
    case Op.Plus:
      if (frame.done++ == 0) return push(node.child);
      loop(frame.pc, lazy);
      break;
    case Op.Star:
      if (frame.done++ == 0) {
        emit(Raw.Alt, 0);
        return push(node.child);
      }
      // A body that can be empty must be tried before the exit is: (x+)?.
      if ((node.child.traits & Trait.Nullable) != 0) loop(frame.pc + 1, lazy);
      else setOut(emit(Raw.Jump, 0), frame.pc);
      aim(frame.pc, lazy, frame.pc + 1, count);
      break;
    case Op.Repeat:
      return repeat(frame, lazy);
  }
  return false;
}

function loop(body: i32, lazy: bool): void {
  let pc = emit(Raw.Alt, 0);
  aim(pc, lazy, body, count);
}

/** True when a child was started. */
function alternate(frame: Frame): bool {
  if (frame.done++ > 0) {
    if (frame.next == null) {
      patchJumps(frame.chain);
      return false;
    }
    // The alternative before ends with a jump behind all of them.
    let jump = emit(Raw.Jump, 0);
    chain(frame, jump);
    setValue(frame.pc, count);
  }
  let next = frame.next;
  if (next == null) return false;
  frame.next = next.next;
  if (frame.next != null) frame.pc = emit(Raw.Alt, 0);
  return push(next);
}

function patchJumps(chained: i32): void {
  while (chained > 0) {
    let pc = chained - 1;
    chained = rawValue(pc);
    setOut(pc, count);
  }
}

/** True when a child was started: `x{3,}` is `xxx+`, `x{2,4}` is `xx(x(x)?)?`. */
function repeat(frame: Frame, lazy: bool): bool {
  let node = frame.node;
  let copies = node.max < 0 ? <i32>node.min : <i32>node.max;
  if (frame.done == copies) {
    if (node.max < 0) loop(frame.pc, lazy);
    let chained = frame.chain;
    while (chained > 0) {
      let pc = chained - 1;
      chained = rawValue(pc);
      aim(pc, lazy, pc + 1, count);
    }
    return false;
  }
  if (frame.done >= node.min) chain(frame, emit(Raw.Alt, 0));
  frame.pc = count;
  frame.done++;
  return push(node.child);
}
