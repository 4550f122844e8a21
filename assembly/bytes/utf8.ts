/** UTF-8 as RFC 3629 section 4 defines it: shortest form only, no surrogates, nothing above U+10FFFF. */

/**
 * Length in bytes (1-4) of the valid sequence at `at`, 0 when there is none
 * before `end`.
 */
export function sequenceLength(buf: StaticArray<u8>, at: i32, end: i32): i32 {
  if (at < 0 || at >= end || end > buf.length) return 0;
  let b0 = <u32>unchecked(buf[at]);
  if (b0 < 0x80) return 1;
  if (b0 < 0xc2 || b0 > 0xf4) return 0;
  let need = b0 < 0xe0 ? 2 : b0 < 0xf0 ? 3 : 4;
  if (end - at < need) return 0;
  let b1 = <u32>unchecked(buf[at + 1]);
  let low: u32 = 0x80;
  let high: u32 = 0xbf;
  if (b0 == 0xe0) low = 0xa0;
  else if (b0 == 0xed) high = 0x9f;
  else if (b0 == 0xf0) low = 0x90;
  else if (b0 == 0xf4) high = 0x8f;
  if (b1 < low || b1 > high) return 0;
  for (let i = 2; i < need; i++) {
    if ((<u32>unchecked(buf[at + i]) & 0xc0) != 0x80) return 0;
  }
  return need;
}

/** The bit of each byte that ASCII leaves zero. */
export const HIGH_BITS: u64 = (u64.MAX_VALUE / 0xff) * 0x80;

/** True when the whole range is valid UTF-8. */
export function isUtf8(buf: StaticArray<u8>, start: i32, end: i32): bool {
  let at = start;
  let words = start >= 0 && end <= buf.length;
  while (at < end) {
    // Most text is ASCII: eight bytes at once.
    while (words && at <= end - 8 && (load<u64>(changetype<usize>(buf) + at) & HIGH_BITS) == 0) at += 8;
    if (at >= end) break;
    let len = sequenceLength(buf, at, end);
    if (len == 0) return false;
    at += len;
  }
  return true;
}
