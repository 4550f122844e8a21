/** One of `session.cookies`. */
export interface CookieDomain {
  /** Canonical, without a dot in front. */
  readonly domain: string;
  /** `authelia_url`: where people sign in; undefined when it is not configured. */
  readonly signInUrl?: string | undefined;
}

/** An absolute https address without credentials, in visible ASCII; what else browsers would make of a text is none. */
const ADDRESS = /^https:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[/?][\x21-\x5b\x5d-\x7e]*)?$/i;

/** Canonical host of an address that a browser may be sent to; undefined for anything that is none. */
export function hostOfAddress(address: string): string | undefined {
  const match = ADDRESS.exec(address);
  return match?.[1] === undefined ? undefined : bareHost(match[1]);
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
    // The closest domain first: `b.example.com` may have cookies apart from `example.com`.
    this.#cookies = [...cookies].sort((a, b) => b.domain.length - a.domain.length);
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
    if (!this.isConfigured) return undefined;
    const bare = bareHost(host);
    return this.#cookies.find(({ domain }) => bare === domain || bare.endsWith(`.${domain}`));
  }

  /** Whether this is the address of a portal. @param host as received */
  isPortalHost(host: string): boolean {
    return this.#hosts.has(bareHost(host));
  }
}
