import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import type { RawAnswer } from '../../tools/replay/ask.mjs';
import { DIFFERENCES } from '../../tools/replay/differences.mjs';
import policy from '../cases/authz/policy.json' with { type: 'json' };
import { type Authz, type AuthzCase, basic, CASES, headerOf, startAuthz } from '../support/authz.ts';
import type { HeaderList } from '../support/test-app.ts';

const PORTAL = 'https://auth.example.com/';
const PATHS: Readonly<Record<string, string>> = {
  'forward-auth': '/api/authz/forward-auth',
  'auth-request': '/api/authz/auth-request',
  'ext-authz': '/api/authz/ext-authz/',
  legacy: '/api/verify',
  'legacy-basic': '/api/verify?auth=basic',
  'legacy-rd': `/api/verify?rd=${encodeURIComponent(PORTAL)}`,
};

/** Asks as the proxies do for whom the endpoint is. */
function send(authz: Authz, endpoint: string, row: AuthzCase): Promise<RawAnswer> {
  const value = (name: string, usual?: string): string | undefined => {
    const said = row.ask[name];
    if (said === undefined) return usual;
    return said === null ? undefined : typeof said === 'string' ? said : basic(said.pair);
  };
  const method = value('method', 'GET');
  const proto = value('proto', 'https');
  const host = value('host', 'app.example.com');
  const uri = value('uri', '/') ?? '';
  const headers: [string, string | undefined][] = [
    ['X-Forwarded-For', value('for', '203.0.113.9')],
    ['Authorization', value('auth')],
    ['Proxy-Authorization', value('proxyAuth')],
    ['Accept', value('accept')],
    ['X-Requested-With', value('requestedWith')],
    ['Cookie', value('cookie')],
  ];
  let path = PATHS[endpoint] ?? '';
  if (endpoint === 'ext-authz') {
    headers.push(['Host', host], ['X-Forwarded-Proto', proto], ['X-Authelia-URL', undefined]);
  } else if (endpoint === 'auth-request') {
    const url = proto === undefined || host === undefined ? undefined : `${proto}://${host}${uri}`;
    headers.push(['X-Original-Method', method], ['X-Original-URL', url]);
  } else {
    headers.push(['X-Forwarded-Method', method], ['X-Forwarded-Proto', proto]);
    headers.push(['X-Forwarded-Host', host], ['X-Forwarded-Uri', uri === '' ? undefined : uri]);
  }
  const signIn = value('signInUrl');
  if (signIn !== undefined && endpoint !== 'ext-authz') {
    path += `${path.includes('?') ? '&' : '?'}authelia_url=${encodeURIComponent(signIn)}`;
  }
  const sent = headers.filter((header): header is [string, string] => header[1] !== undefined);
  const asked = endpoint === 'ext-authz' ? path + uri : path;
  return authz.ask(asked, sent as HeaderList, endpoint === 'ext-authz' ? (method ?? 'GET') : 'GET');
}

function marks(answer: RawAnswer): string {
  const all = [
    String(answer.status),
    headerOf(answer, 'location') === undefined ? '' : 'L',
    headerOf(answer, 'www-authenticate') === undefined ? '' : 'W',
    (headerOf(answer, 'remote-user') ?? '') === '' ? '' : 'R',
  ];
  return all.filter(mark => mark !== '').join(' ');
}

describe("Authelia's endpoints", () => {
  const answers = new Map<string, RawAnswer>();
  let authz: Authz;
  beforeAll(async () => {
    authz = await startAuthz({
      policy,
      config: { cookies: [{ domain: 'example.com', signInUrl: PORTAL, session: DEFAULT_SESSION }] },
    });
    // All at once: some wait for two seconds.
    const all = CASES.flatMap(row => Object.keys(row.expect).map(endpoint => [row, endpoint] as const));
    for (let at = 0; at < all.length; at += 100) {
      await Promise.all(
        all.slice(at, at + 100).map(async ([row, endpoint]) => {
          answers.set(`${row.name} ${endpoint}`, await send(authz, endpoint, row));
        }),
      );
    }
  });
  afterAll(() => authz.stop());

  it.each(CASES)('$name', row => {
    const found = Object.keys(row.expect).map(endpoint => {
      const answer = answers.get(`${row.name} ${endpoint}`);
      return [endpoint, answer === undefined ? 'no answer' : marks(answer)];
    });
    expect(Object.fromEntries(found)).toEqual(row.expect);
  });

  it('differ from what Authelia answered in ways that are published', () => {
    const kinds = DIFFERENCES.map(({ name }) => name);
    for (const { name, differs, authelia } of CASES) {
      expect([name, differs === undefined || kinds.includes(differs)]).toEqual([name, true]);
      expect([name, differs === undefined]).toEqual([name, authelia === undefined]);
    }
  });

  it('say nothing beside what the dialect says', () => {
    const usual = ['connection', 'content-length', 'content-type', 'date', 'remote-user', 'remote-groups'];
    const page = [
      'permissions-policy',
      'referrer-policy',
      'x-content-type-options',
      'x-dns-prefetch-control',
    ];
    const known = [
      ...usual,
      ...page,
      'remote-name',
      'remote-email',
      'location',
      'www-authenticate',
      'x-frame-options',
    ];
    for (const [name, { headers, body, status }] of answers) {
      const extra = headers.map(([header]) => header).filter(header => !known.includes(header));
      expect([name, extra]).toEqual([name, []]);
      const isPage = headers.some(([header]) => header === 'x-frame-options');
      if (isPage || body === '') continue;
      expect(body).toMatch(new RegExp(`^${status} [A-Z]`));
    }
  });

  /** As a proxy tells of a page. */
  const page = (host: string, uri: string): HeaderList => [
    ['Accept', 'text/html'],
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', uri],
  ];
  const ELSEWHERE = encodeURIComponent('https://evil.example.net/');

  it('send nobody elsewhere by a link to the portal, whose address has no guard', async () => {
    for (const host of [
      'auth.example.com',
      'AUTH.example.com',
      'auth.example.com:443',
      'auth.example.com.',
    ]) {
      const answer = await authz.ask(`/api/verify?rd=${ELSEWHERE}`, [['Host', host], ...page(host, '/')]);
      expect([host, answer.status, headerOf(answer, 'location')]).toEqual([host, 401, undefined]);
    }
    // Its own it may say; the rules then let nobody in.
    const home = await authz.ask(
      `/api/verify?rd=${encodeURIComponent(PORTAL)}`,
      page('auth.example.com', '/'),
    );
    expect(home.status).toBe(403);
    // A proxy in front of an application says it on purpose.
    const application = await authz.ask(`/api/verify?rd=${ELSEWHERE}`, page('app.example.com', '/'));
    expect(headerOf(application, 'location')).toMatch(/^https:\/\/evil\.example\.net\/\?rd=/);
  });

  it("take no sign-in address from a client's query, which Caddy hands on", async () => {
    for (const [path, query] of [
      ['/api/authz/forward-auth', `authelia_url=${encodeURIComponent('https://open.example.com/')}`],
      ['/api/authz/forward-auth', `a=b&authelia_url=${ELSEWHERE}`],
      ['/api/verify', `rd=${ELSEWHERE}`],
      ['/api/verify', `rd=${ELSEWHERE}&rd=${ELSEWHERE}`],
    ] as const) {
      const answer = await authz.ask(`${path}?${query}`, page('app.example.com', `/x?${query}`));
      const location = headerOf(answer, 'location') ?? PORTAL;
      expect([query, answer.status, new URL(location).origin]).toEqual([
        query,
        path === '/api/verify' ? 401 : 302,
        'https://auth.example.com',
      ]);
      expect((await authz.ask(`${path}?${query}`, page('public.example.com', `/?${query}`))).status).toBe(
        200,
      );
    }
  });

  it('log no error', () => {
    expect(authz.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
