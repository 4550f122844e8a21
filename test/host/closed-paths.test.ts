import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import { statusReply } from '../../host/http/reply.ts';
import { RequestHeaders } from '../../host/http/request-headers.ts';
import { createRouter, type RouteKind } from '../../host/http/router.ts';
import { createIsPortal } from '../../host/routes/own-address.ts';
import { SignIn } from '../../host/routes/sign-in.ts';
import { type Authz, basic, HASTY_CLOCK, startAuthz } from '../support/authz.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { rawRequest, sendRaw } from '../support/raw-http.ts';
import type { HeaderList } from '../support/test-app.ts';

/**
 * A proxy takes 2xx for leave to pass, so whatever is no decision must refuse
 * whoever asks like a proxy. The list of what there is comes from the host
 * itself: a new route is tried without a new test.
 */
const POLICY = {
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: 'public.example.com', policy: 'bypass' },
      { domain: 'auth.example.com', policy: 'bypass' },
      { domain: 'app.example.com', policy: 'one_factor' },
    ],
  },
};
const COOKIES = [{ domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION }];
/** As the proxies ask, for a host that everybody may see. */
const ASKING: Readonly<Record<string, HeaderList>> = {
  Traefik: [
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'public.example.com'],
    ['X-Forwarded-Uri', '/'],
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Forwarded-Server', 'edge'],
  ],
  Caddy: [
    ['Host', 'public.example.com'],
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'public.example.com'],
    ['X-Forwarded-Uri', '/'],
  ],
  nginx: [
    ['Host', 'public.example.com'],
    ['X-Original-Method', 'GET'],
    ['X-Original-URL', 'https://public.example.com/'],
  ],
  'nginx that tells nothing but Host': [['Host', 'public.example.com']],
  'nginx with one line only': [['X-Real-IP', '203.0.113.9']],
  'nginx with another line only': [['X-Scheme', 'https']],
  'a proxy that passes on odd names': [['X_Forwarded.Host', 'public.example.com']],
  'a proxy that passes on two hosts': [
    ['Host', '127.0.0.1'],
    ['Host', 'public.example.com'],
  ],
  'a proxy that was told a portal': [['X-Authelia-URL', 'https://auth.example.com/']],
  'ingress-nginx': [
    ['X-Sent-From', 'nginx-ingress-controller'],
    ['X-Original-URL', 'https://public.example.com/'],
    ['X-Auth-Request-Redirect', '/'],
  ],
  Envoy: [
    ['Host', 'public.example.com'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Envoy-Internal', 'true'],
  ],
  'a proxy of RFC 7239': [['Forwarded', 'for=203.0.113.9;host=public.example.com;proto=https']],
  "a proxy before an application, with the portal's name in one place": [
    ['Host', 'auth.example.com'],
    ['X-Forwarded-Host', 'public.example.com'],
  ],
  "a proxy before an application, with the portal's name in the other": [
    ['Host', 'public.example.com'],
    ['X-Forwarded-Host', 'auth.example.com'],
  ],
  'the portal, with two addresses': [
    ['Host', 'auth.example.com'],
    ['X-Forwarded-Host', 'auth.example.com'],
    ['X-Forwarded-Host', 'public.example.com'],
  ],
};
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'PROPFIND'];
const UNKNOWN = [
  '/',
  '/nothing',
  '/api',
  '/api/authz',
  '/api/authz/',
  '/login',
  '/outpost.goauthentik.io',
  '/oauth2',
];

/** The same path as somebody may mistype it, and as a proxy may send it. */
const spellings = (path: string): string[] => [
  path,
  `${path}?rd=https://public.example.com/`,
  `${path}/`,
  `${path}//`,
  `/${path}`,
  `${path}/x`,
  `${path}%2f`,
  path.toUpperCase(),
  path.replace(/.$/, last => `%${last.charCodeAt(0).toString(16)}`),
  `http://127.0.0.1${path}`,
];

describe.each(['', '/authelia'])('below %j', prefix => {
  let authz: Authz;
  beforeAll(async () => {
    authz = await startAuthz({
      policy: POLICY,
      config: { cookies: COOKIES, server: { host: '127.0.0.1', port: 0, prefix } },
      clock: HASTY_CLOCK,
    });
  });
  afterAll(() => authz.stop());

  const pathsOf = (...kinds: RouteKind[]) =>
    authz.routes.filter(({ kind }) => kinds.includes(kind)).map(({ path }) => path);
  /** Not one that another spelling makes a decision. */
  const decides = (target: string) => {
    const path = (target.split('?', 1)[0] ?? '').replace(new RegExp(`^${prefix}(?=/)`), '');
    return authz.routes.some(
      route =>
        route.kind === 'decision' &&
        (route.below === true ? path.startsWith(route.path) : path === route.path),
    );
  };
  const both = (paths: readonly string[]) => [...new Set([...paths, ...paths.map(path => prefix + path)])];

  it('knows all that is served', () => {
    expect(pathsOf('decision').length).toBeGreaterThan(15);
    expect(pathsOf('operator')).toEqual(
      expect.arrayContaining(['/health', '/api/health', '/metrics', '/akprox/ping']),
    );
    expect(pathsOf('redirect').length).toBeGreaterThan(5);
  });

  it.each(Object.entries(ASKING))('no path that decides nothing lets %s through', async (_name, headers) => {
    const paths = [...pathsOf('operator', 'portal', 'redirect'), ...UNKNOWN];
    const targets = both(paths)
      .flatMap(spellings)
      .filter(target => !decides(target));
    expect(targets.length).toBeGreaterThan(100);
    for (const target of targets) {
      for (const method of paths.includes(target) ? METHODS : ['GET', 'POST']) {
        const got = await authz.ask(target, headers, method);
        expect([target, method, got.status >= 300]).toEqual([target, method, true]);
      }
    }
  });

  it('no path that decides nothing takes credentials for a reason', async () => {
    const headers = [...(ASKING.Traefik ?? []), ['Authorization', basic('alice:password-alice')] as const];
    for (const target of both([...pathsOf('operator', 'portal'), ...UNKNOWN])) {
      expect([target, (await authz.ask(target, headers)).status]).toEqual([target, 403]);
    }
  });

  it('says 403 to an operator path or an unknown one, and the right address in the log', async () => {
    for (const target of both([...pathsOf('operator'), ...UNKNOWN])) {
      for (const method of METHODS) {
        const got = await authz.ask(target, ASKING.Traefik, method);
        expect([target, method, got.status]).toEqual([target, method, 403]);
      }
    }
    const line = authz.log.lines.find(({ fields }) => String(fields?.address ?? '') !== '');
    expect(line).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('forwardAuth must ask `address`'),
    });
    const advised = String(line?.fields?.address).split(', ');
    const decisions = pathsOf('decision').map(path => prefix + path);
    expect(advised.filter(path => !decisions.includes(path))).toEqual([]);
  });

  it('answers no guest anywhere but where its deferrals belong, whatever else it says', async () => {
    for (const key of ['Postern-Request', 'Postern-Verdict', 'Postern-New']) {
      const headers = [...(ASKING.Traefik ?? []), [key, 'x'] as const];
      for (const target of both([...pathsOf('operator', 'portal', 'redirect'), ...UNKNOWN])) {
        for (const portal of [[], [['Host', 'auth.example.com'] as const]]) {
          expect([target, (await authz.ask(target, [...portal, ...headers])).status]).toEqual([target, 403]);
        }
      }
    }
    for (const target of both(pathsOf('decision'))) {
      const headers = [...(ASKING.Caddy ?? []), ['Postern-Request', 'x'] as const];
      const { status } = await authz.ask(target, headers);
      // Envoy's with one slash too many is sent on to the one without.
      expect([target, target.endsWith('ext-authz/') ? status === 301 : status === 403]).toEqual([
        target,
        true,
      ]);
    }
  });

  it('decides on every path that says so: 2xx where everybody may pass, an error where nobody may', async () => {
    const headers = (host: string): HeaderList => [
      ['Host', host],
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', '/'],
      ['X-Original-Method', 'GET'],
      ['X-Original-URL', `https://${host}/`],
    ];
    for (const target of both(pathsOf('decision'))) {
      const path = target.endsWith('/') ? `${target}/` : target;
      const open = await authz.ask(path, headers('public.example.com'));
      const isUserInfo = target.endsWith('userinfo');
      // Envoy's path holds the client's own, which the headers here contradict.
      const isEnvoy = /ext-authz$|envoy$/.test(target);
      if (!isEnvoy)
        expect([target, open.status]).toEqual([target, isUserInfo ? 401 : /oauth2/.test(target) ? 202 : 200]);
      for (const host of ['denied.example.com', 'app.example.com']) {
        expect([target, (await authz.ask(path, headers(host))).status >= 300]).toEqual([target, true]);
      }
    }
  });

  it('lets no nginx through that tells nothing: it asks by HTTP/1.0 and names its upstream', async () => {
    const bytes = (target: string, host: readonly string[]) =>
      rawRequest([`GET ${target} HTTP/1.0`, ...host, 'User-Agent: curl/8.5.0', 'Accept: */*']);
    for (const target of both([...pathsOf('operator', 'portal', 'redirect'), ...UNKNOWN])) {
      const { status } = await sendRaw(authz.port, bytes(target, ['Host: authelia']));
      expect([target, status >= 300]).toEqual([target, true]);
    }
    // HAProxy's checks, which have no such line.
    for (const target of both(pathsOf('operator'))) {
      expect([target, (await sendRaw(authz.port, bytes(target, []))).status >= 300]).toEqual([target, false]);
    }
  });

  it('serves operators who ask it themselves', async () => {
    for (const target of both(pathsOf('operator'))) {
      expect([target, (await authz.ask(target)).status >= 300]).toEqual([target, false]);
    }
  });
});

describe("the portal's own address behind a proxy", () => {
  const engine = { isTrustedProxy: (peer: string) => peer === '127.0.0.1' };
  const log = fakeLogger();
  const router = createRouter(
    [
      { path: '/', kind: 'portal', handler: () => statusReply(200) },
      { path: '/health', kind: 'operator', handler: () => statusReply(200) },
    ],
    log,
    { prefix: '/authelia', isPortal: createIsPortal(new SignIn(COOKIES), engine) },
  );
  const ask = async (path: string, headers: HeaderList, peer = '127.0.0.1') => {
    const raw = new RequestHeaders(headers.flat());
    return (await router({ method: 'GET', path, query: '', headers: raw, peer, secure: false })).status;
  };
  /** The usual lines: `proxy_set_header Host $host; X-Forwarded-Host $http_host; X-Original-URL …`. */
  const portal = (host: string, forwarded = host): HeaderList => [
    ['Host', host],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', forwarded],
    ['X-Forwarded-URI', '/'],
    ['X-Forwarded-Ssl', 'on'],
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Real-IP', '203.0.113.9'],
  ];

  it.each([
    ['as nginx sends it', portal('auth.example.com')],
    ['in other spellings', portal('AUTH.example.com.:443', 'auth.Example.com')],
    ['with X-Original-URL', [...portal('auth.example.com'), ['X-Original-URL', 'https://auth.example.com/']]],
    [
      'with X-Original-URL alone',
      [
        ['Host', 'auth.example.com'],
        ['X-Original-URL', 'https://auth.example.com/x'],
      ],
    ],
    ['without a proxy', [['Host', 'auth.example.com']]],
  ] as const)('works %s', async (_name, headers) => {
    expect(await ask('/', headers)).toBe(200);
    expect(await ask('/authelia/', headers)).toBe(200);
  });

  it.each([
    ['for an application', portal('auth.example.com', 'app.example.com')],
    ['by an application', portal('app.example.com', 'auth.example.com')],
    ['by a name that begins alike', portal('auth.example.com.evil.org')],
    [
      'without a forwarded host',
      [
        ['Host', 'auth.example.com'],
        ['X-Forwarded-For', '203.0.113.9'],
      ],
    ],
    [
      'for an application by URL',
      [...portal('auth.example.com'), ['X-Original-URL', 'https://app.example.com/']],
    ],
    ['for a URL that is none', [...portal('auth.example.com'), ['X-Original-URL', '/']]],
    ['by a guest', [...portal('auth.example.com'), ['Postern-Request', 'x']]],
    ['by a guest that says otherwise', [...portal('auth.example.com'), ['Postern-Verdict', 'x']]],
    ['twice', [...portal('auth.example.com'), ['Host', 'auth.example.com']]],
  ] as const)('refuses %s', async (_name, headers) => {
    expect(await ask('/', headers)).toBe(403);
  });

  it('that has a path of its own answers for nothing else on its host', async () => {
    const cookies = [{ domain: 'example.com', signInUrl: 'https://app.example.com/authelia' }];
    const shared = createRouter(
      [{ path: '/', kind: 'portal', below: true, handler: () => statusReply(200) }],
      log,
      { isPortal: createIsPortal(new SignIn(cookies), engine) },
    );
    const told = async (path: string, lines: HeaderList) => {
      const host = ['Host', 'app.example.com'];
      const raw = new RequestHeaders([...host, ...lines.flat()]);
      const peer = '127.0.0.1';
      return (await shared({ method: 'GET', path, query: '', headers: raw, peer, secure: false })).status;
    };
    const byUri = (uri: string): HeaderList => [
      ['X-Forwarded-Host', 'app.example.com'],
      ['X-Forwarded-Uri', uri],
    ];
    const byUrl = (uri: string): HeaderList => [['X-Original-URL', `https://app.example.com${uri}`]];
    const byOriginal = (uri: string): HeaderList => [
      ['X-Forwarded-Host', 'app.example.com'],
      ['X-Original-URI', uri],
    ];
    for (const by of [byUri, byUrl, byOriginal]) {
      for (const uri of ['/authelia', '/authelia/', '/authelia/logout?x=/', '/authelia/static/a-1.css']) {
        expect([uri, await told('/', by(uri))]).toEqual([uri, 200]);
        expect([uri, await told('/authelia/', by(uri))]).toEqual([uri, 200]);
      }
      for (const uri of [
        '/',
        '/admin',
        '/autheliax',
        '/?/authelia/',
        '/authelia/../admin',
        '/authelia/%2e%2e/admin',
        '/authelia/..;/admin',
        '/authelia%2f..%2fadmin',
        '/authelia/\\..\\admin',
        '//authelia/',
      ]) {
        expect([uri, await told('/', by(uri))]).toEqual([uri, 403]);
        expect([uri, await told('/authelia/', by(uri))]).toEqual([uri, 403]);
      }
    }
    expect(await told('/', [...byUri('/authelia/'), ['X-Forwarded-Uri', '/authelia/']])).toBe(403);
    expect(await told('/', [['X-Forwarded-Host', 'app.example.com']])).toBe(200);
  });

  it('refuses a peer that is no trusted proxy, and never serves operators', async () => {
    expect(await ask('/', portal('auth.example.com'), '192.0.2.9')).toBe(403);
    expect(await ask('/health', portal('auth.example.com'))).toBe(403);
    expect(await ask('/authelia/health', portal('auth.example.com'))).toBe(403);
  });
});
