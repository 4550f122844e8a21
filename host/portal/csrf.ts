import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { cookieValue } from '../http/cookies.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import { deriveKey } from '../secret/derive.ts';
import type { Site } from './visit.ts';

/** Random and the browser's alone; `__Host-` keeps sister domains from planting another one. */
export const PORTAL_COOKIE = '__Host-postern_portal';
const COOKIE_BYTES = 32;
const COOKIE_VALUE = /^[A-Za-z0-9_-]{43}$/;

/** A page that was open overnight is asked for anew. */
export const FORM_LIFETIME_MS = 12 * 3_600_000;
/** What the clocks of hosts behind one portal may differ by. */
const SKEW_MS = 60_000;

const TIME_LENGTH = 6;
const COOKIE_HASH_LENGTH = 16;
const MAC_LENGTH = 32;
const TOKEN_LENGTH = TIME_LENGTH + COOKIE_HASH_LENGTH + MAC_LENGTH;

/**
 * `good`; `stale`: ours, but of a page that is too old; `other`: ours, but of
 * another browser, or one that has lost its cookie since; `bad`: not ours, or of
 * another form or session.
 */
export type TokenOutcome = 'good' | 'stale' | 'other' | 'bad';

export interface FormTokensOptions {
  readonly secret: Uint8Array;
  readonly previousSecret?: Uint8Array | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * Tokens of forms: u48 milliseconds ‖ 16 bytes of the cookie's SHA-256 ‖
 * HMAC-SHA256 of these with the form's name and the session's id. The portal
 * keeps nothing for them, so any number of pages may be open at once.
 */
export class FormTokens {
  readonly #options: FormTokensOptions;
  readonly #keys: readonly Uint8Array[];

  constructor(options: FormTokensOptions) {
    this.#options = options;
    const { secret, previousSecret } = options;
    const secrets = previousSecret === undefined ? [secret] : [secret, previousSecret];
    this.#keys = secrets.map(root => deriveKey(root, 'portal-form'));
  }

  newCookie(): string {
    return Buffer.from(this.#options.random(COOKIE_BYTES)).toString('base64url');
  }

  /** @param session its id, empty where the form is of nobody yet */
  make(form: string, cookie: string, session: string): string {
    const [key] = this.#keys;
    if (key === undefined) throw new TypeError('a key is needed');
    const head = Buffer.alloc(TIME_LENGTH + COOKIE_HASH_LENGTH);
    head.writeUIntBE(this.#options.clock.now(), 0, TIME_LENGTH);
    cookieHash(cookie).copy(head, TIME_LENGTH);
    return Buffer.concat([head, mac(key, head, form, session)]).toString('base64url');
  }

  /** @param cookie undefined when the browser sent none */
  judge(token: string, form: string, cookie: string | undefined, session: string): TokenOutcome {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== TOKEN_LENGTH || bytes.toString('base64url') !== token) return 'bad';
    const head = bytes.subarray(0, TIME_LENGTH + COOKIE_HASH_LENGTH);
    const given = bytes.subarray(head.length);
    if (!this.#keys.some(key => timingSafeEqual(mac(key, head, form, session), given))) return 'bad';
    const age = this.#options.clock.now() - head.readUIntBE(0, TIME_LENGTH);
    if (age > FORM_LIFETIME_MS || age < -SKEW_MS) return 'stale';
    const hash = head.subarray(TIME_LENGTH);
    return cookie !== undefined && timingSafeEqual(cookieHash(cookie), hash) ? 'good' : 'other';
  }
}

/** The portal's cookie, undefined for none, for two, and for one that we did not make. */
export function portalCookie(headers: RequestHeaders): string | undefined {
  const value = cookieValue(headers, PORTAL_COOKIE);
  return value !== undefined && COOKIE_VALUE.test(value) ? value : undefined;
}

/** `Lax`: `Strict` would not come with the redirection from an application, and each would make a new one. */
export function setPortalCookie(value: string): string {
  return `${PORTAL_COOKIE}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax`;
}

/** What a browser says of where a form comes from. */
export type FormOrigin =
  /** From a page of ours: the browser says so in two headers that no page can write. */
  | 'ours'
  /** Nothing speaks against it. */
  | 'untold'
  | 'foreign';

export function formOrigin(headers: RequestHeaders, site: Pick<Site, 'origin'>): FormOrigin {
  const origin = headers.one('origin');
  const fetchSite = headers.one('sec-fetch-site');
  if (origin !== undefined && origin !== site.origin) return 'foreign';
  if (fetchSite !== undefined && fetchSite !== 'same-origin') return 'foreign';
  return origin !== undefined && fetchSite !== undefined ? 'ours' : 'untold';
}

function cookieHash(cookie: string): Buffer {
  return createHash('sha256').update(cookie).digest().subarray(0, COOKIE_HASH_LENGTH);
}

function mac(key: Uint8Array, head: Uint8Array, form: string, session: string): Buffer {
  const made = createHmac('sha256', key).update(head);
  for (const text of [form, session]) {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    made.update(length).update(bytes);
  }
  return made.digest();
}
