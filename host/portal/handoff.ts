import { createHash } from 'node:crypto';
import type { Cache, CacheKey } from '../cache/cache.ts';

/** From the portal's answer to the application's host it is one redirection. */
export const CODE_SECONDS = 60;
const CODE_LENGTH = 32;
/** A browser opens some forty pages at once. Nobody is to fill what hosts share with codes. */
export const MAX_CODES = 200;
/** 32 bytes in base64url: a code, and what a browser proves that it began. */
export const CODE = /^[A-Za-z0-9_-]{43}$/;

/** Who is to be signed in at an application, and in which browser. */
export interface Ticket {
  readonly username: string;
  readonly level: 1 | 2;
  readonly remember: boolean;
  /** Id of the session at the portal. */
  readonly parent: string;
  /** Lower case, without port: at no other host does the code count. */
  readonly host: string;
  /** Page to return to. */
  readonly url: string;
  /** `stateOf` the cookie of the browser that began at that host. */
  readonly state: string;
  /** The browser has been sent round once, because it did not show that cookie. */
  readonly isRetry: boolean;
}

/**
 * Codes by which somebody who is signed in at the portal is signed in at an
 * application that the portal's cookie does not reach. What hosts share knows a
 * code by its hash alone.
 */
export class Handoffs {
  readonly #cache: Pick<Cache, 'get' | 'set' | 'delete' | 'increment'>;
  readonly #random: (bytes: number) => Uint8Array;

  constructor(
    cache: Pick<Cache, 'get' | 'set' | 'delete' | 'increment'>,
    random: (bytes: number) => Uint8Array,
  ) {
    this.#cache = cache;
    this.#random = random;
  }

  /** Undefined when this user was given too many within `CODE_SECONDS`. */
  async issue(ticket: Ticket): Promise<string | undefined> {
    const given = { kind: 'handoff-count', name: ticket.username };
    if ((await this.#cache.increment(given, CODE_SECONDS)) > MAX_CODES) return undefined;
    const code = Buffer.from(this.#random(CODE_LENGTH)).toString('base64url');
    await this.#cache.set(keyOf(code), Buffer.from(JSON.stringify(ticket), 'utf8'), CODE_SECONDS);
    return code;
  }

  /** Once for each code, whoever asks at the same time, and whether the answer is of use to them or not. */
  async redeem(code: string): Promise<Ticket | undefined> {
    if (!CODE.test(code)) return undefined;
    const value = await this.#cache.get(keyOf(code));
    if (value === undefined || !(await this.#cache.delete(keyOf(code)))) return undefined;
    return JSON.parse(Buffer.from(value).toString('utf8')) as Ticket;
  }
}

/** What the portal may know of a browser's proof: it travels in addresses. */
export function stateOf(proof: string): string {
  return createHash('sha256').update(proof, 'latin1').digest('base64url');
}

function keyOf(code: string): CacheKey {
  return { kind: 'handoff', name: createHash('sha256').update(code, 'latin1').digest('base64url') };
}
