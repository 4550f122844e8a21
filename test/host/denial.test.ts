import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import type { DenialMode } from '../../host/policy/engine.ts';
import { type Authz, basic, HASTY_CLOCK, startAuthz } from '../support/authz.ts';
import { CLIENTS, type Client, PORTAL, said, suiting, UNCACHED } from '../support/denial.ts';
import type { HeaderList } from '../support/test-app.ts';

/** Refusals of endpoints that suit the client, and which of them do. */
const MODES = ['authelia', 'adaptive', 'redirect', 'json', 'basic', 'status'] as const;
const policy = {
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: 'closed.app.test', policy: 'deny' },
      { domain: 'two.app.test', policy: 'two_factor' },
      { domain: ['app.test', '*.app.test'], policy: 'one_factor' },
    ],
  },
  domains: MODES.map(denial => ({ domain: `${denial}.app.test`, denial })),
};

let authz: Authz;
beforeAll(async () => {
  authz = await startAuthz({
    policy,
    clock: HASTY_CLOCK,
    config: {
      cookies: [{ domain: 'app.test', signInUrl: PORTAL, session: DEFAULT_SESSION }],
      server: {
        host: '127.0.0.1',
        port: 0,
        endpoints: [
          { name: 'forward-auth', path: '/api/authz/forward-auth', implementation: 'ForwardAuth' },
          { name: 'auth-request', path: '/api/authz/auth-request', implementation: 'AuthRequest' },
          { name: 'mine', path: '/mine', implementation: 'ForwardAuth' },
          { name: 'envoy', path: '/envoy', implementation: 'ExtAuthz' },
          {
            name: 'tools',
            path: '/tools',
            implementation: 'ForwardAuth',
            strategies: [{ name: 'HeaderAuthorization' }],
          },
          { name: 'old', path: '/old', implementation: 'ForwardAuth', denial: 'authelia' },
          { name: 'legacy', path: '/api/verify', implementation: 'Legacy' },
          { name: 'ext-authz', path: '/ext', implementation: 'ExtAuthz', denial: 'adaptive' },
        ],
      },
    },
  });
});
afterAll(() => authz.stop());

const PROXY = ['X-Forwarded-For', '203.0.113.9'] as const;
/** What proxies keep for themselves. */
const HOP = /^(?:connection|upgrade|te)$/i;

/** Asks as Traefik does; a WebSocket is told by its scheme. */
async function ask(path: string, client: Client, host = 'app.test', more: HeaderList = []) {
  const { method = 'GET', uri = '/', kind, headers } = client;
  const answer = await authz.ask(path, [
    PROXY,
    ['X-Forwarded-Method', method],
    ['X-Forwarded-Proto', kind === 'socket' ? 'wss' : 'https'],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', uri],
    ...headers.filter(([name]) => !HOP.test(name)),
    ...more,
  ]);
  return said(answer.status, answer.headers, answer.body);
}

/** Asks as Envoy does, which repeats the request. */
async function askEnvoy(path: string, client: Client) {
  const { method = 'GET', uri = '/', kind, headers } = client;
  const repeated: HeaderList = [
    PROXY,
    ['Host', 'app.test'],
    ['X-Forwarded-Proto', kind === 'socket' ? 'wss' : 'https'],
    ...headers.filter(([name]) => !HOP.test(name)),
  ];
  const answer = await authz.ask(path + uri, repeated, method);
  return said(answer.status, answer.headers, answer.body);
}

const one = (kind: Client['kind']) => {
  const client = CLIENTS.find(row => row.kind === kind && row.method === undefined && row.referer !== true);
  if (client === undefined) throw new Error(`no ${kind}`);
  return client;
};
const PAGE = one('page');
const SCRIPT = one('script');
const TOOL = one('tool');
const SOCKET = one('socket');

describe('an endpoint of a new name', () => {
  it.each(CLIENTS)('answers $kind: $name', async client => {
    expect(await ask('/mine', client)).toEqual({ ...suiting(client, PORTAL), ...UNCACHED });
  });

  it.each(CLIENTS)('answers through Envoy $kind: $name', async client => {
    // The proxy's HEAD is the client's.
    const expected = { ...suiting(client, PORTAL), ...UNCACHED };
    for (const path of ['/envoy/', '/ext/']) expect(await askEnvoy(path, client)).toEqual(expected);
  });

  it('sends nobody to the portal where sessions do not count: they would come back for ever', async () => {
    for (const host of ['app.test', 'redirect.app.test']) {
      const page = await ask('/tools', PAGE, host);
      expect([host, page.status, page.location, page.challenge]).toEqual([
        host,
        401,
        undefined,
        'Basic realm="Authorization Required", charset="UTF-8"',
      ]);
    }
    const script = await ask('/tools', SCRIPT);
    expect([script.status, script.location, script.body]).toEqual([
      401,
      undefined,
      '{"error":"unauthorized"}',
    ]);
  });

  it('tells the port in the way back', async () => {
    expect((await ask('/mine', PAGE, 'app.test:8443')).location).toContain('app.test%3A8443%2F');
  });

  it('forbids as suits, too', async () => {
    const types = await Promise.all(
      [PAGE, SCRIPT, TOOL, SOCKET].map(async client => {
        const { status, type, location } = await ask('/mine', client, 'closed.app.test');
        return [status, type, location];
      }),
    );
    expect(types).toEqual([
      [403, 'text/html; charset=utf-8', undefined],
      [403, 'application/json', undefined],
      [403, 'text/plain; charset=utf-8', undefined],
      [403, 'text/plain; charset=utf-8', undefined],
    ]);
  });

  it.each([
    ['a wrong password', 'app.test', basic('alice:wrong')],
    ['one factor where two are wanted', 'two.app.test', basic('alice:password-alice')],
    ['what is no password', 'app.test', 'Basic !'],
  ])('does not send a browser round in circles with %s', async (_name, host, credential) => {
    const more = [['Authorization', credential]] as const;
    expect(await ask('/mine', PAGE, host, more)).toMatchObject({
      status: 401,
      location: undefined,
      challenge: 'Basic realm="Authorization Required", charset="UTF-8"',
    });
    expect(await ask('/mine', SCRIPT, host, more)).toMatchObject({ status: 401, challenge: undefined });
  });
});

describe("Authelia's endpoints", () => {
  it('answer as Authelia does', async () => {
    for (const path of ['/api/authz/forward-auth', '/old']) {
      expect(await ask(path, PAGE)).toMatchObject({ status: 302, vary: undefined, store: undefined });
      for (const client of [SCRIPT, SOCKET]) {
        const { status, location } = await ask(path, client);
        expect([status === 302 || status === 401, location?.startsWith(PORTAL)]).toEqual([true, true]);
      }
      // A wildcard first is "accepts HTML" there.
      expect(await ask(path, TOOL)).toMatchObject({ status: 302, challenge: undefined });
    }
    expect(await ask('/api/verify', PAGE)).toMatchObject({ status: 401, location: undefined });
  });
});

describe('a domain that says how', () => {
  const expected: Record<DenialMode, readonly string[]> = {
    authelia: ['302 L', '302 L', '302 L', '401 L'],
    adaptive: ['302 L', '401 J', '401 W', '401'],
    redirect: ['302 L', '302 L', '302 L', '401'],
    json: ['401 J', '401 J', '401 J', '401'],
    basic: ['401 W', '401 W', '401 W', '401'],
    status: ['401', '401', '401', '401'],
  };

  it.each(MODES)('%s', async mode => {
    for (const path of ['/mine', '/api/authz/forward-auth', '/old']) {
      const found = await Promise.all(
        [PAGE, SCRIPT, TOOL, SOCKET].map(async client => {
          const { status, location, challenge, type } = await ask(path, client, `${mode}.app.test`);
          const marks = [location && 'L', challenge && 'W', type === 'application/json' && 'J'];
          return [status, ...marks.filter(Boolean)].join(' ');
        }),
      );
      expect([path, found]).toEqual([path, expected[mode]]);
    }
  });

  it('says it to no proxy that words refusals by itself', async () => {
    const headers: HeaderList = [
      PROXY,
      ['X-Original-Method', 'GET'],
      ['X-Original-URL', 'https://json.app.test/'],
      ['Accept', 'application/json'],
    ];
    const answer = await authz.ask('/api/authz/auth-request', headers);
    expect(said(answer.status, answer.headers, answer.body)).toMatchObject({
      status: 401,
      location: `${PORTAL}?rd=https%3A%2F%2Fjson.app.test%2F&rm=GET`,
    });
  });
});
