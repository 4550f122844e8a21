import { encode } from 'as-base64/assembly';
import { within } from './bytes';
import { ByteWriter } from './writer';

/**
 * Bytes handed to as-base64 at once: a multiple of 3, so that chunks join
 * without padding, and small, because it answers with a UTF-16 string and the
 * guest has two pages of memory.
 */
const CHUNK: i32 = 768;

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

/** Standard alphabet of RFC 4648 section 4: value of a digit, -1 for any other byte. */
function digit(byte: u32): i32 {
  if (byte - 0x41 < 26) return byte - 0x41;
  if (byte - 0x61 < 26) return byte - 0x61 + 26;
  if (byte - 0x30 < 10) return byte - 0x30 + 52;
  return byte == 0x2b ? 62 : byte == 0x2f ? 63 : -1;
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
  let at = outAt;
  for (let i = start; i < end; i += 4) {
    let last = i + 4 == end;
    let a = digit(unchecked(src[i]));
    let b = digit(unchecked(src[i + 1]));
    let c = last && pad == 2 ? 0 : digit(unchecked(src[i + 2]));
    let d = last && pad > 0 ? 0 : digit(unchecked(src[i + 3]));
    if ((a | b | c | d) < 0) return -1;
    if (last && ((pad == 2 && (b & 15) != 0) || (pad == 1 && (c & 3) != 0))) return -1;
    let bits = (a << 18) | (b << 12) | (c << 6) | d;
    unchecked((out[at++] = <u8>(bits >> 16)));
    if (!last || pad < 2) unchecked((out[at++] = <u8>(bits >> 8)));
    if (!last || pad < 1) unchecked((out[at++] = <u8>bits));
  }
  return size;
}
