import type { Cache } from '../cache/cache.ts';
import type { Who } from './second-factors.ts';
import type { TotpParameters } from './totp.ts';

/** Long enough for installing an authenticator first. */
export const PENDING_SECONDS = 600;
/** Whoever mistypes more often has another secret than the page shows. */
const MAX_FAILURES = 10;
const ALGORITHMS = ['SHA1', 'SHA256', 'SHA512'] as const;

/** A secret that no code has confirmed yet. */
export interface Pending extends TotpParameters {
  readonly id: string;
}

/** Secrets on their way into an authenticator: in the shared cache, sealed, never in a form. */
export class PendingSecrets {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  async put(who: Who, pending: Pending): Promise<void> {
    const { id, algorithm, digits, period } = pending;
    const secret = Buffer.from(pending.secret).toString('base64');
    const value = Buffer.from(JSON.stringify({ id, secret, algorithm, digits, period }));
    await this.#cache.set(keyOf(who), value, PENDING_SECONDS);
  }

  async find(who: Who): Promise<Pending | undefined> {
    const value = await this.#cache.get(keyOf(who));
    return value === undefined ? undefined : read(Buffer.from(value).toString('utf8'));
  }

  /** True once: whoever confirms it at the same time is late. */
  take(who: Who): Promise<boolean> {
    return this.#cache.delete(keyOf(who));
  }

  /** False when there were too many attempts. */
  async mayTry({ id }: Pending): Promise<boolean> {
    return (await this.#cache.increment({ kind: 'totp-pending', name: id }, PENDING_SECONDS)) <= MAX_FAILURES;
  }
}

function keyOf({ username, sessionId }: Who) {
  return { kind: 'totp-pending', name: JSON.stringify([username, sessionId]) };
}

/** Ours, or of another version during an update. */
function read(text: string): Pending | undefined {
  try {
    const { id, secret, algorithm, digits, period } = JSON.parse(text) as Record<string, unknown>;
    const known = ALGORITHMS.find(name => name === algorithm);
    if (known === undefined || typeof id !== 'string' || typeof secret !== 'string') return undefined;
    if (typeof digits !== 'number' || typeof period !== 'number') return undefined;
    return { id, secret: new Uint8Array(Buffer.from(secret, 'base64')), algorithm: known, digits, period };
  } catch {
    return undefined;
  }
}
