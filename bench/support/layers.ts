import { type Router, traefikSetup } from '../../host/cli/traefik-setup.ts';
import type { Tree } from '../../test/support/traefik.ts';
import { nativeHeaders } from './native-headers.ts';

/** What a stage has, for the routers of a suite's cases. */
export interface CaseOptions {
  readonly guestKey: Uint8Array;
  readonly hostUrl: string;
  /** File of the host's authority, where it speaks TLS. */
  readonly ca?: string;
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

/** The doors of a suite's cases, all before one backend. */
export interface Doors {
  /** Domain of the layers that `postern traefik` prints, with the plugin. */
  readonly layered: string;
  /** Domain of the same layers with Traefik's own headers in the plugin's place. */
  readonly native: string;
  /** What these set besides the identity. */
  readonly nativeHeaders?: Readonly<Record<string, string>>;
  /** Whether the backend of both is an Elasticsearch. */
  readonly elasticsearch?: boolean;
  /** Routers with nothing below them, by name. */
  readonly single: Readonly<
    Record<string, { readonly domain: string; readonly middlewares: readonly string[] }>
  >;
  readonly middlewares: Readonly<Record<string, Tree>>;
}

export function layeredSetup(options: CaseOptions, doors: Doors): CaseSetup {
  const { guestKey, hostUrl, serverUrl, directory, keyFile, ca } = options;
  const { layered, native, elasticsearch } = doors;
  const setup = traefikSetup({
    domains: [layered, native].map(domain => ({
      domain,
      service: 'backend',
      ...(elasticsearch === true && { elasticsearch }),
    })),
    guestKey,
    hostAddress: hostUrl,
    directory,
    keyFile,
    entryPoints: { web: '' },
    tls: false,
  });
  const { http } = setup.dynamic;
  const single = Object.entries(doors.single).map(([name, { domain, middlewares }]) => [
    name,
    { rule: `Host(\`${domain}\`)`, entryPoints: ['web'], middlewares, service: 'backend' },
  ]);
  const middlewares = {
    ...http.middlewares,
    native: nativeHeaders(guestKey, doors.nativeHeaders),
    ...doors.middlewares,
  };
  return {
    mounts: setup.static.experimental.localPlugins.postern.settings.mounts,
    dynamic: {
      http: {
        services: { backend: { loadBalancer: { servers: [{ url: serverUrl }] } } },
        routers: { ...withNative(http.routers, native), ...Object.fromEntries(single) },
        middlewares: ca === undefined ? middlewares : withAuthority(middlewares as Tree, ca),
      },
    },
  };
}

export function forwardAuth(address: string, authResponseHeaders: readonly string[]): Tree {
  return { forwardAuth: { address, authResponseHeaders } };
}

/** The same routers, `domain`'s with the middleware `native` where the plugin was. */
function withNative(routers: Readonly<Record<string, Router>>, domain: string): Record<string, Router> {
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

/** The same middlewares; those that ask by TLS believe that authority. */
function withAuthority(middlewares: Tree, ca: string): Tree {
  return Object.fromEntries(
    Object.entries(middlewares as Record<string, Tree>).map(([name, middleware]) => {
      const ask = middleware.forwardAuth as { readonly address: string } | undefined;
      return ask?.address.startsWith('https:') === true
        ? [name, { forwardAuth: { ...ask, tls: { ca } } }]
        : [name, middleware];
    }),
  );
}
