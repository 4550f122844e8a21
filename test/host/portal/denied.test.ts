import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION, signInDocument } from '../../../host/config/session.ts';
import { STYLE_PATH } from '../../../host/portal/style.ts';
import { openStore } from '../../../host/store/open.ts';
import type { Store } from '../../../host/store/store.ts';
import { type Authz, basic, headerOf, startAuthz } from '../../support/authz.ts';
import { setCookies, Visitor } from '../../support/portal.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { type HeaderList, SECRET } from '../../support/test-app.ts';

const COOKIES = [
  { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
  { domain: 'no-portal.test', session: DEFAULT_SESSION },
];
const HTML = ['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'] as const;

describe('a page that is not for somebody who is signed in', () => {
  let database: Store;
  let authz: Authz;
  let cookie: readonly [string, string];

  beforeAll(async () => {
    database = await openStore(
      { kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') },
      { secret: SECRET, previousSecret: undefined, random: randomBytes },
    );
    authz = await startAuthz({
      policy: {
        access_control: {
          default_policy: 'deny',
          rules: [
            { domain: 'open.example.com', policy: 'one_factor' },
            { domain: 'admin.example.com', policy: 'one_factor', subject: 'group:admins' },
            { domain: 'admin.example.com', policy: 'deny' },
            { domain: 'two.example.com', policy: 'two_factor' },
            { domain: 'json.example.com', policy: 'deny' },
          ],
        },
        domains: [{ domain: 'json.example.com', denial: 'json' }],
        sign_in: signInDocument(COOKIES, true) ?? [],
      },
      config: { cookies: COOKIES },
      database,
    });
    const visitor = new Visitor(authz.port);
    const signedIn = await visitor.signIn('bob', 'password-bob');
    expect(signedIn.status).toBe(303);
    const [pair = ''] = setCookies(signedIn).map(line => line.split(';', 1)[0] ?? '');
    cookie = ['Cookie', pair];
  });

  afterAll(async () => {
    await authz.stop();
    await database.close();
    removeTempDirectories();
  });

  const ask = (host: string, more: HeaderList = [], method = 'GET', path = '/api/authz/forward-auth') =>
    authz.ask(path, [
      ['X-Forwarded-Method', method],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', '/x?token=secret'],
      ['X-Forwarded-For', '203.0.113.9'],
      ...more,
    ]);

  it('says who they are, which site, why, and what stands in the log', async () => {
    const answer = await ask('admin.example.com', [cookie, HTML]);
    expect(answer.status).toBe(403);
    expect(headerOf(answer, 'content-type')).toBe('text/html; charset=utf-8');
    expect(headerOf(answer, 'cache-control')).toBe('no-store');
    expect(answer.body).toContain('<strong><bdi>Bob Example</bdi></strong>');
    expect(answer.body).toContain('<bdi>admin.example.com</bdi>');
    expect(answer.body).toContain('A rule of this site closes this page to your account.');
    expect(answer.body).toContain(`href="https://auth.example.com${STYLE_PATH}"`);
    const id = /<code>(\w{8})<\/code>/.exec(answer.body)?.[1];
    expect(authz.log.lines.filter(({ message }) => message === 'access denied')).toEqual([
      {
        level: 'info',
        message: 'access denied',
        fields: { id, user: 'bob', host: 'admin.example.com', path: '/x', client: '203.0.113.9', rule: 3 },
      },
    ]);
    expect(authz.log.text()).not.toContain('secret');
  });

  it('says so in their language, also where no rule is for them', async () => {
    const answer = await ask('nothing.example.com', [cookie, HTML, ['Accept-Language', 'ar']]);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('<html lang="ar" dir="rtl">');
    // The helper reads bytes.
    expect(Buffer.from(answer.body, 'latin1').toString('utf8')).toContain(
      'لا توجد قاعدة في هذا الموقع تسمح لك بالدخول.',
    );
  });

  it.each([
    ['of Authelia for nginx', '/api/authz/auth-request', ['X-Original-URL', 'https://admin.example.com/x']],
    ['of authentik', '/outpost.goauthentik.io/auth/traefik', ['X-Unused', '']],
    ['of oauth2-proxy', '/oauth2/auth', ['X-Unused', '']],
  ] as const)('is the same 403 at the endpoint %s', async (_, path, header) => {
    const more = [cookie, HTML, header, ['X-Original-Method', 'GET']] as const;
    const told: HeaderList = path.includes('auth-request')
      ? [['X-Forwarded-For', '203.0.113.9'], ...more]
      : [
          ['X-Forwarded-Method', 'GET'],
          ['X-Forwarded-Proto', 'https'],
          ['X-Forwarded-Host', 'admin.example.com'],
          ['X-Forwarded-Uri', '/x'],
          ['X-Forwarded-For', '203.0.113.9'],
          ...more,
        ];
    const answer = await authz.ask(path, told);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('<bdi>Bob Example</bdi>');
  });

  it.each<[string, string, HeaderList, string]>([
    ['programs', 'admin.example.com', [['Accept', 'application/json']], 'GET'],
    ['scripts', 'admin.example.com', [HTML, ['X-Requested-With', 'XMLHttpRequest']], 'GET'],
    [
      'fetch',
      'admin.example.com',
      [
        ['Accept', '*/*'],
        ['Sec-Fetch-Mode', 'cors'],
        ['Sec-Fetch-Dest', 'empty'],
      ],
      'GET',
    ],
    [
      'pictures',
      'admin.example.com',
      [
        ['Accept', 'image/*'],
        ['Sec-Fetch-Mode', 'no-cors'],
        ['Sec-Fetch-Dest', 'image'],
      ],
      'GET',
    ],
    ['a site that wants JSON', 'json.example.com', [HTML], 'GET'],
  ])('is no page for %s', async (_, host, more, method) => {
    const answer = await ask(host, [cookie, ...more], method);
    expect(answer.status).toBe(403);
    expect(answer.body).not.toContain('<html');
  });

  it('is no page for who shows a password, or nothing', async () => {
    const bob = await ask('admin.example.com', [HTML, ['Authorization', basic('bob:password-bob')]]);
    expect([bob.status, bob.body]).toEqual([403, '403 Forbidden']);
    const nobody = await ask('json.example.com', [HTML]);
    expect(nobody.status).toBe(403);
    expect(nobody.body).not.toContain('<html');
  });

  it('is none where a second factor would help, or nothing is wrong', async () => {
    const two = await ask('two.example.com', [cookie, HTML]);
    expect(two.status).toBe(302);
    expect(headerOf(two, 'location')).toMatch(/^https:\/\/auth\.example\.com\/\?rd=/);
    expect((await ask('open.example.com', [cookie, HTML])).status).toBe(200);
  });
});
