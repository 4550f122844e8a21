import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import { type Authz, basic, HASTY_CLOCK, headerOf, startAuthz } from '../support/authz.ts';
import type { HeaderList } from '../support/test-app.ts';

/** What oauth2-proxy's addresses answer beyond the contract of all dialects, and where browsers are sent. */
const POLICY = {
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: 'app.example.com', policy: 'one_factor' },
      { domain: 'open.example.com', policy: 'bypass' },
    ],
  },
};
const COOKIES = [
  { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
  { domain: 'base.org', signInUrl: 'https://base.org/login', session: DEFAULT_SESSION },
  { domain: 'nowhere.net', session: DEFAULT_SESSION },
];
const ALICE = ['Authorization', basic('alice:password-alice')] as const;

let authz: Authz;
beforeAll(async () => {
  authz = await startAuthz({ policy: POLICY, config: { cookies: COOKIES }, clock: HASTY_CLOCK });
});
afterAll(() => authz.stop());

describe("oauth2-proxy's", () => {
  /** As its guide configures nginx. */
  const nginx = (path: string, headers: HeaderList = [], host = 'app.example.com') =>
    authz.ask(path, [
      ['Host', host],
      ['X-Real-IP', '203.0.113.9'],
      ['X-Forwarded-For', '203.0.113.9'],
      ['X-Forwarded-Uri', '/a?b=c'],
      ...headers,
    ]);

  it.each([
    // alice is in admins and dev, her address is alice@example.com.
    ['', 202],
    ['?', 202],
    ['?x=y', 202],
    ['?allowed_groups=admins', 202],
    ['?allowed_groups=other,dev', 202],
    ['?allowed_groups=other&allowed_groups=dev', 202],
    ['?allowed_groups=other', 403],
    ['?allowed_groups=', 403],
    ['?allowed_groups', 403],
    ['?allowed_groups=%zz', 403],
    ['?allowed_groups=Admins', 403],
    ['?allowed_groups=admin', 403],
    ['?allowed_emails=alice@example.com', 202],
    ['?allowed_emails=bob@example.com', 403],
    ['?allowed_email_domains=example.com', 202],
    ['?allowed_email_domains=.com', 202],
    ['?allowed_email_domains=.example.com', 202],
    ['?allowed_email_domains=other.org,*.example.com', 202],
    ['?allowed_email_domains=Example.COM', 202],
    ['?allowed_email_domains=*.com', 202],
    ['?allowed_email_domains=ample.com', 403],
    ['?allowed_email_domains=*.ample.com', 403],
    ['?allowed_email_domains=*example.com', 403],
    ['?allowed_email_domains=www.example.com', 403],
    ['?allowed_email_domains=.', 403],
    ['?allowed_email_domains=*.', 403],
    ['?allowed_email_domains=*', 403],
    // All of them, and none that is not known.
    ['?allowed_groups=dev&allowed_emails=bob@example.com', 403],
    ['?allowed_groups=dev&allowed_emails=alice@example.com', 202],
    ['?allowed_roles=dev', 403],
    ['?allowed_groups=dev&allowed_%67roups=other', 202],
    ['?allowed_%67roups=other', 403],
    ['?allowed_constructor=x', 403],
  ])('/oauth2/auth%s: %d', async (query, status) => {
    expect((await nginx(`/oauth2/auth${query}`, [ALICE])).status).toBe(status);
    // Nobody comes in by the condition alone, nor without one where the rules ask for somebody.
    expect((await nginx(`/oauth2/auth${query}`)).status).toBe(401);
    const isCondition = query.includes('allowed_');
    expect((await nginx(`/oauth2/auth${query}`, [], 'open.example.com')).status).toBe(
      isCondition ? 401 : 202,
    );
  });

  it("leaves no proxy a client's access token", async () => {
    const got = await nginx('/oauth2/auth', [ALICE, ['X-Auth-Request-Access-Token', 'forged']]);
    expect([got.status, headerOf(got, 'x-auth-request-access-token')]).toEqual([202, '']);
  });

  it('/oauth2/userinfo says who asks, to whom the rules let in', async () => {
    const got = await nginx('/oauth2/userinfo', [ALICE]);
    expect([got.status, headerOf(got, 'content-type'), JSON.parse(got.body)]).toEqual([
      200,
      'application/json',
      { user: 'alice', email: 'alice@example.com', groups: ['admins', 'dev'], preferredUsername: 'alice' },
    ]);
    for (const [host, headers, status] of [
      ['app.example.com', [], 401],
      ['open.example.com', [], 401],
      ['other.example.com', [ALICE], 403],
    ] as const) {
      const refused = await nginx('/oauth2/userinfo', headers, host);
      expect([host, refused.status, refused.body]).toEqual([
        host,
        status,
        status === 401 ? '401 Unauthorized' : '403 Forbidden',
      ]);
    }
    expect((await nginx('/oauth2/userinfo?allowed_groups=other', [ALICE])).status).toBe(403);
  });
});

describe('where browsers are sent', () => {
  const sent = async (path: string, host: string, more: HeaderList = []) => {
    const answer = await authz.ask(path, [['Host', host], ...more]);
    return [answer.status, headerOf(answer, 'location')];
  };
  const START = ['/outpost.goauthentik.io/start', '/akprox/start', '/oauth2/start', '/oauth2/sign_in'];
  const SIGN_OUT = ['/outpost.goauthentik.io/sign_out', '/akprox/sign_out', '/oauth2/sign_out'];
  const at = (rd: string, portal = 'https://auth.example.com/') =>
    `${portal}?rd=${encodeURIComponent(rd)}&rm=GET`;

  it.each(START)('%s: to the portal of where they go', async path => {
    for (const [rd, location] of [
      [undefined, at('https://app.example.com/')],
      ['/', at('https://app.example.com/')],
      ['/a?b=c&d=e', at('https://app.example.com/a?b=c&d=e')],
      ['%2Fa%3Fb%3Dc', at('https://app.example.com/a?b=c')],
      ['https%3A%2F%2Fopen.example.com%2Fx', at('https://open.example.com/x')],
      ['https://www.base.org/x?y=z', at('https://www.base.org/x?y=z', 'https://base.org/login')],
    ]) {
      const query = rd === undefined ? '' : `?rd=${rd}`;
      expect([rd, ...(await sent(path + query, 'app.example.com'))]).toEqual([rd, 302, location]);
    }
  });

  it.each(START)('%s: nowhere that is not ours', async path => {
    for (const rd of [
      'https://evil.org/',
      '//evil.org/',
      '/\\evil.org/',
      '%2F%2Fevil.org',
      'https://app.example.com.evil.org/',
      'https://evil.org/https://app.example.com/',
      'https://app.example.com@evil.org/',
      'https:evil.org',
      'http://app.example.com/',
      'javascript:alert(1)',
      'data:text/html,x',
      '%zz',
      '',
      'https://app.example.com%0d%0aSet-Cookie:x',
    ]) {
      const [status, location] = await sent(`${path}?rd=${rd}`, 'app.example.com');
      const isOurs =
        location === undefined ||
        String(location).startsWith('https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2F');
      expect([rd, status === 400 || status === 302, isOurs]).toEqual([rd, true, true]);
    }
  });

  it.each(SIGN_OUT)('%s: to where the portal signs out, and back to what is ours', async path => {
    expect(await sent(path, 'app.example.com')).toEqual([302, 'https://auth.example.com/logout']);
    expect(await sent(path, 'www.base.org')).toEqual([302, 'https://base.org/login/logout']);
    expect(await sent(`${path}?rd=https://open.example.com/`, 'app.example.com')).toEqual([
      302,
      'https://auth.example.com/logout?rd=https%3A%2F%2Fopen.example.com%2F',
    ]);
    for (const rd of ['https://evil.org/', '//evil.org', 'javascript:x', '']) {
      expect([rd, ...(await sent(`${path}?rd=${rd}`, 'app.example.com'))]).toEqual([
        rd,
        302,
        'https://auth.example.com/logout',
      ]);
    }
  });

  it('nowhere without a portal, and the log says which key is missing', async () => {
    for (const path of [...START, ...SIGN_OUT]) {
      const [status] = await sent(`${path}`, 'www.nowhere.net');
      expect([path, status]).toEqual([path, 404]);
    }
    expect(authz.log.text()).toContain('set `authelia_url` in `session.cookies` for this domain');
  });

  it('with the forwarding headers of an application in front, too', async () => {
    const headers: HeaderList = [
      ['X-Forwarded-Host', 'app.example.com'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Uri', '/akprox/start?rd=/a'],
      ['X-Forwarded-For', '203.0.113.9'],
    ];
    expect(await sent('/akprox/start?rd=/a', 'app.example.com', headers)).toEqual([
      302,
      at('https://app.example.com/a'),
    ]);
  });
});
