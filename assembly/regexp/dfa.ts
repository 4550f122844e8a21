import { runLongDfa } from './dfa-long';
import { ACCEPT, asciiClasses, classCountOf, dfaTable, START, stateCount } from './prog';
import { classAt, lastSize } from './text';

/** Of a longer text, what is left after so many bytes pays for the copy of the table. */
const SHORT_TEXT: i32 = 2048;

/**
 * Boolean match of the open program by its automaton: one look-up per
 * character. States are checked as they come out of the table, so a corrupted
 * one answers "no match".
 */
export function runDfa(text: StaticArray<u8>, start: i32, end: i32): bool {
  let map = asciiClasses();
  let table = dfaTable();
  let classes = classCountOf();
  let stride = classes + 1;
  let size = stateCount() * stride;
  let base = changetype<usize>(text);
  let row = START * stride;
  let at = start;
  let pause = end - start > 2 * SHORT_TEXT ? start + SHORT_TEXT : end;
  while (true) {
    while (at < pause) {
      let byte = <u32>load<u8>(base + at);
      let cls: u32 = 0;
      if (byte < 0x80) {
        cls = load<u8>(map + byte);
        at++;
      } else {
        cls = classAt(text, at, end);
        at += lastSize();
      }
      let cell = row + cls;
      if (cell >= size) return false;
      let state = <u32>load<u8>(table + cell);
      if (state <= ACCEPT) return state == ACCEPT;
      row = state * stride;
    }
    if (at >= end) break;
    let found = runLongDfa(text, at, end, row);
    if (found >= 0) return found != 0;
    pause = end;
  }
  if (row + classes >= size) return false;
  return load<u8>(table + row + classes) == ACCEPT;
}
