import { within } from '../bytes/bytes';
import { BLOCK_LENGTH, DIGEST_LENGTH, Sha256 } from './sha256';

/** HMAC-SHA256 (RFC 2104, FIPS 198-1). */

/** Bytes of a MAC. */
export const MAC_LENGTH: i32 = DIGEST_LENGTH;

/** The padded key while it is set; zeros otherwise. */
const pad = new StaticArray<u8>(BLOCK_LENGTH);

/**
 * A key ready for use: both padded keys already hashed, so that a MAC costs
 * the blocks of its message and one more. Good for nothing until `setKey`.
 */
export class HmacKey {
  inner: Sha256 = new Sha256();
  outer: Sha256 = new Sha256();

  constructor() {
    this.clear();
  }

  /** Takes a key of any length; false, and no key set, when the range is outside `buf`. */
  setKey(buf: StaticArray<u8>, start: i32, end: i32): bool {
    this.clear();
    let len = end - start;
    if (!within(buf, start, len)) return false;
    if (len > BLOCK_LENGTH) {
      // RFC 2104 section 2: a key longer than a block is hashed first.
      this.inner.reset();
      this.inner.update(buf, start, end);
      this.inner.digest(pad, 0);
    } else {
      memory.copy(changetype<usize>(pad), changetype<usize>(buf) + start, len);
    }
    absorb(this.inner, 0x36363636);
    absorb(this.outer, 0x5c5c5c5c);
    memory.fill(changetype<usize>(pad), 0, BLOCK_LENGTH);
    return true;
  }

  /** Forgets the key: every MAC is refused until the next `setKey`. */
  clear(): void {
    this.inner.reset();
    this.outer.reset();
    this.inner.ok = false;
    this.outer.ok = false;
  }
}

/** Starts `hash` with the padded key, each word of it mixed with `mask`. */
function absorb(hash: Sha256, mask: u32): void {
  let p = changetype<usize>(pad);
  for (let i = 0; i < BLOCK_LENGTH; i += 4) store<u32>(p + i, load<u32>(p + i) ^ mask);
  hash.reset();
  hash.update(pad, 0, BLOCK_LENGTH);
  for (let i = 0; i < BLOCK_LENGTH; i += 4) store<u32>(p + i, load<u32>(p + i) ^ mask);
}

/** One MAC at a time: `begin`, any number of `update`s, `finish`. */
export class Hmac {
  hash: Sha256 = new Sha256();
  outer: Sha256 = this.hash;

  constructor() {
    this.hash.ok = false;
  }

  /** Starts a message. The key must not change before `finish`. */
  begin(key: HmacKey): void {
    this.hash.copyFrom(key.inner);
    this.outer = key.outer;
  }

  update(buf: StaticArray<u8>, start: i32, end: i32): void {
    this.hash.update(buf, start, end);
  }

  /**
   * Writes the 32 bytes of the MAC to `out` at `at`; false, and nothing
   * written, when they do not fit, an `update` was refused or there is no key.
   */
  finish(out: StaticArray<u8>, at: i32): bool {
    let hash = this.hash;
    // The inner digest goes where the outer message begins.
    if (!hash.digest(hash.block, 0)) return false;
    hash.copyFrom(this.outer);
    hash.fill = DIGEST_LENGTH;
    hash.total += DIGEST_LENGTH;
    return hash.digest(out, at);
  }
}
