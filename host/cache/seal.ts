import { deriveKey } from '../secret/derive.ts';
import { openUnder, SEAL_NONCE_LENGTH, sealUnder } from '../secret/sealed.ts';

/** HKDF label under the root secret (not the guest key: Traefik can open nothing of this). */
const LABEL_CACHE = 'cache';

/** Values as they leave the host, see `secret/sealed.ts`; the name is the one in the store. */
export class Sealer {
  /** The first one seals, all of them open: `POSTERN_SECRET_PREVIOUS`. */
  readonly #keys: readonly [Uint8Array, ...Uint8Array[]];
  readonly #random: (bytes: number) => Uint8Array;

  constructor(secrets: readonly Uint8Array[], random: (bytes: number) => Uint8Array) {
    const [first, ...others] = secrets.map(secret => deriveKey(secret, LABEL_CACHE));
    if (first === undefined) throw new TypeError('a sealer needs a secret');
    this.#keys = [first, ...others];
    this.#random = random;
  }

  seal(name: string, value: Uint8Array): Buffer {
    return sealUnder(this.#keys[0], name, value, this.#random(SEAL_NONCE_LENGTH));
  }

  /** Undefined for what was not sealed by us, for this name. */
  open(name: string, sealed: Uint8Array): Uint8Array | undefined {
    for (const key of this.#keys) {
      const value = openUnder(key, name, sealed);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
