import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { KIND_BASIC, KIND_TOKEN, MAX_TOKEN } from '../../assembly/contract.ts';
import { Issuer, NO_SCOPE } from '../../host/grant/issuer.ts';
import { basicCredential } from '../../host/grant/keys.ts';
import { encodeClaims } from '../../host/policy/claims.ts';
import type { PolicyDocument } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import type { Account } from '../../host/users/directory.ts';
import { type GuestAsk, type GuestTest, header, startGuest } from '../support/guest.ts';
import { type Slice, startSlice } from '../support/slice.ts';

const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
const access_control = {
  default_policy: 'deny',
  rules: [
    { domain: 'public.test', policy: 'bypass' },
    { domain: 'app.test', policy: 'one_factor' },
    { domain: 'two.test', policy: 'two_factor' },
    { domain: 'ci.test', policy: 'one_factor', subject: ['user:ci'] },
    { domain: 'ops.test', policy: 'one_factor', subject: ['group:ops'] },
  ],
};
const TOKEN = 'postern_token_of_ci';

const compile = (tokens: PolicyDocument['tokens']) =>
  engine.compile({ access_control, ...(tokens && { tokens }) });

const slices: Slice[] = [];
afterEach(() => {
  for (const slice of slices.splice(0)) slice.clean();
});

function start(tokens: PolicyDocument['tokens']): Slice {
  const compiled = compile(tokens);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const slice = startSlice({ image: compiled.image });
  slices.push(slice);
  return slice;
}

/** What the host does once it has verified a token. */
function issue(
  slice: Slice,
  over: { kind?: number; networks?: string[]; notAfter?: number; token?: string } = {},
): void {
  const { kind = KIND_TOKEN, networks, notAfter, token = TOKEN } = over;
  const set = networks === undefined ? undefined : engine.compileNetworks(networks);
  const account: Account = {
    principal: { username: 'ci', displayName: 'CI', email: '', groups: ['deploy'] },
    disabled: false,
    epoch: Buffer.alloc(16, 1),
    ...(set === undefined ? {} : { networks: set }),
  };
  const issuer = new Issuer({
    keys: slice.keys,
    directory: slice.users,
    tables: slice.publisher,
    clock: slice.clock,
    random: randomBytes,
    log: slice.log,
    onResult: result => slice.results.push(result),
    lifetimeSeconds: 3_600,
    slotSize: 1_024,
  });
  const issued = issuer.issue({
    username: 'ci',
    find: () => account,
    epoch: account.epoch,
    ...(notAfter === undefined ? {} : { notAfter }),
    kind,
    level: 1,
    scope: NO_SCOPE,
    credential: kind === KIND_TOKEN ? Buffer.from(token) : basicCredential('ci', token),
  });
  if (issued === undefined) throw new Error('not issued');
}

/** `allow:NAME`, `defer`, or the status of the guest's own answer. */
function asks(guest: GuestTest, headers: GuestAsk['headers'], over: Omit<GuestAsk, 'headers'> = {}): string {
  const outcome = guest.ask({ host: 'app.test', ...over, ...(headers === undefined ? {} : { headers }) });
  if (!outcome.next) return String(outcome.response?.status);
  const verdict = header(outcome, 'Postern-Verdict') ?? '';
  return verdict.startsWith('allow-') ? `allow:${header(outcome, 'Remote-User')}` : verdict.slice(0, 5);
}

const bearer = (token: string) => [['Authorization', `Bearer ${token}`]] as const;
const basic = (pair: string) => [['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`]] as const;
const apiKey = (token: string) => [['X-Api-Key', token]] as const;

describe('a token with a grant', () => {
  it('is let in as Bearer and in the header, by one record', () => {
    const slice = start({ bearer: true, header: 'X-Api-Key' });
    issue(slice);
    const guest = slice.guest();
    expect(asks(guest, bearer(TOKEN))).toBe('allow:ci');
    expect(asks(guest, [['authorization', `bEARER ${TOKEN}`]])).toBe('allow:ci');
    expect(asks(guest, [['authorization', `Bearer  ${TOKEN}`]])).toBe('401');
    expect(asks(guest, apiKey(TOKEN))).toBe('allow:ci');
    expect(asks(guest, [['x-api-KEY', TOKEN]])).toBe('allow:ci');
    expect(slice.results).toEqual(['written']);
  });

  it('is judged by the rules as anybody, at one factor', () => {
    const slice = start({ bearer: true });
    issue(slice);
    const guest = slice.guest();
    expect(asks(guest, bearer(TOKEN), { host: 'ci.test' })).toBe('allow:ci');
    expect(asks(guest, bearer(TOKEN), { host: 'ops.test' })).toBe('403');
    expect(asks(guest, bearer(TOKEN), { host: 'two.test' })).toBe('401');
    expect(asks(guest, bearer(TOKEN), { host: 'public.test' })).toBe('allow:ci');
  });

  it('is no password, and a password is no token', () => {
    const slice = start({ bearer: true, header: 'X-Api-Key' });
    issue(slice);
    const guest = slice.guest();
    expect(asks(guest, basic(`ci:${TOKEN}`))).toBe('defer');
    const other = start({ bearer: true, header: 'X-Api-Key' });
    issue(other, { kind: KIND_BASIC });
    expect(asks(other.guest(), basic(`ci:${TOKEN}`))).toBe('allow:ci');
    for (const text of [TOKEN, `ci:${TOKEN}`]) {
      expect(asks(other.guest(), bearer(text))).toBe('defer');
      expect(asks(other.guest(), apiKey(text))).toBe('defer');
    }
  });

  it('ends with the token', async () => {
    const slice = start({ bearer: true });
    issue(slice, { notAfter: slice.clock.now() + 5_000 });
    const guest = slice.guest();
    expect(asks(guest, bearer(TOKEN))).toBe('allow:ci');
    await slice.clock.advance(4_999);
    expect(asks(guest, bearer(TOKEN))).toBe('allow:ci');
    await slice.clock.advance(1);
    expect(asks(guest, bearer(TOKEN))).toBe('defer');
    expect(asks(slice.guest(), bearer(TOKEN))).toBe('defer');
  });

  it('is gone within half a second of its revocation', () => {
    const slice = start({ bearer: true });
    issue(slice);
    const guest = slice.guest();
    expect(asks(guest, bearer(TOKEN))).toBe('allow:ci');
    slice.revoke('ci');
    slice.clock.setWall(slice.clock.now() + 500);
    expect(asks(guest, bearer(TOKEN))).toBe('defer');
  });
});

describe('a token bound to networks', () => {
  it.each([
    ['10.0.0.0/8', '10.1.2.3:5', 'allow:ci'],
    ['10.0.0.0/8', '11.1.2.3:5', 'defer'],
    ['10.0.0.0/8', '[::ffff:10.1.2.3]:5', 'allow:ci'],
    ['2001:db8::/32', '[2001:db8::7]:5', 'allow:ci'],
    ['2001:db8::/32', '[2001:db9::7]:5', 'defer'],
    ['2001:db8::/32', '10.1.2.3:5', 'defer'],
    ['0.0.0.0/0', 'nonsense', 'defer'],
  ])('of %s, from %s: %s', (network, from, expected) => {
    const slice = start({ bearer: true });
    issue(slice, { networks: ['192.0.2.1', network] });
    const guest = slice.guest();
    expect(asks(guest, bearer(TOKEN), { from })).toBe(expected);
    // What the instance remembers is bound as well.
    expect(asks(guest, bearer(TOKEN), { from: '192.0.2.1:5' })).toBe('allow:ci');
    expect(asks(guest, bearer(TOKEN), { from })).toBe(expected);
  });

  it('goes by the address that trusted proxies tell, not by what a stranger says', () => {
    const slice = start({ bearer: true });
    issue(slice, { networks: ['10.0.0.0/8'] });
    const guest = slice.guest();
    const from10 = [...bearer(TOKEN), ['X-Forwarded-For', '10.1.2.3']] as const;
    expect(asks(guest, from10, { from: '127.0.0.1:5' })).toBe('allow:ci');
    expect(asks(guest, from10, { from: '203.0.113.9:5' })).toBe('defer');
  });

  it('has claims that older guests refuse, and no others have networks', () => {
    const principal = { username: 'ci', displayName: 'CI', email: '', groups: ['a', 'b'] };
    const set = engine.compileNetworks(['10.0.0.0/8', '2001:db8::/32']) ?? new Uint8Array(0);
    expect(set).toHaveLength(8 + 8 + 32);
    const plain = encodeClaims(principal, '') ?? new Uint8Array(0);
    const bound = encodeClaims(principal, '', set) ?? new Uint8Array(0);
    expect(bound).toEqual(Buffer.concat([plain, set]));
    expect(engine.compileNetworks(['10.0.0.0/8', 'nonsense'])).toBeUndefined();
    expect(engine.compileNetworks([''])).toBeUndefined();
    expect(engine.inNetworks(set, '10.9.9.9')).toBe(true);
    for (const client of ['', '11.0.0.1', 'x', '10.9.9.9 '])
      expect(engine.inNetworks(set, client)).toBe(false);
    // A damaged set holds nobody.
    expect(engine.inNetworks(set.subarray(1), '10.9.9.9')).toBe(false);
  });
});

describe('one credential is considered', () => {
  const both = { bearer: true, header: 'X-Api-Key' };

  it.each([
    ['a bad Bearer beside a good header', [...bearer('no-such-token'), ...apiKey(TOKEN)], 'defer'],
    ['a bad password beside a good header', [...basic('a:b'), ...apiKey(TOKEN)], 'defer'],
    [
      'a malformed Authorization beside a good header',
      [['Authorization', 'Basic x'], ...apiKey(TOKEN)],
      '401',
    ],
    ['a good Bearer beside a bad header', [...bearer(TOKEN), ...apiKey('no-such-token')], 'allow:ci'],
    ['the header twice', [...apiKey(TOKEN), ...apiKey(TOKEN)], '401'],
    ['the header with a blank', apiKey(`${TOKEN} x`), '401'],
    ['the header, empty', apiKey(''), '401'],
    ['the header over the limit', apiKey('x'.repeat(MAX_TOKEN + 1)), '401'],
    ['Bearer twice', [...bearer(TOKEN), ...bearer(TOKEN)], '401'],
    ['Bearer over the limit', bearer('x'.repeat(MAX_TOKEN + 1)), '401'],
    ['Bearer with a control byte', bearer('abc\x01def'), '401'],
    ['Bearer with a byte beyond ASCII', bearer('abc\xe9def'), '401'],
    ['a list', bearer(`${TOKEN}, ${TOKEN}`), '401'],
    ['nothing behind Bearer', [['Authorization', 'Bearer']], '401'],
    ['as long as may be', bearer('x'.repeat(MAX_TOKEN)), 'defer'],
    ['another header', [['X-Api-Key2', TOKEN]], '401'],
    ['another spelling of the header', [['X_Api_Key', TOKEN]], '401'],
  ] as const)('%s', (_name, headers, expected) => {
    const slice = start(both);
    issue(slice);
    expect(asks(slice.guest(), headers)).toBe(expected);
  });

  it('whatever it is passes a bypass rule untouched', () => {
    const slice = start(both);
    const guest = slice.guest();
    for (const headers of [bearer('x'.repeat(2_000)), bearer('a.jwt.of-the-app'), apiKey('its-own key')]) {
      const outcome = guest.ask({ host: 'public.test', headers });
      expect(outcome.next).toBe(true);
      expect(header(outcome, 'Postern-Verdict')).toMatch(/^allow-/);
      const [[name, value]] = headers as readonly [readonly [string, string]];
      expect(header(outcome, name)).toBe(value);
    }
  });

  it('Bearer that is not enabled is none, and leaves the header to be looked at', () => {
    const slice = start({ header: 'X-Api-Key' });
    issue(slice);
    const guest = slice.guest();
    for (const text of [TOKEN, 'x y', 'x'.repeat(2_000)]) {
      expect(asks(guest, bearer(text))).toBe('401');
      expect(asks(guest, bearer(text), { host: 'other.test' })).toBe('403');
      expect(asks(guest, [...bearer(text), ...apiKey(TOKEN)])).toBe('allow:ci');
    }
  });

  it('the header is none where the policy names none', () => {
    const slice = start({ bearer: true });
    issue(slice);
    expect(asks(slice.guest(), apiKey(TOKEN))).toBe('401');
  });
});

describe('tokens in an inline policy', () => {
  it('are deferred while no grant is known', () => {
    const guest = startGuest({ access_control, tokens: { bearer: true, header: 'X-Api-Key' } });
    expect(asks(guest, bearer(TOKEN))).toBe('defer');
    expect(asks(guest, apiKey(TOKEN))).toBe('defer');
    expect(asks(startGuest({ access_control }), bearer(TOKEN))).toBe('401');
  });

  it.each([
    [{ bearer: 'yes' }, 'must be `true` or `false`'],
    [{ header: 'X Api' }, '`X Api` is no header name: write one such as `X-Api-Key`'],
    [{ header: '' }, 'is no header name'],
    [{ header: 'X_Api_Key' }, 'is no header name'],
    [{ header: 'x'.repeat(65) }, 'is no header name'],
    [{ header: 5 }, 'must be text'],
    [{ file: 'tokens.yml' }, '`file` is no key here: the keys are bearer, header'],
    [true, 'must be an object with keys'],
  ])('%j is a mistake', (tokens, message) => {
    const compiled = compile(tokens as PolicyDocument['tokens']);
    const problems = compiled.ok ? [] : compiled.problems.map(problem => problem.message);
    expect(problems.join('\n')).toContain(message);
  });

  it('the longest header name is taken', () => {
    const compiled = engine.compile({ access_control, tokens: { header: 'x'.repeat(64) } });
    expect(compiled.ok).toBe(true);
  });
});

describe('the engine in the host', () => {
  it('reads tokens as the guest does', () => {
    const load = (tokens: PolicyDocument['tokens']) => {
      const compiled = compile(tokens);
      if (!compiled.ok) throw new Error('the policy must compile');
      engine.load(compiled.image);
    };
    load({ bearer: true, header: 'X-Api-Key' });
    expect(engine.tokenHeader()).toBe('x-api-key');
    expect(engine.parseAuthorization([`Bearer ${TOKEN}`])).toEqual({ kind: 'token', token: TOKEN });
    expect(engine.parseAuthorization(['Bearer a b'])).toEqual({ kind: 'malformed' });
    expect(engine.parseToken([TOKEN])).toEqual({ kind: 'token', token: TOKEN });
    expect(engine.parseToken([])).toEqual({ kind: 'none' });
    expect(engine.parseToken([''])).toEqual({ kind: 'none' });
    expect(engine.parseToken(['a b'])).toEqual({ kind: 'malformed' });
    expect(engine.parseToken([TOKEN, TOKEN])).toEqual({ kind: 'malformed' });
    expect(engine.parseToken(['x'.repeat(MAX_TOKEN + 1)])).toEqual({ kind: 'malformed' });
    load(undefined);
    expect(engine.tokenHeader()).toBeUndefined();
    expect(engine.parseAuthorization([`Bearer ${TOKEN}`])).toEqual({ kind: 'none' });
  });
});
