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
const HASH_LENGTH = 16;
const MAC_LENGTH = 32;
const HEAD_LENGTH = TIME_LENGTH + 2 * HASH_LENGTH;
const TOKEN_LENGTH = HEAD_LENGTH + MAC_LENGTH;

/**
 * `good`; `stale`: ours, but of a page that is too old, or of another session;
 * `other`: ours, but of another browser, or one that has lost its cookie since;
 * `bad`: not ours, or of another form.
 */
export type TokenOutcome = 'good' | 'stale' | 'other' | 'bad';

export interface FormTokensOptions {
  readonly secret: Uint8Array;
  readonly previousSecret?: Uint8Array | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * Tokens of forms: u48 milliseconds ‖ 16 bytes each of the SHA-256 of cookie and
 * session id ‖ HMAC-SHA256 of these and the form's name. The portal keeps
 * nothing for them, so any number of pages may be open at once.
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
    const time = Buffer.alloc(TIME_LENGTH);
    time.writeUIntBE(this.#options.clock.now(), 0, TIME_LENGTH);
    const head = Buffer.concat([time, hash(cookie), hash(session)]);
    return Buffer.concat([head, mac(key, head, form)]).toString('base64url');
  }

  /** @param cookie undefined when the browser sent none */
  judge(token: string, form: string, cookie: string | undefined, session: string): TokenOutcome {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== TOKEN_LENGTH || bytes.toString('base64url') !== token) return 'bad';
    const head = bytes.subarray(0, HEAD_LENGTH);
    const given = bytes.subarray(HEAD_LENGTH);
    if (!this.#keys.some(key => timingSafeEqual(mac(key, head, form), given))) return 'bad';
    const age = this.#options.clock.now() - head.readUIntBE(0, TIME_LENGTH);
    if (age > FORM_LIFETIME_MS || age < -SKEW_MS) return 'stale';
    const ofCookie = head.subarray(TIME_LENGTH, TIME_LENGTH + HASH_LENGTH);
    const ofSession = head.subarray(TIME_LENGTH + HASH_LENGTH);
    if (!timingSafeEqual(hash(session), ofSession)) return 'stale';
    return cookie !== undefined && timingSafeEqual(hash(cookie), ofCookie) ? 'good' : 'other';
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

/** By `Origin` and `Sec-Fetch-Site`; any that names another place makes it foreign. */
export function formOrigin(headers: RequestHeaders, site: Pick<Site, 'origin'>): FormOrigin {
  const origin = headers.one('origin');
  const fetchSite = headers.one('sec-fetch-site');
  if (origin !== undefined && origin !== site.origin) return 'foreign';
  if (fetchSite !== undefined && fetchSite !== 'same-origin') return 'foreign';
  return origin !== undefined && fetchSite !== undefined ? 'ours' : 'untold';
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, HASH_LENGTH);
}

/** The head has one length, so no head and name read as another pair. */
function mac(key: Uint8Array, head: Uint8Array, form: string): Buffer {
  return createHmac('sha256', key).update(head).update(form, 'utf8').digest();
}
