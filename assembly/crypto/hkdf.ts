import { within } from '../bytes/bytes';
import { Hmac, HmacKey, MAC_LENGTH } from './hmac';

/** HKDF-SHA256 (RFC 5869): one strong key into as many as there are purposes. */

/** RFC 5869 section 2.3: the block counter is one byte. */
export const MAX_EXPAND_LENGTH: i32 = 255 * MAC_LENGTH;

const key = new HmacKey();
const mac = new Hmac();
/** T(i) of RFC 5869 section 2.3, then the counter byte. */
const chain = new StaticArray<u8>(MAC_LENGTH + 1);

/**
 * Step 1: 32 bytes of pseudorandom key from `[ikmStart, ikmEnd)` to `prk` at
 * `prkAt`. No salt is an empty range (RFC 5869 section 2.2). False, and nothing
 * written, when a range is outside its array.
 */
export function extract(
  salt: StaticArray<u8>,
  saltStart: i32,
  saltEnd: i32,
  ikm: StaticArray<u8>,
  ikmStart: i32,
  ikmEnd: i32,
  prk: StaticArray<u8>,
  prkAt: i32,
): bool {
  if (!key.setKey(salt, saltStart, saltEnd)) return false;
  mac.begin(key);
  mac.update(ikm, ikmStart, ikmEnd);
  let done = mac.finish(prk, prkAt);
  key.clear();
  return done;
}

/**
 * Step 2: `len` bytes (1 to 8160) from the 32-byte `prk` and the info of the
 * purpose, to `out` at `at`, which must not overlap the info. False, and
 * nothing written, when a range is outside its array or `len` out of bounds.
 */
export function expand(
  prk: StaticArray<u8>,
  prkAt: i32,
  info: StaticArray<u8>,
  infoStart: i32,
  infoEnd: i32,
  out: StaticArray<u8>,
  at: i32,
  len: i32,
): bool {
  if (len <= 0 || len > MAX_EXPAND_LENGTH || !within(out, at, len)) return false;
  if (!within(prk, prkAt, MAC_LENGTH) || !within(info, infoStart, infoEnd - infoStart)) return false;
  key.setKey(prk, prkAt, prkAt + MAC_LENGTH);
  let counter: u32 = 0;
  for (let done = 0; done < len; done += MAC_LENGTH) {
    mac.begin(key);
    if (counter > 0) mac.update(chain, 0, MAC_LENGTH);
    mac.update(info, infoStart, infoEnd);
    unchecked((chain[MAC_LENGTH] = <u8>++counter));
    mac.update(chain, MAC_LENGTH, MAC_LENGTH + 1);
    mac.finish(chain, 0);
    let part = min(len - done, MAC_LENGTH);
    memory.copy(changetype<usize>(out) + at + done, changetype<usize>(chain), part);
  }
  key.clear();
  memory.fill(changetype<usize>(chain), 0, MAC_LENGTH);
  return true;
}
