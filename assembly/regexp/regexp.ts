import { within, writeU8 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { clearHigh, lowMark } from './arena';
import { assemble, finish } from './assemble';
import { Outcome, runBacktrack } from './backtrack';
import { beginClass, endClass, runeClass } from './char-class';
import { compileTree } from './compile';
import { runDfa } from './dfa';
import { buildDfa } from './dfa-build';
import { fail, RegexpError } from './error';
import { addWord } from './named-class';
import { startsOnlyAtBegin } from './nfa';
import { parse, parsedAsserts, parsedGroups, parsedTree } from './parse';
import { captureRoom, captures, runPike } from './pikevm';
import { groupsOf, openProgram, Part, programFlags, sizeOf } from './prog';
import { setA } from './scratch';
import { simulate } from './simulate';
import { Assert, Node } from './tree';

/**
 * Regular expressions with the syntax and the answers of Go's `regexp`, in time
 * linear in the text:
 *
 *     parse -> tree -> simplify -> compile -> assemble -> dfa-build
 *
 * A program runs by its automaton where that fits `MAX_DFA_BYTES`, else by
 * simulation (`simulate.ts`); captures by `backtrack.ts` on short texts, else by
 * `pikevm.ts`.
 */
export { reserveCompiler } from './arena';
export { errorEnd, errorMessage, errorStart, RegexpError } from './error';
export { captures };

/** A group named exactly `User`, and `Group`: bits of `namedGroups`. */
export const GROUP_USER: i32 = 1;
export const GROUP_GROUP: i32 = 2;

let automata: bool = true;
let onTree: ((tree: Node) => void) | null = null;

/** Shows each tree to `watch` before it is taken apart. */
export function watchTrees(watch: (tree: Node) => void): void {
  onTree = watch;
}

/** Whether programs compiled from now on get an automaton. Off, tests see the simulation. */
export function buildAutomata(on: bool): void {
  automata = on;
}

/**
 * Compiles the pattern in `buf[start, end)` and appends its program to `out`.
 * Answers 0 or a `RegexpError`, whose offending part `errorStart` and
 * `errorEnd` give as offsets into `buf`; `out` is then as it was. Needs the
 * space lent by `reserveCompiler`.
 */
export function compile(buf: StaticArray<u8>, start: i32, end: i32, out: ByteWriter): i32 {
  if (!within(buf, start, end - start)) return fail(RegexpError.TooLarge, start, end);
  let code = parse(buf, start, end);
  if (code != 0) return code;
  let watch = onTree;
  if (watch !== null) watch(parsedTree());
  let at = out.len;
  if (build(out)) return 0;
  out.len = at;
  return fail(RegexpError.TooLarge, start, end);
}

function build(out: ByteWriter): bool {
  let start = out.len;
  let asserts = parsedAsserts();
  let word = -1;
  let newline = -1;
  if ((asserts & (Assert.WordBoundary | Assert.NoWordBoundary)) != 0) {
    beginClass();
    addWord();
    word = endClass(false);
  }
  if ((asserts & (Assert.BeginLine | Assert.EndLine)) != 0) newline = runeClass(10);
  let classEnd = lowMark();
  if (!compileTree(parsedTree())) return false;
  if (!assemble(out, classEnd, parsedGroups(), word, newline)) return false;
  finish(out, start);
  clearHigh();
  if (!openProgram(out.buf, start)) return false;
  if (startsOnlyAtBegin(setA())) {
    writeU8(out.buf, start + 5, programFlags() | Part.Anchored);
    openProgram(out.buf, start);
  }
  if (parsedGroups() != 0 && !captureRoom()) return false;
  if (automata) buildDfa(out, start, parsedGroups() != 0);
  finish(out, start);
  return !out.overflow;
}

/** Go's `MatchString`: true when the pattern matches somewhere in `text[start, end)`. */
export function isMatch(
  program: StaticArray<u8>,
  at: i32,
  text: StaticArray<u8>,
  start: i32,
  end: i32,
): bool {
  if (!openProgram(program, at) || !within(text, start, end - start)) return false;
  if ((programFlags() & Part.Dfa) != 0) return runDfa(text, start, end);
  return simulate(text, start, end);
}

/** Which of the groups `User` (bit 0) and `Group` (bit 1) the pattern has. */
export function namedGroups(program: StaticArray<u8>, at: i32): i32 {
  return groupsOf(program, at);
}

/**
 * The leftmost-first match, its groups in `captures`: start and end of `User`,
 * start and end of `Group`, -1 for one that took no part.
 */
export function findGroups(
  program: StaticArray<u8>,
  at: i32,
  text: StaticArray<u8>,
  start: i32,
  end: i32,
): bool {
  captures.fill(-1);
  if (!isMatch(program, at, text, start, end)) return false;
  if (groupsOf(program, at) == 0) return true;
  // A program without automaton is a large one.
  if ((programFlags() & Part.Dfa) != 0) {
    let outcome = runBacktrack(text, start, end, captures);
    if (outcome != Outcome.DoesNotFit) return outcome == Outcome.Match;
  }
  return runPike(text, start, end);
}

/** Size in bytes of the program at `at`, 0 when there is none. */
export function programSize(program: StaticArray<u8>, at: i32): i32 {
  return sizeOf(program, at);
}
