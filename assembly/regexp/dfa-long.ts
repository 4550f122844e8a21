import { ACCEPT, asciiClasses, classCountOf, classOfRune, dfaTable, START, stateCount } from './prog';
import { spaceEnd, wholeBase } from './scratch';
import { classAt, INVALID, lastSize, NONE, REPLACEMENT, Sequence } from './text';

/**
 * The automaton for long texts. From one character to the next `dfa.ts` waits
 * for a load, a multiplication and another addition; here the table is copied
 * once with every state replaced by the place of its row, so that only a load
 * and an addition are left.
 *
 * Scratch space: u8[128] column of each ASCII byte | u16[states][classes + 1],
 * columns and rows as offsets in bytes.
 */
const COLUMNS: usize = 128;

/** Copies the open program's table, checked on the way; false when it does not fit. */
function prepare(columns: usize, rows: usize): bool {
  let classes = classCountOf();
  let stride = classes + 1;
  let states = stateCount();
  let cells = states * stride;
  // Rows are places in u16, and the columns of ASCII bytes u8.
  if (cells > 0x7fff || rows + <usize>(cells << 1) > spaceEnd() || states <= START) return false;
  let map = asciiClasses();
  for (let byte: usize = 0; byte < COLUMNS; byte++) {
    let cls = <u32>load<u8>(map + byte);
    if (cls >= classes || cls > 127) return false;
    store<u8>(columns + byte, cls << 1);
  }
  let table = dfaTable();
  for (let cell: u32 = 0; cell < cells; cell++) {
    let state = <u32>load<u8>(table + cell);
    store<u16>(rows + (cell << 1), state < states ? (state * stride) << 1 : 0);
  }
  return true;
}

/**
 * Goes on as `runDfa` at the start of a row of its table; -1 when the copy does
 * not fit, else 1 for a match and 0 for none.
 */
export function runLongDfa(text: StaticArray<u8>, start: i32, end: i32, from: u32): i32 {
  let columns = wholeBase();
  let rows = columns + COLUMNS;
  if (!prepare(columns, rows)) return -1;
  let classes = classCountOf();
  let accept = (ACCEPT * (classes + 1)) << 1;
  // What came out of a corrupted table last is not checked yet.
  if (from + classes >= stateCount() * (classes + 1)) return 0;
  let row = from << 1;
  let invalid = classOfRune(REPLACEMENT);
  let base = changetype<usize>(text);
  let at = start;
  while (at < end) {
    let byte = <u32>load<u8>(base + at);
    if (byte < 0x80) {
      row = load<u16>(rows + load<u8>(columns + byte) + row);
      at++;
    } else {
      let size = 1;
      let cls = invalid;
      if (byte >= 0xc2 && byte < 0xf5) {
        let rune = at + 4 <= end ? Sequence.read(base + at, byte) : NONE;
        if (rune == NONE) {
          cls = classAt(text, at, end);
          size = lastSize();
        } else if (rune != INVALID) {
          cls = classOfRune(rune);
          size = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
        }
      }
      if (cls >= classes) return 0;
      row = load<u16>(rows + (cls << 1) + row);
      at += size;
    }
    if (row <= accept) return row == accept ? 1 : 0;
  }
  return load<u16>(rows + (classes << 1) + row) == accept ? 1 : 0;
}
