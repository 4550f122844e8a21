import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { MAX_URI } from '../../assembly/contract.ts';
import { signInAddress } from '../../host/http/sign-in-address.ts';
import type { Refusal } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { policyId } from '../../host/snapshot/snapshot-file.ts';
import { CLIENTS, type Client, PORTAL, said, suiting, UNCACHED } from '../support/denial.ts';
import { type GuestAsk, type GuestTest, startGuest } from '../support/guest.ts';
import { COOKIE, newToken, putSession } from '../support/sessions.ts';
import { imageOf, startSlice } from '../support/slice.ts';

/** Refusals that suit the client: of the guest, and of the same code in the host. */
const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
const rules = [
  { domain: ['app.test', '*.app.test'], policy: 'one_factor' },
  { domain: 'two.test', policy: 'two_factor' },
  { domain: 'closed.test', policy: 'deny' },
  { domain: 'other.test', policy: 'one_factor' },
  { domain: 'silent.app.test', policy: 'one_factor' },
];
const sign_in = [
  { domain: 'silent.app.test', address: '' },
  { domain: 'app.test', address: signInAddress(PORTAL) },
];
const slice = startSlice({ image: imageOf(rules, { sign_in }) });
const guest = slice.guest();
const alone = startGuest({ access_control: { rules } });
afterAll(() => slice.clean());

function refused(by: GuestTest, ask: GuestAsk) {
  const { next, response } = by.ask({ host: 'app.test', ...ask });
  if (next || response === undefined) throw new Error('not refused by the guest');
  return said(response.status, response.headers, Buffer.from(response.body).toString('latin1'));
}

/** The same of the engine in the host. */
function refusedByHost(ask: GuestAsk, over: Partial<Refusal> = {}) {
  const { status, headers, body } = engine.deny({
    verdict: 'challenge',
    mode: 'adaptive',
    method: ask.method ?? 'GET',
    scheme: ask.scheme ?? 'https',
    host: ask.host ?? 'app.test',
    uri: ask.uri ?? '/',
    presented: false,
    realm: 'Authorization Required',
    signIn: signInAddress(PORTAL),
    headers: ask.headers ?? [],
    ...over,
  });
  return said(status, headers, body);
}

const asked = ({ method, uri, scheme, headers }: Client): GuestAsk => ({
  headers,
  ...(method && { method }),
  ...(uri && { uri }),
  ...(scheme && { scheme }),
});

describe('who is not signed in', () => {
  it.each(CLIENTS)('$kind: $name', client => {
    const expected = { ...suiting(client, PORTAL), ...UNCACHED };
    expect(refused(guest, asked(client))).toEqual(expected);
    expect(refusedByHost(asked(client))).toEqual(expected);
  });

  it.each(CLIENTS)('without a place to sign in, $kind: $name', client => {
    const expected = { ...suiting(client, undefined), ...UNCACHED };
    expect(refused(alone, asked(client))).toEqual(expected);
    expect(refusedByHost(asked(client), { signIn: '' })).toEqual(expected);
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE'])(
    '%s by every kind of client',
    method => {
      for (const client of CLIENTS.filter(row => row.method === undefined)) {
        const ask = { ...asked(client), method };
        const ofGuest = refused(guest, ask);
        expect(ofGuest).toEqual(refusedByHost(ask));
        if (client.kind === 'socket') expect(ofGuest.status).toBe(401);
        // Only what says nothing of itself is told by its method.
        const tells = client.headers.some(([name]) => /^sec-fetch-(mode|dest)$/i.test(name));
        if (client.kind === 'page' && (tells || !/PROPFIND|TRACE/.test(method)))
          expect([client.name, ofGuest]).toEqual([
            client.name,
            { ...suiting({ ...client, method }, PORTAL), ...UNCACHED },
          ]);
        if (client.kind !== 'page') expect([client.name, ofGuest.location]).toEqual([client.name, undefined]);
      }
    },
  );
});

const PAGE = [['Accept', 'text/html']] as const;
const SCRIPT = [['Accept', 'application/json']] as const;
const location = (ask: GuestAsk) => refused(guest, { headers: PAGE, ...ask }).location;
const loginUrl = (ask: GuestAsk) =>
  (JSON.parse(refused(guest, { headers: SCRIPT, ...ask }).body) as { login_url?: string }).login_url;

describe('who is signed in by one factor, where two are asked for', () => {
  const token = newToken();
  const cookie = ['Cookie', `${COOKIE}=${token}`] as const;
  const two = [
    { domain: 'app.test', policy: 'two_factor' },
    { domain: 'silent.app.test', policy: 'two_factor' },
  ];

  it.each(['adaptive', 'redirect', 'json', 'basic', 'status'] as const)('denial %s', mode => {
    const cookies = sign_in.map(entry => ({ ...entry, cookie: COOKIE }));
    const own = startSlice({ image: imageOf(two, { sign_in: cookies, denial: mode }) });
    putSession(own, { token, domain: 'app.test' });
    putSession(own, { token, domain: 'silent.app.test' });
    const instance = own.guest();
    for (const client of CLIENTS) {
      const ask = asked(client);
      for (const host of ['app.test', 'silent.app.test']) {
        const signIn = host === 'app.test' ? signInAddress(PORTAL) : '';
        const ofGuest = refused(instance, { ...ask, host, headers: [...(ask.headers ?? []), cookie] });
        expect(ofGuest, client.name).toEqual(
          refusedByHost({ ...ask, host }, { mode, signIn, session: true }),
        );
        expect(ofGuest.challenge, client.name).toBeUndefined();
      }
    }
    own.clean();
  });
});

describe('the way back', () => {
  it('keeps port and query, and escapes them', () => {
    const uri = '/a b?x=1&y=ä#\'"<>~'.replaceAll(' ', '%20').replaceAll('ä', '%C3%A4').replaceAll('#', '%23');
    const rd = new URL(location({ host: 'App.test:8443', uri }) ?? '').searchParams.get('rd');
    expect(rd).toBe(`https://App.test:8443${uri}`);
    expect(location({ uri: '/?a=b&c=d' })).toBe(
      `${PORTAL}?rd=https%3A%2F%2Fapp.test%2F%3Fa%3Db%26c%3Dd&rm=GET`,
    );
  });

  it('leads to the front page when it would be too long', () => {
    expect(location({ uri: `/${'a'.repeat(MAX_URI - 200)}` })).toMatch(/a{7000}&rm=GET$/);
    expect(location({ uri: `/${'a'.repeat(MAX_URI - 2)}` })).toBe(
      `${PORTAL}?rd=https%3A%2F%2Fapp.test%2F&rm=GET`,
    );
    expect(loginUrl({ uri: `/?${'='.repeat(MAX_URI - 3)}` })).toBe(
      `${PORTAL}?rd=https%3A%2F%2Fapp.test%2F&rm=GET`,
    );
  });

  it('is of the closest domain', () => {
    expect(location({ host: 'x.app.test' })).toMatch(/^https:\/\/auth\.app\.test\/\?rd=https%3A%2F%2Fx\.app/);
    for (const host of ['silent.app.test', 'other.test', 'two.test']) {
      expect(refused(guest, { host, headers: PAGE })).toMatchObject({ status: 401, location: undefined });
      expect(refused(guest, { host, headers: SCRIPT }).body).toBe('{"error":"unauthorized"}');
    }
  });

  it('keeps arguments that the sign-in address has, in the order of their names', () => {
    const address = signInAddress('https://auth.app.test/login?z=1&a=b c&rd=x');
    expect(refusedByHost({ headers: PAGE }, { signIn: address }).location).toBe(
      'https://auth.app.test/login?a=b+c&rd=https%3A%2F%2Fapp.test%2F&rm=GET&z=1',
    );
  });

  it.each([
    ['another host', 'https://evil.test/'],
    ['a host that begins so', 'https://app.test.evil.test/'],
    ['a host that ends so', 'https://evil-app.test/'],
    ['another port', 'https://app.test:8443/'],
    ['plain http', 'http://app.test/'],
    ['no path', 'https://app.test'],
    ['a user', 'https://app.test@evil.test/'],
    ['nothing', ''],
    ['too much', `https://app.test/${'a'.repeat(2_100)}`],
  ])('is not to a Referer of %s', (_name, referer) => {
    const headers = [...SCRIPT, ['Referer', referer]] as const;
    expect(loginUrl({ headers, uri: '/api' })).toBe(`${PORTAL}?rd=https%3A%2F%2Fapp.test%2Fapi&rm=GET`);
    expect(refusedByHost({ headers, uri: '/api' }).body).toBe(refused(guest, { headers, uri: '/api' }).body);
  });

  it('is to the page of a script, by GET, not to what the script asked for', () => {
    const headers = [...SCRIPT, ['Referer', 'https://APP.test/page?x="1"']] as const;
    expect(loginUrl({ headers, uri: '/api', method: 'POST' })).toBe(
      `${PORTAL}?rd=https%3A%2F%2FAPP.test%2Fpage%3Fx%3D%221%22&rm=GET`,
    );
    // Two of them: neither counts.
    const twice = [...headers, ['Referer', 'https://app.test/other']] as const;
    expect(loginUrl({ headers: twice, uri: '/api' })).toContain('%2Fapi');
  });
});

describe('who showed a password', () => {
  const bad = ['Authorization', 'Basic !'] as const;

  it('is asked for a better one, also in a browser, which would come back with it', () => {
    for (const headers of [PAGE, []] as const) {
      expect(refused(guest, { headers: [...headers, bad] })).toMatchObject({
        status: 401,
        location: undefined,
        challenge: expect.stringMatching(/^Basic realm=/),
      });
    }
  });

  it('is not asked by a window over the page of a script', () => {
    const headers = [['Sec-Fetch-Mode', 'cors'], bad] as const;
    expect(refused(guest, { headers })).toMatchObject({
      status: 401,
      challenge: undefined,
      type: 'application/json',
    });
  });
});

describe('who is forbidden', () => {
  it.each(CLIENTS)('$kind: $name', client => {
    const ask = { ...asked(client), host: 'closed.test' };
    const answer = refused(guest, ask);
    const types = {
      page: /^text\/html/,
      script: /^application\/json$/,
      tool: /^text\/plain/,
      socket: /^text\/plain/,
    };
    expect(answer).toMatchObject({ status: 403, location: undefined, challenge: undefined, ...UNCACHED });
    expect(answer.type).toMatch(types[client.kind]);
    if (client.method === 'HEAD') expect(answer.body).toBe('');
    else if (client.kind === 'script') expect(answer.body).toBe('{"error":"forbidden"}');
    else expect(answer.body).toContain('403 Forbidden');
    expect(answer).toEqual(refusedByHost(ask, { verdict: 'forbid' }));
  });
});

describe('a form for everybody', () => {
  const forms = (mode: Refusal['mode'], over: Partial<Refusal> = {}) =>
    Object.fromEntries(
      ['page', 'script', 'tool', 'socket'].map(kind => {
        const client = CLIENTS.find(row => row.kind === kind && row.method === undefined);
        const {
          status,
          location: to,
          challenge,
          type,
        } = refusedByHost(asked(client as Client), { mode, ...over });
        const marks = [to && 'L', challenge && 'W', type === 'application/json' && 'J'];
        return [kind, [status, ...marks.filter(Boolean)].join(' ')];
      }),
    );

  it.each([
    ['adaptive', { page: '302 L', script: '401 J', tool: '401 W', socket: '401' }],
    ['redirect', { page: '302 L', script: '302 L', tool: '302 L', socket: '401' }],
    ['json', { page: '401 J', script: '401 J', tool: '401 J', socket: '401' }],
    ['basic', { page: '401 W', script: '401 W', tool: '401 W', socket: '401' }],
    ['status', { page: '401', script: '401', tool: '401', socket: '401' }],
  ] as const)('%s', (mode, expected) => {
    expect(forms(mode)).toEqual(expected);
  });

  it.each([
    ['adaptive', { page: '403', script: '403 J', tool: '403', socket: '403' }],
    ['redirect', { page: '403', script: '403', tool: '403', socket: '403' }],
    ['json', { page: '403 J', script: '403 J', tool: '403 J', socket: '403' }],
    ['basic', { page: '403', script: '403', tool: '403', socket: '403' }],
    ['status', { page: '403', script: '403', tool: '403', socket: '403' }],
  ] as const)('%s, forbidden', (mode, expected) => {
    expect(forms(mode, { verdict: 'forbid' })).toEqual(expected);
  });

  it('has no redirection to nowhere', () => {
    expect(forms('redirect', { signIn: '' })).toEqual({
      page: '401 W',
      script: '401 W',
      tool: '401 W',
      socket: '401',
    });
  });
});

describe('a domain that says how', () => {
  const domains = [
    { domain: 'json.app.test', denial: 'json' },
    { domain: '*.app.test', denial: 'status' },
    { domain: 'two.test', denial: 'authelia' },
  ];
  const answers = (by: GuestTest, host: string) =>
    [PAGE, SCRIPT].map(headers => {
      const { next, response } = by.ask({ host, headers });
      return next ? 'defer' : [response?.status, response?.headers.length].join(' ');
    });

  it('is heard in a snapshot, in the order of the entries; what Authelia says, the host says', () => {
    const own = startSlice({ image: imageOf(rules, { sign_in, domains, denial: 'basic' }) });
    try {
      const asking = own.guest();
      expect(answers(asking, 'json.app.test')).toEqual(['401 3', '401 3']);
      expect(refused(asking, { host: 'json.app.test', headers: PAGE }).body).toMatch(/^\{"error":"unauth/);
      expect(refused(asking, { host: 'x.app.test', headers: SCRIPT }).body).toBe('401 Unauthorized');
      expect(refused(asking, { headers: PAGE }).challenge).toMatch(/^Basic /);
      expect(answers(asking, 'two.test')).toEqual(['defer', 'defer']);
      expect(refused(asking, { host: 'closed.test', headers: SCRIPT }).body).toBe('403 Forbidden');
    } finally {
      own.clean();
    }
  });

  it('is heard in the configuration of the plugin', () => {
    const inline = startGuest({ access_control: { rules }, domains });
    expect(refused(inline, { host: 'json.app.test', headers: PAGE }).type).toBe('application/json');
    expect(refused(inline, { host: 'x.app.test' }).challenge).toBeUndefined();
    expect(refused(inline, { headers: PAGE }).challenge).toMatch(/^Basic /);
  });

  it('must say it in one of the words', () => {
    const compiled = engine.compile({
      access_control: { rules },
      domains: [{ domain: 'a.test', denial: 'html' }],
    });
    expect(compiled.ok ? [] : compiled.problems).toMatchObject([
      {
        code: 'policy.denial',
        path: 'domains[0].denial',
        message: expect.stringMatching(/`adaptive`.*`status`$/),
      },
    ]);
  });
});

describe('the address to sign in at', () => {
  it('is no part of what a policy is known by', () => {
    expect(policyId(imageOf(rules, { sign_in }))).toEqual(policyId(imageOf(rules)));
  });

  it.each([
    [[{ domain: 'a.test', address: 'https://a.test/"' }], 'sign_in[0]'],
    [[{ domain: 'a.test', address: 'https://a.test/ x' }], 'sign_in[0]'],
    [[{ domain: 'a.test', address: 7 }], 'sign_in[0]'],
    [[{ domain: 'a.test', url: '' }], 'sign_in[0].url'],
    ['https://a.test/', 'sign_in'],
  ])('%j is none', (sign, path) => {
    const compiled = engine.compile({ access_control: { rules }, sign_in: sign } as never);
    expect(compiled.ok).toBe(false);
    expect(compiled.ok ? [] : compiled.problems.map(problem => problem.path)).toContain(path);
  });
});
