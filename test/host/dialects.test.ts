import { DEFAULT_SESSION } from '../../host/config/session.ts';
import {
  type Asking,
  type DialectUnderTest,
  describeDialect,
  describeUntrusted,
  type ProxyRequest,
} from '../contracts/dialect.ts';

type Ask = (asking: Required<Asking>) => ProxyRequest | undefined;
const has = (headers: readonly (readonly [string, string])[]) => headers.filter(([, value]) => value !== '');

/** Traefik and Caddy. */
const forwarded =
  (path: string): Ask =>
  ({ host, uri, method, scheme }) => ({
    path,
    headers: has([
      ['X-Forwarded-Method', method],
      ['X-Forwarded-Proto', scheme],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', uri],
    ]),
  });
/** nginx. */
const original =
  (path: string): Ask =>
  ({ host, uri, method, scheme }) => ({
    path,
    headers: has([
      ['X-Original-Method', method],
      ['X-Original-URL', `${scheme}://${host}${uri}`],
    ]),
  });
/** Envoy repeats the request; what is no request it does not take. */
const repeated =
  (base: string): Ask =>
  ({ host, uri, method, scheme }) =>
    method === ''
      ? undefined
      : {
          path: base + uri,
          method,
          headers: [
            ['Host', host],
            ['X-Forwarded-Proto', scheme],
          ],
        };

const AUTHELIA = {
  allowed: 200,
  badRequest: 400,
  identity: {
    'remote-user': 'alice',
    'remote-groups': 'admins,dev',
    'remote-name': 'Alice Example',
    'remote-email': 'alice@example.com',
  },
} as const;
const AUTHENTIK = {
  allowed: 200,
  badRequest: 400,
  identity: {
    'x-authentik-username': 'alice',
    'x-authentik-groups': 'admins|dev',
    'x-authentik-email': 'alice@example.com',
    'x-authentik-name': 'Alice Example',
    'x-authentik-uid': 'alice',
    'x-auth-username': 'alice',
    'x-auth-groups': 'admins|dev',
    'x-forwarded-email': 'alice@example.com',
    'x-forwarded-preferred-username': 'alice',
    'x-forwarded-user': 'alice',
    'x-authentik-entitlements': '',
    'x-authentik-jwt': '',
    'x-authentik-meta-app': '',
  },
} as const;
const OAUTH2 = {
  allowed: 202,
  badRequest: 400,
  identity: {
    'x-auth-request-user': 'alice',
    'x-auth-request-groups': 'admins,dev',
    'x-auth-request-email': 'alice@example.com',
    'x-auth-request-preferred-username': 'alice',
  },
} as const;

const LEGACY = { ...AUTHELIA, badRequest: 401 } as const;
const DIALECTS: readonly DialectUnderTest[] = [
  { name: 'forward-auth', ask: forwarded('/api/authz/forward-auth'), ...AUTHELIA },
  { name: 'a free path', ask: forwarded('/auth'), ...AUTHELIA },
  { name: 'auth-request', ask: original('/api/authz/auth-request'), ...AUTHELIA },
  { name: 'ext-authz', ask: repeated('/api/authz/ext-authz/'), ...AUTHELIA },
  {
    name: 'legacy',
    ask: forwarded('/api/verify'),
    ...LEGACY,
    credential: 'Proxy-Authorization',
    ownMethod: true,
  },
  { name: 'legacy-basic', ask: original('/api/verify?auth=basic'), ...LEGACY, insists: true },
  { name: "authentik's for Traefik", ask: forwarded('/outpost.goauthentik.io/auth/traefik'), ...AUTHENTIK },
  { name: "authentik's for Caddy", ask: forwarded('/outpost.goauthentik.io/auth/caddy'), ...AUTHENTIK },
  { name: "authentik's for nginx", ask: original('/outpost.goauthentik.io/auth/nginx'), ...AUTHENTIK },
  { name: "authentik's for Envoy", ask: repeated('/outpost.goauthentik.io/auth/envoy'), ...AUTHENTIK },
  { name: "authentik's old one for Traefik", ask: forwarded('/akprox/auth/traefik'), ...AUTHENTIK },
  { name: "authentik's old one for nginx", ask: original('/akprox/auth/nginx'), ...AUTHENTIK },
  { name: "authentik's old one for the ingress", ask: original('/akprox/auth?nginx'), ...AUTHENTIK },
  { name: "oauth2-proxy's for nginx", ask: original('/oauth2/auth'), ...OAUTH2 },
  { name: "oauth2-proxy's for Traefik", ask: forwarded('/oauth2/auth'), ...OAUTH2 },
  {
    name: "oauth2-proxy's userinfo",
    ask: forwarded('/oauth2/userinfo'),
    ...OAUTH2,
    allowed: 200,
    wantsSomebody: true,
  },
];

const PORTAL = {
  cookies: [{ domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION }],
};
for (const dialect of DIALECTS) {
  describeDialect(dialect, '');
  describeDialect(dialect, '/authelia', PORTAL);
}
describeUntrusted(DIALECTS);
