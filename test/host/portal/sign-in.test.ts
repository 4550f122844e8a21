import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE_DELAY_MS } from '../../../host/authn/failure-delay.ts';
import { formOf, setCookies, startPortal, type TestPortal, Visitor } from '../../support/portal.ts';

const SESSION = '__Secure-postern_session';
const rd = (url: string) => `/?rd=${encodeURIComponent(url)}&rm=GET`;

describe('the sign-in page', () => {
  let portal: TestPortal;
  let visitor: Visitor;

  beforeEach(async () => {
    portal = await startPortal();
    portal.users.put('john', 'password', { groups: ['admins', 'users'], name: 'John Doe' });
    visitor = new Visitor(portal.port);
  });

  afterEach(() => portal.stop());

  it('signs in, and says who is signed in', async () => {
    const answer = await visitor.signIn('john', 'password');
    expect(answer).toMatchObject({ status: 303, headers: { location: '/continue' } });
    const cookie = setCookies(answer).find(line => line.startsWith(SESSION));
    expect(cookie).toMatch(
      /^__Secure-postern_session=[\w-]{64}; Domain=example\.com; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    );
    expect(await visitor.get('/continue')).toMatchObject({ status: 303, headers: { location: '/' } });
    const page = await visitor.get('/');
    expect(page.status).toBe(200);
    expect(page.body).toContain('You are signed in as <strong><bdi>John Doe</bdi></strong>');
    expect(page.body).toContain('<bdi>admins</bdi>, <bdi>users</bdi>');
    expect(portal.sessions.begun).toEqual([
      {
        username: 'john',
        domain: 'example.com',
        level: 1,
        remember: false,
        details: { address: '198.51.100.7', agent: '' },
        replaces: undefined,
      },
    ]);
  });

  it('leads on to the page that was asked for, by a page of its own', async () => {
    const page = await visitor.get(rd('https://app.example.com/one?a=1&b=2'));
    expect(page.body).toContain('To continue to <strong><bdi>app.example.com</bdi></strong>.');
    const answer = await visitor.submit(formOf(page, 'sign-in'), { username: 'john', password: 'password' });
    expect(answer.headers.location).toMatch(/^\/continue\?return=[\w-]+$/);
    const landing = await visitor.get(String(answer.headers.location));
    expect(landing.status).toBe(200);
    expect(landing.headers).not.toHaveProperty('location');
    expect(landing.body).toContain(
      '<meta http-equiv="refresh" content="0; url=&#39;https://app.example.com/one?a=1&amp;b=2&#39;">',
    );
    expect(landing.body).toContain('href="https://app.example.com/one?a=1&amp;b=2"');
  });

  it('understands an address that nginx did not escape', async () => {
    await visitor.signIn('john', 'password');
    const answer = await visitor.get('/?rd=https://app.example.com/one?a=1&b=2&rm=GET');
    expect(answer).toMatchObject({
      status: 303,
      headers: { location: 'https://app.example.com/one?a=1&b=2' },
    });
  });

  it.each([
    'https://app.example.com/one?return=/two&b=2',
    'https://app.example.com/one?a=1&return=https://evil.org/',
    'https://app.example.com/one?a=1&return=%zz&return=x',
    'https://app.example.com/one?a=1&rd=https://evil.org/',
    'https://app.example.com/one?a=1&rm=all',
    'https://app.example.com/one?a=1&done=here&form=sign-in&token=x',
  ])('understands it, too, where the page has arguments like ours: %s', async url => {
    await visitor.signIn('john', 'password');
    expect(await visitor.get(`/?rd=${url}`)).toMatchObject({ status: 303, headers: { location: url } });
    const way = await visitor.get(`/?return=expired&rd=${encodeURIComponent(url)}`);
    expect(way).toMatchObject({ status: 303, headers: { location: url } });
  });

  it('sends somebody who is signed in on at once', async () => {
    await visitor.signIn('john', 'password');
    const answer = await visitor.get(rd('https://app.example.com/one'));
    expect(answer).toMatchObject({ status: 303, headers: { location: 'https://app.example.com/one' } });
  });

  it('says so when a site sends people back for ever', async () => {
    await visitor.signIn('john', 'password');
    let answer = await visitor.get(rd('https://app.example.com/one'));
    for (let i = 0; i < 15 && answer.status === 303; i++)
      answer = await visitor.get(rd('https://app.example.com/one'));
    expect(answer.status).toBe(508);
    expect(answer.body).toContain('<bdi>app.example.com</bdi>');
    expect((await visitor.get(rd('https://app.example.com/one'))).status).toBe(303);
    // Many pages at once are no circle.
    for (let i = 0; i < 20; i++) {
      expect((await visitor.get(rd(`https://app.example.com/${i}`))).status).toBe(303);
    }
  });

  it('takes a name that a telephone has put a space behind', async () => {
    expect((await visitor.signIn(' john ', 'password')).status).toBe(303);
    expect((await new Visitor(portal.port).signIn('john', 'password ')).status).toBe(401);
  });

  it('asks for a second factor where the page would', async () => {
    const answer = await visitor.signIn('john', 'password', rd('https://app.example.com/two'));
    expect(answer.headers.location).toMatch(/^\/second-factor\?return=/);
    const later = await visitor.get(rd('https://app.example.com/two'));
    expect(later.headers.location).toMatch(/^\/second-factor\?return=/);
    const token = visitor.jar.get(SESSION) ?? '';
    const session = portal.sessions.live.get(token);
    if (session === undefined) throw new Error('no session');
    portal.sessions.live.set(token, { ...session, level: 2 });
    expect((await visitor.get(rd('https://app.example.com/two'))).headers.location).toBe(
      'https://app.example.com/two',
    );
  });

  it('remembers when it is asked to, for as long as it says', async () => {
    const page = await visitor.get('/');
    expect(page.body).toContain('Stay signed in on this device for 1 month');
    await visitor.submit(formOf(page, 'sign-in'), { username: 'john', password: 'password', remember: 'on' });
    expect(portal.sessions.begun[0]?.remember).toBe(true);
  });

  it('ends the session of before with the new one', async () => {
    await visitor.signIn('john', 'password');
    const before = visitor.jar.get(SESSION);
    portal.users.put('harry', 'password');
    const other = new Visitor(portal.port);
    const form = formOf(await other.get('/'), 'sign-in');
    for (const [name, value] of visitor.jar) if (name === SESSION) other.jar.set(name, value);
    await other.submit(form, { username: 'harry', password: 'password' });
    expect(portal.sessions.begun[1]).toMatchObject({ username: 'harry', replaces: before });
    expect(portal.sessions.live.has(before ?? '')).toBe(false);
  });

  it('says the same of a wrong password, an unknown or disabled user, and a ban, as late', async () => {
    portal.users.put('harry', 'grey-otter', { disabled: true });
    portal.users.put('bob', 'grey-otter');
    portal.login.banned.add('bob');
    const form = formOf(await visitor.get('/'), 'sign-in');
    const tries = [
      ['john', 'red-heron'],
      ['jane', 'grey-otter'],
      ['harry', 'grey-otter'],
      ['harry', 'red-heron'],
      ['bob', 'grey-otter'],
      ['bob', 'red-heron'],
      ['john', ''],
    ] as const;
    const pages = new Set<string>();
    for (const [username, password] of tries) {
      const answer = await visitor.submit(form, { username, password });
      expect(answer.status).toBe(401);
      // The token holds the time.
      const body = answer.body
        .replace(/name="token" value="[^"]*"/, '')
        .replaceAll(`"${username}"`, '"NAME"');
      pages.add(JSON.stringify([answer.status, { ...answer.headers, date: '', 'content-length': '' }, body]));
      expect(body).not.toContain(password || '\0');
    }
    expect(pages.size).toBe(1);
    expect(portal.delays).toHaveLength(tries.length);
    for (const delay of portal.delays) {
      // The rest of two seconds; what the request itself took is no more than a busy machine's.
      expect(delay).toBeGreaterThan(0);
      expect(delay).toBeLessThanOrEqual(FAILURE_DELAY_MS + 84);
    }
    expect(portal.log.text()).not.toMatch(/grey-otter|red-heron/);
  });

  it('keeps the name after a failure, and empties the password', async () => {
    const answer = await visitor.signIn('jo"hn', 'wrong');
    const { fields } = formOf(answer, 'sign-in');
    expect(fields).toMatchObject({ username: 'jo"hn', password: '' });
    expect(answer.body).toMatch(/id="problem" role="alert"/);
    expect(answer.body).toMatch(/<input id="password"[^>]*autofocus/);
    expect(
      await visitor.submit(formOf(answer, 'sign-in'), { username: 'john', password: 'password' }),
    ).toMatchObject({
      status: 303,
    });
  });

  it('knows the browser again in which somebody signed in', async () => {
    await visitor.signIn('john', 'password');
    visitor.jar.delete(SESSION);
    await visitor.signIn('john', 'wrong');
    expect(portal.login.tried.map(({ device }) => device !== undefined)).toEqual([false, true]);
    visitor.jar.delete(SESSION);
    portal.users.put('harry', 'password');
    await visitor.signIn('harry', 'wrong');
    expect(portal.login.tried.at(-1)?.device).toBeUndefined();
  });

  it('answers 503 where too many wait, and while the database does not answer', async () => {
    const form = formOf(await visitor.get('/'), 'sign-in');
    portal.login.isFull = true;
    const busy = await visitor.submit(form, { username: 'john', password: 'password' });
    expect(busy).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    portal.login.isFull = false;
    portal.sessions.isDown = true;
    const down = await visitor.submit(form, { username: 'john', password: 'password' });
    expect(down).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(down.body).toContain('Sign-in is not available right now');
    expect(visitor.jar.has(SESSION)).toBe(false);
  });

  it('says in its own words that it failed, and not how', async () => {
    const form = formOf(await visitor.get('/'), 'sign-in');
    portal.sessions.begin = () => Promise.reject(new RangeError('a secret detail'));
    const answer = await visitor.submit(form, { username: 'john', password: 'password' });
    expect(answer.status).toBe(500);
    expect(answer.body).toContain('Something went wrong');
    expect(answer.body).not.toContain('detail');
    expect(portal.log.text()).toContain('a request failed');
    expect(visitor.jar.has(SESSION)).toBe(false);
  });

  it('says so when the browser keeps no cookies', async () => {
    await visitor.signIn('john', 'password');
    visitor.jar.clear();
    expect((await visitor.get('/continue')).body).toContain('Your browser did not keep the cookie');
    const form = formOf(await visitor.get('/'), 'sign-in');
    visitor.jar.clear();
    const answer = await visitor.submit(form, { username: 'john', password: 'password' });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('Your browser did not keep the cookie');
    expect(answer.body).toContain('value="john"');
  });

  it('signs in once, whichever of forty pages that were opened together is filled in', async () => {
    const address = rd('https://app.example.com/page');
    const pages = await Promise.all(Array.from({ length: 40 }, () => visitor.get(address)));
    expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]));
    const answer = await visitor.submit(formOf(pages[0] ?? pages[1] ?? answerless(), 'sign-in'), {
      username: 'john',
      password: 'password',
    });
    expect(answer.status).toBe(303);
    const landing = await visitor.get(String(answer.headers.location));
    expect(landing.body).toContain('url=&#39;https://app.example.com/page&#39;');
    const others = await Promise.all(pages.map(() => visitor.get(address)));
    for (const { status, headers } of others) {
      expect([status, headers.location]).toEqual([303, 'https://app.example.com/page']);
    }
    expect(portal.sessions.begun).toHaveLength(1);
  });

  it('gives pictures and scripts that were sent here neither page nor cookie', async () => {
    for (const dest of ['image', 'script', 'empty', 'iframe']) {
      const answer = await visitor.get(rd('https://app.example.com/x.png'), [['Sec-Fetch-Dest', dest]]);
      expect(answer.status).toBe(403);
      expect(setCookies(answer)).toEqual([]);
    }
  });
});

function answerless(): never {
  throw new Error('no page');
}

describe('two root domains', () => {
  let portal: TestPortal;
  const LOGIN = 'https://login.other.test:8443';

  beforeEach(async () => {
    portal = await startPortal();
    portal.users.put('john', 'password');
  });

  afterEach(() => portal.stop());

  it.each(['/authelia/', '/'])('sign in below the path of the address, at %s', async path => {
    const visitor = new Visitor(portal.port, LOGIN);
    const page = await visitor.get(path);
    expect(page.body).toMatch(/href="\/authelia\/static\/portal-[0-9a-f]+\.css"/);
    expect(page.body).not.toContain('name="remember"');
    const form = formOf(page, 'sign-in');
    expect(form.action).toBe('/authelia/');
    const answer = await visitor.submit(form, { username: 'john', password: 'password' });
    expect(answer.headers.location).toBe('/authelia/continue');
    expect(setCookies(answer).find(line => line.startsWith(SESSION))).toContain('Domain=other.test;');
    expect(portal.sessions.begun[0]).toMatchObject({ domain: 'other.test' });
    // `default_redirection_url`
    expect((await visitor.get('/authelia/continue')).body).toContain('href="https://start.other.test/"');
  });

  it('have a portal each, and one sends people who want to go to the other one there', async () => {
    const visitor = new Visitor(portal.port);
    const answer = await visitor.get(rd('https://app.other.test/x'));
    expect(answer).toMatchObject({
      status: 303,
      headers: { location: `${LOGIN}/authelia?rd=https%3A%2F%2Fapp.other.test%2Fx&rm=GET` },
    });
  });

  it("do not take each other's session", async () => {
    const visitor = new Visitor(portal.port);
    await visitor.signIn('john', 'password');
    const other = new Visitor(portal.port, LOGIN);
    other.jar.set(SESSION, visitor.jar.get(SESSION) ?? '');
    expect((await other.get('/authelia/')).body).toContain('<form id="sign-in"');
  });
});
