import { within } from '../bytes/bytes';

/**
 * True when both ranges hold the same `len` bytes, in a time that depends on
 * `len` alone. False when a range is outside its array, and for no bytes at
 * all: nothing proves nothing.
 */
export function equalConstantTime(
  a: StaticArray<u8>,
  aAt: i32,
  b: StaticArray<u8>,
  bAt: i32,
  len: i32,
): bool {
  if (len <= 0 || !within(a, aAt, len) || !within(b, bAt, len)) return false;
  let p = changetype<usize>(a) + aAt;
  let q = changetype<usize>(b) + bAt;
  let difference: u64 = 0;
  for (; len >= 8; len -= 8) {
    difference |= load<u64>(p) ^ load<u64>(q);
    p += 8;
    q += 8;
  }
  for (; len > 0; len--) difference |= load<u8>(p++) ^ load<u8>(q++);
  return difference == 0;
}
