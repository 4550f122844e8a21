// A policy snapshot as the guest reads it, written down a second time from
// assembly/contract.ts, so that the vectors also check what the host writes.
import { createCipheriv, createHmac } from 'node:crypto';

const UNIT = 1024;

function tag(key, place, bytes) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(place);
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(bytes, { plaintextLength: 0 });
  cipher.final();
  return cipher.getAuthTag();
}

/** @param {Uint8Array} image @param {Uint8Array} snapshotKey @param {Uint8Array} id 16 bytes */
export function snapshotFile(image, snapshotKey, id) {
  const key = createHmac('sha256', snapshotKey).update(id).digest();
  const header = Buffer.alloc(32);
  header.write('PSP2', 'latin1');
  header.writeUInt32LE(5, 4);
  header.set(id, 8);
  header.writeUInt32LE(image.length, 24);
  const parts = [header, tag(key, 0xffff_ffff, header)];
  for (let at = 0; at < image.length; at += UNIT) {
    const unit = Buffer.alloc(UNIT);
    unit.set(image.subarray(at, at + UNIT));
    parts.push(unit, tag(key, at / UNIT, unit));
  }
  return Buffer.concat(parts);
}
