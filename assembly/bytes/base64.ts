import { encode } from 'as-base64/assembly';
import { within } from './bytes';
import { ByteWriter } from './writer';

/**
 * Bytes handed to as-base64 at once: a multiple of 3, so that chunks join
 * without padding, and small, because it answers with a UTF-16 string and the
 * guest has two pages of memory.
 */
const CHUNK: i32 = 192;

const chunk = new ArrayBuffer(CHUNK);

/**
 * Appends `[start, end)` of `src` as base64url without padding (RFC 4648
 * section 5). Collects as-base64's strings after each chunk, which is safe
 * because every other managed object of the engine hangs from a module-level
 * constant: callers hold none of their own.
 */
export function encodeBase64Url(src: StaticArray<u8>, start: i32, end: i32, out: ByteWriter): void {
  if (!within(src, start, end - start)) {
    out.overflow = true;
    return;
  }
  for (let at = start; at < end; at += CHUNK) {
    let len = min(CHUNK, end - at);
    memory.copy(changetype<usize>(chunk), changetype<usize>(src) + at, len);
    let text = encode(Uint8Array.wrap(chunk, 0, len));
    appendUrlSafe(changetype<usize>(text), text.length, out);
    __collect();
  }
}

/** @param text address of UTF-16 characters */
function appendUrlSafe(text: usize, len: i32, out: ByteWriter): void {
  for (let i = 0; i < len; i++) {
    let code = <u32>load<u16>(text + ((<usize>i) << 1));
    if (code == 0x3d) return; // '=': padding is only ever at the end
    out.u8(code == 0x2b ? 0x2d : code == 0x2f ? 0x5f : code); // + to -, / to _
  }
}

/** What DIGITS holds for a byte that is no digit: the bit that no digit has. */
const NO_DIGIT: u32 = 0x40;
/** Value of each byte in the standard alphabet of RFC 4648 section 4. */
const DIGITS = digitValues('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

function digitValues(alphabet: string): StaticArray<u8> {
  let values = new StaticArray<u8>(256);
  memory.fill(changetype<usize>(values), <u8>NO_DIGIT, 256);
  for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = <u8>i;
  return values;
}

// Sixteen digits at once, after W. Mula, D. Lemire, "Faster Base64 Encoding and
// Decoding Using AVX2 Instructions" (2018), section 4. A byte is no digit when the
// entries of its lower and its upper four bits have a bit in common; what makes a
// digit of its value depends on the upper four, and `/` alone.
const BAD_LOW = i8x16(
  0x15,
  0x11,
  0x11,
  0x11,
  0x11,
  0x11,
  0x11,
  0x11,
  0x11,
  0x11,
  0x13,
  0x1a,
  0x1b,
  0x1b,
  0x1b,
  0x1a,
);
const BAD_HIGH = i8x16(
  0x10,
  0x10,
  0x01,
  0x02,
  0x04,
  0x08,
  0x04,
  0x08,
  0x10,
  0x10,
  0x10,
  0x10,
  0x10,
  0x10,
  0x10,
  0x10,
);
const SHIFTS = i8x16(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
/** Three bytes of each number, the highest first; the rest becomes zero. */
const IN_ORDER = i8x16(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);

/**
 * Decodes canonical base64 (RFC 4648 section 4: padded, and section 3.5: unused
 * bits zero) into `out` at `outAt`. Answers the number of bytes, -1 when the
 * text is not canonical or does not fit. as-base64's own decoder is kept off
 * untrusted input: it reads garbage as zeros and traps on odd lengths.
 */
export function decodeBase64(
  src: StaticArray<u8>,
  start: i32,
  end: i32,
  out: StaticArray<u8>,
  outAt: i32,
): i32 {
  let len = end - start;
  if (len == 0) return 0;
  if ((len & 3) != 0 || !within(src, start, len)) return -1;
  let pad = 0;
  if (unchecked(src[end - 1]) == 0x3d) pad = unchecked(src[end - 2]) == 0x3d ? 2 : 1;
  let size = (len >> 2) * 3 - pad;
  if (!within(out, outAt, size)) return -1;
  let table = changetype<usize>(DIGITS);
  let from = changetype<usize>(src) + start;
  let to = changetype<usize>(out) + outAt;
  // All but the last four, which may be padded.
  let last = from + (len - 4);
  // Sixteen at once while what is written, twelve and four bytes of nothing, fits.
  let room = changetype<usize>(out) + out.length - 16;
  let bad = i8x16.splat(0);
  for (; from + 16 <= last && to <= room; from += 16) {
    let text = v128.load(from);
    let high = v128.and(i16x8.shr_u(text, 4), i8x16.splat(15));
    bad = v128.or(
      bad,
      v128.and(i8x16.swizzle(BAD_LOW, v128.and(text, i8x16.splat(15))), i8x16.swizzle(BAD_HIGH, high)),
    );
    // `/` would be in one class with `+`: it takes the one before.
    let digits = i8x16.add(text, i8x16.swizzle(SHIFTS, i8x16.add(high, i8x16.eq(text, i8x16.splat(0x2f)))));
    // Six bits, twelve, twenty-four; then the bytes in their order.
    let pairs = v128.or(i16x8.shl(v128.and(digits, i16x8.splat(0xff)), 6), i16x8.shr_u(digits, 8));
    let words = v128.or(i32x4.shl(v128.and(pairs, i32x4.splat(0xffff)), 12), i32x4.shr_u(pairs, 16));
    v128.store(to, i8x16.swizzle(words, IN_ORDER));
    to += 12;
  }
  if (v128.any_true(bad)) return -1;
  for (; from < last; from += 4) {
    let a = <u32>load<u8>(table + load<u8>(from));
    let b = <u32>load<u8>(table + load<u8>(from, 1));
    let c = <u32>load<u8>(table + load<u8>(from, 2));
    let d = <u32>load<u8>(table + load<u8>(from, 3));
    if (((a | b | c | d) & NO_DIGIT) != 0) return -1;
    store<u16>(to, (a << 2) | (b >> 4) | ((((b << 4) | (c >> 2)) & 0xff) << 8));
    store<u8>(to, (c << 6) | d, 2);
    to += 3;
  }
  let a = <u32>load<u8>(table + load<u8>(last));
  let b = <u32>load<u8>(table + load<u8>(last, 1));
  let c = pad == 2 ? 0 : <u32>load<u8>(table + load<u8>(last, 2));
  let d = pad > 0 ? 0 : <u32>load<u8>(table + load<u8>(last, 3));
  if (((a | b | c | d) & NO_DIGIT) != 0) return -1;
  if ((pad == 2 && (b & 15) != 0) || (pad == 1 && (c & 3) != 0)) return -1;
  store<u8>(to, (a << 2) | (b >> 4));
  if (pad < 2) store<u8>(to, (b << 4) | (c >> 2), 1);
  if (pad < 1) store<u8>(to, (c << 6) | d, 2);
  return size;
}
