import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { type CaseOptions, type CaseSetup, forwardAuth, layeredSetup } from '../support/layers.ts';
import type { Target } from '../support/load.ts';
import { IDENTITY_HEADERS } from '../support/native-headers.ts';
import { BROWSER_HEADERS, PATH } from '../support/policy.ts';

/** By what somebody who has signed in is let in, each on a host name of its own. */
export type Case = 'plain' | 'native' | 'session' | 'forward_noop' | 'forward';

export const TITLES: Readonly<Record<Case, string>> = {
  plain: 'no auth',
  native: "native: same layers, Traefik's headers",
  session: 'Postern, a session',
  forward_noop: 'forwardAuth to a do-nothing server',
  forward: "forwardAuth to Postern's host, a session",
};
export const CASES = Object.keys(TITLES) as Case[];

export const DOMAINS: Readonly<Record<Case, string>> = {
  plain: 'plain.example.com',
  native: 'native.example.com',
  session: 'session.example.com',
  forward_noop: 'forward-noop.example.com',
  forward: 'forward.example.com',
};

/** Of the cookie, and of all the services' names. */
export const COOKIE_DOMAIN = 'example.com';

/** @param cookie the session's, `name=value` */
export function targetOf(name: Case, port: number, cookie: string): Target {
  const headers = {
    ...BROWSER_HEADERS,
    Host: DOMAINS[name],
    Cookie: `${BROWSER_HEADERS.Cookie}; ${cookie}`,
  };
  return { port, path: PATH, headers, authorizations: [] };
}

/** Routers of all cases. `session` and `native` are the same layers, from `postern traefik`. */
export function sessionSetup(options: CaseOptions): CaseSetup {
  const { hostUrl, serverUrl } = options;
  const single = (name: Case, ...middlewares: string[]) => ({
    [name]: { domain: DOMAINS[name], middlewares },
  });
  // As in examples/traefik: the session is none of the service's business.
  const told = [...IDENTITY_HEADERS, 'Cookie'];
  return layeredSetup(options, {
    layered: DOMAINS.session,
    native: DOMAINS.native,
    single: {
      ...single('plain'),
      ...single('forward_noop', 'noop'),
      ...single('forward', 'forward'),
    },
    middlewares: {
      noop: forwardAuth(`${serverUrl}/auth`, told),
      forward: forwardAuth(`${hostUrl}${FORWARD_AUTH_PATH}`, told),
    },
  });
}
