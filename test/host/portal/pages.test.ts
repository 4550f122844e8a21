import { createHash } from 'node:crypto';
import { transformSync } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestHeaders } from '../../../host/http/request-headers.ts';
import { createDeniedPage } from '../../../host/portal/denied.ts';
import { Html, html, name } from '../../../host/portal/html.ts';
import { page } from '../../../host/portal/page.ts';
import { facts, field, notice } from '../../../host/portal/parts.ts';
import { SCRIPT, SCRIPT_PATH } from '../../../host/portal/script.ts';
import { STYLE_PATH } from '../../../host/portal/style.ts';
import { chooseTexts, TEXTS } from '../../../host/portal/texts/choose.ts';
import { LANGUAGES, type Texts } from '../../../host/portal/texts/texts.ts';
import type { Denied } from '../../../host/routes/denial.ts';
import { fakeLogger, fakeRandom } from '../../support/host-fakes.ts';
import { formOf, startPortal, type TestPortal, Visitor } from '../../support/portal.ts';
import type { Answer } from '../../support/test-app.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)",
  '` onload=`x',
  '</title><svg onload=alert(1)>',
  '&lt;b&gt;',
  '\u202eevil\u2066\u061c',
  'a\u0000b\r\nSet-Cookie: x=y',
  '%3Cscript%3E',
  '{{7*7}} <!-- -->',
  '\ud800',
];
/** Largest number of bytes that the sign-in page may cost with everything. */
const MAX_TRANSFER = 50_000;

describe('templates', () => {
  it('escape every text, wherever it stands', () => {
    for (const text of HOSTILE) {
      const { text: out } = html`<p title="${text}">${text}${[text, html`<b>${text}</b>`]}</p>`;
      const inside = out.replace(/^<p title="|<\/?b>|<\/p>$/g, '').replace('">', '');
      expect(inside).not.toMatch(/[<>"'`]/);
    }
    expect(html`${undefined}${false}${0}${[html`<i>a</i>`, 'b&']}`.text).toBe('0<i>a</i>b&amp;');
    expect(html`${new Html('<b>')}`.text).toBe('<b>');
  });

  it('give names a direction of their own, and show what would hide', () => {
    expect(name('a\u202eb\u0007\ufeff\u061c<').text).toBe('<bdi>a\ufffdb\ufffd\ufffd\ufffd&lt;</bdi>');
    expect(name('محمد').text).toBe('<bdi>محمد</bdi>');
  });
});

describe('the language', () => {
  const of = (...values: string[]) =>
    chooseTexts(new RequestHeaders(values.flatMap(value => ['Accept-Language', value]))).lang;

  it.each([
    [[], 'en'],
    [['de'], 'de'],
    [['de-AT,en;q=0.5'], 'de'],
    [['ar-EG, de;q=0.9'], 'ar'],
    [['fr,pt;q=0.9,de;q=0.2'], 'de'],
    [['en;q=0.1,de;q=0.2'], 'de'],
    [['de;q=0,ar;q=0.001'], 'ar'],
    [['fr', 'DE'], 'de'],
    [['de;q=1.5,ar;q=x'], 'en'],
    [['*'], 'en'],
    [['den,arabic'], 'en'],
    [[`${'fr,'.repeat(100)}de`], 'en'],
    [['<script>'], 'en'],
  ])('of %j is %s', (values, language) => {
    expect(of(...values)).toBe(language);
  });

  it('has every text in every language, and none twice the same by mistake', () => {
    const texts = (value: unknown, path = ''): [string, string][] =>
      typeof value === 'string'
        ? [[path, value]]
        : Object.entries(value as object).flatMap(([key, inner]) =>
            typeof inner === 'function' ? [] : texts(inner, `${path}.${key}`),
          );
    const [en, de, ar] = LANGUAGES.map(language => texts(TEXTS[language]));
    expect(de?.map(([path]) => path)).toEqual(en?.map(([path]) => path));
    expect(ar?.map(([path]) => path)).toEqual(en?.map(([path]) => path));
    for (const [i, [path, text]] of (en ?? []).entries()) {
      for (const other of [de?.[i]?.[1] ?? '', ar?.[i]?.[1] ?? '']) {
        expect(other, path).not.toBe('');
        if (path !== '.dir') expect(other, path).not.toBe(text);
      }
    }
  });

  it('says durations and moments in its own words', () => {
    expect(TEXTS.en.duration(2_592_000)).toBe('1 month');
    expect(TEXTS.en.duration(2_628_000)).toBe('1 month');
    expect(TEXTS.en.duration(1_209_600)).toBe('2 weeks');
    expect(TEXTS.en.duration(31_536_000)).toBe('1 year');
    expect(TEXTS.en.duration(5_400)).toBe('90 minutes');
    expect(TEXTS.de.duration(2_592_000)).toBe('1 Monat');
    expect(TEXTS.ar.duration(3_600)).toMatch(/ساعة/);
    expect(TEXTS.en.moment(0)).toMatch(/^1 January 1970 at 00:00 UTC$/);
  });
});

describe.each(LANGUAGES)('every page in %s', language => {
  let portal: TestPortal;
  let visitor: Visitor;
  const accept = [['Accept-Language', language]] as const;

  beforeEach(async () => {
    portal = await startPortal();
    visitor = new Visitor(portal.port);
  });

  afterEach(() => portal.stop());

  /** What every page must be, whatever names stand in it. */
  function expectWell({ headers, body }: Answer): void {
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    // Our one script only where somebody goes on to a page, and nothing of it in the page itself.
    const scripts = body.match(/<script\b.*/g) ?? [];
    for (const script of scripts) {
      expect(script).toMatch(
        new RegExp(`^<script src="${SCRIPT_PATH}" defer(?: data-onward="https://[^"]*")?></script>$`),
      );
    }
    const runs = scripts.length === 0 ? '' : "script-src 'self'; ";
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; ${runs}style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    );
    const leadsOn = /return=|name="return"|https:\/\/app\.example\.com/.test(body);
    expect(scripts).toHaveLength(leadsOn ? 1 : 0);
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'content-language': language,
    });
    expect(headers['permissions-policy']).toContain('camera=()');
    expectSafe(body, TEXTS[language]);
  }

  it('is well-formed and has its headers', async () => {
    portal.users.put('john', 'password');
    const signIn = await visitor.get('/?rd=https%3A%2F%2Fapp.example.com%2F', accept);
    expectWell(signIn);
    const failed = await visitor.submit(formOf(signIn, 'sign-in'), { username: 'john', password: 'no' }, [
      ...accept,
      ['Origin', 'https://auth.example.com'],
    ]);
    expect(failed.status).toBe(401);
    expectWell(failed);
    // What is read out first says that it did not work.
    const { signIn: words, error } = TEXTS[language];
    expect(signIn.body).toContain(`<title>${words.title} – example.com</title>`);
    expect(failed.body).toContain(`<title>${error.mistake(words.title)} – example.com</title>`);
    await visitor.signIn('john', 'password');
    for (const path of ['/', '/logout', '/continue?rd=https%3A%2F%2Fapp.example.com%2F']) {
      const answer = await visitor.get(path, accept);
      expect(answer.status, path).toBe(200);
      expectWell(answer);
    }
    const nothing = await visitor.get('/nothing', accept);
    expect(nothing.status).toBe(404);
    expectWell(nothing);
    visitor.jar.clear();
    for (const path of ['/logout', '/logout?done=here&rd=https%3A%2F%2Fapp.example.com%2F', '/continue']) {
      expectWell(await visitor.get(path, accept));
    }
    const foreign = await visitor.submit(formOf(signIn, 'sign-in'), {}, [...accept, ['Origin', 'null']]);
    expect(foreign.status).toBe(403);
    expectWell(foreign);
  });

  it.each(HOSTILE)('escapes the name %j', async hostile => {
    portal.users.put('john', 'password', { name: hostile, groups: [hostile, 'b'] });
    await visitor.signIn('john', 'password');
    for (const path of ['/', '/logout']) expectWell(await visitor.get(path, accept));
    visitor.jar.clear();
    const form = formOf(await visitor.get('/'), 'sign-in');
    expectWell(await visitor.submit(form, { username: hostile }, [...accept]));
    expectWell(
      await visitor.get(`/?rd=${encodeURIComponent('https://app.example.com/?x=')}%22%3E%3Cb%3E`, accept),
    );
    expectWell(await visitor.get(`/%22%3E%3Cscript%3E?${encodeURIComponent('"><b>')}`, accept));
  });

  it.each(HOSTILE)('tells who may not enter, with names like %j', hostile => {
    const log = fakeLogger();
    const reply = createDeniedPage({ random: fakeRandom(), log })({
      ...DENIED,
      request: { headers: new RequestHeaders(['Accept-Language', language]) },
      principal: { username: hostile, displayName: hostile, email: hostile, groups: [hostile] },
      host: hostile,
    });
    expect(reply.status).toBe(403);
    expectSafe(reply.body, TEXTS[language]);
    const id = /<code>([0-9A-Z]{8})<\/code>/.exec(reply.body)?.[1];
    expect(log.lines).toEqual([
      {
        level: 'info',
        message: 'access denied',
        fields: expect.objectContaining({
          id,
          user: hostile,
          path: '/page',
          client: '198.51.100.7',
          rule: 3,
        }),
      },
    ]);
    expect(log.text()).not.toContain('token=');
  });
});

const DENIED: Denied = {
  request: { headers: new RequestHeaders([]) },
  cookie: { domain: 'example.com', signInUrl: 'https://auth.example.com/authelia' },
  principal: { username: 'john', displayName: '', email: '', groups: [] },
  host: 'app.example.com',
  url: 'https://app.example.com/page?token=secret',
  client: '198.51.100.7',
  position: 3,
};

/** Language and direction, one heading, labels, and nothing but the tags that we write. */
function expectSafe(body: string, texts: Texts): void {
  expect(body).toMatch(new RegExp(`^<!doctype html>\\n<html lang="${texts.lang}" dir="${texts.dir}">`));
  expect(body.match(/<h1>/g)).toHaveLength(1);
  expect(body).not.toMatch(/(?:href|src|action)="(?!\/|https:\/\/|data:image\/svg)/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  expect(body).not.toMatch(/[\u0000-\u0008\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]/);
  const known =
    /^(?:!doctype|html|head|meta|title|link|body|main|div|svg|path|circle|bdi|h1|p|form|input|label|button|strong|dl|dt|dd|a|code|script|noscript|!--)$/;
  for (const [, tag = '', attributes = ''] of body.matchAll(/<([!a-z][a-z0-9]*|!--)((?:"[^"]*"|[^">])*)>/g)) {
    expect(tag).toMatch(known);
    expect(attributes.replace(/"[^"]*"/g, '""')).toMatch(/^(?: (?!on|style)[a-zA-Z-]+(?:="")?)*\/?$/);
  }
  for (const [, id = ''] of body.matchAll(/<input id="([^"]+)"/g))
    expect(body).toContain(`<label for="${id}">`);
  for (const [, ids = ''] of body.matchAll(/aria-describedby="([^"]+)"/g)) {
    for (const id of ids.split(' ')) expect(body).toContain(`id="${id}"`);
  }
}

describe('the page of whom a site does not let in', () => {
  const show = createDeniedPage({ random: fakeRandom(), log: fakeLogger() });

  it('is shown at the address of the site, with the style of the portal', () => {
    const { headers, body } = show(DENIED);
    expect(new Map(headers).get('Content-Security-Policy')).toContain('style-src https://auth.example.com;');
    expect(body).toContain(`<link rel="stylesheet" href="https://auth.example.com/authelia${STYLE_PATH}">`);
    expect(body).toContain(
      'href="https://auth.example.com/authelia/logout?rd=https%3A%2F%2Fapp.example.com%2Fpage%3Ftoken%3Dsecret"',
    );
  });

  it('says why', () => {
    expect(show(DENIED).body).toContain(TEXTS.en.denied.why.rule);
    expect(show({ ...DENIED, position: 0 }).body).toContain(TEXTS.en.denied.why.default);
    expect(show(DENIED).body).toContain(TEXTS.en.denied.noGroups);
  });
});

describe('what the portal answers beside pages', () => {
  let portal: TestPortal;
  let visitor: Visitor;

  beforeEach(async () => {
    portal = await startPortal();
    visitor = new Visitor(portal.port);
  });

  afterEach(() => portal.stop());

  it.each([
    ['style', 'text/css; charset=utf-8', 'css', 'cross-origin'],
    ['script', 'text/javascript; charset=utf-8', 'js', 'same-origin'],
  ])(
    'has the %s at an address that names its content, for a year',
    async (dest, type, ending, sharedWith) => {
      const { body } = await visitor.get('/?rd=https%3A%2F%2Fapp.example.com%2F');
      const path = new RegExp(`"(/static/[^"]+\\.${ending})"`).exec(body)?.[1] ?? '';
      const file = await visitor.get(path, [['Sec-Fetch-Dest', dest]]);
      expect(file).toMatchObject({
        status: 200,
        headers: {
          'content-type': type,
          'cache-control': 'public, max-age=31536000, immutable',
          'x-content-type-options': 'nosniff',
          'cross-origin-resource-policy': sharedWith,
        },
      });
      expect(file.headers).not.toHaveProperty('set-cookie');
      expect(path).toContain(createHash('sha256').update(file.body).digest('hex').slice(0, 16));
      expect((await visitor.get(`/static/portal-0123456789abcdef.${ending}`)).status).toBe(404);
    },
  );

  it('has a script that browsers of 2016 read as well: others would stay on the page that leads on', () => {
    const asIs = transformSync(SCRIPT, { target: 'esnext' }).code;
    expect(transformSync(SCRIPT, { target: 'es2015' }).code).toBe(asIs);
  });

  it('costs little: the sign-in page with everything, uncompressed', async () => {
    const bytes = ({ headers, body }: Answer) =>
      Buffer.byteLength(body) +
      Object.entries(headers).reduce((sum, [key, value]) => sum + key.length + String(value).length + 4, 0);
    const signIn = await visitor.get('/?rd=https%3A%2F%2Fapp.example.com%2F');
    const loaded = [...signIn.body.matchAll(/(?:src|<link[^>]*href)="([^"]+)"/g)].map(([, url]) => url ?? '');
    const fetched = loaded.filter(url => !url.startsWith('data:'));
    expect(fetched).toEqual([STYLE_PATH, SCRIPT_PATH]);
    let total = bytes(signIn);
    for (const url of fetched) total += bytes(await visitor.get(url));
    expect(total).toBeGreaterThan(1_000);
    expect(total).toBeLessThan(MAX_TRANSFER);
  });

  it('refuses other methods, and says which there are', async () => {
    const { ask } = await import('../../support/test-app.ts');
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      const answer = await ask(portal.port, '/', visitor.headers(), method);
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST' } });
    }
    const answer = await ask(portal.port, '/continue', visitor.headers(), 'POST');
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    const head = await ask(portal.port, '/', visitor.headers(), 'HEAD');
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(Number(head.headers['content-length'])).toBeGreaterThan(1_000);
  });

  it('refuses bodies that are no forms', async () => {
    const { ask } = await import('../../support/test-app.ts');
    const send = (type: string, body: string) => {
      const length = ['Content-Length', String(body.length)] as const;
      return ask(portal.port, '/', [...visitor.headers(), ['Content-Type', type], length], 'POST', body);
    };
    expect((await send('application/json', '{}')).status).toBe(415);
    expect((await send('multipart/form-data; boundary=x', '--x--')).status).toBe(415);
    expect((await send('application/x-www-form-urlencoded', `a=${'b'.repeat(9_000)}`)).status).toBe(413);
    expect((await send('application/x-www-form-urlencoded', 'form=sign-in&form=sign-in')).status).toBe(400);
    expect((await send('application/x-www-form-urlencoded', 'form=%ff')).status).toBe(400);
  });

  it.each<[string, [string, string][], number]>([
    ['by plain http', [['X-Forwarded-Proto', 'http']], 400],
    [
      'by two schemes',
      [
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Proto', 'https'],
      ],
      400,
    ],
    ['with a host told that is another', [['X-Forwarded-Host', 'app.example.com']], 403],
    [
      "for another page by nginx's header",
      [
        ['X-Forwarded-Host', 'auth.example.com'],
        ['X-Original-URL', 'https://app.example.com/'],
      ],
      403,
    ],
    [
      'as a decision',
      [
        ['X-Forwarded-Host', 'auth.example.com'],
        ['Postern-Request', 'x'],
      ],
      403,
    ],
    ['without being told by a proxy', [], 403],
  ])('refuses to be asked for %s', async (_, headers, status) => {
    const { ask } = await import('../../support/test-app.ts');
    const host = headers.some(([key]) => key === 'X-Forwarded-Host') || headers.length === 0;
    const told: [string, string][] = host ? [] : [['X-Forwarded-Host', 'auth.example.com']];
    const asked = [['Host', 'auth.example.com'] as const, ...told, ...headers];
    const answer = await ask(portal.port, '/', asked);
    expect(answer.status).toBe(status);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    // The page that asks for https has its style; whoever asks as no proxy of ours does is given nothing.
    expect((await ask(portal.port, STYLE_PATH, asked)).status).toBe(status === 400 ? 200 : 403);
  });

  it.each(['https', 'HTTPS', 'https, https'])('is asked for by %s', async scheme => {
    const { ask } = await import('../../support/test-app.ts');
    const told = ['Host', 'X-Forwarded-Host'].map(key => [key, 'auth.example.com'] as const);
    expect((await ask(portal.port, '/', [...told, ['X-Forwarded-Proto', scheme]])).status).toBe(200);
    expect((await ask(portal.port, '/', [...told, ['X-Forwarded-Proto', `${scheme}, http`]])).status).toBe(
      400,
    );
  });

  it('is nothing at any other address', async () => {
    const { ask } = await import('../../support/test-app.ts');
    expect((await ask(portal.port, '/', [])).status).toBe(404);
    expect((await ask(portal.port, '/', [['Host', 'app.example.com']])).status).toBe(403);
    expect((await ask(portal.port, '/', [['Host', 'postern.localhost']])).status).toBe(404);
  });
});

describe('parts of pages', () => {
  it('have one field for a code, which phones and password managers fill in', () => {
    const { text } = field({ name: 'code', label: 'Code', autocomplete: 'one-time-code', code: 'digits' });
    expect(text).toContain('autocomplete="one-time-code"');
    expect(text).toContain('inputmode="numeric"');
    expect(text.match(/<input/g)).toHaveLength(1);
  });

  it('tell mistakes at once', () => {
    expect(notice('bad', 'problem', '<').text).toContain('role="alert"');
    expect(notice('good', 'done', html`<i>x</i>`).text).toContain('<i>x</i>');
    expect(facts([['a', name('b')]]).text).toBe('<dl>\n<dt>a</dt> <dd><bdi>b</bdi></dd>\n</dl>');
  });

  it('cannot be led elsewhere by an address with a quote', () => {
    const reply = page({
      texts: TEXTS.en,
      base: '',
      brand: 'x',
      title: 'x',
      body: '',
      leaveFor: "https://app.example.com/?a='; url=https://evil.example",
    });
    expect(reply.body).toContain('url=&#39;https://app.example.com/?a=%27; url=https://evil.example&#39;">');
  });
});
