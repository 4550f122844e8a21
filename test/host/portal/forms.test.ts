import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../../host/http/reply.ts';
import { FORM_LIFETIME_MS, FormTokens, PORTAL_COOKIE } from '../../../host/portal/csrf.ts';
import { SentForms, TWIN_MS } from '../../../host/portal/sent-forms.ts';
import { fakeRandom } from '../../support/host-fakes.ts';
import {
  formOf,
  type SeenForm,
  setCookies,
  startPortal,
  type TestPortal,
  Visitor,
} from '../../support/portal.ts';
import { type HeaderList, PREVIOUS_SECRET, SECRET } from '../../support/test-app.ts';

const JOHN = { username: 'john', password: 'password' };
const OURS: HeaderList = [
  ['Origin', 'https://auth.example.com'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Sec-Fetch-Dest', 'document'],
];

describe('tokens of forms', () => {
  const at = { now: 1_760_000_000_000 };
  const clock = { now: () => at.now };
  const tokens = new FormTokens({ secret: SECRET, clock, random: fakeRandom() });
  const cookie = tokens.newCookie();
  const token = tokens.make('sign-out', cookie, 'session');

  it.each([
    ['as it was made', token, 'sign-out', cookie, 'session', 'good'],
    ['of another form', token, 'sign-out-everywhere', cookie, 'session', 'bad'],
    ['of another session', token, 'sign-out', cookie, 'other', 'stale'],
    ['of no session', token, 'sign-out', cookie, '', 'stale'],
    ['of another browser', token, 'sign-out', tokens.newCookie(), 'session', 'other'],
    ['without a cookie', token, 'sign-out', undefined, 'session', 'other'],
    ['empty', '', 'sign-out', cookie, 'session', 'bad'],
    ['cut', token.slice(0, -1), 'sign-out', cookie, 'session', 'bad'],
    ['longer', `${token}A`, 'sign-out', cookie, 'session', 'bad'],
    ['in another spelling', `${token}=`, 'sign-out', cookie, 'session', 'bad'],
  ] as const)('%s', (_, given, form, shown, session, outcome) => {
    expect(tokens.judge(given, form, shown, session)).toBe(outcome);
  });

  it('are bad with any bit flipped', () => {
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(tokens.judge(flipped.toString('base64url'), 'sign-out', cookie, 'session')).toBe('bad');
    }
  });

  it('are good for twelve hours, under the secret of before, too', () => {
    const turned = new FormTokens({
      secret: PREVIOUS_SECRET,
      previousSecret: SECRET,
      clock,
      random: fakeRandom(),
    });
    expect(turned.judge(token, 'sign-out', cookie, 'session')).toBe('good');
    expect(tokens.judge(turned.make('a', cookie, ''), 'a', cookie, '')).toBe('bad');
    const ahead = { now: () => at.now + FORM_LIFETIME_MS + 1 };
    const late = new FormTokens({ secret: SECRET, clock: ahead, random: fakeRandom() });
    expect(late.judge(token, 'sign-out', cookie, 'session')).toBe('stale');
  });
});

describe('a form of the portal', () => {
  let portal: TestPortal;
  let visitor: Visitor;
  let form: SeenForm;

  beforeEach(async () => {
    portal = await startPortal();
    portal.users.put('john', 'password');
    visitor = new Visitor(portal.port);
    form = formOf(await visitor.get('/'), 'sign-in');
  });

  afterEach(() => portal.stop());

  const refused = async (answer: Promise<{ status: number }>, status: number) => {
    expect((await answer).status).toBe(status);
    expect(portal.login.tried).toEqual([]);
    expect(portal.sessions.begun).toEqual([]);
  };

  it.each<[string, HeaderList, number]>([
    ['an origin of elsewhere', [['Origin', 'https://evil.example']], 403],
    ['an origin of a sister', [['Origin', 'https://app.example.com']], 403],
    ['the origin by plain http', [['Origin', 'http://auth.example.com']], 403],
    ['the origin with another port', [['Origin', 'https://auth.example.com:8443']], 403],
    ['the origin in another spelling', [['Origin', 'https://AUTH.example.com']], 403],
    ['no origin that may be told', [['Origin', 'null']], 403],
    ['two origins', [...OURS, ['Origin', 'https://evil.example']], 403],
    ['a page of elsewhere', [['Sec-Fetch-Site', 'cross-site']], 403],
    ['a page of a sister', [['Sec-Fetch-Site', 'same-site']], 403],
    ['no page', [['Sec-Fetch-Site', 'none']], 403],
    [
      'our origin, but a page of elsewhere',
      [
        ['Origin', 'https://auth.example.com'],
        ['Sec-Fetch-Site', 'cross-site'],
      ],
      403,
    ],
  ])('from %s is refused', (_, headers, status) => refused(visitor.submit(form, JOHN, headers), status));

  it.each([
    ['no token', { token: undefined }, 403],
    ['an empty token', { token: '' }, 403],
    ['a token of our own making', { token: Buffer.alloc(70).toString('base64url') }, 403],
    ['no name', { form: undefined }, 400],
    ["another form's name", { form: 'sign-out' }, 400],
    ['a name that every object has', { form: 'constructor' }, 400],
  ])('with %s is refused', (_, fields, status) =>
    refused(visitor.submit(form, { ...JOHN, ...fields }), status),
  );

  it("with another browser's token is refused, and asked for anew", async () => {
    const other = new Visitor(portal.port);
    const { fields } = formOf(await other.get('/'), 'sign-in');
    await refused(
      visitor.submit(form, { ...JOHN, token: fields.token }, [['Origin', 'https://auth.example.com']]),
      400,
    );
    await refused(visitor.submit(form, { ...JOHN, token: fields.token }, []), 400);
  });

  it("of another session's page is refused", async () => {
    await visitor.signIn('john', 'password');
    const out = formOf(await visitor.get('/logout'), 'sign-out');
    const [begun] = portal.sessions.begun;
    const other = new Visitor(portal.port);
    await other.signIn('john', 'password');
    // Everything that the first browser has but its session.
    other.jar.set(PORTAL_COOKIE, visitor.jar.get(PORTAL_COOKIE) ?? '');
    expect((await other.submit(out)).status).toBe(400);
    expect(portal.sessions.live.size).toBe(2);
    expect(begun?.username).toBe('john');
  });

  it('is refused when the cookie stands twice', async () => {
    const cookie = `${PORTAL_COOKIE}=${visitor.jar.get(PORTAL_COOKIE)}`;
    await refused(
      visitor.submit(form, JOHN, [
        ['Cookie', cookie],
        ['Origin', 'https://auth.example.com'],
      ]),
      400,
    );
  });

  it('is taken where a browser tells nothing of where it is from', async () => {
    expect((await visitor.submit(form, JOHN, [])).status).toBe(303);
  });

  it('that is too old is shown again, with the name', async () => {
    portal.later(FORM_LIFETIME_MS + 1);
    const answer = await visitor.submit(form, JOHN);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('This page had been open for too long');
    expect((await visitor.submit(formOf(answer, 'sign-in'), JOHN)).status).toBe(303);
  });

  it('leads nowhere but to the start when the address to return to is too old or forged', async () => {
    const page = await visitor.get('/?rd=https%3A%2F%2Fapp.example.com%2F');
    const sealed = formOf(page, 'sign-in').fields.return ?? '';
    const forged = `${sealed.slice(0, -1)}${sealed.endsWith('A') ? 'B' : 'A'}`;
    for (const value of [forged, 'https://app.example.com/', '']) {
      const answer = await visitor.submit(formOf(page, 'sign-in'), { ...JOHN, return: value });
      expect(answer.headers.location).toBe('/continue');
    }
  });

  it('leads where it was to lead as long as it is taken, by an address that is good for a while from then', async () => {
    const page = await visitor.get('/?rd=https%3A%2F%2Fapp.example.com%2F');
    const form = formOf(page, 'sign-in');
    portal.later(FORM_LIFETIME_MS - 60_000);
    const wrong = await visitor.submit(form, { ...JOHN, password: 'wrong' });
    const { location } = (await visitor.submit(form, JOHN)).headers;
    expect(location).toMatch(/^\/continue\?return=[\w-]+$/);
    // Behind the page that says what was wrong as well.
    portal.later(FORM_LIFETIME_MS - 60_000);
    const again = await visitor.submit(formOf(wrong, 'sign-in'), JOHN);
    expect((await visitor.get(String(again.headers.location))).body).toContain('https://app.example.com/');
    expect((await visitor.get(String(location))).body).not.toContain('https://app.example.com/');
  });

  it('is acted upon once when a person sends it twice, and both times answered the same', async () => {
    const pressed: HeaderList = [
      ['Origin', 'https://auth.example.com'],
      ['Sec-Fetch-Site', 'same-origin'],
      ['Sec-Fetch-User', '?1'],
    ];
    const [first, second] = await Promise.all([
      visitor.submit(form, JOHN, pressed),
      visitor.submit(form, JOHN, pressed),
    ]);
    expect(first?.status).toBe(303);
    expect(second?.headers).toEqual({ ...first?.headers, date: second?.headers.date });
    expect(portal.login.tried).toHaveLength(1);
    expect(portal.sessions.begun).toHaveLength(1);
    // Another one is another one: of other fields, of another page, of a browser that shows other cookies.
    await visitor.submit(form, { ...JOHN, password: 'wrong' }, pressed);
    await visitor.submit(formOf(await new Visitor(portal.port).get('/'), 'sign-in'), JOHN, pressed);
    const other = new Visitor(portal.port);
    const theirs = formOf(await other.get('/'), 'sign-in');
    await other.submit(theirs, JOHN, pressed);
    expect(portal.login.tried).toHaveLength(4);
    // Whether the browser has kept the session's cookie meanwhile says nothing; that nobody pressed it does.
    await other.submit(theirs, JOHN, pressed);
    expect(portal.login.tried).toHaveLength(4);
    await other.submit(theirs, JOHN);
    expect(portal.login.tried).toHaveLength(5);
  });

  it('is another one after ten seconds', async () => {
    let now = 0;
    let acted = 0;
    const sent = new SentForms(() => now);
    const act = async (): Promise<Reply> => ({ status: 200, headers: [], type: '', body: `${++acted}` });
    const bodyOf = async (key: string) => (await sent.once(key, act)).body;
    expect([await bodyOf('a'), await bodyOf('a'), await bodyOf('b')]).toEqual(['1', '1', '2']);
    now = TWIN_MS - 1;
    expect([await bodyOf('a'), await bodyOf('c')]).toEqual(['1', '3']);
    now = TWIN_MS;
    expect([await bodyOf('a'), await bodyOf('c')]).toEqual(['4', '3']);
    // Many are not kept: the oldest are forgotten first.
    for (let i = 0; i < 2_000; i++) await bodyOf(`many ${i}`);
    acted = 0;
    expect([await bodyOf('many 1999'), await bodyOf('many 0')]).toEqual(['2004', '1']);
  });

  it('that could not be acted upon is tried anew', async () => {
    const pressed: HeaderList = [
      ['Origin', 'https://auth.example.com'],
      ['Sec-Fetch-Site', 'same-origin'],
      ['Sec-Fetch-User', '?1'],
    ];
    portal.login.isFull = true;
    expect((await visitor.submit(form, JOHN, pressed)).status).toBe(503);
    portal.login.isFull = false;
    expect((await visitor.submit(form, JOHN, pressed)).status).toBe(303);
  });

  it('makes one cookie, and keeps it', async () => {
    const first = visitor.jar.get(PORTAL_COOKIE);
    const again = await visitor.get('/');
    expect(setCookies(again)).toEqual([]);
    expect(visitor.jar.get(PORTAL_COOKIE)).toBe(first);
    const fresh = await new Visitor(portal.port).get('/');
    expect(setCookies(fresh)).toEqual([
      expect.stringMatching(/^__Host-postern_portal=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/),
    ]);
  });
});
