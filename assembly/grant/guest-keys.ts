import { decodeBase64 } from '../bytes/base64';
import { copy, readU8, wipe, writeU8 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import {
  CHECKSUM_LENGTH,
  GUEST_KEY_PREFIX,
  HKDF_DOMAIN,
  KEY_LENGTH,
  LABEL_INDEX,
  LABEL_RECORD,
  LABEL_REQUEST,
  LABEL_SNAPSHOT,
  LABEL_STATE,
  LABEL_VERDICT,
  VERDICT_TAG_LENGTH,
} from '../contract';
import { equalConstantTime } from '../crypto/equal';
import { expand, extract } from '../crypto/hkdf';
import { HmacKey } from '../crypto/hmac';
import { Sha256 } from '../crypto/sha256';

/** Base64url digits of key and checksum: 36 bytes, no padding needed. */
const DIGITS: i32 = ((KEY_LENGTH + CHECKSUM_LENGTH) / 3) * 4;

const work = new StaticArray<u8>(128);
const raw = new StaticArray<u8>(KEY_LENGTH + CHECKSUM_LENGTH);
const pseudorandomKey = new StaticArray<u8>(32);
const derived = new StaticArray<u8>(32);
const info = new ByteWriter(new StaticArray<u8>(64));
const sha256 = new Sha256();

/** Everything the guest derives from its key; the key itself is not kept. */
export class GuestKeys {
  index: HmacKey = new HmacKey();
  state: HmacKey = new HmacKey();
  snapshot: HmacKey = new HmacKey();
  request: HmacKey = new HmacKey();
  /** Keys the ChaCha20 block of which each record's key is made. */
  record: StaticArray<u8> = new StaticArray<u8>(KEY_LENGTH);
  /** Lower-case hexadecimal, the end of `allow-…` and `defer-…`. */
  verdictTag: StaticArray<u8> = new StaticArray<u8>(VERDICT_TAG_LENGTH * 2);

  /**
   * Derives all keys from the guest key's text in `buf[start, end)`, blanks and
   * line ends around it ignored; false when it is anything but what `postern
   * secret guest` prints.
   */
  fromText(buf: StaticArray<u8>, start: i32, end: i32): bool {
    while (start < end && readU8(buf, start) <= 0x20) start++;
    while (end > start && readU8(buf, end - 1) <= 0x20) end--;
    if (!decodeKey(buf, start, end)) return false;
    let good = extract(work, 0, 0, raw, 0, KEY_LENGTH, pseudorandomKey, 0);
    good = good && this.derive(this.index, LABEL_INDEX);
    good = good && this.derive(this.state, LABEL_STATE);
    good = good && this.derive(this.snapshot, LABEL_SNAPSHOT);
    good = good && this.derive(this.request, LABEL_REQUEST);
    good = good && expandLabel(LABEL_RECORD, KEY_LENGTH);
    if (good) copy(this.record, 0, derived, 0, KEY_LENGTH);
    good = good && expandLabel(LABEL_VERDICT, VERDICT_TAG_LENGTH);
    if (good) writeHex(derived, VERDICT_TAG_LENGTH, this.verdictTag);
    wipe(raw, 0, raw.length);
    wipe(pseudorandomKey, 0, pseudorandomKey.length);
    wipe(derived, 0, derived.length);
    wipe(work, 0, work.length);
    return good;
  }

  private derive(key: HmacKey, label: string): bool {
    return expandLabel(label, KEY_LENGTH) && key.setKey(derived, 0, KEY_LENGTH);
  }
}

/** HKDF-Expand of the label into `derived`. */
function expandLabel(label: string, len: i32): bool {
  info.reset();
  info.u32(HKDF_DOMAIN.length);
  info.ascii(HKDF_DOMAIN);
  info.u32(label.length);
  info.ascii(label);
  return !info.overflow && expand(pseudorandomKey, 0, info.buf, 0, info.len, derived, 0, len);
}

/** Decodes prefix, key and checksum into `raw`. */
function decodeKey(buf: StaticArray<u8>, start: i32, end: i32): bool {
  let prefixLength = GUEST_KEY_PREFIX.length;
  if (end - start != prefixLength + DIGITS) return false;
  for (let i = 0; i < prefixLength; i++) {
    if (readU8(buf, start + i) != <u32>GUEST_KEY_PREFIX.charCodeAt(i)) return false;
  }
  for (let i = 0; i < DIGITS; i++) {
    let byte = readU8(buf, start + prefixLength + i);
    if (byte == 0x2b || byte == 0x2f) return false; // of the other alphabet
    writeU8(work, i, byte == 0x2d ? 0x2b : byte == 0x5f ? 0x2f : byte);
  }
  if (decodeBase64(work, 0, DIGITS, raw, 0) != raw.length) return false;
  sha256.reset();
  for (let i = 0; i < prefixLength; i++) writeU8(work, i, GUEST_KEY_PREFIX.charCodeAt(i));
  sha256.update(work, 0, prefixLength);
  sha256.update(raw, 0, KEY_LENGTH);
  sha256.digest(work, 64);
  return equalConstantTime(work, 64, raw, KEY_LENGTH, CHECKSUM_LENGTH);
}

function writeHex(src: StaticArray<u8>, len: i32, out: StaticArray<u8>): void {
  const digits = '0123456789abcdef';
  for (let i = 0; i < len; i++) {
    let byte = readU8(src, i);
    writeU8(out, i * 2, digits.charCodeAt(<i32>(byte >> 4)));
    writeU8(out, i * 2 + 1, digits.charCodeAt(<i32>(byte & 15)));
  }
}
