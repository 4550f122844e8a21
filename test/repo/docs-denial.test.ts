import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { DENIALS } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { header, startGuest } from '../support/guest.ts';
import { imageOf, startSlice } from '../support/slice.ts';

/** Holds docs/denial.md to what it shows. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'denial.md'), 'utf8');
const blocks = new Map(
  [...page.matchAll(/^```\S+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', text = '']) => [name, text]),
);
const engine = loadEngine(join(root, 'dist', 'embed.wasm'));

/** A block as postern.yml, with what it leaves out. */
function config(name: string) {
  const rules =
    "access_control: { rules: [{ domain: ['example.com', '*.example.com'], policy: one_factor }] }\n";
  const block = blocks.get(name) ?? '';
  const text = `${block}${block.includes('access_control') ? '' : rules}authentication_backend: { file: { path: users.yml } }\n`;
  const env = { POSTERN_SECRET: createSecret() };
  const parsed = parseConfig({ yaml: { file: '/postern.yml', text }, env, isTerminal: false });
  expect(parsed.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return parsed.config;
}

const slices: ReturnType<typeof startSlice>[] = [];
afterAll(() => {
  for (const slice of slices) slice.clean();
});

function guestOf(policy: ReturnType<typeof config>['policy']) {
  const { access_control, ...settings } = policy;
  const { rules } = access_control as { rules: object[] };
  const slice = startSlice({ image: imageOf(rules, settings) });
  slices.push(slice);
  return slice.guest();
}

describe('docs/denial.md', () => {
  it('shows the JSON that a script gets', () => {
    const guest = guestOf(config('session').policy);
    const { response } = guest.ask({
      host: 'app.example.com',
      uri: '/api',
      headers: [
        ['Sec-Fetch-Mode', 'cors'],
        ['Referer', 'https://app.example.com/page'],
      ],
    });
    expect(Buffer.from(response?.body ?? []).toString()).toBe(blocks.get('unauthorized')?.trim());
  });

  it('shows a script that goes where it is told', async () => {
    const place = { href: '' };
    const run = new Function('fetch', 'location', `return (async () => { ${blocks.get('fetch')} })()`);
    const body = blocks.get('unauthorized') ?? '';
    await run(async () => new Response(body, { status: 401 }), place);
    expect(place.href).toBe(JSON.parse(body).login_url);
  });

  it('shows endpoints that say otherwise', () => {
    expect(config('endpoint').server.endpoints?.map(({ name, denial }) => [name, denial])).toEqual([
      ['forward-auth', 'adaptive'],
      ['like-authelia', 'authelia'],
    ]);
  });

  it('shows domains with a form of their own', () => {
    const guest = guestOf(config('domains').policy);
    const ask = (host: string) => {
      const { response } = guest.ask({ host, headers: [['Accept', 'text/html']] });
      const value = (name: string) => response?.headers.find(([other]) => other === name)?.[1];
      return [response?.status, value('Content-Type'), value('Www-Authenticate') !== undefined];
    };
    expect(ask('api.example.com')).toEqual([401, 'application/json', false]);
    expect(ask('dav.example.com')).toEqual([401, 'text/plain; charset=utf-8', true]);
  });

  it('shows how preflights come through', () => {
    const guest = guestOf(config('preflight').policy);
    const headers = [
      ['Origin', 'https://www.example.com'],
      ['Access-Control-Request-Method', 'PUT'],
    ] as const;
    const passed = guest.ask({ host: 'api.example.com', method: 'OPTIONS', headers });
    expect(header(passed, 'Postern-Verdict')).toMatch(/^allow-/);
    expect(guest.ask({ host: 'api.example.com', headers }).response?.status).toBe(401);
    const closed = startGuest({ access_control: { rules: [{ domain: 'a.test', policy: 'one_factor' }] } });
    const refused = closed.ask({ host: 'a.test', method: 'OPTIONS', headers });
    expect(refused.response?.status).toBe(401);
    expect(Buffer.from(refused.response?.body ?? []).toString()).toBe('{"error":"unauthorized"}');
  });

  it('names every form there is', () => {
    for (const denial of DENIALS) {
      expect(page).toContain(`| \`${denial}\` |`);
      const rules = [{ domain: 'a.test', policy: 'one_factor' }];
      expect(engine.compile({ access_control: { rules }, denial }).ok).toBe(true);
    }
  });
});
