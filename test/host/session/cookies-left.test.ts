import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION, signInDocument } from '../../../host/config/session.ts';
import { type Authz, headerOf, startAuthz } from '../../support/authz.ts';
import type { HeaderList } from '../../support/test-app.ts';

/** What an allowed request's `Cookie` is replaced by, where the proxy can do that. */
describe('cookies that are left for a service', () => {
  const cookies = [
    { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
  ];
  const sign_in = signInDocument(cookies, true);
  const SESSION = `${DEFAULT_SESSION.cookieName}=${'A'.repeat(64)}`;
  let authz: Authz;
  beforeAll(async () => {
    authz = await startAuthz({
      policy: {
        access_control: {
          default_policy: 'deny',
          rules: [
            { domain: 'open.example.com', policy: 'bypass' },
            { domain: 'app.example.com', policy: 'one_factor' },
          ],
        },
        ...(sign_in && { sign_in }),
      },
      config: { cookies },
    });
  });
  afterAll(() => authz.stop());

  const ask = (path: string, host: string, lines: readonly string[]) => {
    const told: HeaderList =
      path.includes('nginx') || path.includes('auth-request')
        ? [
            ['X-Original-URL', `https://${host}/`],
            ['X-Original-Method', 'GET'],
          ]
        : [
            ['X-Forwarded-Proto', 'https'],
            ['X-Forwarded-Host', host],
            ['X-Forwarded-Uri', '/'],
            ['X-Forwarded-Method', 'GET'],
          ];
    const all: HeaderList = [...told, ...lines.map(line => ['Cookie', line] as const)];
    return authz.ask(path, [...all, ['X-Forwarded-For', '203.0.113.9']]);
  };

  const rows: [what: string, lines: string[], left: string | undefined][] = [
    ['no cookie', [], undefined],
    ['others alone', ['a=1; b=2'], 'a=1; b=2'],
    ['the session alone', [SESSION], undefined],
    ['the session between others', [`a=1; ${SESSION}; b=2`], 'a=1; b=2'],
    ['a line for each', ['a=1', SESSION, 'b=2'], 'a=1; b=2'],
    ['two sessions', [`${SESSION}; a=1`, SESSION], 'a=1'],
    ['something of that name', [`a=1; ${DEFAULT_SESSION.cookieName}=x`], 'a=1'],
    // The client here writes UTF-8 and reads latin1: byte by byte the same.
    ['other letters', ['a=\u00e9; b="x y"'], 'a=\u00c3\u00a9; b="x y"'],
  ];
  it.each(rows)('%s', async (_, lines, left) => {
    for (const path of ['/api/authz/forward-auth', '/outpost.goauthentik.io/auth/traefik']) {
      const answer = await ask(path, 'open.example.com', lines);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(headerOf(answer, 'cookie')).toBe(left);
    }
  });

  it('are told to nobody whose request is refused, and not to nginx', async () => {
    const lines = [`a=1; ${SESSION}`];
    const refused = await ask('/api/authz/forward-auth', 'app.example.com', lines);
    expect(refused.status).toBe(401);
    expect(headerOf(refused, 'cookie')).toBeUndefined();
    for (const path of ['/api/authz/auth-request', '/outpost.goauthentik.io/auth/nginx']) {
      const answer = await ask(path, 'open.example.com', lines);
      expect([path, answer.status, headerOf(answer, 'cookie')]).toEqual([path, 200, undefined]);
    }
  });
});
