import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointConfig } from '../../host/config/schema.ts';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import type { RawAnswer } from '../../tools/replay/ask.mjs';
import { type Authz, basic, HASTY_CLOCK, headerOf, startAuthz } from '../support/authz.ts';
import type { HeaderList } from '../support/test-app.ts';

/** Endpoints of a name, path and strategies of their own, as `server.endpoints.authz` has them. */
const ENDPOINTS: readonly EndpointConfig[] = [
  { name: 'mine', path: '/check/it', implementation: 'ForwardAuth' },
  {
    name: 'header',
    path: '/api/authz/header',
    implementation: 'ForwardAuth',
    strategies: [{ name: 'HeaderAuthorization' }],
  },
  {
    name: 'proxy',
    path: '/api/authz/proxy',
    implementation: 'ForwardAuth',
    strategies: [
      { name: 'HeaderProxyAuthorization' },
      { name: 'HeaderAuthorization' },
      { name: 'CookieSession' },
    ],
  },
  {
    name: 'nginx',
    path: '/api/authz/nginx',
    implementation: 'AuthRequest',
    strategies: [{ name: 'HeaderAuthRequestProxyAuthorization' }],
  },
  {
    name: 'cookie',
    path: '/api/authz/cookie',
    implementation: 'ForwardAuth',
    strategies: [{ name: 'CookieSession' }],
  },
  {
    name: 'bearer',
    path: '/api/authz/bearer',
    implementation: 'ForwardAuth',
    strategies: [{ name: 'HeaderAuthorization', schemes: ['bearer'] }, { name: 'CookieSession' }],
  },
  { name: 'my/envoy', path: '/api/authz/my/envoy', implementation: 'ExtAuthz' },
];
const PORTAL = 'https://auth.example.com/';
const ALICE = basic('alice:password-alice');
const BAD = basic('alice:nope');

describe('server.endpoints.authz', () => {
  let authz: Authz;
  beforeAll(async () => {
    authz = await startAuthz({
      policy: {
        access_control: {
          default_policy: 'deny',
          rules: [
            { domain: 'app.example.com', policy: 'one_factor' },
            { domain: 'public.example.com', policy: 'bypass' },
          ],
        },
      },
      config: {
        cookies: [{ domain: 'example.com', signInUrl: PORTAL, session: DEFAULT_SESSION }],
        // In Authelia's words; new names have words of their own else, see denial.test.ts.
        server: {
          host: '127.0.0.1',
          port: 0,
          endpoints: ENDPOINTS.map(each => ({ ...each, denial: 'authelia' })),
        },
      },
      clock: HASTY_CLOCK,
    });
  });
  afterAll(() => authz.stop());

  const ask = (path: string, more: HeaderList = [], host = 'app.example.com') =>
    authz.ask(path, [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', '/'],
      ['X-Forwarded-For', '203.0.113.9'],
      ...(path.endsWith('/nginx')
        ? ([
            ['X-Original-Method', 'GET'],
            ['X-Original-URL', `https://${host}/`],
          ] as const)
        : []),
      ...more,
    ]);
  /** Status, and what of it matters: `W` a challenge, `P` one of proxies, `L` the portal, `R` a user. */
  const marks = (answer: RawAnswer): string =>
    [
      String(answer.status),
      headerOf(answer, 'www-authenticate') === 'Basic realm="Authorization Required"' ? 'W' : '',
      headerOf(answer, 'proxy-authenticate') === 'Basic realm="Authorization Required"' ? 'P' : '',
      headerOf(answer, 'location') === undefined ? '' : 'L',
      (headerOf(answer, 'remote-user') ?? '') === '' ? '' : 'R',
    ]
      .filter(mark => mark !== '')
      .join(' ');

  const A = (value: string) => [['Authorization', value]] as const;
  const P = (value: string) => [['Proxy-Authorization', value]] as const;
  it.each([
    // The defaults of an implementation, at a path of one's own.
    ['/check/it', [], '401 L'],
    ['/check/it', A(ALICE), '200 R'],
    ['/check/it', P(ALICE), '401 L'],
    // Without the session the header's strategy answers for those that show nothing.
    ['/api/authz/header', [], '401 W'],
    ['/api/authz/header', [['Accept', 'text/html']], '401 W'],
    ['/api/authz/header', A(ALICE), '200 R'],
    ['/api/authz/header', A(BAD), '401 W'],
    ['/api/authz/header', A('Basic !'), '401 W'],
    // In their order: the first that finds a credential counts, good or bad.
    ['/api/authz/proxy', [], '401 L'],
    ['/api/authz/proxy', P(ALICE), '200 R'],
    ['/api/authz/proxy', P(BAD), '407 P'],
    ['/api/authz/proxy', A(ALICE), '200 R'],
    ['/api/authz/proxy', A(BAD), '401 W'],
    ['/api/authz/proxy', [...P(BAD), ...A(ALICE)], '407 P'],
    ['/api/authz/proxy', [...P(ALICE), ...A(BAD)], '200 R'],
    // nginx knows no 407.
    ['/api/authz/nginx', [], '401 W'],
    ['/api/authz/nginx', P(ALICE), '200 R'],
    ['/api/authz/nginx', P(BAD), '401 W'],
    ['/api/authz/nginx', A(ALICE), '401 W'],
    // No header counts.
    ['/api/authz/cookie', A(ALICE), '401 L'],
    ['/api/authz/cookie', A(BAD), '401 L'],
    ['/api/authz/cookie', [['Accept', 'text/html']], '302 L'],
    // A scheme that is not wanted here is no credential, one that nobody knows is a bad one.
    ['/api/authz/bearer', A(ALICE), '401 L'],
    ['/api/authz/bearer', A('Digest x'), '401 W'],
  ] as [string, HeaderList, string][])('%s with %j: %s', async (path, headers, expected) => {
    expect(marks(await ask(path, headers))).toBe(expected);
    // Never in the way of those whom a rule lets in.
    expect((await ask(path, headers, 'public.example.com')).status).toBe(200);
  });

  it("has Envoy's below a name with a slash", async () => {
    const envoy = (path: string, more: HeaderList = []) =>
      authz.ask(path, [['Host', 'app.example.com'], ['X-Forwarded-Proto', 'https'], ...more], 'PUT');
    expect((await envoy('/api/authz/my/envoy//x', A(ALICE))).status).toBe(200);
    expect((await envoy('/api/authz/my/envoy//x')).status).toBe(401);
    const slash = await envoy('/api/authz/my/envoy/?a=b', A(ALICE));
    expect([slash.status, headerOf(slash, 'location'), headerOf(slash, 'content-type'), slash.body]).toEqual([
      308,
      'http://app.example.com/api/authz/my/envoy?a=b',
      undefined,
      '',
    ]);
  });

  it("replaces Authelia's default endpoints, all of them, and keeps the guest's deferrals", async () => {
    for (const path of ['/api/authz/auth-request', '/api/authz/ext-authz/', '/api/verify', '/auth']) {
      expect([path, (await ask(path, A(ALICE))).status]).toEqual([path, 403]);
      expect([path, (await authz.ask(path)).status]).toEqual([path, 404]);
    }
    // Not in the list either: there for the guest alone.
    expect((await ask('/api/authz/forward-auth', A(ALICE))).status).toBe(400);
    expect((await ask('/api/authz/forward-auth', [...A(ALICE), ['Postern-Request', 'x']])).status).toBe(403);
    expect(authz.log.text()).toContain('this address is not in server.endpoints.authz');
    expect((await ask('/api/authz/mine', A(ALICE))).status).toBe(403);
  });

  it('takes GET and HEAD only, but where proxies repeat the method of the client', async () => {
    for (const method of ['POST', 'OPTIONS', 'DELETE']) {
      const headers: HeaderList = [['X-Forwarded-Host', 'public.example.com']];
      const refused = await authz.ask('/check/it', headers, method);
      expect([method, refused.status, headerOf(refused, 'allow')]).toEqual([method, 405, 'GET, HEAD']);
    }
  });
});
