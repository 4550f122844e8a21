import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import type { RawAnswer } from '../../tools/replay/ask.mjs';
import policy from '../cases/authz/policy.json' with { type: 'json' };
import { type Authz, basic, HASTY_CLOCK, headerOf, startAuthz } from '../support/authz.ts';
import type { HeaderList } from '../support/test-app.ts';

/**
 * Every combination of endpoint, credential, policy, method and client, held
 * against what Authelia does with it, said in a few rules; the rows of
 * `test/cases/authz` are its own answers.
 */
const PORTAL = 'https://auth.example.com/';
const RD = 'https://login.example.com/base';

type Endpoint = 'forward-auth' | 'auth-request' | 'ext-authz' | 'legacy' | 'legacy-basic' | 'legacy-rd';
const ENDPOINTS: Readonly<Record<Endpoint, string>> = {
  'forward-auth': '/api/authz/forward-auth',
  'auth-request': '/api/authz/auth-request',
  'ext-authz': '/api/authz/ext-authz/',
  legacy: '/api/verify',
  'legacy-basic': '/api/verify?auth=basic',
  'legacy-rd': `/api/verify?rd=${encodeURIComponent(RD)}`,
};

type Is = 'none' | 'good' | 'bad' | 'none, bad at legacy';
const CREDENTIALS: Readonly<Record<string, { values: readonly string[]; is: Is }>> = {
  anonymous: { values: [], is: 'none' },
  good: { values: [basic('alice:password-alice')], is: 'good' },
  'bad password': { values: [basic('alice:nope')], is: 'bad' },
  'unknown user': { values: [basic('nobody:nope')], is: 'bad' },
  'not base64': { values: ['Basic !!!!'], is: 'bad' },
  'no colon': { values: [basic('alice')], is: 'bad' },
  'no password': { values: [basic('alice:')], is: 'bad' },
  'no scheme': { values: ['alice'], is: 'bad' },
  'another scheme': { values: ['Digest username="alice"'], is: 'bad' },
  // Of a scheme that is not enabled: no credential, unless the endpoint knows no other schemes than Basic.
  'a token': { values: ['Bearer abc'], is: 'none, bad at legacy' },
  'no token': { values: ['Bearer a!b'], is: 'bad' },
  // The one difference here: Authelia takes the first and leaves the other alone.
  'two headers': { values: [basic('alice:password-alice'), basic('alice:password-alice')], is: 'bad' },
};
const HOSTS = { bypass: 'public', one_factor: 'app', two_factor: 'secure', deny: 'denied' } as const;
type Policy = keyof typeof HOSTS;
const METHODS = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PROPFIND'];
const CLIENTS: Readonly<Record<string, { headers: HeaderList; page: boolean }>> = {
  'no Accept': { headers: [], page: false },
  'a page': { headers: [['Accept', 'text/html']], page: true },
  'a page at the end': { headers: [['Accept', 'application/xml;q=1, text/html;q=0']], page: true },
  anything: { headers: [['Accept', '*/*']], page: true },
  'anything at the end': { headers: [['Accept', 'application/json, */*']], page: false },
  'a page in capitals': { headers: [['Accept', 'TEXT/HTML']], page: false },
  script: {
    headers: [
      ['Accept', 'text/html'],
      ['X-Requested-With', 'xmlhttprequest'],
    ],
    page: false,
  },
  'no script': {
    headers: [
      ['Accept', 'text/html'],
      ['X-Requested-With', 'fetch'],
    ],
    page: true,
  },
};

interface Case {
  readonly endpoint: Endpoint;
  readonly credential: string;
  readonly policy: Policy;
  readonly method: string;
  readonly client: string;
}

function* cases(): Generator<Case> {
  for (const endpoint of Object.keys(ENDPOINTS) as Endpoint[])
    for (const credential of Object.keys(CREDENTIALS))
      for (const name of Object.keys(HOSTS) as Policy[])
        for (const method of METHODS)
          for (const client of Object.keys(CLIENTS))
            yield { endpoint, credential, policy: name, method, client };
}

interface Expected {
  readonly status: number;
  /** Where to sign in. */
  readonly portal?: string;
  readonly challenge?: boolean;
  readonly user?: boolean;
}

/** What Authelia does. */
function expected({ endpoint, credential, policy: name, method, client }: Case): Expected {
  const isLegacy = endpoint.startsWith('legacy');
  const { is: said } = CREDENTIALS[credential] ?? { is: 'none' };
  const is = said === 'none, bad at legacy' ? (isLegacy ? 'bad' : 'none') : said;
  const challenge = { challenge: true };
  const presented = is === 'none' && endpoint === 'legacy-basic' ? 'bad' : is;
  if (name === 'bypass') return { status: 200, user: presented === 'good' };
  if (presented === 'bad') return { status: 401, ...challenge };
  if (name === 'deny') return { status: 403 };
  if (presented === 'good')
    return name === 'one_factor' ? { status: 200, user: true } : { status: 401, ...challenge };
  if (endpoint === 'legacy') return { status: 401 };
  const portal = endpoint === 'legacy-rd' ? RD : PORTAL;
  const isPage = CLIENTS[client]?.page === true && endpoint !== 'auth-request';
  const redirect = ['GET', 'HEAD', 'OPTIONS'].includes(method) ? 302 : 303;
  return { status: isPage ? redirect : 401, portal };
}

function send(
  authz: Authz,
  { endpoint, credential, policy: name, method, client }: Case,
): Promise<RawAnswer> {
  const host = `${HOSTS[name]}.example.com`;
  const header = endpoint === 'legacy' || endpoint === 'legacy-rd' ? 'Proxy-Authorization' : 'Authorization';
  const values = CREDENTIALS[credential]?.values ?? [];
  const headers: HeaderList = [
    ['X-Forwarded-For', '203.0.113.9'],
    ...values.map(value => [header, value] as const),
    ...(CLIENTS[client]?.headers ?? []),
  ];
  const path = ENDPOINTS[endpoint];
  if (endpoint === 'ext-authz') {
    return authz.ask(`${path}/a?b=c`, [['Host', host], ['X-Forwarded-Proto', 'https'], ...headers], method);
  }
  if (endpoint === 'auth-request') {
    const url = `https://${host}/a?b=c`;
    return authz.ask(path, [['X-Original-Method', method], ['X-Original-URL', url], ...headers]);
  }
  return authz.ask(path, [
    ['X-Forwarded-Method', method],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', '/a?b=c'],
    ...headers,
  ]);
}

const PAGE = [
  'permissions-policy',
  'referrer-policy',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-frame-options',
];
const IDENTITY = ['remote-email', 'remote-groups', 'remote-name', 'remote-user'];

describe("every combination at Authelia's endpoints", () => {
  let authz: Authz;
  beforeAll(async () => {
    authz = await startAuthz({
      policy,
      config: { cookies: [{ domain: 'example.com', signInUrl: PORTAL, session: DEFAULT_SESSION }] },
      clock: HASTY_CLOCK,
    });
  });
  afterAll(() => authz.stop());

  it.each(Object.keys(ENDPOINTS) as Endpoint[])(
    '%s',
    async endpoint => {
      const all = [...cases()].filter(row => row.endpoint === endpoint);
      expect(all.length).toBe(1_920);
      for (let at = 0; at < all.length; at += 40) {
        await Promise.all(all.slice(at, at + 40).map(async row => check(row, await send(authz, row))));
      }
    },
    120_000,
  );

  it('logs no error', () => {
    expect(authz.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

/** Status, headers and body, all of them. */
function check(row: Case, answer: RawAnswer): void {
  const { status, portal, challenge, user } = expected(row);
  const host = `${HOSTS[row.policy]}.example.com`;
  const rd = `rd=https%3A%2F%2F${host}%2Fa${row.endpoint === 'ext-authz' ? '' : '%3Fb%3Dc'}`;
  const location = portal === undefined ? undefined : `${portal}?${rd}&rm=${row.method}`;
  const isHead = row.method === 'HEAD';
  const text = `${status} ${{ 200: 'OK', 302: 'Found', 303: 'See Other', 401: 'Unauthorized', 403: 'Forbidden' }[status]}`;
  const page = location === undefined ? text : `<a href="${location.replaceAll('&', '&amp;')}">${text}</a>`;
  const type = location === undefined ? 'text/plain; charset=utf-8' : 'text/html; charset=utf-8';
  // A page has no body for a client's HEAD; Envoy's own HEAD has none at all.
  const hasBody = !(isHead && (location !== undefined || row.endpoint === 'ext-authz'));
  const names = [
    // To Envoy's own HEAD none: it would be that of GET.
    ...(isHead && location !== undefined && row.endpoint === 'ext-authz' ? [] : ['content-length']),
    ...(isHead && location !== undefined ? [] : ['content-type']),
    ...(location === undefined ? [] : ['location', ...PAGE]),
    ...(challenge === true ? ['www-authenticate'] : []),
    ...(status === 200 ? IDENTITY : []),
  ];
  expect([
    row,
    {
      status: answer.status,
      body: answer.body,
      location: headerOf(answer, 'location'),
      type: headerOf(answer, 'content-type'),
      challenge: headerOf(answer, 'www-authenticate'),
      user: headerOf(answer, 'remote-user'),
      names: answer.headers
        .map(([name]) => name)
        .filter(name => name !== 'connection' && name !== 'date')
        .sort(),
    },
  ]).toEqual([
    row,
    {
      status,
      body: hasBody ? page : '',
      location,
      type: isHead && location !== undefined ? undefined : type,
      challenge: challenge === true ? 'Basic realm="Authorization Required"' : undefined,
      user: status !== 200 ? undefined : user === true ? 'alice' : '',
      names: names.sort(),
    },
  ]);
}
