import { beginSet, fillMask, maskSet, plainSet, rowSet } from './masked';
import { AT_BEGIN, END_CLASS, enter, look, matches } from './nfa';
import { asciiClasses, classCountOf, instCountOf, Part, programFlags, usesContext } from './prog';
import { setA, setSize, spaceEnd } from './scratch';
import { classAt, lastSize } from './text';

/**
 * `masked.ts` for programs of at most 64 instructions whose assertions ask for
 * the ends of the text only: a set is one word. For each class the step taken
 * last is kept, since long texts mostly repeat themselves.
 *
 * Behind the rows: a record of three words per class.
 */
const RECORD: usize = 24;
/** The record's words: the set before the step, the set behind it, the mask. The mask is 0 until it is needed, then it has the match in it, which never waits. */
const FROM: usize = 0;
const TO: usize = 8;
const MASK: usize = 16;

let records: usize = 0;

/** True when the program, prepared by `prepareMasks`, can run here. */
export function fitsWord(): bool {
  if (setSize() != 8 || usesContext() || rowSet(0) == 0) return false;
  records = rowSet(instCountOf());
  return records + <usize>classCountOf() * RECORD <= spaceEnd();
}

/** Boolean match of the open program, after `fitsWord`. */
export function simulateWord(text: StaticArray<u8>, start: i32, end: i32): bool {
  let classes = classCountOf();
  let anchored = (programFlags() & Part.Anchored) != 0;
  let plain = load<u64>(plainSet());
  let begin = load<u64>(beginSet());
  let rows = rowSet(0);
  let last: u64 = (<u64>1) << (instCountOf() - 1);
  let set = setA();
  let map = asciiClasses();
  let base = changetype<usize>(text);
  memory.fill(records, 0, <usize>classes * RECORD);
  enter(set, AT_BEGIN);
  if (matches(set)) return true;
  let now = load<u64>(set);
  for (let at = start; at < end; ) {
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
    let record = records + <usize>cls * RECORD;
    if (load<u64>(record, FROM) == now && now != 0) {
      now = load<u64>(record, TO);
      continue;
    }
    let mask = load<u64>(record, MASK);
    if (mask == 0) {
      fillMask(cls);
      mask = load<u64>(maskSet(cls)) | last;
      store<u64>(record, mask, MASK);
    }
    let active = now & mask;
    let shifted = active & plain;
    let next = begin | (shifted << 1);
    let others = active ^ shifted;
    while (others != 0) {
      next |= load<u64>(rows + ((<usize>ctz(others)) << 3));
      others &= others - 1;
    }
    if ((next & last) != 0) return true;
    if (next == 0 && anchored) return false;
    store<u64>(record, now, FROM);
    store<u64>(record, next, TO);
    now = next;
  }
  store<u64>(set, now);
  look(set, 0, END_CLASS);
  return matches(set);
}
