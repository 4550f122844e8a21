import { bytesOf } from '../bytes/loader';
import { chacha20Block } from './chacha20';
import { openSealed, seal } from './chacha20-poly1305';
import { equalConstantTime } from './equal';
import { expand, extract } from './hkdf';
import { Hmac, HmacKey } from './hmac';
import { poly1305 } from './poly1305';
import { Sha256 } from './sha256';

/**
 * This folder for the loader: the same functions on `Uint8Array`, ranges and
 * refusals included. The only file here that allocates.
 */

const hash = new Sha256();
const hmacKey = new HmacKey();
const hmac = new Hmac();

function toView(bytes: StaticArray<u8>, view: Uint8Array): void {
  memory.copy(view.dataStart, changetype<usize>(bytes), view.length);
}

/** SHA-256 of `[start, end)` of `data`, taken `step` bytes at a time, to `out` at `at`. */
export function cryptoSha256(
  data: Uint8Array,
  start: i32,
  end: i32,
  step: i32,
  out: Uint8Array,
  at: i32,
): bool {
  let bytes = bytesOf(data);
  let result = bytesOf(out);
  hash.reset();
  let from = start;
  for (; step > 0 && from < end - step; from += step) hash.update(bytes, from, from + step);
  hash.update(bytes, from, end);
  let done = hash.digest(result, at);
  toView(result, out);
  return done;
}

/** HMAC-SHA256 of `[start, end)` of `data`, taken `step` bytes at a time, to `out` at `at`. */
export function cryptoHmac(
  key: Uint8Array,
  keyStart: i32,
  keyEnd: i32,
  data: Uint8Array,
  start: i32,
  end: i32,
  step: i32,
  out: Uint8Array,
  at: i32,
): bool {
  let bytes = bytesOf(data);
  let result = bytesOf(out);
  hmacKey.setKey(bytesOf(key), keyStart, keyEnd);
  hmac.begin(hmacKey);
  let from = start;
  for (; step > 0 && from < end - step; from += step) hmac.update(bytes, from, from + step);
  hmac.update(bytes, from, end);
  let done = hmac.finish(result, at);
  hmacKey.clear();
  toView(result, out);
  return done;
}

export function cryptoHkdfExtract(
  salt: Uint8Array,
  saltStart: i32,
  saltEnd: i32,
  ikm: Uint8Array,
  ikmStart: i32,
  ikmEnd: i32,
  prk: Uint8Array,
  prkAt: i32,
): bool {
  let result = bytesOf(prk);
  let done = extract(bytesOf(salt), saltStart, saltEnd, bytesOf(ikm), ikmStart, ikmEnd, result, prkAt);
  toView(result, prk);
  return done;
}

export function cryptoHkdfExpand(
  prk: Uint8Array,
  prkAt: i32,
  info: Uint8Array,
  infoStart: i32,
  infoEnd: i32,
  out: Uint8Array,
  at: i32,
  len: i32,
): bool {
  let result = bytesOf(out);
  let done = expand(bytesOf(prk), prkAt, bytesOf(info), infoStart, infoEnd, result, at, len);
  toView(result, out);
  return done;
}

export function cryptoChaCha20Block(
  key: Uint8Array,
  keyAt: i32,
  counter: u32,
  nonce: Uint8Array,
  nonceAt: i32,
  out: Uint8Array,
  outAt: i32,
): bool {
  let result = bytesOf(out);
  let done = chacha20Block(bytesOf(key), keyAt, counter, bytesOf(nonce), nonceAt, result, outAt);
  toView(result, out);
  return done;
}

export function cryptoPoly1305(
  key: Uint8Array,
  keyAt: i32,
  data: Uint8Array,
  start: i32,
  end: i32,
  out: Uint8Array,
  outAt: i32,
): bool {
  let result = bytesOf(out);
  let done = poly1305(bytesOf(key), keyAt, bytesOf(data), start, end, result, outAt);
  toView(result, out);
  return done;
}

/** In place when `sealed` and `out` are the same view. */
export function cryptoOpen(
  key: Uint8Array,
  keyAt: i32,
  nonce: Uint8Array,
  nonceAt: i32,
  aad: Uint8Array,
  aadStart: i32,
  aadEnd: i32,
  sealed: Uint8Array,
  start: i32,
  end: i32,
  out: Uint8Array,
  outAt: i32,
): i32 {
  let result = bytesOf(out);
  let source = sealed == out ? result : bytesOf(sealed);
  // biome-ignore format: one range per line
  let len = openSealed(
    bytesOf(key), keyAt,
    bytesOf(nonce), nonceAt,
    bytesOf(aad), aadStart, aadEnd,
    source, start, end,
    result, outAt,
  );
  toView(result, out);
  return len;
}

/** In place when `plain` and `out` are the same view. */
export function cryptoSeal(
  key: Uint8Array,
  keyAt: i32,
  nonce: Uint8Array,
  nonceAt: i32,
  aad: Uint8Array,
  aadStart: i32,
  aadEnd: i32,
  plain: Uint8Array,
  start: i32,
  end: i32,
  out: Uint8Array,
  outAt: i32,
): i32 {
  let result = bytesOf(out);
  let source = plain == out ? result : bytesOf(plain);
  // biome-ignore format: one range per line
  let len = seal(
    bytesOf(key), keyAt,
    bytesOf(nonce), nonceAt,
    bytesOf(aad), aadStart, aadEnd,
    source, start, end,
    result, outAt,
  );
  toView(result, out);
  return len;
}

export function cryptoEqual(a: Uint8Array, aAt: i32, b: Uint8Array, bAt: i32, len: i32): bool {
  return equalConstantTime(bytesOf(a), aAt, bytesOf(b), bAt, len);
}

/** What the loader needs to allocate a `Uint8Array`. */
export const CRYPTO_BYTES_ID = idof<Uint8Array>();
