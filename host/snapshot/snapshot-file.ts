import { createCipheriv, createHmac } from 'node:crypto';
import {
  IMAGE_ID,
  IMAGE_ID_LENGTH,
  SNAPSHOT_FORMAT,
  SNAPSHOT_HEADER_LENGTH,
  SNAPSHOT_HEADER_NONCE,
  SNAPSHOT_ID,
  SNAPSHOT_IMAGE_LENGTH,
  SNAPSHOT_MAGIC,
  SNAPSHOT_TAG_LENGTH,
  SNAPSHOT_UNIT,
  SNAPSHOT_UNITS,
  SNAPSHOT_VERSION,
} from '../../assembly/contract.ts';

/** A policy snapshot as the guest reads it: header, then the image in units, each with its tag (`contract.ts`). */
export function encodeSnapshot(id: Uint8Array, image: Uint8Array, snapshotKey: Uint8Array): Uint8Array {
  const key = createHmac('sha256', snapshotKey).update(id).digest();
  const units = Math.ceil(image.length / SNAPSHOT_UNIT);
  const file = Buffer.alloc(SNAPSHOT_UNITS + units * (SNAPSHOT_UNIT + SNAPSHOT_TAG_LENGTH));
  file.writeUInt32LE(SNAPSHOT_MAGIC, 0);
  file.writeUInt32LE(SNAPSHOT_FORMAT, SNAPSHOT_VERSION);
  file.set(id, SNAPSHOT_ID);
  file.writeUInt32LE(image.length, SNAPSHOT_IMAGE_LENGTH);
  file.set(
    tagOf(key, SNAPSHOT_HEADER_NONCE, file.subarray(0, SNAPSHOT_HEADER_LENGTH)),
    SNAPSHOT_HEADER_LENGTH,
  );
  for (let unit = 0, at = SNAPSHOT_UNITS; unit < units; unit++, at += SNAPSHOT_UNIT + SNAPSHOT_TAG_LENGTH) {
    file.set(image.subarray(unit * SNAPSHOT_UNIT, (unit + 1) * SNAPSHOT_UNIT), at);
    file.set(tagOf(key, unit, file.subarray(at, at + SNAPSHOT_UNIT)), at + SNAPSHOT_UNIT);
  }
  return file;
}

/** AEAD_CHACHA20_POLY1305 of no text: authenticates the bytes and the place they stand at. */
function tagOf(key: Uint8Array, place: number, bytes: Uint8Array): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(place, 0);
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: SNAPSHOT_TAG_LENGTH });
  cipher.setAAD(bytes, { plaintextLength: 0 });
  cipher.final();
  return cipher.getAuthTag();
}

/**
 * What an inline policy is known by in a deferral: SHA-256 of the image that a
 * guest makes of it, so equal ids are equal policies. An image made here says it.
 */
export function policyId(image: Uint8Array): Uint8Array {
  return image.slice(IMAGE_ID, IMAGE_ID + IMAGE_ID_LENGTH);
}
