import { queryValues } from '../../http/query.ts';
import { exactReply } from '../../http/reply.ts';
import type { Request } from '../../http/router.ts';
import { ownScheme, readForwarded, readOriginal } from '../forwarded.ts';
import {
  COOKIE_SESSION,
  HEADER_AUTH_REQUEST_PROXY_AUTHORIZATION,
  HEADER_AUTHORIZATION,
  type Strategy,
} from '../strategies.ts';
import { AUTHELIA_AUTH_REQUEST } from './authelia-auth-request.ts';
import { AUTHELIA_FORWARD_AUTH, challengeBrowsers } from './authelia-forward-auth.ts';
import { headerAddress, queryAddress } from './authelia-sign-in.ts';
import type { Denial, Dialect, Told } from './dialect.ts';

const BASIC: readonly Strategy[] = [{ ...HEADER_AUTHORIZATION, required: true }, COOKIE_SESSION];
// Authelia asks for the other header there, and takes no scheme but those that it knows.
const PROXY: readonly Strategy[] = [
  { ...HEADER_AUTH_REQUEST_PROXY_AUTHORIZATION, insists: true },
  COOKIE_SESSION,
];

/**
 * `HeaderLegacy`: `?auth=basic` looks at `Authorization` and insists on it,
 * otherwise `Proxy-Authorization` counts and `Authorization` is left alone.
 */
export function legacyStrategies({ query }: Request): readonly Strategy[] {
  return query !== '' && queryValues(query, 'auth')[0] === 'basic' ? BASIC : PROXY;
}

/** Authelia's `Legacy`, `/api/verify`: whatever a proxy tells, and 401 for what cannot be judged. */
export const AUTHELIA_LEGACY: Dialect = {
  ...AUTHELIA_FORWARD_AUTH,
  name: 'Legacy',
  anyMethod: true,
  badRequest: 401,
  deferrals: false,
  adapts: false,
  // nginx reads an answer's headers into one small buffer.
  cleansCookies: false,
  hint: AUTHELIA_AUTH_REQUEST.hint,
  readTarget: readEither,
  strategies: legacyStrategies,
  // The proxy's configuration names the portal, wherever it is.
  signInUrl: request => queryAddress(request, 'rd') ?? headerAddress(request) ?? '',
  challenge: denial =>
    denial.signInUrl === '' ? exactReply(401) : challengeBrowsers(byItsOwnMethod(denial)),
};

/** Where the method is not told, the way back names the one that the endpoint was asked with. */
function byItsOwnMethod(denial: Denial): Denial {
  const { asked, request } = denial;
  return asked.method === '' ? { ...denial, asked: { ...asked, method: request.method } } : denial;
}

/** nginx asks by GET whatever the client did, so without a word about the method it is not known. */
function readEither(request: Request): Told {
  const { headers } = request;
  if (headers.one('x-original-url') === undefined) {
    return readForwarded(request, { method: request.method, scheme: ownScheme(request), uri: '' });
  }
  return readOriginal(request, headers.one('x-forwarded-method') || headers.one('x-original-method') || '');
}
