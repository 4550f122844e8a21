import { writeU8, writeU16 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { arenaLeft, takeLow } from './arena';
import { MAX_DFA_BYTES, MAX_DFA_STATES } from './limits';
import {
  AT_BEGIN,
  contextAfter,
  copySet,
  END_CLASS,
  enter,
  hasPending,
  isEmpty,
  look,
  matches,
  step,
} from './nfa';
import {
  ACCEPT,
  ASCII,
  classCountOf,
  DEAD,
  HEAD,
  NO_SET,
  Part,
  programFlags,
  rangeCountOf,
  START,
  usesContext,
} from './prog';
import { setA, setB, setSize } from './scratch';

/**
 * The automaton of the open program, by subset construction. A state is a set
 * of waiting instructions and, where assertions wait in it, the context they
 * need; what lies behind a match is one state, ACCEPT, since only a boolean is
 * asked for.
 *
 * In the arena: `MAX_DFA_STATES` records of context (u64) and set, and the
 * table, rows of one byte per class and one for the end of the text.
 */
let records: usize = 0;
let recordSize: u32 = 0;
let states: u32 = 0;
let room: u32 = 0;

/**
 * Appends the automaton to the open program at `start` of `out`, if it fits its
 * bound and the arena. It takes the place of the instructions, which answer
 * nothing more, unless `keepInsts` says that captures are wanted too.
 */
export function buildDfa(out: ByteWriter, start: i32, keepInsts: bool): void {
  let stride = classCountOf() + 1;
  recordSize = 8 + <u32>setSize();
  room = <u32>min(MAX_DFA_STATES, MAX_DFA_BYTES / <i32>stride);
  room = <u32>min(<i32>room, arenaLeft() / <i32>(recordSize + stride) - 1);
  if (<i32>room <= <i32>START) return;
  records = takeLow(room * recordSize);
  let table = takeLow(room * stride);
  if (records == 0 || table == 0) return;
  states = START;
  let now = setA();
  let next = setB();
  enter(now, AT_BEGIN);
  memory.fill(table, <u8>DEAD, stride);
  memory.fill(table + stride, <u8>ACCEPT, stride);
  let first = stateOf(now, AT_BEGIN);
  if (first != START) {
    // Matches everything or nothing.
    memory.fill(table + START * stride, <u8>first, stride);
    states++;
  }
  for (let state = START; first == START && state < states; state++) {
    let row = table + state * stride;
    for (let cls: u32 = 0; cls < stride; cls++) {
      let to = transition(state, cls + 1 == stride ? END_CLASS : cls, now, next);
      if (to < 0) return;
      store<u8>(row + cls, to);
    }
  }
  if (!keepInsts) {
    out.len = start + HEAD + ASCII + (rangeCountOf() << 2);
    writeU16(out.buf, start + 12, 0);
    writeU16(out.buf, start + 14, 0);
    writeU16(out.buf, start + 16, 0);
    writeU16(out.buf, start + 18, NO_SET);
  }
  let at = out.reserve(states * stride);
  if (at < 0) return;
  memory.copy(changetype<usize>(out.buf) + at, table, states * stride);
  let flags = programFlags() | Part.Dfa;
  writeU8(out.buf, start + 5, keepInsts ? flags : flags & ~Part.Insts);
  writeU16(out.buf, start + 22, states);
}

/** Where state `state` goes with class `cls`, -1 when there are too many states. */
function transition(state: u32, cls: u32, now: usize, next: usize): i32 {
  let record = records + state * recordSize;
  let context = <u32>load<u64>(record);
  copySet(now, record + 8);
  if (cls == END_CLASS || hasPending(now)) {
    look(now, context, cls);
    if (matches(now)) return ACCEPT;
    if (cls == END_CLASS) return DEAD;
  }
  let after = usesContext() ? contextAfter(cls) : 0;
  step(now, next, cls, after);
  return stateOf(next, after);
}

/** Number of the state for `set`, new or known; -1 when there are too many. */
function stateOf(set: usize, context: u32): i32 {
  if (matches(set)) return ACCEPT;
  // Elsewhere a match may still start further on, behind a newline for example.
  if ((programFlags() & Part.Anchored) != 0 && isEmpty(set)) return DEAD;
  let kept = hasPending(set) ? <u64>context : 0;
  let size = recordSize - 8;
  for (let state = START; state < states; state++) {
    let record = records + state * recordSize;
    if (load<u64>(record) == kept && memory.compare(record + 8, set, size) == 0) return state;
  }
  if (states == room) return -1;
  let record = records + states * recordSize;
  store<u64>(record, kept);
  copySet(record + 8, set);
  return states++;
}
