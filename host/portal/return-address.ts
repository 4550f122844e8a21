import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { CookieConfig } from '../config/schema.ts';
import { readReturnAddress } from '../http/web-address.ts';
import { deriveKey } from '../secret/derive.ts';

/** Enough to find one's telephone and type a code. */
const LIFETIME_MS = 15 * 60_000;
/** What the clocks of hosts behind one portal may differ by. */
const SKEW_MS = 60_000;

const VERSION = 1;
const TIME_LENGTH = 6;
const MAC_LENGTH = 32;
/** Version, time, MAC and the longest address, in base64url. */
const MAX_SEALED = 6_000;

/** Where somebody goes after signing in. */
export interface OpenedReturn {
  readonly url: string;
  /** Lower case, without port. */
  readonly host: string;
  /** Of the closest domain. */
  readonly cookie: CookieConfig;
}

export interface ReturnAddressesOptions {
  readonly cookies: readonly CookieConfig[];
  readonly secret: Uint8Array;
  readonly previousSecret?: Uint8Array | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Addresses to return to, as forms carry them: u8 version ‖ u48 milliseconds ‖
 * address ‖ HMAC-SHA256 of all that, in base64url. So the portal keeps nothing
 * for people who have not signed in, and no form of one page can return to the
 * page of another.
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
  read(rd: string): OpenedReturn | undefined {
    const found = readReturnAddress(rd, this.#options.cookies);
    return found === undefined || this.#isPortal(new URL(found.url)) ? undefined : found;
  }

  /** `rd` as it came; undefined for none that `read` takes. */
  seal(rd: string): string | undefined {
    const address = this.read(rd);
    const [key] = this.#keys;
    if (address === undefined || key === undefined) return undefined;
    const time = Buffer.alloc(TIME_LENGTH);
    time.writeUIntBE(this.#options.clock.now(), 0, TIME_LENGTH);
    const body = Buffer.concat([Uint8Array.of(VERSION), time, Buffer.from(address.url, 'latin1')]);
    return Buffer.concat([body, mac(key, body)]).toString('base64url');
  }

  /** Undefined for what `seal` did not make, or too long ago, and for what it would not make any more. */
  open(sealed: string): OpenedReturn | undefined {
    if (sealed.length > MAX_SEALED) return undefined;
    const bytes = Buffer.from(sealed, 'base64url');
    const end = bytes.length - MAC_LENGTH;
    // One text for one address: node passes over what is no base64url.
    if (end <= 1 + TIME_LENGTH || bytes.toString('base64url') !== sealed) return undefined;
    const body = bytes.subarray(0, end);
    const isOurs = this.#keys.some(key => timingSafeEqual(mac(key, body), bytes.subarray(end)));
    if (!isOurs || body[0] !== VERSION) return undefined;
    const age = this.#options.clock.now() - body.readUIntBE(1, TIME_LENGTH);
    if (age > LIFETIME_MS || age < -SKEW_MS) return undefined;
    return this.read(body.toString('latin1', 1 + TIME_LENGTH));
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
