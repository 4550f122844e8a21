import { prepareMasks, simulateMasked } from './masked';
import { fitsWord, simulateWord } from './masked-word';
import { AT_BEGIN, contextAfter, END_CLASS, enter, hasPending, isEmpty, look, matches, step } from './nfa';
import { classCountOf, instCountOf, Part, programFlags, usesContext } from './prog';
import { setA, setB } from './scratch';
import { classAt, lastSize } from './text';

/** Texts from this length on pay for the preparation of masks, a few nanoseconds per instruction and class. */
const LONG_TEXT: i32 = 256;

/**
 * Boolean match of the open program by simulation: at most one visit of each
 * instruction per character. For programs whose automaton is too large.
 */
export function simulate(text: StaticArray<u8>, start: i32, end: i32): bool {
  if (instCountOf() == 0) return false;
  if (end - start >= LONG_TEXT && prepareMasks()) {
    return fitsWord() ? simulateWord(text, start, end) : simulateMasked(text, start, end);
  }
  let now = setA();
  let next = setB();
  let context = AT_BEGIN;
  let classes = classCountOf();
  let looks = usesContext();
  enter(now, context);
  let at = start;
  while (at < end) {
    if (matches(now)) return true;
    let cls = classAt(text, at, end);
    if (cls >= classes) return false;
    at += lastSize();
    if (looks && hasPending(now)) {
      look(now, context, cls);
      if (matches(now)) return true;
    }
    context = looks ? contextAfter(cls) : 0;
    step(now, next, cls, context);
    let old = now;
    now = next;
    next = old;
    if (isEmpty(now) && (programFlags() & Part.Anchored) != 0) return false;
  }
  if (matches(now)) return true;
  look(now, context, END_CLASS);
  return matches(now);
}
