import { within } from '../bytes/bytes';

/**
 * Poly1305 (RFC 8439 section 2.5): one authenticator at a time, in pieces of
 * whole blocks except the last.
 *
 * Numbers are in limbs of 32 bits, each kept in 64 so that carries can wait:
 * h = h0 + h1·2^32 + h2·2^64 + h3·2^96 + h4·2^128. The clamping of r makes r0-r3
 * smaller than 2^28 and r1-r3 multiples of four, so what lies above 2^130 comes
 * back as s = 5·(r / 4), because 2^130 = 5 modulo the prime. Between blocks
 * h0 < 2.25·2^32, h1-h3 < 2^32 and h4 < 4; a block adds less than 2^32 to each,
 * one to h4. Then every sum of products below is less than 10.8·2^60.
 */

/** Bytes of a tag, and of a block. */
export const TAG_LENGTH: i32 = 16;

const MASK: u64 = 0xffffffff;

/** h0-h4 and r0-r3, eight bytes each, then the 16 bytes of s. */
const state = memory.data(88, 16);
/** The last, partial block. */
const partial = memory.data(16, 16);

/** Starts an authenticator with the 32-byte one-time key at `key`. */
export function begin(key: usize): void {
  for (let i = 0; i < 40; i += 8) store<u64>(state + i, 0);
  // RFC 8439 section 2.5.1
  store<u64>(state, <u64>(load<u32>(key) & 0x0fffffff), 40);
  store<u64>(state, <u64>(load<u32>(key, 4) & 0x0ffffffc), 48);
  store<u64>(state, <u64>(load<u32>(key, 8) & 0x0ffffffc), 56);
  store<u64>(state, <u64>(load<u32>(key, 12) & 0x0ffffffc), 64);
  store<u64>(state, load<u64>(key, 16), 72);
  store<u64>(state, load<u64>(key, 24), 80);
}

/** Takes `count` blocks at `p`; `high` is 1 for the bit above a whole block, 0 where it is in the data. */
function blocks(p: usize, count: i32, high: u64): void {
  let r0 = load<u64>(state, 40);
  let r1 = load<u64>(state, 48);
  let r2 = load<u64>(state, 56);
  let r3 = load<u64>(state, 64);
  let s1 = r1 + (r1 >> 2);
  let s2 = r2 + (r2 >> 2);
  let s3 = r3 + (r3 >> 2);
  let h0 = load<u64>(state);
  let h1 = load<u64>(state, 8);
  let h2 = load<u64>(state, 16);
  let h3 = load<u64>(state, 24);
  let h4 = load<u64>(state, 32);
  for (; count > 0; count--) {
    h3 += <u64>load<u32>(p, 12);
    h2 += <u64>load<u32>(p, 8);
    h1 += <u64>load<u32>(p, 4);
    h0 += <u64>load<u32>(p);
    h4 += high;
    p += 16;
    let d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1;
    let d1 = h0 * r1 + h1 * r0 + h2 * s3 + h3 * s2 + h4 * s1 + (d0 >> 32);
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s3 + h4 * s2 + (d1 >> 32);
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s3 + (d2 >> 32);
    let d4 = h4 * r0 + (d3 >> 32);
    h0 = (d0 & MASK) + (d4 >> 2) * 5;
    h1 = d1 & MASK;
    h2 = d2 & MASK;
    h3 = d3 & MASK;
    h4 = d4 & 3;
  }
  store<u64>(state, h0);
  store<u64>(state, h1, 8);
  store<u64>(state, h2, 16);
  store<u64>(state, h3, 24);
  store<u64>(state, h4, 32);
}

/** Copies the `len` (1-15) bytes at `p` to `partial`, zeros behind them. */
function fillPartial(p: usize, len: i32): void {
  store<u64>(partial, 0);
  store<u64>(partial, 0, 8);
  for (let i = 0; i < len; i++) store<u8>(partial + i, load<u8>(p + i));
}

/** Takes `len` bytes at `p` and zeros up to a whole block (`pad16` of RFC 8439 section 2.8). */
export function updatePadded(p: usize, len: i32): void {
  blocks(p, len >> 4, 1);
  let rest = len & 15;
  if (rest == 0) return;
  fillPartial(p + (len - rest), rest);
  blocks(partial, 1, 1);
}

/** Takes the last `len` bytes at `p`: a partial block ends with a one bit (RFC 8439 section 2.5). */
function updateLast(p: usize, len: i32): void {
  blocks(p, len >> 4, 1);
  let rest = len & 15;
  if (rest == 0) return;
  fillPartial(p + (len - rest), rest);
  store<u8>(partial + rest, 1);
  blocks(partial, 1, 0);
}

/** Writes the 16 bytes of the tag to `out`. */
export function finish(out: usize): void {
  let h1 = load<u64>(state, 8);
  let h2 = load<u64>(state, 16);
  let h3 = load<u64>(state, 24);
  let h4 = load<u64>(state, 32);
  let h0 = load<u64>(state);
  h1 += h0 >> 32;
  h2 += h1 >> 32;
  h3 += h2 >> 32;
  h4 += h3 >> 32;
  h0 = (h0 & MASK) + (h4 >> 2) * 5;
  h1 = (h1 & MASK) + (h0 >> 32);
  h2 = (h2 & MASK) + (h1 >> 32);
  h3 = (h3 & MASK) + (h2 >> 32);
  h4 = (h4 & 3) + (h3 >> 32);
  // h is below 2^130 + 5: where h + 5 reaches 2^130 the prime is taken off once.
  let g0 = (h0 & MASK) + 5;
  let g1 = (h1 & MASK) + (g0 >> 32);
  let g2 = (h2 & MASK) + (g1 >> 32);
  let g3 = (h3 & MASK) + (g2 >> 32);
  let over = (h4 + (g3 >> 32)) >> 2;
  let low = (h0 & MASK) | (h1 << 32);
  let top = (h2 & MASK) | (h3 << 32);
  low ^= (low ^ ((g0 & MASK) | (g1 << 32))) & (0 - over);
  top ^= (top ^ ((g2 & MASK) | (g3 << 32))) & (0 - over);
  let s = load<u64>(state, 72);
  let sum = low + s;
  store<u64>(out, sum);
  store<u64>(out, top + load<u64>(state, 80) + u64(sum < s), 8);
}

/**
 * The tag of `[start, end)` of `buf` under the 32-byte one-time key, to `out`
 * at `outAt`; false, and nothing written, when a range is outside its array.
 */
export function poly1305(
  key: StaticArray<u8>,
  keyAt: i32,
  buf: StaticArray<u8>,
  start: i32,
  end: i32,
  out: StaticArray<u8>,
  outAt: i32,
): bool {
  if (!within(key, keyAt, 32) || !within(buf, start, end - start)) return false;
  if (!within(out, outAt, TAG_LENGTH)) return false;
  begin(changetype<usize>(key) + keyAt);
  updateLast(changetype<usize>(buf) + start, end - start);
  finish(changetype<usize>(out) + outAt);
  return true;
}
