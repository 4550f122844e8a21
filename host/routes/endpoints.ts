import type { EndpointConfig, StrategyName } from '../config/schema.ts';
import { queryKeys } from '../http/query.ts';
import { exactReply, type Reply } from '../http/reply.ts';
import type { Handler, Request, Route } from '../http/router.ts';
import { createDecision, type DecisionDeps } from './decision.ts';
import { AUTHELIA_AUTH_REQUEST } from './dialects/authelia-auth-request.ts';
import { autheliaExtAuthz } from './dialects/authelia-ext-authz.ts';
import { AUTHELIA_FORWARD_AUTH } from './dialects/authelia-forward-auth.ts';
import { AUTHELIA_LEGACY, legacyStrategies } from './dialects/authelia-legacy.ts';
import { authentikNginx } from './dialects/authentik-nginx.ts';
import { AUTHENTIK_PROXY, authentikEnvoy } from './dialects/authentik-proxy.ts';
import type { Dialect } from './dialects/dialect.ts';
import { OAUTH2_PROXY, OAUTH2_USER_INFO } from './dialects/oauth2-proxy.ts';
import { bad, ownHost } from './forwarded.ts';
import { FORWARD_AUTH_PATH, LEGACY_PATH } from './paths.ts';
import { createCallback, createSignOut, createStart, type Door } from './sign-in-routes.ts';
import {
  COOKIE_SESSION,
  HEADER_AUTH_REQUEST_PROXY_AUTHORIZATION,
  HEADER_AUTHORIZATION,
  HEADER_PROXY_AUTHORIZATION,
  type Strategy,
} from './strategies.ts';

/** Authelia's, and a path that many texts about forward-auth have. */
const DEFAULT_ENDPOINTS: readonly EndpointConfig[] = [
  { name: 'forward-auth', path: FORWARD_AUTH_PATH, implementation: 'ForwardAuth' },
  { name: 'auth-request', path: '/api/authz/auth-request', implementation: 'AuthRequest' },
  { name: 'ext-authz', path: '/api/authz/ext-authz', implementation: 'ExtAuthz' },
  { name: 'legacy', path: LEGACY_PATH, implementation: 'Legacy' },
  { name: 'auth', path: '/auth', implementation: 'ForwardAuth' },
];

/** Every path that decides, and those that lead people to the portal. `configured` replaces Authelia's defaults. */
export function createEndpointRoutes(
  deps: DecisionDeps,
  configured?: readonly EndpointConfig[],
  door?: Door,
): Route[] {
  const decide = (path: string, dialect: Dialect, below = false): Route => ({
    path,
    kind: 'decision',
    ...(below ? { below } : {}),
    anyMethod: dialect.anyMethod === true,
    handler: createDecision(dialect, deps),
  });
  const authelia = (configured ?? DEFAULT_ENDPOINTS).flatMap(endpoint => {
    const { path } = endpoint;
    const dialect = dialectOf(endpoint);
    if (endpoint.implementation !== 'ExtAuthz') return [decide(path, dialect)];
    const slash: Route = { path: `${path}/`, kind: 'decision', anyMethod: true, handler: withoutSlash };
    return [decide(path, dialect), slash, decide(`${path}/`, dialect, true)];
  });
  if (!authelia.some(({ path }) => path === FORWARD_AUTH_PATH)) {
    authelia.push(decide(FORWARD_AUTH_PATH, DEFERRALS_ONLY));
  }
  const { log, signIn } = deps;
  const start = createStart(signIn, log, door);
  const signOut = createSignOut(signIn, log, door);
  const callback = (base: string): Route[] =>
    door === undefined ? [] : [{ path: `${base}/callback`, kind: 'redirect', handler: createCallback(door) }];
  const nginx = authentikNginx(signIn);
  const outpost = (base: string): Route[] => [
    decide(`${base}/auth/traefik`, AUTHENTIK_PROXY),
    decide(`${base}/auth/caddy`, AUTHENTIK_PROXY),
    decide(`${base}/auth/nginx`, nginx),
    decide(`${base}/auth/envoy`, authentikEnvoy(`${base}/auth/envoy`)),
    decide(`${base}/auth/envoy/`, authentikEnvoy(`${base}/auth/envoy`), true),
    { path: `${base}/start`, kind: 'redirect', handler: start },
    { path: `${base}/sign_out`, kind: 'redirect', handler: signOut },
    ...callback(base),
    { path: `${base}/ping`, kind: 'operator', handler: () => NOTHING },
  ];
  const asNginx = createDecision(nginx, deps);
  const asTraefik = createDecision(AUTHENTIK_PROXY, deps);
  /** The oldest outposts had one path, and the proxy in the query. */
  const either: Handler = request =>
    (queryKeys(request.query).includes('nginx') ? asNginx : asTraefik)(request);
  return [
    ...authelia,
    ...outpost('/outpost.goauthentik.io'),
    ...outpost('/akprox'),
    { path: '/akprox/auth', kind: 'decision', anyMethod: true, handler: either },
    decide('/oauth2/auth', OAUTH2_PROXY),
    decide('/oauth2/userinfo', OAUTH2_USER_INFO),
    { path: '/oauth2/start', kind: 'redirect', handler: start },
    { path: '/oauth2/sign_in', kind: 'redirect', handler: start },
    { path: '/oauth2/sign_out', kind: 'redirect', handler: signOut },
    ...callback('/oauth2'),
  ];
}

/** As the outposts answer whoever looks after them. */
const NOTHING: Reply = { status: 204, headers: [], type: '', body: '' };

const DEFERRALS_ONLY: Dialect = {
  ...AUTHELIA_FORWARD_AUTH,
  hint: 'this address is not in server.endpoints.authz: ask one that is, or add `forward-auth` there',
  readTarget: () => bad('postern-request'),
};

/** What Authelia names is asked by what was written for Authelia; a new name is for those who read what they get. */
const AUTHELIAS: readonly string[] = ['forward-auth', 'auth-request', 'ext-authz', 'legacy'];

function dialectOf(endpoint: EndpointConfig): Dialect {
  const { name, path, implementation, strategies } = endpoint;
  const denial = endpoint.denial ?? (AUTHELIAS.includes(name) ? 'authelia' : 'adaptive');
  const own = {
    ForwardAuth: AUTHELIA_FORWARD_AUTH,
    AuthRequest: AUTHELIA_AUTH_REQUEST,
    ExtAuthz: autheliaExtAuthz(path),
    Legacy: AUTHELIA_LEGACY,
  }[implementation];
  const dialect: Dialect = { ...own, denial };
  if (strategies === undefined) return dialect;
  const before = strategies.map(({ name, schemes }) => withSchemes(STRATEGIES[name], schemes));
  const at = strategies.findIndex(({ name }) => name === 'HeaderLegacy');
  if (at < 0) return { ...dialect, strategies: () => before };
  // Which header it looks at stands in the query.
  return {
    ...dialect,
    strategies: request => before.with(at, legacyStrategies(request)[0] ?? HEADER_AUTHORIZATION),
  };
}

const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = {
  CookieSession: COOKIE_SESSION,
  HeaderAuthorization: HEADER_AUTHORIZATION,
  HeaderProxyAuthorization: HEADER_PROXY_AUTHORIZATION,
  HeaderAuthRequestProxyAuthorization: HEADER_AUTH_REQUEST_PROXY_AUTHORIZATION,
  HeaderLegacy: HEADER_AUTHORIZATION,
};

function withSchemes(strategy: Strategy, schemes: readonly string[] | undefined): Strategy {
  if (strategy.kind !== 'header' || schemes === undefined) return strategy;
  return { ...strategy, schemes: new Set(schemes) };
}

/** Authelia's router: Envoy's `path_prefix` has to end with a slash, which the client's path begins with once more. */
function withoutSlash(request: Request): Reply {
  const path = request.path.slice(0, -1) + (request.query === '' ? '' : `?${request.query}`);
  const host = (ownHost(request) ?? '').toLowerCase();
  const location = `${request.secure ? 'https' : 'http'}://${host}${path}`;
  const reply = exactReply(request.method === 'GET' ? 301 : 308, [['Location', location]]);
  return { ...reply, type: '', body: '' };
}
