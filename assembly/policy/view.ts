import { copy, readU8, readU16, readU32, within } from '../bytes/bytes';
import { networkSetSize, SET_RANGES } from '../net/network-set';
import {
  IMAGE_HEADER,
  IMAGE_LENGTH,
  IMAGE_MAGIC,
  IMAGE_RULE_COUNT,
  IMAGE_RULES,
  IMAGE_VERSION,
  ITEM_FLAGS,
  ITEM_LAST,
  ITEM_LENGTH,
  ITEM_OFFSET,
  ITEM_SIZE,
  LIST_ITEMS,
  RULE_SIZE,
} from './layout';

/**
 * The policy image that decides. It lies in memory as a whole, or a source
 * brings the parts that are asked for; whoever reads does not know which. What
 * `locate` answers is good until it is called again.
 */

/** Brings parts of an image into `bytes`. */
export abstract class ImageSource {
  /** The part brought last is `[heldFrom, heldTo)` of the image and lies at `heldAt`; most questions are about it again. */
  heldFrom: i32 = 0;
  heldTo: i32 = 0;
  heldAt: i32 = 0;

  /** Where the `len` bytes from `at` on now lie together, or minus a FAULT_…. */
  abstract locate(at: i32, len: i32): i32;
}

// Why a part could not be had. Whoever judges must look at `fault` before it believes an answer.
/** An offset outside the image: damaged, or a mistake of ours. */
export const FAULT_IMAGE: i32 = 1;
/** The file could not be read, or its bytes are not what the host wrote. */
export const FAULT_FILE: i32 = 2;
/** The part is larger than the source can hold. */
export const FAULT_SIZE: i32 = 3;

/** Answer of `locate` when there is nothing: every checked reader answers 0 there. */
const NOWHERE: i32 = i32.MIN_VALUE;
const NOTHING = new StaticArray<u8>(0);

/** What offsets answered by `locate` are offsets of. */
export let bytes: StaticArray<u8> = NOTHING;
/** FAULT_… of the first part that could not be had since `clearFault`; 0 when all could. */
export let fault: i32 = 0;

/** Counts the images opened and closed: what was found in one is worth nothing in the next. */
export let imageTurn: u32 = 0;

let start: i32 = 0;
let size: i32 = 0;
let source: ImageSource | null = null;
const header = new StaticArray<u8>(IMAGE_HEADER);

/** Opens the image at `[at, at + len)` of `buf`, which must stay as it is; false when it is none. */
export function openResident(buf: StaticArray<u8>, at: i32, len: i32): bool {
  closeImage();
  if (len < IMAGE_HEADER || !within(buf, at, len)) return false;
  bytes = buf;
  start = at;
  size = len;
  return takeHeader();
}

/** Opens an image of `len` bytes that `from` brings into `buf`; false when it is none. */
export function openThrough(from: ImageSource, buf: StaticArray<u8>, len: i32): bool {
  closeImage();
  if (len < IMAGE_HEADER) return false;
  bytes = buf;
  source = from;
  size = len;
  return takeHeader();
}

export function closeImage(): void {
  imageTurn++;
  bytes = NOTHING;
  source = null;
  start = size = 0;
  fault = 0;
  memory.fill(changetype<usize>(header), 0, IMAGE_HEADER);
}

function takeHeader(): bool {
  let at = locate(0, IMAGE_HEADER);
  if (fault == 0 && copy(header, 0, bytes, at, IMAGE_HEADER) && isHeader()) return true;
  let why = fault;
  closeImage();
  fault = why;
  return false;
}

function isHeader(): bool {
  if (readU32(header, 0) != IMAGE_MAGIC || readU32(header, 4) != IMAGE_VERSION) return false;
  if (readU32(header, IMAGE_LENGTH) != <u32>size) return false;
  let rules = <u64>readU32(header, IMAGE_RULES);
  return (
    rules >= <u64>IMAGE_HEADER && rules + <u64>readU32(header, IMAGE_RULE_COUNT) * RULE_SIZE <= <u64>size
  );
}

export function isImageOpen(): bool {
  return size > 0;
}

export function clearFault(): void {
  fault = 0;
}

/** Where in `bytes` the `len` bytes from offset `at` on lie; nowhere, and `fault` set, when they cannot be had. */
export function locate(at: i32, len: i32): i32 {
  if (at < 0 || len < 0 || len > size || at > size - len) return fail(FAULT_IMAGE);
  let from = source;
  if (from === null) return start + at;
  if (at >= from.heldFrom && at + len <= from.heldTo) return from.heldAt + (at - from.heldFrom);
  let found = from.locate(at, len);
  return found >= 0 ? found : fail(-found);
}

function fail(why: i32): i32 {
  if (fault == 0) fault = why;
  return NOWHERE;
}

/** A field of the header. */
export function headerField(field: i32): u32 {
  return readU32(header, field);
}

export function headerByte(field: i32): u32 {
  return readU8(header, field);
}

/** A 32-bit number at offset `at`. */
export function numberAt(at: i32): u32 {
  return readU32(bytes, locate(at, 4));
}

/** Where the program at offset `at` lies. */
export function locateProgram(at: i32): i32 {
  return locate(at, <i32>numberAt(at));
}

/** Where the set of networks at offset `at` lies. */
export function locateSet(at: i32): i32 {
  let head = locate(at, SET_RANGES);
  return locate(at, networkSetSize(bytes, head, head + i32.MAX_VALUE / 2));
}

// --- Rules and lists --------------------------------------------------------------------

export function ruleCount(): i32 {
  return <i32>headerField(IMAGE_RULE_COUNT);
}

/** Where rule `number`, from 0, lies. */
export function locateRule(number: i32): i32 {
  if (<u32>number >= <u32>ruleCount()) return fail(FAULT_IMAGE);
  return locate(<i32>headerField(IMAGE_RULES) + number * RULE_SIZE, RULE_SIZE);
}

/** Number of items of the list at offset `list`. */
export function itemCount(list: i32): i32 {
  let count = numberAt(list);
  if (<u64>list + LIST_ITEMS + <u64>count * ITEM_SIZE <= <u64>size) return <i32>count;
  fail(FAULT_IMAGE);
  return 0;
}

// The item read last.
export let itemKind: u32 = 0;
export let itemFlags: u32 = 0;
/** Length of its string. */
export let itemLength: i32 = 0;
/** Offset of its string or program. */
export let itemOffset: i32 = 0;

/** Reads item `index` of the list at offset `list`; of none the kind is 0. */
export function readItem(list: i32, index: i32): void {
  let at = locate(list + LIST_ITEMS + index * ITEM_SIZE, ITEM_SIZE);
  itemKind = readU8(bytes, at);
  itemFlags = readU8(bytes, at + ITEM_FLAGS);
  itemLength = <i32>readU16(bytes, at + ITEM_LENGTH);
  itemOffset = <i32>readU32(bytes, at + ITEM_OFFSET);
}

/** True when the AND list ends with the item read last. */
export function isLastItem(): bool {
  return (itemFlags & ITEM_LAST) != 0;
}

/** Where the string of the item read last lies. */
export function locateString(): i32 {
  return locate(itemOffset, itemLength);
}
