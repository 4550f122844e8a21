import type { RequestHeaders } from '../http/request-headers.ts';

/** One way in which a request may bring a credential, in Authelia's names (`authn_strategies`). */
export type Strategy =
  | {
      readonly kind: 'header';
      readonly header: 'authorization' | 'proxy-authorization';
      /** Schemes in lower case that count; undefined for every one that the service knows. */
      readonly schemes?: ReadonlySet<string>;
      /** A request without the header is as bad as one with a wrong password. */
      readonly required?: boolean;
      /** What is in the header must be a credential that counts here: one of another scheme is a bad one. */
      readonly insists?: boolean;
      /** How bad credentials are answered. */
      readonly refusal: {
        readonly status: 401 | 407;
        readonly header: 'WWW-Authenticate' | 'Proxy-Authenticate';
      };
    }
  | { readonly kind: 'cookie' };

export type HeaderStrategy = Extract<Strategy, { kind: 'header' }>;

export const COOKIE_SESSION: Strategy = { kind: 'cookie' };

export const HEADER_AUTHORIZATION: HeaderStrategy = {
  kind: 'header',
  header: 'authorization',
  refusal: { status: 401, header: 'WWW-Authenticate' },
};

export const HEADER_PROXY_AUTHORIZATION: HeaderStrategy = {
  kind: 'header',
  header: 'proxy-authorization',
  refusal: { status: 407, header: 'Proxy-Authenticate' },
};

export const HEADER_AUTH_REQUEST_PROXY_AUTHORIZATION: HeaderStrategy = {
  ...HEADER_PROXY_AUTHORIZATION,
  refusal: { status: 401, header: 'WWW-Authenticate' },
};

/** `Authorization`, then the session: what every endpoint does that was not told otherwise. */
export const DEFAULT_STRATEGIES: readonly Strategy[] = [HEADER_AUTHORIZATION, COOKIE_SESSION];

/** Whether the request brings something that this strategy looks at. An empty header is none. */
export function isPresent(strategy: HeaderStrategy, headers: RequestHeaders): boolean {
  const values = headers.values(strategy.header);
  const [value = ''] = values;
  if (values.length > 1) return true;
  if (value === '') return false;
  const { schemes } = strategy;
  if (schemes === undefined) return true;
  const scheme = (value.split(' ', 1)[0] ?? '').toLowerCase();
  // A scheme that nobody knows is malformed; one that is known and not wanted here is no credential.
  return schemes.has(scheme) || !KNOWN_SCHEMES.has(scheme);
}

const KNOWN_SCHEMES: ReadonlySet<string> = new Set(['basic', 'bearer']);

/** What no token can be (RFC 6750 section 2.1) is a bad credential to Authelia, whether Bearer counts or not. */
export function isNoToken({ header }: HeaderStrategy, headers: RequestHeaders): boolean {
  const [value = ''] = headers.values(header);
  return /^bearer /i.test(value) && !/^\S+ [A-Za-z0-9_.~+/=-]+$/.test(value);
}
