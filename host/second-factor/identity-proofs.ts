import type { Cache } from '../cache/cache.ts';
import type { IdentityProof } from '../config/identity-proof.ts';
import type { Who } from './second-factors.ts';

/** Who proved by a code from outside of the browser who they are, in which session, and not long ago. */
export class IdentityProofs {
  readonly #cache: Cache;
  readonly #settings: IdentityProof;

  constructor(cache: Cache, settings: IdentityProof) {
    this.#cache = cache;
    this.#settings = settings;
  }

  async give(who: Who): Promise<void> {
    await this.#cache.set(keyOf(who), Uint8Array.of(1), this.#settings.proofSeconds);
  }

  async has(who: Who): Promise<boolean> {
    return (await this.#cache.get(keyOf(who))) !== undefined;
  }
}

function keyOf({ username, sessionId }: Who) {
  return { kind: 'identity-proof', name: JSON.stringify([username, sessionId]) };
}
