import {
  HEADER_EMAIL,
  HEADER_GROUPS,
  HEADER_NAME,
  HEADER_USER,
  HEADER_VERDICT,
  VERDICT_ALLOW_PREFIX,
} from '../../assembly/contract.ts';
import { type Router, traefikSetup } from '../../host/cli/traefik-setup.ts';
import type { Principal } from '../../host/policy/engine.ts';
import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { verdictTag } from '../../host/secret/derive.ts';
import type { Tree } from '../../test/support/traefik.ts';
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

export const IDENTITY_HEADERS: readonly string[] = [HEADER_USER, HEADER_GROUPS, HEADER_NAME, HEADER_EMAIL];

/** Who signs in where one account is enough. */
export const ACCOUNT = principals(1)[0] as Principal;

/** Authorizations that a case sends in turn. */
export function authorizations(name: Case): string[] {
  const accounts = principals(name === 'hit_from_file' ? PRINCIPALS : 1);
  return accounts.map(({ username }) => authorizationOf(username));
}

export interface CaseOptions {
  readonly guestKey: Uint8Array;
  readonly hostUrl: string;
  /** Backend and do-nothing forwardAuth server. */
  readonly serverUrl: string;
  readonly directory: string;
  readonly keyFile: string;
}

export interface CaseSetup {
  readonly dynamic: Tree;
  /** The plugin's mounts. */
  readonly mounts: readonly string[];
}

/** Of the first principal's password, which is no secret. */
const BCRYPT_10 = '$2b$10$bQD2clNeUzYnqTJhAzfahO43FP6CaEavQSIEnm8nXMoOnWyVZFJ.O';

/** Routers of all cases. `hit` and `native` are the same layers, from `postern traefik`. */
export function caseSetup(options: CaseOptions): CaseSetup {
  const { guestKey, hostUrl, serverUrl, directory, keyFile } = options;
  const setup = traefikSetup({
    domains: [DOMAIN, NATIVE_DOMAIN].map(domain => ({ domain, service: 'backend' })),
    guestKey,
    hostAddress: hostUrl,
    directory,
    keyFile,
    entryPoints: { web: '' },
    tls: false,
  });
  const { http } = setup.dynamic;
  const single = (name: Case, middlewares: readonly string[]) => ({
    [name]: door(DOMAINS[name], middlewares),
  });
  return {
    mounts: setup.static.experimental.localPlugins.postern.settings.mounts,
    dynamic: {
      http: {
        services: { backend: { loadBalancer: { servers: [{ url: serverUrl }] } } },
        routers: {
          ...withNative(http.routers, NATIVE_DOMAIN),
          ...single('plain', []),
          ...single('noop', ['noop']),
          ...single('bcrypt', ['bcrypt']),
          ...single('forward_noop', ['forward-noop']),
          ...single('forward_host', ['forward-host']),
        },
        middlewares: {
          ...http.middlewares,
          noop: { plugin: { noop: {} } },
          native: nativeHeaders(guestKey),
          bcrypt: {
            basicAuth: {
              users: [`${ACCOUNT.username}:${BCRYPT_10}`],
            },
          },
          'forward-noop': forwardAuth(`${serverUrl}/auth`, IDENTITY_HEADERS),
          'forward-host': forwardAuth(`${hostUrl}${FORWARD_AUTH_PATH}`, IDENTITY_HEADERS),
        },
      },
    },
  };
}

/** A router with nothing below it. */
export function door(domain: string, middlewares: readonly string[]) {
  return { rule: `Host(\`${domain}\`)`, entryPoints: ['web'], middlewares, service: 'backend' };
}

export function forwardAuth(address: string, authResponseHeaders: readonly string[]) {
  return { forwardAuth: { address, authResponseHeaders } };
}

/** The same routers, `domain`'s with the middleware `native` where the plugin was. */
export function withNative(
  routers: Readonly<Record<string, Router>>,
  domain: string,
): Record<string, Router> {
  const native = (router: Router): Router =>
    router.middlewares === undefined
      ? router
      : { ...router, middlewares: router.middlewares.map(each => (each === 'postern' ? 'native' : each)) };
  return Object.fromEntries(
    Object.entries(routers).map(([name, router]) => [
      name,
      router.rule.includes(domain) ? native(router) : router,
    ]),
  );
}

/** Traefik's own middleware that sets what the plugin sets, and `more`. */
export function nativeHeaders(guestKey: Uint8Array, more: Readonly<Record<string, string>> = {}) {
  return {
    headers: {
      customRequestHeaders: {
        [HEADER_USER]: ACCOUNT.username,
        [HEADER_GROUPS]: ACCOUNT.groups.join(','),
        [HEADER_NAME]: ACCOUNT.displayName,
        [HEADER_EMAIL]: ACCOUNT.email,
        [HEADER_VERDICT]: `${VERDICT_ALLOW_PREFIX}${verdictTag(guestKey)}`,
        ...more,
      },
    },
  };
}
