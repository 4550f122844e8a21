import { createCipheriv } from 'node:crypto';
import {
  FORMAT_VERSION,
  GRANT_KEY_NONCE,
  GRANT_TAG_LENGTH,
  ID_LENGTH,
  KEY_LENGTH,
  RECORD_AEAD_TAG_LENGTH,
  RECORD_CLEAR_LENGTH,
  RECORD_EPOCH,
  RECORD_EXPIRY,
  RECORD_ISSUED,
  RECORD_KIND,
  RECORD_LEVEL,
  RECORD_NONCE_LENGTH,
  RECORD_REFRESH,
  RECORD_SEALED,
  RECORD_SEALED_LENGTH,
  RECORD_TAG,
  RECORD_USER_TAG,
} from '../../assembly/contract.ts';

/** The clear header of a record. Times in milliseconds since 1970. */
export interface RecordHeader {
  /** 16 bytes each. */
  readonly tag: Uint8Array;
  readonly userTag: Uint8Array;
  readonly epoch: Uint8Array;
  readonly kind: number;
  readonly level: number;
  readonly issued: number;
  readonly expiry: number;
  /** Milliseconds after `issued` from which guests ask the host; 0 and undefined are never. */
  readonly refresh?: number;
}

/** Bytes of claims that fit into a slot. */
export function claimsCapacity(slotSize: number): number {
  return slotSize - RECORD_SEALED - RECORD_AEAD_TAG_LENGTH;
}

/** The record's own key: nobody makes it without the credential that T was made of. */
export function recordKey(keyOfRecords: Uint8Array, t: Uint8Array): Uint8Array {
  // node's `chacha20` takes counter (u32le) and nonce (12 bytes) as one iv.
  const iv = Buffer.alloc(16);
  iv.set(t.subarray(GRANT_KEY_NONCE, GRANT_KEY_NONCE + 12), 4);
  return createCipheriv('chacha20', keyOfRecords, iv).update(Buffer.alloc(KEY_LENGTH));
}

/**
 * A whole record: clear header, nonce, ciphertext, tag (RFC 8439 section 2.8).
 *
 * @param t the 32 bytes of `grantTag`
 * @param nonce 12 fresh random bytes, never used twice
 */
export function sealRecord(
  keyOfRecords: Uint8Array,
  tableId: Uint8Array,
  t: Uint8Array,
  header: RecordHeader,
  nonce: Uint8Array,
  claims: Uint8Array,
): Uint8Array {
  if (nonce.length !== RECORD_NONCE_LENGTH) throw new TypeError('a nonce has 12 bytes');
  const clear = encodeHeader(header, claims.length + RECORD_AEAD_TAG_LENGTH);
  const aad = Buffer.alloc(4 + ID_LENGTH + RECORD_CLEAR_LENGTH);
  aad.writeUInt32LE(FORMAT_VERSION);
  aad.set(tableId, 4);
  aad.set(clear, 4 + ID_LENGTH);
  const cipher = createCipheriv('chacha20-poly1305', recordKey(keyOfRecords, t), nonce, {
    authTagLength: RECORD_AEAD_TAG_LENGTH,
  });
  cipher.setAAD(aad, { plaintextLength: claims.length });
  const body = cipher.update(claims);
  cipher.final();
  return Buffer.concat([clear, nonce, body, cipher.getAuthTag()]);
}

function encodeHeader(header: RecordHeader, sealedLength: number): Uint8Array {
  const out = Buffer.alloc(RECORD_CLEAR_LENGTH);
  out.set(header.tag, RECORD_TAG);
  out.set(header.userTag, RECORD_USER_TAG);
  out.set(header.epoch, RECORD_EPOCH);
  out.writeUInt8(header.kind, RECORD_KIND);
  out.writeUInt8(header.level, RECORD_LEVEL);
  out.writeUInt16LE(sealedLength, RECORD_SEALED_LENGTH);
  out.writeUInt32LE(header.refresh ?? 0, RECORD_REFRESH);
  out.writeBigUInt64LE(BigInt(header.issued), RECORD_ISSUED);
  out.writeBigUInt64LE(BigInt(header.expiry), RECORD_EXPIRY);
  return out;
}

/** The clear header at the beginning of a slot, undefined for one that holds no record (zeros, a nonsensical length). */
export function readHeader(slot: Uint8Array): RecordHeader | undefined {
  const bytes = Buffer.from(slot.buffer, slot.byteOffset, slot.byteLength);
  const sealedLength = bytes.readUInt16LE(RECORD_SEALED_LENGTH);
  if (sealedLength <= RECORD_AEAD_TAG_LENGTH || RECORD_SEALED + sealedLength > slot.length) return undefined;
  return {
    tag: bytes.subarray(RECORD_TAG, RECORD_TAG + GRANT_TAG_LENGTH),
    userTag: bytes.subarray(RECORD_USER_TAG, RECORD_EPOCH),
    epoch: bytes.subarray(RECORD_EPOCH, RECORD_KIND),
    kind: bytes.readUInt8(RECORD_KIND),
    level: bytes.readUInt8(RECORD_LEVEL),
    issued: Number(bytes.readBigUInt64LE(RECORD_ISSUED)),
    expiry: Number(bytes.readBigUInt64LE(RECORD_EXPIRY)),
    refresh: bytes.readUInt32LE(RECORD_REFRESH),
  };
}
