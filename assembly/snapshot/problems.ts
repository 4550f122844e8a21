import { readU8 } from '../bytes/bytes';
import { sequenceLength } from '../bytes/utf8';
import { ByteWriter } from '../bytes/writer';
import { FIRST_WARNING, POLICY_MORE_ERRORS, POLICY_MORE_WARNINGS, problemText } from './problem-codes';

/** Bytes of a user's value that are shown: enough to find it. */
export const MAX_SHOWN: i32 = 64;
/** Longest path, `access_control.rules[1000].query[100][100].operator` twice over. */
const MAX_PATH: i32 = 128;
/** Room kept for the last entry and the closing bracket. */
const TAIL: i32 = 160;

/** Everything found so far, JSON text of an array; complete after `endProblems`. */
export const problems = new ByteWriter(new StaticArray<u8>(0));
/** Path of the value being compiled. */
export const path = new ByteWriter(new StaticArray<u8>(MAX_PATH));

export let errorCount: i32 = 0;
let entryAt: i32 = 0;
let entryIsError: bool = false;
let errorsDropped: bool = false;
let warningsDropped: bool = false;

export function beginProblems(): void {
  problems.reset();
  path.reset();
  errorCount = 0;
  errorsDropped = false;
  warningsDropped = false;
  problems.u8(0x5b);
}

/** Begins an entry for the value at `path`; its message follows, then `endProblem`. */
export function beginProblem(problem: i32): void {
  entryIsError = problem < FIRST_WARNING;
  if (entryIsError) errorCount++;
  entryAt = problems.len;
  if (problems.len > 1) problems.u8(0x2c);
  problems.ascii('{"code":"');
  let text = problemText(problem);
  let at = 0;
  let len = text.length;
  for (; at < len && text.charCodeAt(at) != 0x20; at++) problems.u8(text.charCodeAt(at));
  problems.ascii('","severity":"');
  problems.ascii(entryIsError ? 'error' : 'warning');
  problems.ascii('","path":"');
  for (let i = 0; i < path.len; i++) escaped(readU8(path.buf, i));
  problems.ascii('","message":"');
}

export function endProblem(): void {
  problems.ascii('"}');
  // Warnings may take half of the room, so that they do not hide errors.
  let room = entryIsError ? problems.buf.length - TAIL : problems.buf.length >> 1;
  if (!problems.overflow && problems.len <= room) return;
  problems.len = entryAt;
  problems.overflow = false;
  if (entryIsError) errorsDropped = true;
  else warningsDropped = true;
}

/** Appends a problem's text, what stands behind its code. */
export function problemWords(problem: i32): void {
  let text = problemText(problem);
  let len = text.length;
  let at = 0;
  while (at < len && text.charCodeAt(at) != 0x20) at++;
  for (at++; at < len; at++) problems.u8(text.charCodeAt(at));
}

/** A whole entry without a value. */
export function report(problem: i32): void {
  beginProblem(problem);
  problemWords(problem);
  endProblem();
}

/** A whole entry whose text ends with a number. */
export function reportNumber(problem: i32, value: i32): void {
  beginProblem(problem);
  problemWords(problem);
  problems.decimal(max(value, 0));
  endProblem();
}

/** A whole entry that shows a value before its text. */
export function reportValue(problem: i32, buf: StaticArray<u8>, start: i32, end: i32): void {
  beginProblem(problem);
  shown(buf, start, end);
  problems.u8(0x20);
  problemWords(problem);
  endProblem();
}

/** Closes the array, saying so when something did not fit. */
export function endProblems(): void {
  if (errorsDropped || warningsDropped) {
    path.reset();
    let problem = errorsDropped ? POLICY_MORE_ERRORS : POLICY_MORE_WARNINGS;
    let errors = errorCount;
    beginProblem(problem);
    errorCount = errors;
    problemWords(problem);
    problems.ascii('"}');
  }
  problems.u8(0x5d);
}

/** Appends a user's text in backticks, shortened, control bytes written as `\x0a`. */
export function shown(buf: StaticArray<u8>, start: i32, end: i32): void {
  problems.u8(0x60);
  let stop = start;
  while (stop < end && stop - start < MAX_SHOWN) stop += max(sequenceLength(buf, stop, end), 1);
  for (let i = start; i < min(stop, end); i++) escaped(readU8(buf, i));
  if (stop < end) problems.ascii('...');
  problems.u8(0x60);
}

/** One byte of a user's text inside a JSON string. */
function escaped(byte: u32): void {
  if (byte < 0x20 || byte == 0x7f) {
    problems.ascii('\\\\x');
    problems.u8(0x30 + (byte >> 4));
    let low = byte & 15;
    problems.u8(low < 10 ? 0x30 + low : 0x57 + low);
    return;
  }
  if (byte == 0x22 || byte == 0x5c) problems.u8(0x5c);
  problems.u8(byte);
}

// --- Path ---------------------------------------------------------------------------

/** Appends `.key`, without the dot at the beginning. */
export function pushKey(key: string): void {
  if (path.len > 0) path.u8(0x2e);
  path.ascii(key);
}

/** Appends `.key` from the document, shortened. */
export function pushBytes(buf: StaticArray<u8>, start: i32, end: i32): void {
  if (path.len > 0) path.u8(0x2e);
  let stop = start;
  while (stop < end && stop - start < MAX_SHOWN / 2) stop += max(sequenceLength(buf, stop, end), 1);
  path.bytes(buf, start, min(stop, end));
}

/** Appends `[index]`. */
export function pushIndex(index: i32): void {
  path.u8(0x5b);
  path.decimal(index);
  path.u8(0x5d);
}

/** Cuts the path back to what it was. */
export function popPath(len: i32): void {
  path.len = len;
  path.overflow = false;
}
