import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { type CaseOptions, type CaseSetup, forwardAuth, layeredSetup } from './layers.ts';
import { ACCOUNT, IDENTITY_HEADERS } from './native-headers.ts';
import { authorizationOf, DOMAIN, principals } from './policy.ts';

/** What a service's door is guarded by, each on a host name of its own. */
export const CASES = [
  'plain',
  'noop',
  'native',
  'hit',
  'hit_from_file',
  'bcrypt',
  'forward_noop',
  'forward_host',
] as const;
export type Case = (typeof CASES)[number];

export const TITLES: Readonly<Record<Case, string>> = {
  plain: 'no auth',
  noop: 'no-op plugin',
  native: "native: same layers, Traefik's headers",
  hit: 'Postern, hit just seen',
  hit_from_file: 'Postern, hit read from the table',
  bcrypt: 'basicAuth, bcrypt 10',
  forward_noop: 'forwardAuth to a do-nothing server',
  forward_host: "forwardAuth to Postern's host",
};

/** Each instance remembers a few; in turn, all of them are read from the table. */
export const PRINCIPALS = 64;

export const NATIVE_DOMAIN = 'native.example.com';
export const HOST_DOMAIN = 'forward-host.example.com';

export const DOMAINS: Readonly<Record<Case, string>> = {
  plain: 'plain.example.com',
  noop: 'noop.example.com',
  native: NATIVE_DOMAIN,
  hit: DOMAIN,
  hit_from_file: DOMAIN,
  bcrypt: 'bcrypt.example.com',
  forward_noop: 'forward-noop.example.com',
  forward_host: HOST_DOMAIN,
};

/** Authorizations that a case sends in turn. */
export function authorizations(name: Case): string[] {
  const accounts = principals(name === 'hit_from_file' ? PRINCIPALS : 1);
  return accounts.map(({ username }) => authorizationOf(username));
}

/** Of the first principal's password, which is no secret. */
const BCRYPT_10 = '$2b$10$bQD2clNeUzYnqTJhAzfahO43FP6CaEavQSIEnm8nXMoOnWyVZFJ.O';

/** Routers of all cases. `hit` and `native` are the same layers, from `postern traefik`. */
export function caseSetup(options: CaseOptions): CaseSetup {
  const { hostUrl, serverUrl } = options;
  const single = (name: Case, ...middlewares: string[]) => ({
    [name]: { domain: DOMAINS[name], middlewares },
  });
  return layeredSetup(options, {
    layered: DOMAIN,
    native: NATIVE_DOMAIN,
    single: {
      ...single('plain'),
      ...single('noop', 'noop'),
      ...single('bcrypt', 'bcrypt'),
      ...single('forward_noop', 'forward-noop'),
      ...single('forward_host', 'forward-host'),
    },
    middlewares: {
      noop: { plugin: { noop: {} } },
      bcrypt: { basicAuth: { users: [`${ACCOUNT.username}:${BCRYPT_10}`] } },
      'forward-noop': forwardAuth(`${serverUrl}/auth`, IDENTITY_HEADERS),
      'forward-host': forwardAuth(`${hostUrl}${FORWARD_AUTH_PATH}`, IDENTITY_HEADERS),
    },
  });
}
