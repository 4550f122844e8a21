import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import type { Target } from '../support/load.ts';
import { authorizationOf, BROWSER_HEADERS, DOMAIN, PATH, PROGRAM_HEADERS } from '../support/policy.ts';

/** Who is asked about each request, and through what. */
export const CASES = [
  'bare',
  'direct',
  'bare_browser',
  'direct_browser',
  'traefik_noop',
  'traefik',
  'traefik_plain',
  'traefik_bare',
  'nginx_noop',
  'nginx',
  'nginx_unix',
  'nginx_bare',
  'nginx_noop_unix',
] as const;
export type Case = (typeof CASES)[number];

export const TITLES: Readonly<Record<Case, string>> = {
  bare: "node's http alone, the same answer",
  direct: "Postern's host",
  bare_browser: "node's http alone, a browser's headers",
  direct_browser: "Postern's host, a browser's headers",
  traefik_noop: 'Traefik, do-nothing server',
  traefik: "Traefik, Postern's host by TLS",
  traefik_plain: "Traefik, Postern's host without TLS",
  traefik_bare: "Traefik, node's http alone",
  nginx_noop: 'nginx, do-nothing server',
  nginx: "nginx, Postern's host",
  nginx_unix: "nginx, Postern's host by a Unix socket",
  nginx_bare: "nginx, node's http alone",
  nginx_noop_unix: 'nginx, do-nothing server by a Unix socket',
};

/** What each case is compared with, round by round. */
export const FLOORS: Readonly<Partial<Record<Case, Case>>> = {
  direct: 'bare',
  direct_browser: 'bare_browser',
  traefik: 'traefik_noop',
  traefik_plain: 'traefik_noop',
  traefik_bare: 'traefik_noop',
  nginx: 'nginx_noop',
  nginx_unix: 'nginx_noop',
  nginx_bare: 'nginx_noop',
  nginx_noop_unix: 'nginx_noop',
};

/** One host name for each door of a proxy. */
export const HOST_DOMAIN = DOMAIN;
export const PLAIN_DOMAIN = 'plain.example.com';
export const BARE_DOMAIN = 'bare.example.com';
export const NOOP_DOMAIN = 'noop.example.com';
export const NOOP_UNIX_DOMAIN = 'noop-unix.example.com';

const DOMAINS: Readonly<Partial<Record<Case, string>>> = {
  traefik_noop: NOOP_DOMAIN,
  traefik_plain: PLAIN_DOMAIN,
  traefik_bare: BARE_DOMAIN,
  nginx_noop: NOOP_DOMAIN,
  nginx_unix: PLAIN_DOMAIN,
  nginx_bare: BARE_DOMAIN,
  nginx_noop_unix: NOOP_UNIX_DOMAIN,
};

/** The account whose grant is known. */
export const ACCOUNT = 'my-service-account';

export interface Ports {
  readonly bare: number;
  readonly host: number;
  readonly traefik: number;
  readonly nginx: number;
}

/** What a client or, without a proxy between, a proxy sends. */
export function targetOf(name: Case, ports: Ports): Target {
  const authorizations = [authorizationOf(ACCOUNT)];
  const client = name.endsWith('_browser') ? BROWSER_HEADERS : PROGRAM_HEADERS;
  switch (name) {
    case 'bare':
    case 'bare_browser':
      return { port: ports.bare, path: FORWARD_AUTH_PATH, headers: asked(client), authorizations };
    case 'direct':
    case 'direct_browser':
      return { port: ports.host, path: FORWARD_AUTH_PATH, headers: asked(client), authorizations };
    default: {
      const port = name.startsWith('traefik') ? ports.traefik : ports.nginx;
      const Host = DOMAINS[name] ?? HOST_DOMAIN;
      return { port, path: PATH, headers: { Host, ...client }, authorizations };
    }
  }
}

/** A forward-auth request as Traefik makes it of the client's. */
function asked(client: Readonly<Record<string, string>>): Record<string, string> {
  return {
    Host: 'auth.example.com',
    ...client,
    'X-Forwarded-For': '192.0.2.10',
    'X-Forwarded-Host': HOST_DOMAIN,
    'X-Forwarded-Method': 'GET',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Uri': PATH,
  };
}
