import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { CookieConfig } from '../config/schema.ts';
import { readReturnAddress } from '../http/web-address.ts';
import { deriveKey } from '../secret/derive.ts';
import { DOORS, handoffAddress, readStart, startAddress } from './handoff-address.ts';

/** In an address: enough to find one's telephone and type a code. Each page has a new one. */
export const RETURN_LIFETIME_MS = 15 * 60_000;
/** What the clocks of hosts behind one portal may differ by. */
const SKEW_MS = 60_000;

const VERSION = 1;
const TIME_LENGTH = 6;
const MAC_LENGTH = 32;
/** Version, time, MAC, a method and the longest address, in base64url. */
const MAX_SEALED = 6_000;
/** Nothing else is known to ask for pages. */
const METHOD = /^[A-Z][A-Z-]{0,31}$/;

/** Where somebody goes after signing in. */
export interface OpenedReturn {
  /** The page. */
  readonly url: string;
  /**
   * Where to send a browser that is signed in here: to the page itself, or, where
   * our cookie does not reach it, to where its host is told (`handoff-door.ts`).
   */
  readonly location: string;
  /** Lower case, without port. */
  readonly host: string;
  /** Of the closest domain. */
  readonly cookie: CookieConfig;
  /** How the page was asked for. People return by GET, having proved what either of the two asks for. */
  readonly method: string;
}

type Found = Omit<OpenedReturn, 'location' | 'method'>;

export interface ReturnAddressesOptions {
  readonly cookies: readonly CookieConfig[];
  readonly secret: Uint8Array;
  readonly previousSecret?: Uint8Array | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Addresses to return to, as forms carry them: u8 version ‖ u48 milliseconds ‖
 * address, behind a method and a blank unless that is GET ‖ HMAC-SHA256 of all
 * that, in base64url. So the portal keeps nothing for people who have not signed
 * in, and no form of one page can return to the page of another.
 */
export class ReturnAddresses {
  readonly #options: ReturnAddressesOptions;
  readonly #portals: readonly URL[];
  readonly #keys: readonly Uint8Array[];

  constructor(options: ReturnAddressesOptions) {
    this.#options = options;
    this.#portals = options.cookies.flatMap(({ signInUrl }) =>
      signInUrl === undefined ? [] : [new URL(signInUrl)],
    );
    const secrets = [
      options.secret,
      ...(options.previousSecret === undefined ? [] : [options.previousSecret]),
    ];
    this.#keys = secrets.map(secret => deriveKey(secret, 'return'));
  }

  /** An address as it came from a client; undefined for one that nobody is sent to. */
  read(rd: string, method = 'GET'): OpenedReturn | undefined {
    const found = this.#ours(rd);
    if (found === undefined) return undefined;
    const read = found.cookie.isHandoff === true ? this.#afar(found) : { ...found, location: found.url };
    return { ...read, method };
  }

  #ours(rd: string): Found | undefined {
    const found = readReturnAddress(rd, this.#options.cookies);
    return found === undefined || this.#isPortal(new URL(found.url)) ? undefined : found;
  }

  /** A page of a single application, or the way to it, which stands for the page. */
  #afar(found: Found): Omit<OpenedReturn, 'method'> {
    const url = new URL(found.url);
    const start = readStart(url);
    if (start === undefined) return { ...found, location: startAddress(url, DOORS[0], 1) };
    const asked = start.page.startsWith('/') ? url.origin + start.page : start.page;
    const read = readReturnAddress(asked, this.#options.cookies);
    const page = new URL(read?.host === found.host ? read.url : `${url.origin}/`);
    const here = { ...found, url: page.href };
    if (start.attempt === undefined) {
      return { ...here, location: startAddress(page, start.door, DOORS.indexOf(start.door) + 1) };
    }
    // It came back from a door that is not led to us.
    const next = DOORS[start.attempt];
    if (next !== undefined) return { ...here, location: startAddress(page, next, start.attempt + 1) };
    return { ...here, location: handoffAddress(found.cookie.signInUrl, page.href) };
  }

  /** `rd` as it came; undefined for none that `read` takes. */
  seal(rd: string, method = 'GET'): string | undefined {
    const address = this.#ours(rd);
    if (address === undefined) return undefined;
    return this.#sealed(method === 'GET' || !METHOD.test(method) ? address.url : `${method} ${address.url}`);
  }

  /** Undefined for what `seal` did not make, or too long ago, and for what it would not make any more. */
  open(sealed: string, lifetimeMs = RETURN_LIFETIME_MS): OpenedReturn | undefined {
    const text = this.#textOf(sealed, lifetimeMs);
    return text === undefined ? undefined : this.#opened(text);
  }

  /** The same, sealed anew: whoever goes from page to page may take long for all of them. */
  renew(
    sealed: string,
    lifetimeMs = RETURN_LIFETIME_MS,
  ): { readonly sealed: string; readonly address: OpenedReturn } | undefined {
    const text = this.#textOf(sealed, lifetimeMs);
    const address = text === undefined ? undefined : this.#opened(text);
    return text === undefined || address === undefined ? undefined : { sealed: this.#sealed(text), address };
  }

  #sealed(text: string): string {
    const [key] = this.#keys;
    if (key === undefined) throw new TypeError('a key is needed');
    const time = Buffer.alloc(TIME_LENGTH);
    time.writeUIntBE(this.#options.clock.now(), 0, TIME_LENGTH);
    const body = Buffer.concat([Uint8Array.of(VERSION), time, Buffer.from(text, 'latin1')]);
    return Buffer.concat([body, mac(key, body)]).toString('base64url');
  }

  #opened(text: string): OpenedReturn | undefined {
    const blank = text.indexOf(' ');
    if (blank < 0) return this.read(text);
    const method = text.slice(0, blank);
    return METHOD.test(method) ? this.read(text.slice(blank + 1), method) : undefined;
  }

  #textOf(sealed: string, lifetimeMs: number): string | undefined {
    if (sealed.length > MAX_SEALED) return undefined;
    const bytes = Buffer.from(sealed, 'base64url');
    const end = bytes.length - MAC_LENGTH;
    // One text for one address: node passes over what is no base64url.
    if (end <= 1 + TIME_LENGTH || bytes.toString('base64url') !== sealed) return undefined;
    const body = bytes.subarray(0, end);
    const isOurs = this.#keys.some(key => timingSafeEqual(mac(key, body), bytes.subarray(end)));
    if (!isOurs || body[0] !== VERSION) return undefined;
    const age = this.#options.clock.now() - body.readUIntBE(1, TIME_LENGTH);
    if (age > lifetimeMs || age < -SKEW_MS) return undefined;
    return body.toString('latin1', 1 + TIME_LENGTH);
  }

  /** Whoever is at the portal need not return there; and it might send them round in circles. */
  #isPortal(url: URL): boolean {
    return this.#portals.some(portal => {
      const base = portal.pathname.replace(/\/$/, '');
      return url.host === portal.host && (url.pathname === base || url.pathname.startsWith(`${base}/`));
    });
  }
}

function mac(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest();
}
