import { closestDomain, readReturnAddress, readWebAddress } from '../http/web-address.ts';

/** One of `session.cookies`. */
export interface CookieDomain {
  /** Canonical, without a dot in front. */
  readonly domain: string;
  /** `authelia_url`: where people sign in; undefined when it is not configured. */
  readonly signInUrl?: string | undefined;
}

/** Canonical host of an address that a browser may be sent to; undefined for anything that is none. */
export function hostOfAddress(address: string): string | undefined {
  const found = readWebAddress(address);
  return found === undefined ? undefined : bareHost(found.host);
}

/** Lower case, without port and one trailing dot. Chooses addresses only; the engine judges by its own reading. */
export function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '');
}

/** Where people of which domain sign in. */
export class SignIn {
  readonly #cookies: readonly CookieDomain[];
  readonly #hosts: ReadonlySet<string>;

  constructor(cookies: readonly CookieDomain[]) {
    this.#cookies = cookies;
    const hosts = cookies.map(({ signInUrl }) =>
      signInUrl === undefined ? undefined : hostOfAddress(signInUrl),
    );
    this.#hosts = new Set(hosts.filter(host => host !== undefined));
  }

  /** Without cookie domains every host is served, and nobody can sign in but with credentials. */
  get isConfigured(): boolean {
    return this.#cookies.length > 0;
  }

  /** @param host as received */
  domainOf(host: string): CookieDomain | undefined {
    return closestDomain(bareHost(host), this.#cookies);
  }

  /** The domain of an address to return to; undefined for one that nobody is sent to. */
  domainOfReturn(address: string): CookieDomain | undefined {
    return readReturnAddress(address, this.#cookies)?.cookie;
  }

  /** Whether this is the address of a portal. @param host as received */
  isPortalHost(host: string): boolean {
    return this.#hosts.has(bareHost(host));
  }

  /** Whether a path of this host is a portal's: where that has a path of its own, the rest is an application. */
  isPortalPath(host: string, path: string): boolean {
    return this.#cookies.some(({ signInUrl }) => {
      if (signInUrl === undefined || hostOfAddress(signInUrl) !== bareHost(host)) return false;
      const base = new URL(signInUrl).pathname.replace(/\/+$/, '');
      if (base === '') return true;
      // Nothing that a proxy and we could read in two ways.
      const isPlain = /^[\w/.-]+$/.test(path) && !path.includes('..');
      return isPlain && (path === base || path.startsWith(`${base}/`));
    });
  }
}
