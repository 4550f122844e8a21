import { HEADER_REQUEST, HEADER_VERDICT } from '../../assembly/contract.ts';
import {
  PORTAL,
  type Router,
  type TraefikOptions,
  type TraefikSetup,
  traefikSetup,
} from './traefik-setup.ts';

/** What is printed of either set-up: with the plugin, or with forwardAuth alone. */
export interface PrintedSetup {
  readonly static: {
    readonly entryPoints: TraefikSetup['static']['entryPoints'];
    /** Where Traefik reads the dynamic part: a directory, or `postern traefik --serve`. */
    readonly providers:
      | TraefikSetup['static']['providers']
      | { readonly http: { readonly endpoint: string; readonly pollInterval: string } };
    readonly experimental?: TraefikSetup['static']['experimental'];
  };
  readonly dynamic: TraefikSetup['dynamic'];
}

/**
 * Whatever is not exactly `websocket`; RE2 has no look-ahead. One such value among
 * several lines is enough: which of them a service would follow is not known.
 */
export const NOT_WEBSOCKET =
  '(?i)^([^w]|.[^e]|..[^b]|...[^s]|.{4}[^o]|.{5}[^c]|.{6}[^k]|.{7}[^e]|.{8}[^t]|.{10}|.{0,8}$)';

/** For a Traefik without the plugin: every request of these domains asks the host. */
export function forwardAuthSetup(options: TraefikOptions): PrintedSetup {
  const setup = traefikSetup(options);
  const { entryPoints, providers } = setup.static;
  const { middlewares, routers, services } = setup.dynamic.http;
  const parents = Object.entries(routers).filter(([name]) => routers[`${name}-allow`] !== undefined);
  const portals = Object.entries(routers).filter(([, router]) => router.service === PORTAL);
  const guarded = parents.flatMap(([name, parent]): [string, Router][] => {
    const router = { ...parent, service: routers[`${name}-allow`]?.service ?? '' };
    const [host = 'postern-host'] = routers[`${name}-defer`]?.middlewares ?? [];
    const chain = ['postern-target', 'postern-clean', host];
    return [
      [name, { ...router, middlewares: chain }],
      [
        `${name}-no-upgrade`,
        {
          ...router,
          rule: `${parent.rule} && HeaderRegexp(\`Upgrade\`, \`${NOT_WEBSOCKET}\`)`,
          priority: (parent.priority ?? 0) + 1,
          middlewares: [...chain, 'postern-no-upgrade'],
        },
      ],
    ];
  });
  return {
    static: { entryPoints, providers },
    dynamic: {
      http: {
        middlewares: {
          'postern-target': middlewares['postern-target'],
          'postern-clean': { headers: { customRequestHeaders: removed() } },
          ...Object.fromEntries(
            Object.entries(middlewares)
              .filter(([name]) => name.startsWith('postern-host'))
              .map(([name, host]) => [name, alone(host as Host)]),
          ),
          'postern-no-upgrade': { headers: { customRequestHeaders: { Upgrade: '' } } },
        },
        routers: Object.fromEntries([...guarded, ...portals]),
        ...(services === undefined ? {} : { services }),
      },
    },
  };
}

const OURS: readonly string[] = [HEADER_VERDICT, HEADER_REQUEST];

/**
 * Traefik removes what matches from the request before it copies from the answer.
 * Services read `_` or `.` as `-`, some any other character (CVE-2025-64484,
 * CVE-2026-39858, CVE-2026-88011): no name with one reaches them, as behind nginx.
 */
export const ODD_NAME = '[^A-Za-z0-9-]';

/** By which a client makes some services see another client, path or method than the rules saw. */
const CLAIMS = [
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-HTTP-Method-Override',
  'Forwarded',
  // A load balancer in front passes them on. Where they are missing, Traefik tells forwardAuth its own.
  'X-Forwarded-Host',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
];

interface Host {
  readonly forwardAuth: { readonly authResponseHeaders: readonly string[] };
}

/** Without what guest and host tell each other. */
function alone({ forwardAuth }: Host) {
  const identity = forwardAuth.authResponseHeaders.filter(name => !OURS.includes(name));
  return {
    forwardAuth: { ...forwardAuth, authResponseHeaders: identity, authResponseHeadersRegex: ODD_NAME },
  };
}

/** An empty value removes. */
function removed(): Record<string, string> {
  return Object.fromEntries([...CLAIMS, ...OURS].map(name => [name, '']));
}
