import { createHash, createHmac } from 'node:crypto';
import {
  FORMAT_VERSION,
  SNAPSHOT_ID,
  SNAPSHOT_IMAGE,
  SNAPSHOT_IMAGE_LENGTH,
  SNAPSHOT_MAGIC,
  SNAPSHOT_VERSION,
} from '../../assembly/contract.ts';

/** A policy snapshot as the guest reads it: header, image, MAC. */
export function encodeSnapshot(id: Uint8Array, image: Uint8Array, snapshotKey: Uint8Array): Uint8Array {
  const header = Buffer.alloc(SNAPSHOT_IMAGE);
  header.writeUInt32LE(SNAPSHOT_MAGIC, 0);
  header.writeUInt32LE(FORMAT_VERSION, SNAPSHOT_VERSION);
  header.set(id, SNAPSHOT_ID);
  header.writeUInt32LE(image.length, SNAPSHOT_IMAGE_LENGTH);
  const mac = createHmac('sha256', snapshotKey).update(header).update(image).digest();
  return Buffer.concat([header, image, mac]);
}

/** What an inline policy is known by in a deferral: SHA-256 of its image, so equal ids are equal policies. */
export function policyId(image: Uint8Array): Uint8Array {
  return createHash('sha256').update(image).digest();
}
