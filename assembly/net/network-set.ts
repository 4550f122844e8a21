import { readU32, readU64, writeU32, writeU64 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { firstHigh, firstLow, isIpv4Network, lastHigh, lastLow } from './cidr';
import { isIpv4 } from './ip';

/**
 * A set of addresses as bytes, read in place:
 *
 *     u32 n4 │ u32 n6 │ n4 × (u32 first, u32 last) │ n6 × (u64 high, u64 low of first, the same of last)
 *
 * Ranges of each family are sorted and disjoint, so a look is a binary search.
 * The families are apart: `::/0` holds no IPv4 address, `0.0.0.0/0` no other.
 */
export const SET_RANGES: i32 = 8;
const RANGE4: i32 = 8;
const RANGE6: i32 = 32;

/** True when the set at `at` holds the address. */
export function contains(buf: StaticArray<u8>, at: i32, high: u64, low: u64): bool {
  let count4 = readU32(buf, at);
  if (isIpv4(high, low)) return contains4(buf, at + SET_RANGES, count4, <u32>low);
  return contains6(buf, at + SET_RANGES + count4 * RANGE4, readU32(buf, at + 4), high, low);
}

/** Bytes of the set at `at`, -1 when they do not lie before `end`. */
export function networkSetSize(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  if (at < 0 || at > end - SET_RANGES) return -1;
  let size = <u64>SET_RANGES + <u64>readU32(buf, at) * RANGE4 + <u64>readU32(buf, at + 4) * RANGE6;
  return size <= <u64>(end - at) ? <i32>size : -1;
}

function contains4(buf: StaticArray<u8>, at: i32, count: i32, address: u32): bool {
  let from = 0;
  let to = count;
  while (from < to) {
    let mid = (from + to) >>> 1;
    if (readU32(buf, at + mid * RANGE4 + 4) < address) from = mid + 1;
    else to = mid;
  }
  return from < count && readU32(buf, at + from * RANGE4) <= address;
}

function contains6(buf: StaticArray<u8>, at: i32, count: i32, high: u64, low: u64): bool {
  let from = 0;
  let to = count;
  while (from < to) {
    let mid = (from + to) >>> 1;
    let range = at + mid * RANGE6;
    if (less(readU64(buf, range + 16), readU64(buf, range + 24), high, low)) from = mid + 1;
    else to = mid;
  }
  if (from >= count) return false;
  let range = at + from * RANGE6;
  return !less(high, low, readU64(buf, range), readU64(buf, range + 8));
}

function less(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): bool {
  return aHigh < bHigh || (aHigh == bHigh && aLow < bLow);
}

// --- Building -----------------------------------------------------------------

/** Where the set being built begins. */
let setAt: i32 = 0;

/** Starts a set at the end of `out`. Nothing else may be appended before `endSet`. */
export function beginSet(out: ByteWriter): void {
  setAt = out.len;
  out.u32(0);
  out.u32(0);
}

/**
 * Adds the network `parseCidr` read last, keeping ranges sorted and joined. An
 * insertion costs a move of what lies behind it, so networks given in order,
 * as lists are, cost nothing extra.
 */
export function addNetwork(out: ByteWriter): void {
  if (out.overflow) return;
  if (isIpv4Network()) add4(out, <u32>firstLow, <u32>lastLow);
  else add6(out, firstHigh, firstLow, lastHigh, lastLow);
}

/** Puts `[from, to)` ranges out of the way of one new range, which begins at the answered offset. */
function replaceRanges(out: ByteWriter, base: i32, size: i32, from: i32, to: i32): i32 {
  let at = base + from * size;
  let rest = base + to * size;
  let tail = out.len - rest;
  if (from == to) {
    if (out.reserve(size) < 0) return -1;
  } else {
    out.len -= (to - from - 1) * size;
  }
  memory.copy(changetype<usize>(out.buf) + at + size, changetype<usize>(out.buf) + rest, tail);
  return at;
}

function add4(out: ByteWriter, first: u32, last: u32): void {
  let buf = out.buf;
  let base = setAt + SET_RANGES;
  let count: i32 = readU32(buf, setAt);
  // Ranges [from, to) overlap or touch the new one.
  let from = count;
  while (from > 0 && <u64>readU32(buf, base + (from - 1) * RANGE4 + 4) + 1 >= <u64>first) from--;
  let to = from;
  while (to < count && <u64>readU32(buf, base + to * RANGE4) <= <u64>last + 1) {
    first = min(first, readU32(buf, base + to * RANGE4));
    last = max(last, readU32(buf, base + to * RANGE4 + 4));
    to++;
  }
  let at = replaceRanges(out, base, RANGE4, from, to);
  if (at < 0) return;
  writeU32(buf, at, first);
  writeU32(buf, at + 4, last);
  writeU32(buf, setAt, count + 1 - (to - from));
}

function add6(out: ByteWriter, fHigh: u64, fLow: u64, lHigh: u64, lLow: u64): void {
  let buf = out.buf;
  let base = setAt + SET_RANGES + readU32(buf, setAt) * RANGE4;
  let count: i32 = readU32(buf, setAt + 4);
  let from = count;
  while (from > 0) {
    let range = base + (from - 1) * RANGE6;
    if (less(readU64(buf, range + 16), readU64(buf, range + 24), fHigh, fLow)) break;
    from--;
  }
  let to = from;
  while (to < count) {
    let range = base + to * RANGE6;
    let high = readU64(buf, range);
    let low = readU64(buf, range + 8);
    if (less(lHigh, lLow, high, low)) break;
    if (less(high, low, fHigh, fLow)) {
      fHigh = high;
      fLow = low;
    }
    high = readU64(buf, range + 16);
    low = readU64(buf, range + 24);
    if (less(lHigh, lLow, high, low)) {
      lHigh = high;
      lLow = low;
    }
    to++;
  }
  let at = replaceRanges(out, base, RANGE6, from, to);
  if (at < 0) return;
  writeU64(buf, at, fHigh);
  writeU64(buf, at + 8, fLow);
  writeU64(buf, at + 16, lHigh);
  writeU64(buf, at + 24, lLow);
  writeU32(buf, setAt + 4, count + 1 - (to - from));
}
