import type { Tree } from './traefik.ts';

/** Lists in labels are one text. */
const LISTS = /^(entrypoints|middlewares|authresponseheaders|addauthcookiestoresponse)$/i;

/**
 * What Traefik's Docker provider makes of the labels of all containers, in the
 * file provider's form. @param servers URL of the server behind each service
 */
export function fromLabels(
  labels: Readonly<Record<string, string>>,
  servers: Readonly<Record<string, string>>,
): Tree {
  const http: Record<string, Record<string, unknown>> = { routers: {}, middlewares: {}, services: {} };
  for (const [label, raw] of Object.entries(labels)) {
    const path = label.split('.');
    if (path[1] !== 'http' || path[2] === 'services') continue;
    // Compose writes `$$` for a dollar sign.
    const text = raw.replaceAll('$$', '$').replaceAll('@docker', '@file');
    const last = path.at(-1) ?? '';
    let value: unknown = LISTS.test(last) ? text.split(',') : text;
    if (last === 'tls') value = text === 'true' ? {} : undefined;
    place(http, path.slice(2), value);
  }
  // A container has one service, which all its routers lead to.
  for (const [name, router] of Object.entries(http.routers ?? {}) as [string, Record<string, unknown>][]) {
    router.service ??= Object.keys(servers).find(service => name.startsWith(service));
  }
  for (const [name, url] of Object.entries(servers)) {
    http.services = { ...http.services, [name]: { loadBalancer: { servers: [{ url }] } } };
  }
  return { http };
}

function place(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    tree[first] = value;
    return;
  }
  tree[first] ??= {};
  place(tree[first] as Record<string, unknown>, rest, value);
}

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
}

interface Route {
  readonly match: string;
  readonly priority?: number;
  readonly middlewares?: readonly { readonly name: string }[];
  readonly services: readonly { readonly name: string }[];
}

/** The same for Middleware and IngressRoute. */
export function fromResources(
  resources: readonly Resource[],
  servers: Readonly<Record<string, string>>,
): Tree {
  const of = (kind: string) => resources.filter(resource => resource.kind === kind);
  const middlewares = Object.fromEntries(of('Middleware').map(({ metadata, spec }) => [metadata.name, spec]));
  const routers = of('IngressRoute').flatMap(({ metadata, spec = {} }) =>
    (spec.routes as readonly Route[]).map((route, i) => [
      `${metadata.name}-${i}`,
      {
        rule: route.match,
        entryPoints: spec.entryPoints,
        tls: spec.tls,
        ...(route.priority === undefined ? {} : { priority: route.priority }),
        middlewares: route.middlewares?.map(({ name }) => name) ?? [],
        service: route.services[0]?.name,
      },
    ]),
  );
  const services = Object.entries(servers).map(([name, url]) => [
    name,
    { loadBalancer: { servers: [{ url }] } },
  ]);
  return {
    http: { middlewares, routers: Object.fromEntries(routers), services: Object.fromEntries(services) },
  };
}
