import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { deriveKey } from '../secret/derive.ts';

/** HKDF label under the root secret (not the guest key: Traefik can open nothing of this). */
const LABEL_CACHE = 'cache';
const VERSION = 1;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/**
 * Values as they leave the host: u8 version ‖ 12-byte nonce ‖ ciphertext ‖
 * 16-byte tag, ChaCha20-Poly1305 (RFC 8439), the name as additional data, under
 * HMAC-SHA256(cache key, name). A key of its own for each name keeps random
 * nonces far from ever meeting.
 */
export class Sealer {
  /** The first one seals, all of them open: `POSTERN_SECRET_PREVIOUS`. */
  readonly #keys: readonly Uint8Array[];
  readonly #random: (bytes: number) => Uint8Array;

  constructor(secrets: readonly Uint8Array[], random: (bytes: number) => Uint8Array) {
    if (secrets.length === 0) throw new TypeError('a sealer needs a secret');
    this.#keys = secrets.map(secret => deriveKey(secret, LABEL_CACHE));
    this.#random = random;
  }

  seal(name: string, value: Uint8Array): Buffer {
    const nonce = this.#random(NONCE_LENGTH);
    const key = keyOf(this.#keys[0] as Uint8Array, name);
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_LENGTH });
    cipher.setAAD(Buffer.from(name), { plaintextLength: value.length });
    const body = cipher.update(value);
    cipher.final();
    return Buffer.concat([Uint8Array.of(VERSION), nonce, body, cipher.getAuthTag()]);
  }

  /** Undefined for what was not sealed by us, for this name. */
  open(name: string, sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < 1 + NONCE_LENGTH + TAG_LENGTH || sealed[0] !== VERSION) return undefined;
    for (const key of this.#keys) {
      const value = open(keyOf(key, name), name, sealed);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

function open(key: Uint8Array, name: string, sealed: Uint8Array): Uint8Array | undefined {
  const end = sealed.length - TAG_LENGTH;
  const nonce = sealed.subarray(1, 1 + NONCE_LENGTH);
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_LENGTH });
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

function keyOf(key: Uint8Array, name: string): Uint8Array {
  return createHmac('sha256', key).update(name, 'utf8').digest();
}
