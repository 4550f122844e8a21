import { isDigit, lowerAscii } from '../bytes/ascii';
import { within } from '../bytes/bytes';
import { MAX_HOST } from '../contract';

/** RFC 1035 section 2.3.4, in text without the root's dot. */
export const MAX_HOST_NAME: i32 = 253;
/** RFC 1035 section 2.3.4. */
const MAX_LABEL: i32 = 63;
/** `:65535` */
const MAX_PORT_DIGITS: i32 = 5;

/**
 * Writes the canonical form of a `Host` value to `out` and answers its length,
 * 0 when it has none: lower case, one numeric port and one trailing dot cut,
 * labels of letters, digits, `-` and `_`. IPv6 literals have no canonical form
 * here: no certificate names them, and rules could spell them in many ways.
 */
export function canonicalHost(buf: StaticArray<u8>, start: i32, end: i32, out: StaticArray<u8>): i32 {
  if (end - start < 1 || end - start > MAX_HOST || !within(buf, start, end - start)) return 0;
  let digits = 0;
  while (digits <= MAX_PORT_DIGITS && end - digits > start && isDigit(unchecked(buf[end - digits - 1])))
    digits++;
  let colon = end - digits - 1;
  if (digits > 0 && digits <= MAX_PORT_DIGITS && colon > start && unchecked(buf[colon]) == 0x3a) {
    let port = 0;
    for (let i = colon + 1; i < end; i++) port = port * 10 + unchecked(buf[i]) - 0x30;
    if (port > 65_535) return 0;
    end = colon;
  }
  if (unchecked(buf[end - 1]) == 0x2e) end--;
  let len = end - start;
  if (len < 1 || len > MAX_HOST_NAME || len > out.length) return 0;
  if (len <= MAX_LABEL && start <= buf.length - SHORT && out.length >= SHORT)
    return shortHost(buf, start, len, out);
  let label = 0;
  for (let i = 0; i < len; i++) {
    let byte = lowerAscii(unchecked(buf[start + i]));
    if (byte == 0x2e) {
      if (label == 0) return 0;
      label = 0;
    } else {
      if (byte - 0x61 > 25 && byte - 0x30 > 9 && byte != 0x2d && byte != 0x5f) return 0;
      if (++label > MAX_LABEL) return 0;
    }
    unchecked((out[i] = <u8>byte));
  }
  return label == 0 ? 0 : len;
}

/** Bytes that `shortHost` looks at. */
const SHORT: i32 = 64;

/** As `canonicalHost`, of a name too short for a label that is too long; sixteen bytes at once. */
function shortHost(buf: StaticArray<u8>, start: i32, len: i32, out: StaticArray<u8>): i32 {
  let from = changetype<usize>(buf) + start;
  let to = changetype<usize>(out);
  let dots: u64 = 0;
  for (let at = 0; at < len; at += 16) {
    let bytes = v128.load(from + at);
    let upper = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x41)), i8x16.splat(26));
    bytes = v128.or(bytes, v128.and(upper, i8x16.splat(0x20)));
    v128.store(to + at, bytes);
    let dot = i8x16.eq(bytes, i8x16.splat(0x2e));
    let letter = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x61)), i8x16.splat(26));
    let digit = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x30)), i8x16.splat(10));
    let line = v128.or(i8x16.eq(bytes, i8x16.splat(0x2d)), i8x16.eq(bytes, i8x16.splat(0x5f)));
    let known = i8x16.bitmask(v128.or(v128.or(letter, digit), v128.or(line, dot)));
    let valid: u32 = len - at < 16 ? (1 << (len - at)) - 1 : 0xffff;
    if ((known & valid) != valid) return 0;
    dots |= (<u64>(i8x16.bitmask(dot) & valid)) << at;
  }
  // No label is empty: no dot first or last, nor behind another.
  if ((dots & ((dots << 1) | 1 | ((<u64>1) << (len - 1)))) != 0) return 0;
  return len;
}
