import { HEADER_USER } from '../../assembly/contract.ts';
import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { type CaseOptions, type CaseSetup, forwardAuth, layeredSetup } from '../support/layers.ts';
import type { Target } from '../support/load.ts';
import { ACCOUNT, IDENTITY_HEADERS } from '../support/native-headers.ts';
import { authorizationOf, BROWSER_HEADERS, PATH } from '../support/policy.ts';

/** What stands before Elasticsearch, each on a host name of its own. */
export type Case = 'plain' | 'native' | 'builtin' | 'chain';

export const TITLES: Readonly<Record<Case, string>> = {
  plain: 'no auth',
  native: "native: same layers, Traefik's headers",
  builtin: 'Postern, built in: a hit',
  chain: 'chain: forwardAuth, then the drop-in',
};
export const CASES = Object.keys(TITLES) as Case[];

export const DOMAINS: Readonly<Record<Case, string>> = {
  plain: 'plain.example.com',
  native: 'native.example.com',
  builtin: 'builtin.example.com',
  chain: 'chain.example.com',
};

/** The backend answers with the headers that it was sent; the rule of `PATH` lets it pass. */
const SHOWN_PATH = '/api/push/headers';

export function targetOf(name: Case, port: number): Target {
  const headers = { Host: DOMAINS[name], ...BROWSER_HEADERS };
  return { port, path: PATH, headers, authorizations: [authorizationOf(ACCOUNT.username)] };
}

/** The same request, answered with what the backend was sent. */
export function shownTargetOf(name: Case, port: number): Target {
  return { ...targetOf(name, port), path: SHOWN_PATH };
}

/** What is wrong with the headers that the backend was sent; nothing where all is well. */
export function faultOf(name: Case, shown: string, authorization: string): string | undefined {
  const received = (wanted: string) =>
    shown
      .split('\r\n')
      .filter(line => line.toLowerCase().startsWith(`${wanted.toLowerCase()}: `))
      .map(line => line.slice(wanted.length + 2))
      .join();
  // Without a door the client's own goes on.
  const expected = name === 'plain' ? authorizationOf(ACCOUNT.username) : authorization;
  if (received('Authorization') !== expected) {
    return `${TITLES[name]}: the backend was not sent the Authorization that it should be`;
  }
  const user = name === 'plain' ? '' : ACCOUNT.username;
  return received(HEADER_USER) === user ? undefined : `${TITLES[name]}: ${HEADER_USER} is not '${user}'`;
}

export interface ElasticOptions extends CaseOptions {
  /** The drop-in endpoint's address. */
  readonly dropInUrl: string;
  /** Of the account's user in Elasticsearch. */
  readonly authorization: string;
}

/** Routers of all cases. `builtin` and `native` are the same layers, from `postern traefik`. */
export function elasticSetup(options: ElasticOptions): CaseSetup {
  const { hostUrl, dropInUrl, authorization } = options;
  return layeredSetup(options, {
    layered: DOMAINS.builtin,
    native: DOMAINS.native,
    nativeHeaders: { Authorization: authorization },
    elasticsearch: true,
    single: {
      plain: { domain: DOMAINS.plain, middlewares: [] },
      chain: { domain: DOMAINS.chain, middlewares: ['forward-auth', 'drop-in'] },
    },
    middlewares: {
      'forward-auth': forwardAuth(`${hostUrl}${FORWARD_AUTH_PATH}`, IDENTITY_HEADERS),
      'drop-in': forwardAuth(`${dropInUrl}/`, ['Authorization']),
    },
  });
}
