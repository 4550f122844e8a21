import { arrayOf, bytesOf } from '../bytes/loader';
import { ByteWriter } from '../bytes/writer';
import { GUEST_COMPILER_BYTES, HOST_COMPILER_BYTES } from './limits';
import {
  buildAutomata,
  captures,
  compile,
  errorEnd,
  errorMessage,
  errorStart,
  findGroups,
  isMatch,
  namedGroups,
  programSize,
  reserveCompiler,
} from './regexp';
import { uninstall } from './unicode';
import { installUnicodeTables } from './unicode-tables';

/**
 * The engine for the host and the tests, through the loader: one program at a
 * time. The module's entry must re-export these.
 */
const PROGRAM_BYTES: i32 = 262_144;
/** Space to compile in, made when first asked for; the policy's compiler brings its own. */
let scratch = new StaticArray<u8>(0);
const program = new ByteWriter(new StaticArray<u8>(PROGRAM_BYTES));
const message = new ByteWriter(new StaticArray<u8>(256));
let pattern = new StaticArray<u8>(0);
let code: i32 = 0;

installUnicodeTables();

/** Compiles a pattern; 0, or a `RegexpError`. */
export function regexpCompile(input: Uint8Array): i32 {
  pattern = bytesOf(input);
  program.reset();
  if (scratch.length == 0) scratch = new StaticArray<u8>(HOST_COMPILER_BYTES);
  reserveCompiler(scratch);
  code = compile(pattern, 0, pattern.length, program);
  return code;
}

/** Compiles from now on as the guest does, without tables and in its scratch space; for tests. */
export function regexpAsGuest(on: bool): void {
  scratch = new StaticArray<u8>(on ? GUEST_COMPILER_BYTES : HOST_COMPILER_BYTES);
  if (on) uninstall();
  else installUnicodeTables();
}

/** Whether programs compiled from now on get an automaton; off, for tests of the simulation. */
export function regexpAutomata(on: bool): void {
  buildAutomata(on);
}

/** Text of the last compilation's error, e.g. `missing closing ]`; empty when there was none. */
export function regexpError(): Uint8Array {
  message.reset();
  if (code != 0) errorMessage(code, message);
  return arrayOf(message.buf, 0, message.len);
}

/** The offending part of the pattern. */
export function regexpErrorPart(): Uint8Array {
  return code == 0 ? new Uint8Array(0) : arrayOf(pattern, errorStart(), errorEnd());
}

/** The compiled program. */
export function regexpProgram(): Uint8Array {
  return arrayOf(program.buf, 0, program.len);
}

/** Replaces the program by any bytes, for tests of corrupted ones. */
export function regexpLoad(input: Uint8Array): void {
  program.reset();
  program.bytes(bytesOf(input), 0, input.length);
}

export function regexpSize(): i32 {
  return programSize(program.buf, 0);
}

export function regexpIsMatch(input: Uint8Array): bool {
  let text = bytesOf(input);
  return isMatch(program.buf, 0, text, 0, text.length);
}

/** Bits: 1 a group named `User`, 2 one named `Group`. */
export function regexpGroups(): i32 {
  return namedGroups(program.buf, 0);
}

/** `[userStart, userEnd, groupStart, groupEnd]` of the leftmost-first match; empty without a match. */
export function regexpFind(input: Uint8Array): Int32Array {
  let text = bytesOf(input);
  if (!findGroups(program.buf, 0, text, 0, text.length)) return new Int32Array(0);
  let out = new Int32Array(4);
  for (let i = 0; i < 4; i++) out[i] = captures[i];
  return out;
}

let benchText = new StaticArray<u8>(0);

/** Sets the text of `regexpRepeat`. */
export function regexpText(input: Uint8Array): void {
  benchText = bytesOf(input);
}

/** Matches the text of `regexpText` `times` times; answers how often it matched. For benchmarks. */
export function regexpRepeat(times: i32): i32 {
  let found = 0;
  for (let i = 0; i < times; i++) {
    if (isMatch(program.buf, 0, benchText, 0, benchText.length)) found++;
  }
  return found;
}
