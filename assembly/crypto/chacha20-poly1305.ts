import { within } from '../bytes/bytes';
import {
  fillStream,
  KEY_LENGTH,
  NONCE_LENGTH,
  STREAM_BLOCK,
  STREAM_BLOCKS,
  setKeyAndNonce,
  stream,
  xorBytes,
  xorStream,
} from './chacha20';
import { begin, finish, TAG_LENGTH, updatePadded } from './poly1305';

/** AEAD_CHACHA20_POLY1305 (RFC 8439 section 2.8): `sealed` is ciphertext ‖ 16-byte tag. */

/** Bytes by which a sealed text is longer than the plain one. */
export const SEAL_OVERHEAD: i32 = TAG_LENGTH;

/**
 * Key stream for text that the first call of `fillStream` makes: block 0 keys
 * the authenticator, the blocks behind it meet the text.
 */
const FIRST_STREAM: i32 = (STREAM_BLOCKS - 1) * STREAM_BLOCK;

/** The lengths that end the authenticated data, then the tag. */
const lengths = memory.data(16, 16);
const tag = memory.data(16, 16);

/** Leaves in `tag` the authenticator of both ranges, for which `begin` has the key. */
function authenticate(aad: usize, aadLen: i32, text: usize, textLen: i32): void {
  updatePadded(aad, aadLen);
  updatePadded(text, textLen);
  store<u64>(lengths, <u64>aadLen);
  store<u64>(lengths, <u64>textLen, 8);
  updatePadded(lengths, 16);
  finish(tag);
}

/** Keys the authenticator and leaves key stream for the beginning of `len` bytes of text. */
function firstStream(len: i32): void {
  fillStream(0, 1 + (min(len, FIRST_STREAM) + STREAM_BLOCK - 1) / STREAM_BLOCK);
  begin(stream);
}

/** XORs a text with the stream of `firstStream` and what follows it. */
function crypt(from: usize, to: usize, len: i32): void {
  let first = min(len, FIRST_STREAM);
  xorBytes(from, stream + STREAM_BLOCK, to, first);
  xorStream(from + first, to + first, len - first, STREAM_BLOCKS);
}

/** True when `to` lies behind `from` in the same bytes, where writing would overtake reading. */
function overtakes(from: usize, to: usize, len: i32): bool {
  return to > from && to < from + len;
}

/**
 * Opens `[sealedStart, sealedEnd)` under the 32-byte key, the 12-byte nonce and
 * the additional data. Answers the length of the plaintext, which is then in
 * `out` at `outAt` (also in place: `out` may be `sealed` at `sealedStart` or
 * before), or -1, and nothing written: the tag is checked before a byte is
 * decrypted.
 */
export function openSealed(
  key: StaticArray<u8>,
  keyAt: i32,
  nonce: StaticArray<u8>,
  nonceAt: i32,
  aad: StaticArray<u8>,
  aadStart: i32,
  aadEnd: i32,
  sealed: StaticArray<u8>,
  sealedStart: i32,
  sealedEnd: i32,
  out: StaticArray<u8>,
  outAt: i32,
): i32 {
  let aadLen = aadEnd - aadStart;
  let sealedLen = sealedEnd - sealedStart;
  let len = sealedLen - TAG_LENGTH;
  if (!within(key, keyAt, KEY_LENGTH) || !within(nonce, nonceAt, NONCE_LENGTH)) return -1;
  if (!within(aad, aadStart, aadLen) || !within(sealed, sealedStart, sealedLen)) return -1;
  if (!within(out, outAt, len)) return -1;
  let from = changetype<usize>(sealed) + sealedStart;
  let to = changetype<usize>(out) + outAt;
  if (overtakes(from, to, len)) return -1;
  setKeyAndNonce(changetype<usize>(key) + keyAt, changetype<usize>(nonce) + nonceAt);
  firstStream(len);
  authenticate(changetype<usize>(aad) + aadStart, aadLen, from, len);
  let difference = load<u64>(tag) ^ load<u64>(from + len);
  difference |= load<u64>(tag, 8) ^ load<u64>(from + len, 8);
  if (difference != 0) return -1;
  crypt(from, to, len);
  return len;
}

/**
 * Seals `[start, end)` of `plain` to `out` at `outAt`, 16 bytes longer (also in
 * place, like `openSealed`; `out` must not overlap the additional data). Answers
 * the length of what it wrote, or -1, and nothing written, when a range is
 * outside its array. One nonce never serves twice under one key: the caller's
 * duty.
 */
export function seal(
  key: StaticArray<u8>,
  keyAt: i32,
  nonce: StaticArray<u8>,
  nonceAt: i32,
  aad: StaticArray<u8>,
  aadStart: i32,
  aadEnd: i32,
  plain: StaticArray<u8>,
  start: i32,
  end: i32,
  out: StaticArray<u8>,
  outAt: i32,
): i32 {
  let aadLen = aadEnd - aadStart;
  let len = end - start;
  if (!within(key, keyAt, KEY_LENGTH) || !within(nonce, nonceAt, NONCE_LENGTH)) return -1;
  if (!within(aad, aadStart, aadLen) || !within(plain, start, len)) return -1;
  if (!within(out, outAt, len + TAG_LENGTH)) return -1;
  let from = changetype<usize>(plain) + start;
  let to = changetype<usize>(out) + outAt;
  if (overtakes(from, to, len)) return -1;
  setKeyAndNonce(changetype<usize>(key) + keyAt, changetype<usize>(nonce) + nonceAt);
  firstStream(len);
  crypt(from, to, len);
  authenticate(changetype<usize>(aad) + aadStart, aadLen, to, len);
  store<u64>(to + len, load<u64>(tag));
  store<u64>(to + len, load<u64>(tag, 8), 8);
  return len + TAG_LENGTH;
}
