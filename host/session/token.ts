import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../secret/derive.ts';

/** HKDF label under the root secret, which Traefik has not: nobody there makes a session. */
const LABEL_SESSION = 'session';
const TOKEN_VERSION = 1;
const RANDOM_LENGTH = 32;
/** Of 32: nobody gets to try more than a few of 2^128. */
const MAC_LENGTH = 16;
/** Base64url of 48 bytes, without padding; one spelling for each token. */
const TOKEN = /^[A-Za-z0-9_-]{64}$/;

/**
 * Cookie values: 32 random bytes, and a MAC of them and the cookie's domain. One
 * that was guessed, changed, or made for another domain is told without asking
 * the database.
 */
export class SessionTokens {
  /** The first one makes, all of them verify: `POSTERN_SECRET_PREVIOUS`. */
  readonly #keys: readonly [Uint8Array, ...Uint8Array[]];
  readonly #random: (bytes: number) => Uint8Array;

  constructor(secrets: readonly Uint8Array[], random: (bytes: number) => Uint8Array) {
    const [first, ...others] = secrets.map(secret => deriveKey(secret, LABEL_SESSION));
    if (first === undefined) throw new TypeError('session tokens need a secret');
    this.#keys = [first, ...others];
    this.#random = random;
  }

  make(domain: string): string {
    const random = this.#random(RANDOM_LENGTH);
    return Buffer.concat([random, macOf(this.#keys[0], domain, random)]).toString('base64url');
  }

  /** Whether it was made here, or by another host of the same secret, for this domain. */
  verify(domain: string, token: string): boolean {
    if (!TOKEN.test(token)) return false;
    const bytes = Buffer.from(token, 'base64url');
    const random = bytes.subarray(0, RANDOM_LENGTH);
    const mac = bytes.subarray(RANDOM_LENGTH);
    return this.#keys.some(key => timingSafeEqual(macOf(key, domain, random), mac));
  }
}

function macOf(key: Uint8Array, domain: string, random: Uint8Array): Uint8Array {
  const name = Buffer.from(domain, 'utf8');
  const head = Buffer.alloc(5);
  head.writeUInt8(TOKEN_VERSION);
  head.writeUInt32LE(name.length, 1);
  return createHmac('sha256', key).update(head).update(name).update(random).digest().subarray(0, MAC_LENGTH);
}

/** How the store knows the session: whoever reads the database makes no cookie of it. */
export function sessionId(token: string): string {
  return createHash('sha256').update(token, 'latin1').digest('hex').slice(0, SESSION_ID_LENGTH);
}

export const SESSION_ID_LENGTH = 32;
