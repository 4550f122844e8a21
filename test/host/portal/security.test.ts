import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TOTP, URI } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION, signInDocument } from '../../../host/config/session.ts';
import { TOTP_DEFAULTS } from '../../../host/config/totp.ts';
import { MAX_FORM_BYTES } from '../../../host/http/form.ts';
import { STYLE_PATH } from '../../../host/portal/style.ts';
import { openStore } from '../../../host/store/open.ts';
import type { Store } from '../../../host/store/store.ts';
import type { RawAnswer } from '../../../tools/replay/ask.mjs';
import { type Authz, HASTY_CLOCK, headerOf, startAuthz } from '../../support/authz.ts';
import {
  addressesOf,
  BY_FORM,
  BY_PROXY,
  exchange,
  formsOf,
  PORTAL_HOST,
  PortalClient,
  type Sent,
} from '../../support/portal-client.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { type HeaderList, SECRET } from '../../support/test-app.ts';

/** The whole portal, from outside, as somebody sees it who wants to get something out of it. */
const PORTAL = `https://${PORTAL_HOST}`;
const POLICY = {
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: 'open.example.com', policy: 'bypass' },
      { domain: 'two.example.com', policy: 'two_factor' },
      { domain: 'forms.example.com', methods: ['POST'], policy: 'two_factor' },
      { domain: '*.example.com', policy: 'one_factor' },
      { domain: 'app.other.org', policy: 'one_factor' },
    ],
  },
};
const COOKIES = [
  { domain: 'example.com', signInUrl: `${PORTAL}/`, session: DEFAULT_SESSION },
  { domain: 'app.other.org', signInUrl: `${PORTAL}/`, isHandoff: true, session: DEFAULT_SESSION },
];
const SESSION = DEFAULT_SESSION.cookieName;
const PORTAL_COOKIE = '__Host-postern_portal';
/** Every page, one that is none, and a file. */
const PATHS = [
  '/',
  '/continue',
  '/logout',
  '/second-factor',
  '/second-factor/register',
  '/second-factor/devices',
  '/handoff',
  '/denied',
  '/nothing/of/ours',
  '/static/nothing.css',
];
const PASSWORDS = { alice: 'password-alice', bob: 'password-bob' } as const;

const HOSTILE = JSON.parse(
  readFileSync(new URL('../../cases/return-address/hostile.json', import.meta.url), 'utf8'),
) as { name: string; rd: string }[];

const note = join(tempDirectory(), 'notification.txt');
let database: Store;
let authz: Authz;
beforeAll(async () => {
  database = await openStore(
    { kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') },
    { secret: SECRET, previousSecret: undefined, random: randomBytes },
  );
  authz = await startAuthz({
    policy: { ...POLICY, sign_in: signInDocument(COOKIES, true) ?? [] },
    config: {
      cookies: COOKIES,
      totp: TOTP_DEFAULTS,
      notifier: { kind: 'filesystem', filename: note, startupCheck: false },
    },
    clock: HASTY_CLOCK,
    database,
  });
});
afterAll(async () => {
  await authz.stop();
  await database.close();
  removeTempDirectories();
});

const ask = (path: string, sent?: Sent) => exchange(authz.port, path, sent);
const visitor = () => new PortalClient(authz.port);
async function signedIn(name: keyof typeof PASSWORDS = 'alice'): Promise<PortalClient> {
  const client = visitor();
  const answer = await client.signIn(name, PASSWORDS[name]);
  expect([answer.status, client.cookies.has(SESSION)]).toEqual([303, true]);
  return client;
}
/** Who the portal says is signed in. */
async function whoIs(client: PortalClient): Promise<string | undefined> {
  const { body } = await client.copy().send('/logout');
  return formsOf(body).some(({ id }) => id === 'sign-out')
    ? (/(Alice|Bob)/.exec(body)?.[1] ?? '?')
    : undefined;
}

function isOurs({ hostname, protocol }: URL): boolean {
  // Pictures that stand in the page itself.
  if (protocol === 'data:') return true;
  return protocol === 'https:' && /(?:^|\.)(?:example\.com|app\.other\.org)$/.test(hostname);
}

/** Without what chance wrote: of some thousand tokens one has any four letters in it. */
function withoutTokens(text: string): string {
  return text.replace(/(value="|return=|postern_\w+=)[\w.-]{40,}/g, '$1');
}

function expectOurs(what: unknown, answer: RawAnswer): void {
  for (const url of addressesOf(answer))
    expect([what, url.href, isOurs(url)]).toEqual([what, url.href, true]);
}

describe('where the portal leads', () => {
  it('is ours, whatever stands in `rd`, for visitors and for who is signed in', async () => {
    const clients = [visitor(), await signedIn()];
    let asked = 0;
    for (const { name, rd } of HOSTILE) {
      // A long one is none before it gets here.
      const encoded = encodeURIComponent(Buffer.from(rd, 'utf8').toString('utf8')).slice(0, 6_000);
      // As nginx writes it, where a request can hold it.
      const plain = /[^\x21-\x7e]/.test(rd) ? encoded : rd.slice(0, 6_000);
      for (const client of clients) {
        const paths = [
          `/?rd=${encoded}&rm=GET`,
          `/?rd=${plain}`,
          `/logout?rd=${encoded}`,
          `/continue?rd=${encoded}`,
        ];
        for (const path of paths) {
          const answer = await client.copy().send(path);
          expectOurs([name, path], answer);
          expect(withoutTokens(answer.body)).not.toContain('evil');
          asked++;
        }
      }
    }
    expect(asked).toBeGreaterThan(1_000);
  });

  it('is ours, whatever stands in any argument of any page', async () => {
    const clients = [visitor(), await signedIn()];
    const evil = ['https://evil.org/', 'javascript:alert(1)//evil'];
    const names = [
      'return',
      'rd',
      'rm',
      'next',
      'url',
      'redirect',
      'redirect_uri',
      'done',
      'state',
      'door',
      'retry',
      'workflow',
      'form',
      'token',
    ];
    for (const client of clients) {
      for (const path of PATHS) {
        const query = names.flatMap(name => evil.map(value => `${name}=${encodeURIComponent(value)}`));
        for (const each of [...query, query.filter((_, i) => i % 2 === 0).join('&')]) {
          const answer = await client.copy().send(`${path}?${each}`);
          expectOurs([path, each], answer);
          expect([path, each, withoutTokens(answer.body).includes('evil')]).toEqual([path, each, false]);
        }
      }
    }
  });

  it('is ours behind a form, whatever its `return` is made of', async () => {
    const good = await visitor().form(`/?rd=${encodeURIComponent('https://app.example.com/a')}`, 'sign-in');
    expect(good.fields.return).toMatch(/^[\w-]{60,}$/);
    const sealed = good.fields.return ?? '';
    for (const value of [
      'https://evil.org/',
      '//evil.org/',
      sealed.slice(1),
      `${sealed}A`,
      sealed.slice(0, -1) + (sealed.endsWith('A') ? 'B' : 'A'),
      Buffer.from('\x01\0\0\0\0\0\0https://evil.org/').toString('base64url'),
      '',
    ]) {
      const client = visitor();
      const form = await client.form('/', 'sign-in');
      const answer = await client.submit(form, {
        username: 'alice',
        password: PASSWORDS.alice,
        return: value,
      });
      expect([value, answer.status, headerOf(answer, 'location')]).toEqual([value, 303, '/continue']);
      const page = await client.open('/continue');
      expectOurs(value, page);
      expect(withoutTokens(page.body)).not.toContain('evil');
    }
    // And a good one leads there.
    const client = visitor();
    const landing = await client.signIn(
      'alice',
      PASSWORDS.alice,
      `/?rd=${encodeURIComponent('https://app.example.com/a')}`,
    );
    const page = await client.open(headerOf(landing, 'location') ?? '');
    expect(addressesOf(page).map(({ href }) => href)).toContain('https://app.example.com/a');
  });

  it('has nothing of what a client claims in headers about hosts, schemes and paths', async () => {
    const claims: HeaderList = [
      ['X-Forwarded-Prefix', '/evil'],
      ['X-Forwarded-Port', '6666'],
      ['X-Forwarded-Server', 'evil.org'],
      ['X-Forwarded-Path', '//evil.org'],
      ['X-Forwarded-Uri', '//evil.org/'],
      ['X-Original-Uri', '//evil.org/'],
      ['X-Rewrite-Url', '//evil.org/'],
      ['X-Host', 'evil.org'],
      ['X-HTTP-Host-Override', 'evil.org'],
      ['Forwarded', 'host=evil.org;proto=http'],
      ['Referer', 'https://evil.org/'],
      ['Accept-Language', 'evil"><script>'],
      ['User-Agent', '<evil>'],
      ['X-Authelia-URL', 'https://evil.org/'],
    ];
    const clients = [visitor(), await signedIn()];
    for (const claim of claims) {
      for (const client of clients) {
        for (const path of PATHS) {
          const answer = await client.copy().send(path, { headers: [claim] });
          expectOurs(claim, answer);
          expect([
            claim,
            path,
            /evil|6666/.test(withoutTokens(answer.body + JSON.stringify(answer.headers))),
          ]).toEqual([claim, path, false]);
        }
      }
    }
  });

  it('is nowhere for another host, or two', async () => {
    const told = (host: string, forwarded: string | undefined, more: HeaderList = []): HeaderList => [
      ['Host', host],
      ...(forwarded === undefined ? [] : [['X-Forwarded-Host', forwarded] as const]),
      ['X-Forwarded-Proto', 'https'],
      ...more,
    ];
    for (const proxy of [
      told('evil.org', 'evil.org'),
      told('evil.org', PORTAL_HOST),
      told(PORTAL_HOST, 'evil.org'),
      told(PORTAL_HOST, undefined),
      told(`${PORTAL_HOST}.evil.org`, `${PORTAL_HOST}.evil.org`),
      told(`${PORTAL_HOST}@evil.org`, PORTAL_HOST),
      told(PORTAL_HOST, `${PORTAL_HOST}, evil.org`),
      told(PORTAL_HOST, PORTAL_HOST, [['X-Forwarded-Host', 'evil.org']]),
      told(PORTAL_HOST, PORTAL_HOST, [['X-Original-URL', 'https://evil.org/']]),
    ]) {
      for (const path of PATHS) {
        const answer = await ask(path, { proxy });
        expect([proxy, path, [400, 403, 404].includes(answer.status)]).toEqual([proxy, path, true]);
        expect(headerOf(answer, 'location')).toBeUndefined();
        expect(withoutTokens(answer.body)).not.toContain('evil');
        expect(answer.body).not.toContain('<form');
      }
    }
  });
});

describe('a page of the portal', () => {
  const expectSafe = (what: unknown, answer: RawAnswer) => {
    const policy = headerOf(answer, 'content-security-policy') ?? '';
    expect([what, policy]).toEqual([what, expect.stringContaining("default-src 'none'")]);
    expect([what, policy]).toEqual([what, expect.stringContaining("frame-ancestors 'none'")]);
    expect([what, policy]).toEqual([what, expect.stringContaining("form-action 'self'")]);
    expect([what, policy]).toEqual([what, expect.stringContaining("base-uri 'none'")]);
    expect(policy).not.toMatch(/unsafe|\*|http:/);
    expect([what, headerOf(answer, 'x-frame-options')]).toEqual([what, 'DENY']);
    expect([what, headerOf(answer, 'x-content-type-options')]).toEqual([what, 'nosniff']);
    expect([what, headerOf(answer, 'cache-control')]).toEqual([what, 'no-store']);
    expect([what, headerOf(answer, 'referrer-policy')]).toEqual([
      what,
      expect.stringMatching(/^(same-origin|no-referrer)$/),
    ]);
    expect([what, headerOf(answer, 'cross-origin-opener-policy')]).toEqual([what, 'same-origin']);
    for (const [name] of answer.headers)
      expect([what, name]).not.toEqual([
        what,
        expect.stringMatching(/^(server|x-powered-by|access-control-.*)$/),
      ]);
    // Neither script nor style in the page but our one file: no such tag, and no such attribute in any.
    const ours = /<script src="\/static\/portal-[0-9a-f]{16}\.js" defer(?: data-onward="[^"]*")?><\/script>/;
    expect([what, /script-src [^;]*/.exec(policy)?.[0]]).toEqual([
      what,
      ours.test(answer.body) ? "script-src 'self'" : undefined,
    ]);
    const rest = answer.body.replace(ours, '');
    const tags = rest.replace(/"[^"]*"/g, '""').match(/<[^>]*>/g) ?? [];
    const active = tags.filter(tag =>
      /^<(?:script|style|iframe|object|embed|base|img)\b|\s(?:on\w+|style|srcdoc|formaction)=/i.test(tag),
    );
    expect([what, active, answer.body.includes('javascript:')]).toEqual([what, [], false]);
    for (const [name, value] of answer.headers) {
      if (name !== 'set-cookie') continue;
      expect([what, value]).toEqual([what, expect.stringMatching(/^__(Host|Secure)-/)]);
      for (const attribute of ['; Secure', '; HttpOnly', '; SameSite=', '; Path=/'])
        expect(value).toContain(attribute);
      if (value.startsWith('__Host-')) expect(value).not.toContain('Domain=');
    }
  };

  it('is kept by nobody, framed by nobody, and runs nothing, whoever asks for it', async () => {
    const clients = [visitor(), await signedIn()];
    for (const client of clients) {
      for (const path of PATHS) {
        const answer = await client.copy().send(path);
        expect([path, answer.status < 500]).toEqual([path, true]);
        expectSafe(path, answer);
      }
    }
    // Refusals as well.
    const client = visitor();
    const form = await client.form('/', 'sign-in');
    expectSafe('wrong', await client.submit(form, { username: 'alice', password: 'x' }));
    expectSafe('foreign', await client.submit(form, {}, [['Origin', 'https://evil.org']]));
    expectSafe('method', await client.send('/', { method: 'DELETE' }));
    expectSafe('type', await client.send('/', { method: 'POST', headers: BY_FORM, body: '{}' }));
  });

  it('shows what others wrote as text', async () => {
    const MARKUP = [
      '"><script>alert(1)</script>',
      "'><img src=x onerror=alert(1)>",
      '</title><svg onload=alert(1)>',
      '<b>bold</b>',
      '&lt;script&gt;',
      `\`$\{alert(1)}\``,
      '{{7*7}}',
      '\u202egnp.exe',
      'a\0b',
      '<!--',
      ']]>',
    ];
    for (const text of MARKUP) {
      const client = visitor();
      const form = await client.form('/', 'sign-in');
      const answer = await client.submit(form, {
        username: text,
        password: text,
        remember: text,
        extra: text,
      });
      expect(answer.status).toBe(401);
      expectSafe(text, answer);
      // A password is shown to nobody, whatever it is.
      expect(/name="password"[^>]*value="[^"]/.test(answer.body)).toBe(false);
      for (const path of PATHS) {
        const rd = encodeURIComponent(`https://app.example.com/?a=${encodeURIComponent(text)}`);
        for (const query of [
          `rd=${rd}`,
          `done=${encodeURIComponent(text)}`,
          `rm=${encodeURIComponent(text)}`,
          encodeURIComponent(text),
        ]) {
          const page = await client.copy().send(`${path}?${query}`);
          expectSafe([path, query], page);
        }
      }
    }
  });

  it('has the headers that we wrote, and no others', async () => {
    const lines = [
      '%0d%0aX-Evil:%201',
      '%0aX-Evil:1',
      '%E5%98%8A%E5%98%8DX-Evil:1',
      '%00X-Evil',
      '\u560d\u560aX-Evil: 1',
    ];
    const clients = [visitor(), await signedIn()];
    for (const line of lines) {
      const rd = encodeURIComponent(`https://app.example.com/${decodeURIComponent(line)}`);
      for (const client of clients) {
        for (const path of PATHS) {
          for (const query of [
            `rd=${rd}`,
            `rd=https://app.example.com/${line}`,
            `return=${line}`,
            `rm=${line}`,
            `done=here${line}`,
            `state=${line}&rd=https%3A%2F%2Fapp.other.org%2F`,
          ]) {
            const answer = await client.copy().send(`${path}?${encodeURI(decodeURI(query))}`);
            expect([query, answer.headers.some(([name]) => name.includes('evil'))]).toEqual([query, false]);
          }
        }
      }
      const client = visitor();
      const form = await client.form('/', 'sign-in');
      const answer = await client.submit(form, {
        username: decodeURIComponent(line),
        password: 'x',
        return: decodeURIComponent(line),
      });
      expect(answer.headers.some(([name]) => name.includes('evil'))).toBe(false);
    }
  });

  it('answers HEAD as GET, and does nothing by any other method but POST', async () => {
    const client = await signedIn();
    for (const path of PATHS) {
      const get = await client.copy().send(path);
      const head = await client.copy().send(path, { method: 'HEAD' });
      expect([path, head.status, head.body]).toEqual([path, get.status, '']);
      for (const method of ['OPTIONS', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE', 'QUERY']) {
        const answer = await client.copy().send(path, { method, headers: BY_FORM });
        expect([path, method, answer.status]).toEqual([
          path,
          method,
          expect.toSatisfy((s: number) => [400, 403, 404, 405].includes(s)),
        ]);
      }
    }
    // A method in a header or field is the real one's.
    const form = await client.form('/logout', 'sign-out');
    const query = new URLSearchParams({ ...form.fields, _method: 'POST' }).toString();
    await client.copy().send(`/logout?${query}`, { headers: [['X-HTTP-Method-Override', 'POST']] });
    expect(await whoIs(client)).toBe('Alice');
  });
});

describe('a form', () => {
  const FOREIGN: readonly HeaderList[] = [
    [['Origin', 'https://evil.org']],
    [['Origin', 'null']],
    [['Origin', '']],
    [['Origin', `http://${PORTAL_HOST}`]],
    [['Origin', `${PORTAL}:8443`]],
    [['Origin', `${PORTAL}/`]],
    [['Origin', `${PORTAL}.evil.org`]],
    [['Origin', 'https://app.example.com']],
    [['Origin', 'https://example.com']],
    [
      ['Origin', PORTAL],
      ['Origin', 'https://evil.org'],
    ],
    [
      ['Origin', PORTAL],
      ['Sec-Fetch-Site', 'cross-site'],
    ],
    [
      ['Origin', PORTAL],
      ['Sec-Fetch-Site', 'same-site'],
    ],
    [
      ['Origin', PORTAL],
      ['Sec-Fetch-Site', 'none'],
    ],
    [['Sec-Fetch-Site', 'cross-site']],
    [['Sec-Fetch-Site', 'same-site']],
    [
      ['Sec-Fetch-Site', 'same-origin'],
      ['Sec-Fetch-Site', 'cross-site'],
    ],
    [
      ['Origin', PORTAL],
      ['Sec-Fetch-Dest', 'iframe'],
    ],
    [
      ['Origin', PORTAL],
      ['Sec-Fetch-Dest', 'empty'],
    ],
  ];

  it('of another origin signs nobody in', async () => {
    for (const headers of FOREIGN) {
      const client = visitor();
      const form = await client.form('/', 'sign-in');
      const answer = await client.submit(form, { username: 'alice', password: PASSWORDS.alice }, headers);
      expect([headers, answer.status, client.cookies.has(SESSION)]).toEqual([headers, 403, false]);
    }
  });

  it('of another origin does nothing to who is signed in', async () => {
    const client = await signedIn();
    const forms = await formsBehind(client);
    expect(forms.length).toBeGreaterThan(1);
    for (const headers of FOREIGN) {
      for (const form of forms) {
        const answer = await client.copy().submit(form, {}, headers);
        expect([headers, form.id, answer.status]).toEqual([headers, form.id, 403]);
        expect(answer.headers.filter(([name]) => name === 'set-cookie')).toEqual([]);
      }
    }
    expect(await whoIs(client)).toBe('Alice');
  });

  it('without its token, or with one of another form, browser or session, does nothing', async () => {
    const client = await signedIn();
    const other = await signedIn();
    const bob = await signedIn('bob');
    const forms = await formsBehind(client);
    const tokens = async (of: PortalClient) =>
      (await formsBehind(of)).map(({ id, fields }) => ({ id, token: fields.token ?? '' }));
    const anonymous = await visitor().form('/', 'sign-in');
    const foreign = [...(await tokens(other)), ...(await tokens(bob))];
    for (const form of forms) {
      const own = form.fields.token ?? '';
      const bad = [
        '',
        'x',
        own.slice(0, -1),
        `${own}A`,
        own.toUpperCase(),
        anonymous.fields.token ?? '',
        ...foreign.map(({ token }) => token),
        ...forms.filter(({ id }) => id !== form.id).map(({ fields }) => fields.token ?? ''),
      ];
      for (const token of bad) {
        const answer = await client.copy().submit(form, { token });
        expect([form.id, token, isNothing(form, answer)]).toEqual([form.id, token, true]);
        expect(headerOf(answer, 'set-cookie') ?? '').not.toContain(SESSION);
      }
      // The token of this page, but of no cookie, another one, or two.
      for (const change of [
        (c: PortalClient) => void c.cookies.delete(PORTAL_COOKIE),
        (c: PortalClient) => void c.cookies.set(PORTAL_COOKIE, other.cookies.get(PORTAL_COOKIE) ?? ''),
        (c: PortalClient) => void c.cookies.set(PORTAL_COOKIE, 'A'.repeat(43)),
        (c: PortalClient) => void c.cookies.set(`a=b; ${PORTAL_COOKIE}`, 'A'.repeat(43)),
      ]) {
        const changed = client.copy();
        change(changed);
        const answer = await changed.submit(form);
        expect([form.id, isNothing(form, answer)]).toEqual([form.id, true]);
        expect(headerOf(answer, 'set-cookie') ?? '').not.toContain(SESSION);
      }
    }
    expect([await whoIs(client), await whoIs(other), await whoIs(bob)]).toEqual(['Alice', 'Alice', 'Bob']);
    // Nobody was sent a code.
    expect(existsSync(note)).toBe(false);
  });

  it('of the sign-in page needs a token, and this browser’s cookie or its word that it is from there', async () => {
    const values = { username: 'alice', password: PASSWORDS.alice };
    const theirs = await visitor().form('/', 'sign-in');
    for (const [token, headers] of [
      ['', BY_FORM],
      ['x', BY_FORM],
      // Another browser's, from whoever does not say where it is from: a link of an attacker's in an old browser.
      [theirs.fields.token ?? '', []],
      [theirs.fields.token ?? '', [['Origin', PORTAL]]],
      [theirs.fields.token ?? '', [['Sec-Fetch-Site', 'same-origin']]],
    ] as const) {
      const client = visitor();
      const form = await client.form('/', 'sign-in');
      const answer = await client.submit(form, { ...values, token }, headers as HeaderList);
      expect([token, headers, answer.status >= 400, client.cookies.has(SESSION)]).toEqual([
        token,
        headers,
        true,
        false,
      ]);
    }
    const cookieless = visitor();
    const form = await cookieless.form('/', 'sign-in');
    cookieless.cookies.clear();
    expect((await cookieless.submit(form, values)).status).toBe(400);
    expect(cookieless.cookies.has(SESSION)).toBe(false);
  });

  it('is read only as a form of a page, and of a size', async () => {
    const client = visitor();
    const form = await client.form('/', 'sign-in');
    const good = new URLSearchParams({
      ...form.fields,
      username: 'alice',
      password: PASSWORDS.alice,
    }).toString();
    const post = (headers: HeaderList, body: string | Buffer) =>
      client.copy().send('/', { method: 'POST', headers: [...headers, ...BY_FORM], body });
    const TYPE = 'application/x-www-form-urlencoded';
    for (const [type, status] of [
      [TYPE, 303],
      ['Application/X-WWW-Form-URLEncoded', 303],
      [`${TYPE}; charset=UTF-8`, 303],
      [`${TYPE};charset="utf-8"`, 303],
      [`${TYPE}; charset=utf-16`, 415],
      [`${TYPE}; charset=iso-8859-1`, 415],
      [`${TYPE}, text/plain`, 415],
      ['text/plain', 415],
      ['multipart/form-data; boundary=x', 415],
      ['application/json', 415],
      ['', 415],
    ] as const) {
      expect([type, (await post([['Content-Type', type]], good)).status]).toEqual([type, status]);
    }
    const typed: HeaderList = [['Content-Type', TYPE]];
    expect((await post([], good)).status).toBe(415);
    expect((await post([...typed, ...typed], good)).status).toBe(415);
    expect((await post([...typed, ['Content-Encoding', 'gzip']], good)).status).toBe(415);
    for (const [body, status] of [
      [`${good}&x=${'a'.repeat(MAX_FORM_BYTES)}`, 413],
      [`x=${'a'.repeat(1_000_000)}`, 413],
      [`${good}&username=bob`, 400],
      [`${good}&form=sign-out`, 400],
      [`${good}&%66orm=sign-out`, 400],
      [`${good}&x=%zz`, 400],
      [`${good}&x=%ff`, 400],
      [Buffer.concat([Buffer.from(`${good}&x=`), Buffer.from([0xff])]), 400],
      [`${good}&${Array.from({ length: 40 }, (_, i) => `f${i}=`).join('&')}`, 400],
      ['', 400],
      [good.replace('form=sign-in', 'form=__proto__'), 400],
      [good.replace('form=sign-in', 'form=constructor'), 400],
      [good.replace('form=sign-in', 'form=sign-out'), 400],
      [good.replace('form=sign-in', 'form='), 400],
    ] as const) {
      const answer = await post(typed, body);
      expect([String(body).slice(-60), answer.status]).toEqual([String(body).slice(-60), status]);
      expect(headerOf(answer, 'set-cookie') ?? '').not.toContain(SESSION);
    }
    // In pieces, and too many of them.
    const chunked: HeaderList = [...typed, ['Transfer-Encoding', 'chunked']];
    const piece = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    expect((await post(chunked, `${piece(good)}0\r\n\r\n`)).status).toBe(303);
    expect((await post(chunked, `${piece(good)}${piece(`&x=${'a'.repeat(9_000)}`)}0\r\n\r\n`)).status).toBe(
      413,
    );
  });

  /** An error, or the form's own page once more, with a token of now. */
  function isNothing({ action }: { action: string }, answer: RawAnswer): boolean {
    return answer.status >= 400 || (answer.status === 303 && headerOf(answer, 'location') === action);
  }

  /** Every form that somebody who is signed in finds, but for what signs them in. */
  async function formsBehind(client: PortalClient) {
    const found = new Map<string, ReturnType<typeof formsOf>[number]>();
    for (const path of PATHS) {
      const page = await client.open(path);
      for (const form of formsOf(page.body))
        if (form.id !== 'sign-in') found.set(`${form.action} ${form.id}`, form);
    }
    return [...found.values()];
  }
});

describe('a session', () => {
  it('is a new one at each sign-in, and the one before ends', async () => {
    const client = visitor();
    const before = client.cookies.get(SESSION);
    expect(before).toBeUndefined();
    // Somebody else's session in this browser, put there by whoever wants to share it.
    const mallory = await signedIn('bob');
    const planted = mallory.cookies.get(SESSION) ?? '';
    const form = await client.form('/', 'sign-in');
    client.cookies.set(SESSION, planted);
    const answer = await client.submit(form, { username: 'alice', password: PASSWORDS.alice });
    expect(answer.status).toBe(303);
    expect(client.cookies.get(SESSION)).not.toBe(planted);
    expect(await whoIs(client)).toBe('Alice');
    expect(await whoIs(mallory)).toBeUndefined();
    // Signing in again ends this one, too.
    const old = client.copy();
    await client.signIn('alice', PASSWORDS.alice, '/').catch(() => undefined);
    expect(await whoIs(old)).toBe('Alice');
  });

  it('is none that we did not make for this domain', async () => {
    const client = await signedIn();
    const token = client.cookies.get(SESSION) ?? '';
    expect(token).toMatch(/^[\w-]{64}$/);
    const is = async (lines: string[]) => {
      const page = await ask('/logout', { headers: lines.map(line => ['Cookie', line] as const) });
      return formsOf(page.body).length > 0;
    };
    expect(await is([`${SESSION}=${token}`])).toBe(true);
    expect(await is([`a=b; ${SESSION}=${token}; c=d`])).toBe(true);
    for (const lines of [
      [`${SESSION}=${token}; ${SESSION}=${token}`],
      [`${SESSION}=${token}`, `${SESSION}=${token}`],
      [`${SESSION}=; ${SESSION}=${token}`],
      [`${SESSION}=${token}; ${SESSION}=planted`],
      [`${SESSION}=planted; a=b; ${SESSION}=${token}`],
      [`${SESSION}="${token}"`],
      [`${SESSION}=${token.slice(0, -1)}`],
      [`${SESSION}=${token}A`],
      [`${SESSION}=${token} x`],
      [`${SESSION.toLowerCase()}=${token}`],
      [`${SESSION.replace('__Secure-', '')}=${token}`],
      [`${SESSION.replace('__Secure-', '__Host-')}=${token}`],
      [`x${SESSION}=${token}`],
      [`${SESSION}=${Buffer.from(token).toString('hex')}`],
      [`${SESSION}=${'A'.repeat(64)}`],
      [`${SESSION}=${encodeURIComponent(`${token};`)}`],
      [`${SESSION}[]=${token}`],
    ]) {
      expect([lines, await is(lines)]).toEqual([lines, false]);
    }
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const other = Buffer.from(bytes);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect([bit, await is([`${SESSION}=${other.toString('base64url')}`])]).toEqual([bit, false]);
    }
  });

  it('ends where somebody signs out, and is nothing to who kept its cookie', async () => {
    const client = await signedIn();
    const thief = client.copy();
    const elsewhere = await signedIn();
    await client.submit(await client.form('/logout', 'sign-out'));
    expect([await whoIs(client), await whoIs(thief), await whoIs(elsewhere)]).toEqual([
      undefined,
      undefined,
      'Alice',
    ]);
    const again = await signedIn();
    await again.submit(await again.form('/logout', 'sign-out-everywhere'));
    expect([await whoIs(again), await whoIs(elsewhere)]).toEqual([undefined, undefined]);
  });
});

describe('a page that asks for a second factor when a form is sent to it', () => {
  const page = 'https://forms.example.com/form?a=1&b=2';
  const told = (method: string) => `/?rd=${encodeURIComponent(page)}&rm=${method}`;
  const leadsTo = async (client: PortalClient, path: string) =>
    headerOf(await client.send(path), 'location')?.split('?', 1)[0];

  it('is returned to with both factors by who sent it, and with one by who only opened it', async () => {
    const client = await signedIn();
    expect(await leadsTo(client, told('GET'))).toBe('https://forms.example.com/form');
    for (const path of [told('POST'), `/?rd=${page}&rm=POST`])
      expect([path, await leadsTo(client, path)]).toEqual([path, '/second-factor']);
    // What no proxy tells is none.
    for (const method of ['', 'post', 'POST%20', 'A'.repeat(40), 'GET&rm=POST'])
      expect([method, await leadsTo(client, told(method))]).toEqual([
        method,
        'https://forms.example.com/form',
      ]);
  });

  it('is so for who has to sign in first', async () => {
    for (const [method, next] of [
      ['POST', '/second-factor'],
      ['GET', '/continue'],
    ] as const) {
      const answer = await visitor().signIn('alice', PASSWORDS.alice, told(method));
      expect([method, headerOf(answer, 'location')?.split('?', 1)[0]]).toEqual([method, next]);
    }
  });
});

describe('the second factor', () => {
  /** Registers an authenticator for who is signed in; answers how to make its codes. */
  async function register(client: PortalClient): Promise<TOTP> {
    const path = '/second-factor/register';
    await client.submit(await client.form(path, 'send-code'));
    const code = /^\s+([A-Z0-9]{6,})$/m.exec(readFileSync(note, 'utf8'))?.[1] ?? '';
    await client.submit(await client.form(path, 'prove'), { code });
    const page = await client.open(path);
    const uri = /href="(otpauth:[^"]*)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const totp = URI.parse(uri) as TOTP;
    const form = formsOf(page.body).find(({ id }) => id === 'register');
    if (form === undefined) throw new Error(page.body);
    expect((await client.submit(form, { code: codeOf(totp, 0), name: 'Phone' })).status).toBe(200);
    return totp;
  }
  /** @param step from now on; the host takes one before and one after */
  const codeOf = (totp: TOTP, step: number) =>
    totp.generate({ timestamp: Date.now() + step * totp.period * 1_000 });
  const decides = async (client: PortalClient) => {
    const answer = await ask('/api/authz/forward-auth', {
      proxy: [
        ['Host', 'postern'],
        ['X-Forwarded-Method', 'GET'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'two.example.com'],
        ['X-Forwarded-Uri', '/a'],
        ['X-Forwarded-For', '203.0.113.9'],
        ['Accept', 'text/html'],
        ['Cookie', `${SESSION}=${client.cookies.get(SESSION)}`],
      ],
    });
    return [answer.status, headerOf(answer, 'location')];
  };
  const AGAIN = [302, `${PORTAL}/?rd=https%3A%2F%2Ftwo.example.com%2Fa&rm=GET`];

  it('makes another session, and only the new one is worth more', async () => {
    const client = await signedIn();
    expect(await decides(client)).toEqual(AGAIN);
    const first = client.copy();
    const totp = await register(client);
    expect(client.cookies.get(SESSION)).not.toBe(first.cookies.get(SESSION));
    expect(await decides(client)).toEqual([200, undefined]);
    // Neither the session before nor what its pages held.
    expect(await decides(first)).toEqual(AGAIN);
    expect(await whoIs(first)).toBeUndefined();

    const next = await signedIn();
    const stolen = next.copy();
    const form = await next.form('/second-factor', 'second-factor');
    const other = await signedIn();
    for (const [what, answer] of [
      ['wrong', await next.copy().submit(form, { code: '000000' })],
      [
        'foreign',
        await next.copy().submit(form, { code: codeOf(totp, 1) }, [['Origin', 'https://evil.org']]),
      ],
      ['of another session', await other.copy().submit(form, { code: codeOf(totp, 1) })],
      [
        'of the other form',
        await next
          .copy()
          .submit({ ...form, fields: { ...form.fields, form: 'recovery' } }, { code: codeOf(totp, 1) }),
      ],
    ] as const) {
      expect([what, headerOf(answer, 'set-cookie') ?? '']).toEqual([
        what,
        expect.not.stringContaining(SESSION),
      ]);
    }
    expect(await decides(next)).toEqual(AGAIN);
    // One code, many at once: one of them counts.
    const code = codeOf(totp, 1);
    const forms = await Promise.all(
      Array.from({ length: 4 }, () => next.form('/second-factor', 'second-factor')),
    );
    const browsers = forms.map(() => next.copy());
    const answers = await Promise.all(forms.map((each, i) => browsers[i]?.submit(each, { code })));
    const raised = browsers.filter((_, i) =>
      answers[i]?.headers.some(([name, value]) => name === 'set-cookie' && value.startsWith(SESSION)),
    );
    expect(raised).toHaveLength(1);
    expect(await decides(raised[0] as PortalClient)).toEqual([200, undefined]);
    expect(await decides(stolen)).toEqual(AGAIN);
    // Nor does it count for another session.
    const late = await other.submit(await other.form('/second-factor', 'second-factor'), { code });
    expect([late.status >= 400, await decides(other)]).toEqual([true, AGAIN]);
  });

  it('is registered by nobody who knows a password alone', async () => {
    const bob = await signedIn('bob');
    await bob.submit(await bob.form('/second-factor/register', 'send-code'));
    const code = /^\s+([A-Z0-9]{6,})$/m.exec(readFileSync(note, 'utf8'))?.[1] ?? '';
    // The code was sent for that session: in another one of the same person it is none.
    const other = await signedIn('bob');
    const page = await other.open('/second-factor/register');
    expect(formsOf(page.body).map(({ id }) => id)).toEqual(['send-code']);
    const theirs = await bob.form('/second-factor/register', 'prove');
    await other.submit(
      { ...theirs, fields: { ...theirs.fields, token: formsOf(page.body)[0]?.fields.token ?? '' } },
      { code },
    );
    expect(formsOf((await other.open('/second-factor/register')).body).map(({ id }) => id)).not.toContain(
      'register',
    );
    const guesses = [];
    for (let i = 0; i < 7; i++)
      guesses.push(
        await bob.submit(await bob.form('/second-factor/register', 'prove').catch(() => theirs), {
          code: 'AAAAAAAA',
        }),
      );
    expect(guesses.every(({ status }) => status >= 400 || status === 303)).toBe(true);
    await bob.submit(theirs, { code });
    expect(formsOf((await bob.open('/second-factor/register')).body).map(({ id }) => id)).not.toContain(
      'register',
    );
  });
});

describe('who signs in', () => {
  it('has one line in the log, without the session', async () => {
    const told = () => authz.log.lines.filter(({ message }) => message === 'signed in');
    const before = told().length;
    const client = await signedIn();
    expect(told().slice(before)).toMatchObject([
      { fields: { user: 'alice', client: '203.0.113.9', factors: 1 } },
    ]);
    expect(authz.log.text()).not.toContain(client.cookies.get(SESSION));
  });
});

describe('the portal as the address of a forwardAuth', () => {
  it('lets nobody in', async () => {
    const client = await signedIn();
    const cookie = ['Cookie', `${SESSION}=${client.cookies.get(SESSION)}`] as const;
    const forwarded = (host: string): HeaderList => [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', '/'],
      ['X-Forwarded-For', '203.0.113.9'],
    ];
    for (const path of [
      ...PATHS,
      STYLE_PATH,
      '/login',
      '/api',
      '/index.html',
      '/authelia',
      '/%2e',
      '/..;/',
    ]) {
      for (const proxy of [
        // As Traefik asks, by name, by address, and through the portal's own name.
        [['Host', 'postern:9091'] as const, ...forwarded('app.example.com')],
        [['Host', '127.0.0.1:9091'] as const, ...forwarded('app.example.com')],
        [['Host', PORTAL_HOST] as const, ...forwarded('app.example.com')],
        [['Host', PORTAL_HOST] as const, ...forwarded('open.example.com')],
        [['Host', 'app.example.com'] as const, ...forwarded(PORTAL_HOST)],
        [['Host', 'app.example.com'] as const, ...forwarded('app.example.com')],
        // As nginx asks.
        [['Host', 'app.example.com'] as const],
        [['Host', 'app.other.org'] as const],
        [['Host', PORTAL_HOST] as const, ['X-Original-URL', 'https://app.example.com/'] as const],
        [...BY_PROXY, ['X-Original-URL', 'https://app.example.com/'] as const],
        // As the plugin asks.
        [...BY_PROXY, ['Postern-Request', 'AAAA'] as const],
        [...BY_PROXY, ['Postern-Verdict', 'allow'] as const],
        // From nobody who may tell.
        [['Host', PORTAL_HOST] as const],
        [['Host', '127.0.0.1'] as const],
      ] satisfies HeaderList[]) {
        const answer = await ask(path, { proxy: [...proxy, cookie] });
        expect([path, proxy, answer.status >= 400]).toEqual([path, proxy, true]);
        expect(answer.headers.some(([name]) => /^(remote|x-authentik|x-forwarded)-/.test(name))).toBe(false);
      }
    }
  });
});

describe('the paths that sign in at an application', () => {
  it('fill no log with what anybody asks them', async () => {
    const lines = () => authz.log.lines.filter(({ message }) => message.startsWith('sign-in at an app'));
    const before = lines().length;
    for (let i = 0; i < 20; i++) {
      const code = randomBytes(32).toString('base64url');
      const proxy: HeaderList = [['Host', 'app.other.org']];
      const answer = await ask(`/outpost.goauthentik.io/callback?code=${code}`, { proxy });
      expect(answer.status).toBe(400);
    }
    expect(lines().length - before).toBeLessThanOrEqual(2);
    expect(lines().length).toBeGreaterThan(0);
  });

  it('answer no proxy with leave to pass, and lead to ours alone', async () => {
    const client = await signedIn();
    const cookie = ['Cookie', `${SESSION}=${client.cookies.get(SESSION)}`] as const;
    for (const base of ['/outpost.goauthentik.io', '/akprox', '/oauth2']) {
      for (const name of ['start', 'callback', 'sign_out']) {
        for (const host of ['app.other.org', 'app.example.com', PORTAL_HOST, 'evil.org', '127.0.0.1']) {
          for (const query of [
            '',
            `?rd=${encodeURIComponent('https://evil.org/')}`,
            '?rd=//evil.org',
            `?code=${'A'.repeat(43)}`,
            '?rd=/%5cevil.org',
            '?rd=https://app.other.org@evil.org/',
          ]) {
            const proxy: HeaderList = [
              ['Host', host],
              ['X-Forwarded-Host', 'evil.org'],
              ['X-Forwarded-Proto', 'https'],
              cookie,
            ];
            const answer = await ask(`${base}/${name}${query}`, { proxy });
            const what = [base, name, host, query];
            expect([what, answer.status >= 300]).toEqual([what, true]);
            const location = headerOf(answer, 'location');
            if (location === undefined) continue;
            expect([what, isOurs(new URL(location))]).toEqual([what, true]);
            // Nor does it carry somewhere that the portal would send people to.
            const rd = new URL(location).searchParams.get('rd');
            if (rd !== null) expect([what, isOurs(new URL(rd))]).toEqual([what, true]);
          }
        }
      }
    }
  });
});
