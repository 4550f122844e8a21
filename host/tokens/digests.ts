import { createHash, createHmac } from 'node:crypto';
import { LABEL_TOKEN } from '../../assembly/contract.ts';
import { deriveKey } from '../secret/derive.ts';
import { isMadeToken } from '../secret/secret.ts';

const SHA256 = /^sha256:[A-Za-z0-9_-]{43}$/;
const HMAC = /^hmac-sha256:([0-9a-f]{8}):[A-Za-z0-9_-]{43}$/;
/** Bytes of a key's fingerprint. */
const KEY_ID_LENGTH = 4;

/**
 * How tokens are kept. A made token has 256 random bits, so SHA-256 of it can be
 * found by nobody and survives a change of the root secret. A secret that
 * somebody thought up could be guessed, so its digest is keyed by the root
 * secret: the file alone allows no guessing. Both are fast: a flood of tokens
 * costs the host next to nothing.
 */
export class TokenDigests {
  readonly #keys: readonly { readonly id: string; readonly key: Uint8Array }[];

  /** @param secrets the root secret, and the one before it while that is still set */
  constructor(secrets: readonly Uint8Array[]) {
    this.#keys = secrets.map(secret => {
      const key = deriveKey(secret, LABEL_TOKEN);
      const print = createHash('sha256').update('postern/1/token-key').update(key).digest();
      return { id: print.subarray(0, KEY_ID_LENGTH).toString('hex'), key };
    });
  }

  /** The digest to keep for a new secret. */
  make(secret: string): string {
    const [digest] = this.of(secret);
    if (digest === undefined) throw new TypeError('there is no root secret to key the digest');
    return digest;
  }

  /** Every digest under which the secret may be kept: its form alone decides how many. */
  of(secret: string): readonly string[] {
    if (isMadeToken(secret)) {
      return [`sha256:${createHash('sha256').update(secret, 'utf8').digest('base64url')}`];
    }
    return this.#keys.map(
      ({ id, key }) =>
        `hmac-sha256:${id}:${createHmac('sha256', key).update(secret, 'utf8').digest('base64url')}`,
    );
  }

  /** Whether a secret for this digest can be known: false when its root secret is none of ours. */
  isReadable(digest: string): boolean {
    const id = HMAC.exec(digest)?.[1];
    return id === undefined || this.#keys.some(key => key.id === id);
  }

  /** Whether the digest was made under the previous root secret, and ends with it. */
  isAgeing(digest: string): boolean {
    const id = HMAC.exec(digest)?.[1];
    return id !== undefined && this.#keys.slice(1).some(key => key.id === id);
  }
}

/** By its form alone, whichever root secret it was made under. */
export function isTokenDigest(text: string): boolean {
  return SHA256.test(text) || HMAC.test(text);
}
