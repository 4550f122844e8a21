import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../secret/derive.ts';

/** HKDF label under the root secret. */
const LABEL_PASSWORD = 'session-password';
const TAG_LENGTH = 16;

/**
 * What a session keeps of its user's password digest: enough to see that it was
 * changed, useless to whoever reads the database.
 */
export class PasswordTags {
  readonly #keys: readonly [Uint8Array, ...Uint8Array[]];

  constructor(secrets: readonly Uint8Array[]) {
    const [first, ...others] = secrets.map(secret => deriveKey(secret, LABEL_PASSWORD));
    if (first === undefined) throw new TypeError('password tags need a secret');
    this.#keys = [first, ...others];
  }

  make(username: string, digest: string): string {
    return tagOf(this.#keys[0], username, digest);
  }

  verify(tag: string, username: string, digest: string): boolean {
    const given = Buffer.from(tag, 'latin1');
    return this.#keys.some(key => {
      const own = Buffer.from(tagOf(key, username, digest), 'latin1');
      return own.length === given.length && timingSafeEqual(own, given);
    });
  }
}

function tagOf(key: Uint8Array, username: string, digest: string): string {
  const name = Buffer.from(username, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(name.length);
  const mac = createHmac('sha256', key).update(length).update(name).update(digest, 'utf8').digest();
  return mac.subarray(0, TAG_LENGTH).toString('base64url');
}
