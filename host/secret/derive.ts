import { hkdfSync } from 'node:crypto';
import {
  HKDF_DOMAIN,
  KEY_LENGTH,
  LABEL_GUEST,
  LABEL_VERDICT,
  VERDICT_TAG_LENGTH,
} from '../../assembly/contract.ts';

/** The key that Traefik's plugin gets: everything guest and host share hangs on it. */
export function deriveGuestKey(root: Uint8Array): Uint8Array {
  return deriveKey(root, LABEL_GUEST);
}

/**
 * A key of 32 bytes for one purpose (RFC 5869, no salt). The info is
 * length-prefixed, so that no domain and label read as another pair.
 */
export function deriveKey(key: Uint8Array, label: string): Uint8Array {
  if (key.length !== KEY_LENGTH) throw new TypeError(`a key has ${KEY_LENGTH} bytes`);
  const info = Buffer.concat([prefixed(HKDF_DOMAIN), prefixed(label)]);
  return new Uint8Array(hkdfSync('sha256', key, Buffer.alloc(0), info, KEY_LENGTH));
}

/**
 * What follows `allow-` and `defer-` in the guest's verdict: a client who
 * meets a router without the plugin cannot guess it.
 */
export function verdictTag(guestKey: Uint8Array): string {
  const key = deriveKey(guestKey, LABEL_VERDICT);
  return Buffer.from(key.subarray(0, VERDICT_TAG_LENGTH)).toString('hex');
}

function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}
