import { lowerAscii } from '../bytes/ascii';
import { within } from '../bytes/bytes';
import { HIGH_BITS, sequenceLength } from '../bytes/utf8';
import { foldPoint } from './fold-table';

/** Go reads each byte that is no part of valid UTF-8 as this. */
const REPLACEMENT: u32 = 0xfffd;

/** Bytes of the character `decodePoint` read last. */
let pointSize: i32 = 0;

/** Code point at `at`, which lies before `end`. */
function decodePoint(buf: StaticArray<u8>, at: i32, end: i32): u32 {
  let size = sequenceLength(buf, at, end);
  pointSize = max(size, 1);
  let b0 = <u32>unchecked(buf[at]);
  if (size < 2) return size == 0 ? REPLACEMENT : b0;
  let point = b0 & (0x7f >> size);
  for (let i = 1; i < size; i++) point = (point << 6) | (<u32>unchecked(buf[at + i]) & 0x3f);
  return point;
}

/** Go's `strings.EqualFold`: equal under Unicode simple case folding (`K` = `k` = U+212A, `S` = `s` = `ſ`). */
export function equalFold(
  a: StaticArray<u8>,
  aStart: i32,
  aEnd: i32,
  b: StaticArray<u8>,
  bStart: i32,
  bEnd: i32,
): bool {
  if (!within(a, aStart, aEnd - aStart) || !within(b, bStart, bEnd - bStart)) return false;
  // Most names that are compared to their end are ASCII and the same in every bit.
  while (aEnd - aStart >= 8 && bEnd - bStart >= 8) {
    let word = load<u64>(changetype<usize>(a) + aStart);
    if (word != load<u64>(changetype<usize>(b) + bStart) || (word & HIGH_BITS) != 0) break;
    aStart += 8;
    bStart += 8;
  }
  while (aStart < aEnd && bStart < bEnd) {
    let x = <u32>unchecked(a[aStart]);
    let y = <u32>unchecked(b[bStart]);
    if ((x | y) < 0x80) {
      if (x != y && lowerAscii(x) != lowerAscii(y)) return false;
      aStart++;
      bStart++;
      continue;
    }
    x = decodePoint(a, aStart, aEnd);
    aStart += pointSize;
    y = decodePoint(b, bStart, bEnd);
    bStart += pointSize;
    if (x != y && foldPoint(x) != foldPoint(y)) return false;
  }
  return aStart == aEnd && bStart == bEnd;
}
