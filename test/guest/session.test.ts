import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { KIND_BASIC, KIND_TOKEN, MAX_COOKIE, MAX_COOKIE_NAME } from '../../assembly/contract.ts';
import { signInAddress } from '../../host/http/sign-in-address.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { policyId } from '../../host/snapshot/snapshot-file.ts';
import { startGuest } from '../support/guest.ts';
import { COOKIE, look, newToken, putSession, type SessionGrant } from '../support/sessions.ts';
import { imageOf, type Slice, startSlice } from '../support/slice.ts';

/** Sessions in the guest: grants as the host writes them, `dist/plugin.wasm` that looks them up. */
const RULES = [
  { domain: 'open.example.com', policy: 'bypass' },
  { domain: ['example.com', 'app.example.com', 'app.example.org'], policy: 'one_factor' },
  { domain: ['app.example.net', 'app.inner.example.net', 'app.silent.example.net'], policy: 'one_factor' },
  { domain: ['two.example.com', 'two.quiet.test'], policy: 'two_factor' },
  { domain: ['ops.example.com', 'ops.quiet.test'], policy: 'one_factor', subject: ['group:ops'] },
];
const PORTAL = 'https://auth.example.com/';
const OTHER = '__Secure-other';
const address = signInAddress(PORTAL);
const sign_in = [
  { domain: 'silent.example.net', address: '' },
  { domain: 'inner.example.net', address, cookie: OTHER },
  { domain: 'example.com', address, cookie: COOKIE },
  { domain: 'example.net', address, cookie: COOKIE },
  { domain: 'example.org', address, cookie: COOKIE },
  { domain: 'quiet.test', address: '', cookie: COOKIE },
];
const settings = { sign_in, tokens: { bearer: true, header: 'X-Api-Key' } };
const image = imageOf(RULES, settings);
const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
engine.load(image);

const slices: Slice[] = [];
afterEach(() => {
  for (const slice of slices.splice(0)) slice.clean();
});

function start(...grants: SessionGrant[]): Slice {
  const slice = startSlice({ image });
  slices.push(slice);
  for (const grant of grants) putSession(slice, grant);
  return slice;
}

const token = newToken();
const line = `${COOKIE}=${token}`;
const PAGE = { headers: [['Accept', 'text/html']] as [string, string][] };
const SCRIPT = { headers: [['Sec-Fetch-Mode', 'cors']] as [string, string][] };
const open = { host: 'open.example.com' };
const pass = (slice: Slice, ms: number) => slice.clock.setWall(slice.clock.now() + ms);

describe('a session with a grant', () => {
  it('is let in on every host of its domain', () => {
    const guest = start({ token }).guest();
    for (const host of ['app.example.com', 'example.com', 'APP.Example.COM:443', 'app.example.com.'])
      expect(look(guest, [line], { host }), host).toMatchObject({ outcome: 'allow:alice', cookies: [] });
    for (const scheme of ['https', 'wss'])
      expect(look(guest, [line], { scheme, method: 'POST' }).outcome).toBe('allow:alice');
  });

  it('is known to open pages', () => {
    expect(look(start({ token }).guest(), [line], open).outcome).toBe('allow:alice');
  });

  it('is judged by the rules as anybody', () => {
    const slice = start({ token }, { token: newToken(), user: 'root', groups: ['ops'] });
    expect(look(slice.guest(), [line], { host: 'ops.example.com' }).outcome).toBe('403');
    putSession(slice, { token, groups: ['ops'] });
    expect(look(slice.guest(), [line], { host: 'ops.example.com' }).outcome).toBe('allow:alice');
  });

  it('of two factors opens what asks for two', () => {
    const slice = start({ token, header: { level: 2 } });
    for (const host of ['two.example.com', 'app.example.com'])
      expect(look(slice.guest(), [line], { host }).outcome).toBe('allow:alice');
  });

  it('ends with its record', () => {
    const slice = start();
    putSession(slice, { token, header: { expiry: slice.clock.now() + 10_000 } });
    const held = slice.guest();
    expect(look(held, [line]).outcome).toBe('allow:alice');
    pass(slice, 9_999);
    slice.publisher.start();
    expect(look(held, [line]).outcome).toBe('allow:alice');
    pass(slice, 1);
    for (const guest of [held, slice.guest()]) expect(look(guest, [line]).outcome).not.toMatch(/^allow/);
  });

  it('is gone within half a second of its revocation, and stays so', () => {
    const slice = start({ token }, { token: newToken(), user: 'bob' });
    const held = slice.guest();
    expect(look(held, [line]).outcome).toBe('allow:alice');
    slice.revoke('alice');
    pass(slice, 500);
    for (const guest of [held, slice.guest()]) {
      expect(look(guest, [line])).toMatchObject({ outcome: 'defer', cookies: [line] });
      expect(look(guest, [line]).outcome).toBe('defer');
    }
  });

  it('holds without a host for the grace, and no longer', () => {
    const slice = start({ token });
    slice.publisher.stop('silent');
    const guest = slice.guest();
    pass(slice, 6_000);
    expect(look(guest, [line]).outcome).toBe('allow:alice');
    pass(slice, 893_000);
    expect(look(guest, [line]).outcome).toBe('allow:alice');
    pass(slice, 2_000);
    expect(look(guest, [line]).outcome).toBe('503');
  });
});

describe('whatever is no session of this domain goes to the host', () => {
  const misses: [string, SessionGrant, string?][] = [
    ['another domain', { token, domain: 'example.org' }],
    ['a domain above', { token, domain: 'com' }],
    ['the host alone', { token, domain: 'app.example.com' }],
    ['no domain', { token, domain: '' }],
    ['the domain in another case', { token, domain: 'Example.com' }],
    ['a password', { token, header: { kind: KIND_BASIC } }],
    ['a token', { token, header: { kind: KIND_TOKEN } }],
    ['no known kind', { token, header: { kind: 9 } }],
    ['level 0', { token, header: { level: 0 } }],
    ['level 3', { token, header: { level: 3 } }],
    ['another token', { token: newToken() }],
  ];
  it.each(misses)('a record of %s', (_name, grant) => {
    const guest = start(grant).guest();
    expect(look(guest, [line])).toMatchObject({ outcome: 'defer', cookies: [line] });
  });

  it('a record made under another secret', () => {
    const slice = start();
    const other = startSlice({ image, secret: Buffer.alloc(32, 8) });
    slices.push(other);
    putSession({ ...slice, keys: other.keys }, { token });
    expect(look(slice.guest(), [line]).outcome).toBe('defer');
  });

  it('no session stands in for a password or a token', () => {
    const guest = start({ token }, { token, domain: '' }).guest();
    const by = (headers: [string, string][]) => look(guest, [], { headers }).outcome;
    expect(by([['Authorization', `Bearer ${token}`]])).toBe('defer');
    expect(by([['X-Api-Key', token]])).toBe('defer');
    expect(by([['Authorization', `Basic ${Buffer.from(`alice:${token}`).toString('base64')}`]])).toBe(
      'defer',
    );
  });

  it('the closest domain of a host counts alone', () => {
    const guest = start({ token, domain: 'example.net' }, { token, domain: 'inner.example.net' }).guest();
    const at = (host: string, cookie: string) => look(guest, [`${cookie}=${token}`], { host }).outcome;
    expect(at('app.example.net', COOKIE)).toBe('allow:alice');
    expect(at('app.example.net', OTHER)).toBe('401');
    expect(at('app.inner.example.net', OTHER)).toBe('allow:alice');
    expect(at('app.inner.example.net', COOKIE)).toBe('401');
    // It has no sessions.
    expect(at('app.silent.example.net', COOKIE)).toBe('401');
  });

  it('truncated, lengthened, or with any bit of the header turned', () => {
    const slice = start({ token });
    const guest = slice.guest();
    for (let len = 0; len < line.length; len++)
      expect(look(guest, [line.slice(0, len)]).outcome, `${len}`).toMatch(/^(?:401|defer)$/);
    const bytes = Buffer.from(line, 'latin1');
    const outcomes: Record<string, number> = {};
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { outcome } = look(guest, [turned.toString('latin1')]);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    // A token with other characters of base64url is perhaps one that the host knows.
    expect(Object.keys(outcomes).sort()).toEqual(['401', 'defer']);
    expect(look(guest, [line]).outcome).toBe('allow:alice');
  });
});

describe('refresh', () => {
  const due = (slice: Slice, refresh: number) => putSession(slice, { token, header: { refresh } });

  it('past it the host is asked, also by whoever remembers the grant', async () => {
    const slice = start();
    due(slice, 3_000);
    const held = slice.guest();
    expect(look(held, [line]).outcome).toBe('allow:alice');
    await slice.clock.advance(2_999);
    for (const guest of [held, slice.guest()]) expect(look(guest, [line]).outcome).toBe('allow:alice');
    await slice.clock.advance(1);
    for (const guest of [held, slice.guest()]) {
      expect(look(guest, [line])).toMatchObject({ outcome: 'defer', cookies: [line] });
      // Not an open page less: this is what keeps a session alive.
      expect(look(guest, [line], open).outcome).toBe('defer');
    }
    // The host has written it anew; the table is looked at again, though nothing was revoked.
    due(slice, 60_000);
    expect(look(slice.guest(), [line]).outcome).toBe('allow:alice');
  });

  it('what is written anew counts where the old one is remembered', async () => {
    const slice = start();
    due(slice, 1_000);
    const held = slice.guest();
    expect(look(held, [line]).outcome).toBe('allow:alice');
    await slice.clock.advance(1_000);
    expect(look(held, [line]).outcome).toBe('defer');
    due(slice, 60_000);
    expect(look(held, [line]).outcome).toBe('allow:alice');
  });

  it('without a host to ask a grant is good to its end', () => {
    const slice = start();
    due(slice, 1_000);
    const held = slice.guest();
    expect(look(held, [line]).outcome).toBe('allow:alice');
    slice.publisher.stop('stopped');
    pass(slice, 2_000);
    for (const guest of [held, slice.guest()]) {
      expect(look(guest, [line]).outcome).toBe('allow:alice');
      expect(look(guest, [line], open).outcome).toBe('allow:alice');
    }
  });

  it('0 is never', async () => {
    const slice = start();
    due(slice, 0);
    await slice.clock.advance(3_000_000);
    expect(look(slice.guest(), [line]).outcome).toBe('allow:alice');
  });
});

describe('an unknown session', () => {
  it('is asked about, as long as there is a host', () => {
    const slice = start();
    const guest = slice.guest();
    for (const over of [{}, open, { host: 'two.example.com' }, { host: 'nowhere.test', headers: [] }]) {
      const expected = over.host === 'nowhere.test' ? '403' : 'defer';
      expect(look(guest, ['a=1', line], over).outcome).toBe(expected);
    }
    expect(look(guest, ['a=1', line], open).cookies).toEqual(['a=1', line]);
    slice.publisher.stop('stopped');
    pass(slice, 600);
    expect(look(guest, ['a=1', line], open)).toMatchObject({ outcome: 'allow:', cookies: ['a=1'] });
    expect(look(guest, [line]).outcome).toBe('503');
  });
});

describe('the one credential that is considered', () => {
  const basic: [string, string] = [
    'Authorization',
    `Basic ${Buffer.from('bob:password-bob').toString('base64')}`,
  ];
  it('is Authorization of an enabled scheme, then the token header, then the cookie', () => {
    const slice = start({ token });
    slice.users.put('bob', 'password-bob');
    slice.login('bob');
    const guest = slice.guest();
    const by = (...headers: [string, string][]) => look(guest, ['a=1', line], { headers });
    expect(by(basic)).toMatchObject({ outcome: 'allow:bob', cookies: ['a=1'] });
    expect(by(['Authorization', 'Negotiate abc']).outcome).toBe('401');
    expect(by(['Authorization', 'Bearer unknown'])).toMatchObject({
      outcome: 'defer',
      cookies: ['a=1', line],
    });
    expect(by(['Authorization', 'Basic !']).outcome).toBe('401');
    expect(by(['X-Api-Key', 'unknown']).outcome).toBe('defer');
    expect(by(['X-Api-Key', 'not a token']).outcome).toBe('401');
    expect(by(['X-Api-Key', '']).outcome).toBe('allow:alice');
    expect(by().outcome).toBe('allow:alice');
  });

  it('is the cookie where Bearer counts for nothing', () => {
    const slice = startSlice({ image: imageOf(RULES, { sign_in }) });
    slices.push(slice);
    putSession(slice, { token });
    const headers: [string, string][] = [['Authorization', 'Bearer something']];
    expect(look(slice.guest(), [line], { headers }).outcome).toBe('allow:alice');
  });
});

describe('signed in, and not enough', () => {
  const location = (seen: ReturnType<typeof look>) =>
    seen.response.find(([name]) => name.toLowerCase() === 'location')?.[1];
  const challenge = (seen: ReturnType<typeof look>) =>
    seen.response.find(([name]) => name.toLowerCase() === 'www-authenticate')?.[1];

  it('is sent to the portal for the second factor, never asked for a password', () => {
    const guest = start({ token }, { token, domain: 'quiet.test' }).guest();
    const two = { host: 'two.example.com', uri: '/a?b=c' };
    const page = look(guest, [line], { ...two, ...PAGE });
    expect(page.outcome).toBe('302');
    expect(location(page)).toBe(`${PORTAL}?rd=https%3A%2F%2Ftwo.example.com%2Fa%3Fb%3Dc&rm=GET`);
    expect(look(guest, [line], { ...two, ...PAGE, method: 'POST' }).outcome).toBe('303');
    const script = look(guest, [line], { ...two, ...SCRIPT });
    expect(script.outcome).toBe('401');
    expect(JSON.parse(script.body)).toEqual({
      error: 'unauthorized',
      login_url: `${PORTAL}?rd=https%3A%2F%2Ftwo.example.com%2Fa%3Fb%3Dc&rm=GET`,
    });
    const tool = look(guest, [line], two);
    expect(JSON.parse(tool.body)).toHaveProperty('login_url');
    const socket = look(guest, [line], { ...two, scheme: 'wss' });
    const nowhere = look(guest, [line], { host: 'two.quiet.test', ...PAGE });
    for (const seen of [page, script, tool, socket, nowhere]) expect(challenge(seen)).toBeUndefined();
    expect([socket.outcome, nowhere.outcome]).toEqual(['401', '401']);
    // Whoever has shown nothing still is.
    expect(challenge(look(guest, [], two))).toMatch(/^Basic/);
    expect(challenge(look(guest, [], { host: 'two.quiet.test', ...PAGE }))).toMatch(/^Basic/);
  });

  it.each(['basic', 'status', 'json', 'redirect', 'adaptive'] as const)('denial %s', mode => {
    const slice = startSlice({ image: imageOf(RULES, { sign_in, denial: mode }) });
    slices.push(slice);
    putSession(slice, { token });
    const guest = slice.guest();
    for (const over of [PAGE, SCRIPT, {}]) {
      const seen = look(guest, [line], { host: 'two.example.com', ...over });
      expect(challenge(seen)).toBeUndefined();
      expect(seen.outcome).toBe(
        mode === 'redirect' || (mode === 'adaptive' && over === PAGE) ? '302' : '401',
      );
    }
  });

  it('forbidden, is told by the portal why', () => {
    const slice = start({ token }, { token, domain: 'quiet.test' });
    const guest = slice.guest();
    const ops = { host: 'ops.example.com' };
    expect(look(guest, ['a=1', line], { ...ops, ...PAGE })).toMatchObject({
      outcome: 'defer',
      cookies: ['a=1', line],
    });
    expect(look(guest, [line], { ...ops, ...SCRIPT })).toMatchObject({
      outcome: '403',
      body: '{"error":"forbidden"}',
    });
    expect(look(guest, [line], ops).outcome).toBe('403');
    // Without a portal, and without a host.
    expect(look(guest, [line], { host: 'ops.quiet.test', ...PAGE }).body).toContain('<!doctype html>');
    slice.publisher.stop('stopped');
    pass(slice, 600);
    expect(look(guest, [line], { ...ops, ...PAGE }).body).toContain('<!doctype html>');
  });

  it('a password that is forbidden is answered here', () => {
    const slice = start();
    slice.users.put('bob', 'password-bob');
    slice.login('bob');
    const basic = `Basic ${Buffer.from('bob:password-bob').toString('base64')}`;
    const headers: [string, string][] = [...PAGE.headers, ['Authorization', basic]];
    expect(look(slice.guest(), [line], { host: 'ops.example.com', headers }).outcome).toBe('403');
  });
});

interface Row {
  readonly name: string;
  readonly lines: readonly string[];
  readonly session: boolean;
  readonly left: readonly string[];
}
const rows = JSON.parse(
  readFileSync(new URL('../cases/session/cookies.json', import.meta.url), 'utf8'),
) as Row[];
const second = newToken();
const spelled = (lines: readonly string[]) =>
  lines.map(text =>
    text
      .replaceAll('{N}', COOKIE)
      .replaceAll('{n}', COOKIE.toLowerCase())
      .replaceAll('{O}', OTHER)
      .replaceAll('{T}', token)
      .replaceAll('{-}', token.slice(1))
      .replaceAll('{U}', second),
  );

describe('cookies', () => {
  it.each(rows)('$name', ({ lines, session, left }) => {
    const guest = start({ token }, { token: second, user: 'mallory' }).guest();
    const sent = spelled(lines);
    const kept = spelled(left);
    const seen = look(guest, sent);
    if (session) expect(seen).toMatchObject({ outcome: 'allow:alice', cookies: kept });
    else expect(seen.outcome).toBe('401');
    expect(look(guest, sent, open)).toMatchObject({
      outcome: session ? 'allow:alice' : 'allow:',
      cookies: kept,
    });
    const byHost = engine.sessionCookie('app.example.com', sent);
    expect(byHost).toEqual(session ? { kind: 'session', domain: 'example.com', token } : { kind: 'none' });
    // Lines that were empty before are no concern of this.
    expect(engine.withoutSessionCookies(sent)).toEqual(kept);
  });

  it('are never touched without sessions, whatever their length', () => {
    const slice = startSlice({ image: imageOf(RULES, { sign_in: [{ domain: 'example.com', address }] }) });
    slices.push(slice);
    const inline = startGuest({ access_control: { rules: RULES } });
    const long = `${COOKIE}=${'x'.repeat(60_000)}`;
    for (const guest of [slice.guest(), inline]) {
      for (const lines of [[line, line], [long], ['']])
        expect(look(guest, lines, open)).toMatchObject({ outcome: 'allow:', cookies: lines });
    }
  });

  it('over the limit are refused with 431, wherever they matter', () => {
    const guest = start({ token }).guest();
    const fill = (len: number) => `${line}; a=${'x'.repeat(len - line.length - 4)}`;
    expect(fill(MAX_COOKIE)).toHaveLength(MAX_COOKIE);
    for (const over of [{}, open]) {
      expect(look(guest, [fill(MAX_COOKIE)], over).outcome).toBe('allow:alice');
      expect(look(guest, [fill(MAX_COOKIE - 100), 'x'.repeat(100)], over).outcome).toBe('allow:alice');
      for (const lines of [
        [fill(MAX_COOKIE + 1)],
        [fill(MAX_COOKIE - 100), 'x'.repeat(101)],
        [`a=${'x'.repeat(100_000)}`],
        Array.from({ length: 200 }, () => 'x'.repeat(100)),
        Array.from({ length: 30_000 }, () => ''),
      ])
        expect(look(guest, lines, over).outcome).toBe('431');
    }
    expect(engine.sessionCookie('app.example.com', [fill(MAX_COOKIE)]).kind).toBe('session');
    expect(engine.sessionCookie('app.example.com', [fill(MAX_COOKIE + 1)]).kind).toBe('too-large');
    // Also where a password signs in: the session must be kept from the backend.
    const slice = start({ token });
    slice.users.put('bob', 'password-bob');
    slice.login('bob');
    const basic = `Basic ${Buffer.from('bob:password-bob').toString('base64')}`;
    const headers: [string, string][] = [['Authorization', basic]];
    expect(look(slice.guest(), [fill(MAX_COOKIE + 1)], { headers }).outcome).toBe('431');
  });

  it('as many as fit cost no trap and keep their order', () => {
    const guest = start({ token }).guest();
    const many = Array.from({ length: 1_500 }, (_, i) => `c${i}=1`);
    const sent = [...many.slice(0, 700), line, ...many.slice(700)].join('; ');
    expect(look(guest, [sent]).cookies).toEqual([many.join('; ')]);
    const lines = [...many.slice(0, 700), line, ...many.slice(700)];
    expect(look(guest, lines).cookies).toEqual(many);
    const secure = `${'__Secure-x;'.repeat(1_400)}${line}`;
    expect(look(guest, [secure]).outcome).toBe('allow:alice');
  });
});

describe('the policy document', () => {
  it('is known by the same id whatever the cookies are called', () => {
    expect(policyId(image)).toEqual(policyId(imageOf(RULES, { tokens: settings.tokens })));
  });

  it.each([
    '',
    'postern_session',
    '__Secure-',
    '__secure-x',
    '__Secure-a b',
    '__Secure-a;b',
    '__Secure-a=b',
    '__Secure-"a"',
    '__Secure-a\u0000',
    '__Secure-é',
    `__Secure-${'x'.repeat(MAX_COOKIE_NAME - 8)}`,
    7,
  ])('takes no cookie called %j', cookie => {
    const document = {
      access_control: { rules: RULES },
      sign_in: [{ domain: 'a.test', address: '', cookie }],
    };
    const compiled = engine.compile(document as never);
    expect(compiled.ok).toBe(false);
    if (!compiled.ok) expect(compiled.problems.map(({ path }) => path)).toEqual(['sign_in[0]']);
  });

  it('takes as many domains as a guest can hold, and says when there are more', () => {
    const domains = (count: number, cookie = COOKIE) =>
      Array.from({ length: count }, (_, i) => ({ domain: `domain${i}.test`, address, cookie }));
    const rules = [{ domain: '*.test', policy: 'one_factor' }];
    const slice = startSlice({ image: imageOf(rules, { sign_in: domains(190) }) });
    slices.push(slice);
    putSession(slice, { token, domain: 'domain189.test' });
    expect(look(slice.guest(), [line], { host: 'a.domain189.test' }).outcome).toBe('allow:alice');
    expect(look(slice.guest(), [line], { host: 'a.domain188.test' }).outcome).toBe('defer');
    const compiled = engine.compile({ access_control: { rules }, sign_in: domains(300) });
    expect(compiled).toMatchObject({ ok: false, problems: [{ code: 'policy.limit.size' }] });
  });
});
