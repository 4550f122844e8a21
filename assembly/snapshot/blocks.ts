import { writeU32 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { ITEM_SIZE } from '../policy/layout';
import { text } from '../policy/query';
import { compile, errorEnd, errorMessage, errorStart } from '../regexp/regexp';
import { ByteMap } from './byte-map';
import { doc, docEnd, readText, words } from './document';
import { valueEnd } from './json';
import { ACL_EXPRESSION, POLICY_ENTRIES_LIMIT } from './problem-codes';
import { beginProblem, endProblem, problems, reportNumber, shown } from './problems';

/**
 * Blocks of the image: strings, programs, lists and network sets, each appended
 * and, when an equal one is there already, dropped in favour of that.
 */

const NOTHING = new ByteWriter(new StaticArray<u8>(0));

/** The image being written. */
export let image: ByteWriter = NOTHING;
/** Where it begins in its writer. */
export let imageStart: i32 = 0;

/** Items of the list being read. */
const items = new ByteWriter(new StaticArray<u8>(0));
/** Blocks of the image by their bytes. */
const blocks = new ByteMap();
/** Programs by the pattern as the document spells it. */
const programs = new ByteMap();

/** Makes room for lists of `maxItems`, and for finding `maxBlocks` blocks and patterns again (powers of two). */
export function reserveBlocks(maxItems: i32, maxBlocks: i32): void {
  items.buf = new StaticArray<u8>(maxItems * ITEM_SIZE);
  blocks.reserve(maxBlocks);
  programs.reserve(maxBlocks);
}

/** Begins an image at the end of `out`. */
export function openImage(out: ByteWriter): void {
  image = out;
  imageStart = out.len;
  blocks.clear();
  programs.clear();
}

/** Lets go of the image's writer. */
export function closeImage(): void {
  image = NOTHING;
}

/** Pads the image, so that what comes next begins at a multiple of `unit`. */
export function alignImage(unit: i32): void {
  while ((image.len - imageStart) % unit != 0 && !image.overflow) image.u8(0);
}

/** Called with the offset in the image of each program behind its compilation. */
let onProgram: ((program: i32) => void) | null = null;

/** Lets the index take note of what it needs of each expression, while its tree is there. */
export function watchPrograms(watch: (program: i32) => void): void {
  onProgram = watch;
}

/** Writes a field of the image's header. */
export function setHeader(field: i32, value: u32): void {
  writeU32(image.buf, imageStart + field, value);
}

/** Offset in the image of the block that was appended from `start` on. */
export function intern(start: i32): i32 {
  if (image.overflow) return 0;
  let found = blocks.find(image.buf, start, image.len);
  if (found >= 0) {
    image.len = start;
    return found;
  }
  blocks.put(image.buf, start, image.len, start - imageStart);
  return start - imageStart;
}

/** Offset in the image of a string. */
export function internString(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  let at = image.len;
  image.bytes(buf, start, end);
  return intern(at);
}

/** Offset in the image of the program for the expression at `value`; -1 when it was refused and reported. */
export function internProgram(value: i32): i32 {
  let end = valueEnd(doc, value, docEnd);
  let found = programs.find(doc, value, end);
  if (found >= 0) return found;
  if (!readText(value) || image.overflow) return -1;
  let at = image.len;
  let code = compile(text, 0, words.len, image);
  if (code != 0) {
    // A pattern that the image had no room for is not to blame.
    if (image.overflow) return -1;
    reportExpression(code);
    return -1;
  }
  let program = intern(at);
  let watch = onProgram;
  if (watch !== null) watch(program);
  programs.put(doc, value, end, program);
  return program;
}

function reportExpression(code: i32): void {
  let start = errorStart();
  let end = errorEnd();
  beginProblem(ACL_EXPRESSION);
  shown(text, 0, words.len);
  problems.ascii(' is no expression: ');
  errorMessage(code, problems);
  if (start > 0 || end < words.len) {
    problems.ascii(': ');
    shown(text, start, end);
    problems.ascii(' at byte ');
    problems.decimal(start + 1);
  }
  endProblem();
}

// --- Lists ------------------------------------------------------------------------------

export function beginList(): void {
  items.reset();
}

/** Adds an item; `offset` as the functions above answer it. */
export function addItem(kind: u32, flags: u32, length: i32, offset: i32): void {
  items.u8(kind);
  items.u8(flags);
  items.u16(length);
  items.u32(max(offset, 0));
}

/** Adds an item with the flags for a string. */
export function addString(kind: u32, flags: u32, buf: StaticArray<u8>, start: i32, end: i32): void {
  addItem(kind, flags, end - start, internString(buf, start, end));
}

/** Marks the item added last as the end of its AND list. */
export function markLast(flag: u32): void {
  let at = items.len - ITEM_SIZE + 1;
  if (at > 0 && !items.overflow) items.buf[at] = <u8>(items.buf[at] | flag);
}

/** Number of items added. */
export function listLength(): i32 {
  return items.len / ITEM_SIZE;
}

/** Offset in the image of the list. */
export function endList(): i32 {
  if (items.overflow) reportNumber(POLICY_ENTRIES_LIMIT, items.buf.length / ITEM_SIZE);
  let at = image.len;
  image.u32(listLength());
  image.bytes(items.buf, 0, items.len);
  return intern(at);
}
