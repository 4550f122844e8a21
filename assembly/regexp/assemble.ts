import { writeU8, writeU16, writeU32 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { alphabetSize, buildAlphabet, members, pieceClass, pieceCount, pieceStart } from './alphabet';
import { dropLow, lowAddress, lowMark, takeLow } from './arena';
import { classValue, setClassValue } from './char-class';
import { Raw, rawCount, rawKind, rawOut, rawValue } from './compile';
import { MAX_ALTS, MAX_INSTS, MAX_SETS } from './limits';
import { ARG, ASCII, HEAD, Inst, MAGIC, NO_CLASS, NO_SET, Part, packInst, setBytes } from './prog';

/** Instructions and alphabet to the bytes of a program, without its automaton. */

/** Set in a class's value once `operand` knows it; the rest is an instruction without `out`. */
const KNOWN: u32 = 0x10000;

let setsAt: usize = 0;
let setCount: u32 = 0;

/**
 * Appends the program to `out`; false when it is too large. `classEnd` is the
 * end of the character classes in the arena, `word` and `newline` the classes
 * that assertions ask for, or -1.
 */
export function assemble(out: ByteWriter, classEnd: i32, groups: i32, word: i32, newline: i32): bool {
  let raw = rawCount();
  let places = takeLow(raw << 1);
  if (places == 0 || !buildAlphabet(classEnd)) return false;
  let count = number(places, raw);
  if (count > MAX_INSTS || alts > MAX_ALTS) return false;
  let start = out.len;
  let ranges = countRanges();
  let head = out.reserve(HEAD + ASCII + (ranges << 2) + (count << 2));
  if (head < 0) return false;
  writeAlphabet(out.buf, start + HEAD);
  setCount = 0;
  setsAt = lowAddress(lowMark());
  let wordSet = NO_SET;
  if (word >= 0) {
    wordSet = wordOperand(word);
    if (wordSet == NO_SET) return false;
  }
  let newlineId = NO_CLASS;
  if (newline >= 0) {
    if (operand(newline) == 0) return false;
    newlineId = operand(newline) >> ARG;
  }
  if (!writeInsts(out.buf, start + HEAD + ASCII + (ranges << 2), raw, places)) return false;
  if (!writeSets(out)) return false;
  let buf = out.buf;
  writeU8(buf, start + 4, MAGIC);
  writeU8(buf, start + 5, Part.Insts);
  writeU8(buf, start + 6, groups);
  writeU8(buf, start + 7, 0);
  writeU16(buf, start + 8, alphabetSize());
  writeU16(buf, start + 10, ranges);
  writeU16(buf, start + 12, count);
  writeU16(buf, start + 14, place(places, 0));
  writeU16(buf, start + 16, setCount);
  writeU16(buf, start + 18, wordSet);
  writeU16(buf, start + 20, newlineId);
  writeU16(buf, start + 22, 0);
  finish(out, start);
  return true;
}

/** Notes the size of the program that ends where `out` does. */
export function finish(out: ByteWriter, start: i32): void {
  writeU32(out.buf, start, out.len - start);
}

/** Choices in the program. */
let alts: i32 = 0;

/** Numbers the instructions other than jumps; answers how many there are. */
function number(places: usize, raw: i32): i32 {
  let count = 0;
  alts = 0;
  for (let pc = 0; pc < raw; pc++) {
    if (rawKind(pc) == Raw.Alt) alts++;
    store<u16>(places + (pc << 1), <u16>count);
    if (rawKind(pc) != Raw.Jump) count++;
  }
  return count;
}

/** New number of what `pc` comes to. Every loop has a choice, so jumps end. */
function place(places: usize, pc: u32): u32 {
  while (rawKind(pc) == Raw.Jump) pc = rawOut(pc);
  return load<u16>(places + (pc << 1));
}

function countRanges(): i32 {
  let count = 0;
  for (let p = 0; p < pieceCount(); p++) {
    if (startsRange(p)) count++;
  }
  return count;
}

/** True for the first piece of a run of one class from U+0080 on. */
function startsRange(p: i32): bool {
  let start = pieceStart(p);
  return start >= 0x80 && (start == 0x80 || pieceClass(p) != pieceClass(p - 1));
}

function writeAlphabet(buf: StaticArray<u8>, at: i32): void {
  let piece = 0;
  for (let c: u32 = 0; c < 128; c++) {
    if (piece + 1 < pieceCount() && pieceStart(piece + 1) <= c) piece++;
    writeU8(buf, at + c, pieceClass(piece));
  }
  let to = at + ASCII;
  for (let p = 0; p < pieceCount(); p++) {
    if (!startsRange(p)) continue;
    writeU32(buf, to, (pieceStart(p) << 11) | pieceClass(p));
    to += 4;
  }
}

function writeInsts(buf: StaticArray<u8>, at: i32, raw: i32, places: usize): bool {
  for (let pc = 0; pc < raw; pc++) {
    let value = rawValue(pc);
    let inst: u32 = 0;
    switch (rawKind(pc)) {
      case Raw.Char: {
        let op = operand(value);
        if (op == 0) return false;
        inst = (op & ~KNOWN) | (place(places, rawOut(pc)) << 4);
        break;
      }
      case Raw.Alt:
        inst = packInst(Inst.Alt, place(places, rawOut(pc)), place(places, value));
        break;
      case Raw.Assert:
        inst = packInst(Inst.Assert, place(places, rawOut(pc)), value);
        break;
      case Raw.Capture:
        inst = packInst(Inst.Capture, place(places, rawOut(pc)), value);
        break;
      case Raw.Match:
        inst = packInst(Inst.Match, 0, 0);
        break;
      default:
        continue;
    }
    writeU32(buf, at, inst);
    at += 4;
  }
  return true;
}

/** Operation and argument for the character class at `at`, 0 when its set does not fit. */
function operand(at: i32): u32 {
  if (classValue(at) != 0) return classValue(at);
  let mark = lowMark();
  let bits = takeLow(setBytes(alphabetSize()));
  if (bits == 0) return 0;
  let count = members(at, bits);
  let value: u32 = 0;
  if (count == alphabetSize() || count == 1) {
    let id: u32 = 0;
    while (((load<u8>(bits + (id >> 3)) >> (id & 7)) & 1) == 0) id++;
    value = count == 1 ? packInst(Inst.Char, 0, id) : packInst(Inst.Any, 0, 0);
    dropLow(mark);
  } else {
    if (setCount == MAX_SETS) return 0;
    value = packInst(Inst.Set, 0, setCount++);
  }
  setClassValue(at, value | KNOWN);
  return value | KNOWN;
}

/** The set of the word characters, kept as a set even when it is one class; `NO_SET` when it does not fit. */
function wordOperand(at: i32): u32 {
  let bits = takeLow(setBytes(alphabetSize()));
  if (bits == 0) return NO_SET;
  members(at, bits);
  return setCount++;
}

/** Copies the sets, which `operand` left in the arena one after the other, to the program. */
function writeSets(out: ByteWriter): bool {
  let bytes = setBytes(alphabetSize());
  let at = out.reserve(setCount * bytes);
  if (at < 0) return false;
  let stride = (bytes + 7) & ~7;
  for (let i: u32 = 0; i < setCount; i++) {
    memory.copy(changetype<usize>(out.buf) + at + i * bytes, setsAt + i * stride, bytes);
  }
  return true;
}
