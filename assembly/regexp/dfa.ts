import { ACCEPT, asciiClasses, classCountOf, dfaTable, START, stateCount } from './prog';
import { classAt, lastSize } from './text';

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
    let cell = row + cls;
    if (cell >= size) return false;
    let state = <u32>load<u8>(table + cell);
    if (state <= ACCEPT) return state == ACCEPT;
    row = state * stride;
  }
  if (row + classes >= size) return false;
  return load<u8>(table + row + classes) == ACCEPT;
}
