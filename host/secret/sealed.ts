import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

const VERSION = 1;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/**
 * u8 version ‖ 12-byte nonce ‖ ciphertext ‖ 16-byte tag, ChaCha20-Poly1305 (RFC
 * 8439), the name as additional data, under HMAC-SHA256(key, name). A key of its
 * own for each name keeps random nonces far from ever meeting.
 */
export function sealUnder(key: Uint8Array, name: string, value: Uint8Array, nonce: Uint8Array): Buffer {
  if (nonce.length !== NONCE_LENGTH) throw new TypeError('a nonce has 12 bytes');
  const cipher = createCipheriv('chacha20-poly1305', keyOf(key, name), nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(Buffer.from(name), { plaintextLength: value.length });
  const body = cipher.update(value);
  cipher.final();
  return Buffer.concat([Uint8Array.of(VERSION), nonce, body, cipher.getAuthTag()]);
}

/** Undefined for what was not sealed under this key, for this name. */
export function openUnder(key: Uint8Array, name: string, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < 1 + NONCE_LENGTH + TAG_LENGTH || sealed[0] !== VERSION) return undefined;
  const end = sealed.length - TAG_LENGTH;
  const nonce = sealed.subarray(1, 1 + NONCE_LENGTH);
  const decipher = createDecipheriv('chacha20-poly1305', keyOf(key, name), nonce, {
    authTagLength: TAG_LENGTH,
  });
  decipher.setAAD(Buffer.from(name), { plaintextLength: end - 1 - NONCE_LENGTH });
  decipher.setAuthTag(sealed.subarray(end));
  const value = decipher.update(sealed.subarray(1 + NONCE_LENGTH, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return new Uint8Array(value);
}

export const SEAL_NONCE_LENGTH = NONCE_LENGTH;

function keyOf(key: Uint8Array, name: string): Uint8Array {
  return createHmac('sha256', key).update(name, 'utf8').digest();
}
