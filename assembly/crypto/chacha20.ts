import { within } from '../bytes/bytes';
import { fourBlocks } from './chacha20-simd';

/** ChaCha20 (RFC 8439 sections 2.3 and 2.4). */

export const KEY_LENGTH: i32 = 32;
export const NONCE_LENGTH: i32 = 12;
/** Bytes of key stream per value of the counter. */
export const STREAM_BLOCK: i32 = 64;
/** Blocks that `fillStream` makes at most: four are the lanes of a vector. */
export const STREAM_BLOCKS: i32 = 4;

/** The sixteen words of RFC 8439 section 2.3: constants, key, counter, nonce. */
const state = memory.data(64, 16);
/** Key stream, valid until the next call that makes some. */
export const stream = memory.data(256, 16);

/** Prepares `fillStream`; both pointers are to checked ranges. */
export function setKeyAndNonce(key: usize, nonce: usize): void {
  store<u32>(state, 0x61707865); // "expand 32-byte k"
  store<u32>(state, 0x3320646e, 4);
  store<u32>(state, 0x79622d32, 8);
  store<u32>(state, 0x6b206574, 12);
  store<u64>(state, load<u64>(key, 24), 40);
  store<u64>(state, load<u64>(key, 16), 32);
  store<u64>(state, load<u64>(key, 8), 24);
  store<u64>(state, load<u64>(key), 16);
  store<u32>(state, load<u32>(nonce, 8), 60);
  store<u64>(state, load<u64>(nonce), 52);
}

/** Fills `stream` with the blocks from `counter` on, `count` (1-4) of them at least. */
export function fillStream(counter: u32, count: i32): void {
  store<u32>(state, counter, 48);
  if (count == 1) {
    oneBlock(state, stream);
  } else if (ASC_FEATURE_SIMD) {
    fourBlocks(state, stream);
  } else {
    for (let i = 0; i < count; i++) {
      oneBlock(state, stream + i * STREAM_BLOCK);
      store<u32>(state, ++counter, 48);
    }
  }
}

/** The block function of RFC 8439 section 2.3 on the state at `s`, 64 bytes to `out`. */
function oneBlock(s: usize, out: usize): void {
  let x15 = load<u32>(s, 60);
  let x14 = load<u32>(s, 56);
  let x13 = load<u32>(s, 52);
  let x12 = load<u32>(s, 48);
  let x11 = load<u32>(s, 44);
  let x10 = load<u32>(s, 40);
  let x9 = load<u32>(s, 36);
  let x8 = load<u32>(s, 32);
  let x7 = load<u32>(s, 28);
  let x6 = load<u32>(s, 24);
  let x5 = load<u32>(s, 20);
  let x4 = load<u32>(s, 16);
  let x3 = load<u32>(s, 12);
  let x2 = load<u32>(s, 8);
  let x1 = load<u32>(s, 4);
  let x0 = load<u32>(s);
  for (let i = 0; i < 10; i++) {
    x0 += x4;
    x12 = rotl(x12 ^ x0, 16);
    x8 += x12;
    x4 = rotl(x4 ^ x8, 12);
    x0 += x4;
    x12 = rotl(x12 ^ x0, 8);
    x8 += x12;
    x4 = rotl(x4 ^ x8, 7);
    x1 += x5;
    x13 = rotl(x13 ^ x1, 16);
    x9 += x13;
    x5 = rotl(x5 ^ x9, 12);
    x1 += x5;
    x13 = rotl(x13 ^ x1, 8);
    x9 += x13;
    x5 = rotl(x5 ^ x9, 7);
    x2 += x6;
    x14 = rotl(x14 ^ x2, 16);
    x10 += x14;
    x6 = rotl(x6 ^ x10, 12);
    x2 += x6;
    x14 = rotl(x14 ^ x2, 8);
    x10 += x14;
    x6 = rotl(x6 ^ x10, 7);
    x3 += x7;
    x15 = rotl(x15 ^ x3, 16);
    x11 += x15;
    x7 = rotl(x7 ^ x11, 12);
    x3 += x7;
    x15 = rotl(x15 ^ x3, 8);
    x11 += x15;
    x7 = rotl(x7 ^ x11, 7);
    x0 += x5;
    x15 = rotl(x15 ^ x0, 16);
    x10 += x15;
    x5 = rotl(x5 ^ x10, 12);
    x0 += x5;
    x15 = rotl(x15 ^ x0, 8);
    x10 += x15;
    x5 = rotl(x5 ^ x10, 7);
    x1 += x6;
    x12 = rotl(x12 ^ x1, 16);
    x11 += x12;
    x6 = rotl(x6 ^ x11, 12);
    x1 += x6;
    x12 = rotl(x12 ^ x1, 8);
    x11 += x12;
    x6 = rotl(x6 ^ x11, 7);
    x2 += x7;
    x13 = rotl(x13 ^ x2, 16);
    x8 += x13;
    x7 = rotl(x7 ^ x8, 12);
    x2 += x7;
    x13 = rotl(x13 ^ x2, 8);
    x8 += x13;
    x7 = rotl(x7 ^ x8, 7);
    x3 += x4;
    x14 = rotl(x14 ^ x3, 16);
    x9 += x14;
    x4 = rotl(x4 ^ x9, 12);
    x3 += x4;
    x14 = rotl(x14 ^ x3, 8);
    x9 += x14;
    x4 = rotl(x4 ^ x9, 7);
  }
  store<u32>(out, x15 + load<u32>(s, 60), 60);
  store<u32>(out, x14 + load<u32>(s, 56), 56);
  store<u32>(out, x13 + load<u32>(s, 52), 52);
  store<u32>(out, x12 + load<u32>(s, 48), 48);
  store<u32>(out, x11 + load<u32>(s, 44), 44);
  store<u32>(out, x10 + load<u32>(s, 40), 40);
  store<u32>(out, x9 + load<u32>(s, 36), 36);
  store<u32>(out, x8 + load<u32>(s, 32), 32);
  store<u32>(out, x7 + load<u32>(s, 28), 28);
  store<u32>(out, x6 + load<u32>(s, 24), 24);
  store<u32>(out, x5 + load<u32>(s, 20), 20);
  store<u32>(out, x4 + load<u32>(s, 16), 16);
  store<u32>(out, x3 + load<u32>(s, 12), 12);
  store<u32>(out, x2 + load<u32>(s, 8), 8);
  store<u32>(out, x1 + load<u32>(s, 4), 4);
  store<u32>(out, x0 + load<u32>(s));
}

/** XORs `len` bytes at `from` with the key stream at `pad`; `to` may be `from` or lie before it. */
export function xorBytes(from: usize, pad: usize, to: usize, len: i32): void {
  for (; len >= 8; len -= 8) {
    store<u64>(to, load<u64>(from) ^ load<u64>(pad));
    from += 8;
    pad += 8;
    to += 8;
  }
  for (; len > 0; len--) store<u8>(to++, load<u8>(from++) ^ load<u8>(pad++));
}

/** XORs `len` bytes at `from` with the key stream from block `counter` on. */
export function xorStream(from: usize, to: usize, len: i32, counter: u32): void {
  while (len > 0) {
    let part = min(len, STREAM_BLOCKS * STREAM_BLOCK);
    fillStream(counter, (part + STREAM_BLOCK - 1) / STREAM_BLOCK);
    xorBytes(from, stream, to, part);
    from += part;
    to += part;
    len -= part;
    counter += STREAM_BLOCKS;
  }
}

/**
 * Writes block `counter` of the key stream, 64 bytes, to `out` at `outAt`;
 * false, and nothing written, when a range is outside its array.
 */
export function chacha20Block(
  key: StaticArray<u8>,
  keyAt: i32,
  counter: u32,
  nonce: StaticArray<u8>,
  nonceAt: i32,
  out: StaticArray<u8>,
  outAt: i32,
): bool {
  if (!within(key, keyAt, KEY_LENGTH) || !within(nonce, nonceAt, NONCE_LENGTH)) return false;
  if (!within(out, outAt, STREAM_BLOCK)) return false;
  setKeyAndNonce(changetype<usize>(key) + keyAt, changetype<usize>(nonce) + nonceAt);
  store<u32>(state, counter, 48);
  oneBlock(state, changetype<usize>(out) + outAt);
  return true;
}
