import { copy, readU8, readU16, readU64, sameBytes, writeU8, writeU32 } from '../bytes/bytes';
import {
  CLOCK_SKEW_MS,
  FORMAT_VERSION,
  GRANT_KEY_NONCE,
  GRANT_MAX_LIFETIME_MS,
  GRANT_TAG_LENGTH,
  ID_LENGTH,
  RECORD_AEAD_TAG_LENGTH,
  RECORD_CLEAR_LENGTH,
  RECORD_EXPIRY,
  RECORD_ISSUED,
  RECORD_KIND,
  RECORD_LEVEL,
  RECORD_SEALED,
  RECORD_SEALED_LENGTH,
  RECORD_TAG,
} from '../contract';
import { chacha20Block } from '../crypto/chacha20';
import { openSealed } from '../crypto/chacha20-poly1305';
import { Hmac } from '../crypto/hmac';
import { GuestKeys } from './guest-keys';

/**
 * A grant's tag and the opening of its record. T names the credential under
 * the guest key; its first half finds the record, its second half makes the
 * record's own key, so neither the table nor the table with the guest key opens
 * a record without the credential.
 */

/** Bytes of T. */
export const TAG_LENGTH: i32 = 32;

const hmac = new Hmac();
/** Version, kind and length of the scope, then the length of the credential. */
const prefix = new StaticArray<u8>(10);
const PREFIX_SCOPE: i32 = 6;
/** One ChaCha20 block, of which the first 32 bytes are the record's key. */
const recordKey = new StaticArray<u8>(64);
/** FORMAT_VERSION ‖ table id ‖ clear header. */
const aad = new StaticArray<u8>(4 + ID_LENGTH + RECORD_CLEAR_LENGTH);

/** Writes T of a credential to `out[0..32)`. The scope, `scope[from, to)`, is the cookie's domain, else empty. */
export function credentialTag(
  keys: GuestKeys,
  kind: i32,
  scope: StaticArray<u8>,
  from: i32,
  to: i32,
  credential: StaticArray<u8>,
  start: i32,
  end: i32,
  out: StaticArray<u8>,
): void {
  writeU8(prefix, 0, FORMAT_VERSION);
  writeU8(prefix, 1, kind);
  writeU32(prefix, 2, to - from);
  writeU32(prefix, PREFIX_SCOPE, end - start);
  hmac.begin(keys.index);
  let at = 0;
  if (to > from) {
    hmac.update(prefix, 0, PREFIX_SCOPE);
    hmac.update(scope, from, to);
    at = PREFIX_SCOPE;
  }
  hmac.update(prefix, at, prefix.length);
  hmac.update(credential, start, end);
  hmac.finish(out, 0);
}

/** True when the record's clear header says it is T's, of this kind, and lives at `now`. */
export function recordMatches(
  record: StaticArray<u8>,
  len: i32,
  tag: StaticArray<u8>,
  kind: i32,
  now: u64,
): bool {
  if (len < RECORD_SEALED + RECORD_AEAD_TAG_LENGTH) return false;
  if (!sameBytes(record, RECORD_TAG, RECORD_TAG + GRANT_TAG_LENGTH, tag, 0, GRANT_TAG_LENGTH)) return false;
  if (readU8(record, RECORD_KIND) != <u32>kind) return false;
  let issued = readU64(record, RECORD_ISSUED);
  let expiry = readU64(record, RECORD_EXPIRY);
  if (issued > now + CLOCK_SKEW_MS || expiry <= now || expiry < issued) return false;
  return expiry - issued <= <u64>GRANT_MAX_LIFETIME_MS;
}

/** Level the record proves; meaningful only once the record has been opened. */
export function recordLevel(record: StaticArray<u8>): i32 {
  return <i32>readU8(record, RECORD_LEVEL);
}

/**
 * Opens the claims of `record[0..len)` into `out`; answers their length, -1
 * when the record was torn, damaged, sealed for another table or credential.
 */
export function openRecord(
  keys: GuestKeys,
  table: StaticArray<u8>,
  tableAt: i32,
  tag: StaticArray<u8>,
  record: StaticArray<u8>,
  len: i32,
  out: StaticArray<u8>,
): i32 {
  let sealedEnd = RECORD_SEALED + <i32>readU16(record, RECORD_SEALED_LENGTH);
  if (sealedEnd > len) return -1;
  writeU32(aad, 0, FORMAT_VERSION);
  copy(aad, 4, table, tableAt, ID_LENGTH);
  copy(aad, 4 + ID_LENGTH, record, 0, RECORD_CLEAR_LENGTH);
  chacha20Block(keys.record, 0, 0, tag, GRANT_KEY_NONCE, recordKey, 0);
  return openSealed(
    recordKey,
    0,
    record,
    RECORD_CLEAR_LENGTH,
    aad,
    0,
    aad.length,
    record,
    RECORD_SEALED,
    sealedEnd,
    out,
    0,
  );
}
