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
    appendUrlSafe(encode(Uint8Array.wrap(chunk, 0, len)), out);
    __collect();
  }
}

function appendUrlSafe(text: string, out: ByteWriter): void {
  for (let i = 0; i < text.length; i++) {
    let code = <u32>text.charCodeAt(i);
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
