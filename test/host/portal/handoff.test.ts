import { createHash, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { CacheError } from '../../../host/cache/cache.ts';
import { MemoryCache, MemorySpace } from '../../../host/cache/memory-cache.ts';
import { DEFAULT_SESSION } from '../../../host/config/session.ts';
import { cookieValue } from '../../../host/http/cookies.ts';
import type { Reply } from '../../../host/http/reply.ts';
import { RequestHeaders } from '../../../host/http/request-headers.ts';
import { createRouter, type Handler, type Request, type Route } from '../../../host/http/router.ts';
import { FormTokens } from '../../../host/portal/csrf.ts';
import { createDispatch } from '../../../host/portal/dispatch.ts';
import { Handoffs, MAX_CODES, type Ticket } from '../../../host/portal/handoff.ts';
import { HandoffDoor, PROOF_COOKIE } from '../../../host/portal/handoff-door.ts';
import { createHandoffRoutes } from '../../../host/portal/handoff-routes.ts';
import { ReturnAddresses } from '../../../host/portal/return-address.ts';
import { Sites } from '../../../host/portal/sites.ts';
import { SignIn } from '../../../host/routes/sign-in.ts';
import { createCallback, createSignOut, createStart } from '../../../host/routes/sign-in-routes.ts';
import { StoreError } from '../../../host/store/store.ts';
import { FakeSessions } from '../../support/fake-sessions.ts';
import { FakeClock, FakeDirectory, fakeLogger } from '../../support/host-fakes.ts';

/**
 * authentik's single application: `app.other.org` behind the portal of
 * `example.com`. The pages between which a browser goes are real; who is signed
 * in is said by the test.
 */
const PORTAL = 'https://auth.example.com';
const cookiesOf = (signInUrl: string) => [
  { domain: 'example.com', signInUrl, session: DEFAULT_SESSION },
  { domain: 'app.other.org', signInUrl, isHandoff: true, session: DEFAULT_SESSION },
  { domain: 'third.net', signInUrl, isHandoff: true, session: DEFAULT_SESSION },
];
const SESSION = DEFAULT_SESSION.cookieName;
const PAGE = 'https://app.other.org/reports?year=2026&month=1';
const SECRET = Buffer.alloc(32, 3);

let clock: FakeClock;
let cache: MemoryCache;
let sessions: FakeSessions;
let log: ReturnType<typeof fakeLogger>;
let ask: Handler;
/** The portal's address. */
let base: string;
/** Level that the page needs, as the portal's own question to the engine would answer. */
let needed: 1 | 2;
/** Paths that the application's proxy leads to us. */
let open: (path: string) => boolean;

beforeEach(() => setUp(PORTAL));

/** @param portal its address, without a slash at its end */
function setUp(portal: string): void {
  const COOKIES = cookiesOf(`${portal}/`);
  base = portal;
  clock = new FakeClock();
  log = fakeLogger();
  cache = new MemoryCache({ clock, random: randomBytes, log });
  const users = new FakeDirectory();
  for (const name of ['alice', 'mallory']) users.put(name, name);
  sessions = new FakeSessions(users);
  needed = 1;
  open = path => path.startsWith('/outpost.goauthentik.io/');
  const returns = new ReturnAddresses({ cookies: COOKIES, secret: SECRET, clock });
  const handoffs = new Handoffs(cache, randomBytes);
  const door = new HandoffDoor({
    cookies: COOKIES,
    handoffs,
    sessions,
    returns,
    random: randomBytes,
    tokenOf: request => cookieValue(request.headers, SESSION),
    detailsOf: () => ({ address: '203.0.113.9', agent: 'a browser' }),
    log,
  });
  const signIn = new SignIn(COOKIES);
  const dispatch = createDispatch(
    [
      ...createHandoffRoutes({
        handoffs,
        returns,
        isEnough: (_visit, live) => live.session.level >= needed,
        log,
      }),
      // The sign-in page, which says where it would lead.
      {
        path: '/',
        get: visit => ({
          status: 200,
          headers: [['X-Location', visit.returnTo?.address.location ?? '']],
          type: 'text/plain',
          body: visit.returnTo?.address.url ?? '',
        }),
      },
    ],
    {
      sites: new Sites(COOKIES),
      sessions,
      sessionToken: request => cookieValue(request.headers, SESSION),
      returns,
      tokens: new FormTokens({ secret: SECRET, clock, random: randomBytes }),
      engine: { clientAddress: () => '203.0.113.9', isTrustedProxy: () => true },
      isPortal: () => true,
      clock,
      log,
    },
  );
  const doors = ['/outpost.goauthentik.io', '/akprox', '/oauth2'];
  const routes: Route[] = doors.flatMap(path => [
    { path: `${path}/start`, kind: 'redirect', handler: createStart(signIn, log, door) },
    { path: `${path}/callback`, kind: 'redirect', handler: createCallback(door) },
    { path: `${path}/sign_out`, kind: 'redirect', handler: createSignOut(signIn, log, door) },
  ]);
  ask = createRouter([...routes, { path: '/', below: true, kind: 'portal', handler: dispatch }], log, {
    isPortal: () => true,
  });
}

/** As much of a browser as it takes: cookies by host and domain, and where it was sent. */
class Browser {
  /** By host that they were set for, or by domain with a dot in front. */
  readonly jar = new Map<string, Map<string, string>>();
  readonly seen: string[] = [];
  readonly replies: Reply[] = [];
  keepsCookies = true;

  cookies(host: string): string[] {
    return [...this.jar].flatMap(([scope, cookies]) =>
      scope === host || `.${host}`.endsWith(scope) ? [...cookies].map(([k, v]) => `${k}=${v}`) : [],
    );
  }

  get(host: string, name: string): string | undefined {
    return this.cookies(host)
      .find(pair => pair.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  }

  async load(address: string, method = 'GET', more: string[] = []): Promise<Reply> {
    const url = new URL(address);
    this.seen.push(address);
    const cookies = this.cookies(url.hostname);
    const raw = ['Host', url.host, ...(cookies.length === 0 ? [] : ['Cookie', cookies.join('; ')]), ...more];
    const request: Request = {
      method,
      path: url.pathname,
      query: url.search.slice(1),
      headers: new RequestHeaders(raw),
      peer: '127.0.0.1',
      secure: false,
    };
    const isOurs = url.host === 'auth.example.com' || open(url.pathname);
    // The application itself, or the guard before it, which sends people to the portal.
    const reply = isOurs ? await ask(request) : this.#guarded(url);
    for (const [name, value] of reply.headers) if (name === 'Set-Cookie') this.#keep(url.hostname, value);
    this.replies.push(reply);
    return reply;
  }

  /** Follows redirections until there is a page. */
  async open(address: string): Promise<Reply> {
    let at = address;
    for (let i = 0; i < 20; i++) {
      const reply = await this.load(at);
      const location = locationOf(reply);
      if (location === undefined) return reply;
      at = new URL(location, at).href;
    }
    throw new Error(`sent round in circles: ${this.seen.slice(-6).join(' ')}`);
  }

  #guarded(url: URL): Reply {
    const token = this.get(url.hostname, SESSION);
    const found = token === undefined ? undefined : sessions.live.get(token);
    const isIn = found !== undefined && url.hostname.endsWith(found.domain);
    return isIn && found.level >= needed
      ? { status: 200, headers: [], type: '', body: `${found.username} at ${url.href}` }
      : {
          status: 302,
          headers: [['Location', `${base}/?rd=${encodeURIComponent(url.href)}&rm=GET`]],
          type: '',
          body: '',
        };
  }

  #keep(host: string, line: string): void {
    if (!this.keepsCookies) return;
    const [pair = '', ...attributes] = line.split('; ');
    const equals = pair.indexOf('=');
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    const domain = attributes.find(text => text.startsWith('Domain='))?.slice(7);
    expect(attributes).toEqual(expect.arrayContaining(['Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax']));
    if (name.startsWith('__Host-')) expect(domain).toBeUndefined();
    if (domain !== undefined) expect(`.${host}`.endsWith(`.${domain}`)).toBe(true);
    const scope = domain === undefined ? host : `.${domain}`;
    const cookies = this.jar.get(scope) ?? new Map<string, string>();
    if (attributes.includes('Max-Age=0')) cookies.delete(name);
    else cookies.set(name, value);
    this.jar.set(scope, cookies);
  }

  /** As the sign-in page leaves a browser, and where that sends it. */
  async signIn(username: string, level: 1 | 2 = 1, remember = false): Promise<void> {
    const begun = await sessions.begin({
      username,
      domain: 'example.com',
      level,
      remember,
      details: { address: '', agent: '' },
    });
    this.jar.set('.example.com', new Map([[SESSION, begun?.token ?? '']]));
  }

  /** The page that `start` of this host would lead to a code, without following it there. */
  async codeFor(page: string): Promise<URL> {
    const started = await this.load(
      `${new URL(page).origin}/outpost.goauthentik.io/start?rd=${encodeURIComponent(page)}`,
    );
    const answer = await this.load(locationOf(started) ?? '');
    const callback = new URL(locationOf(answer) ?? '');
    expect(callback.searchParams.get('code')).toMatch(/^[A-Za-z0-9_-]{43}$/);
    return callback;
  }
}

function locationOf(reply: Reply): string | undefined {
  return reply.headers.find(([name]) => name === 'Location')?.[1];
}

describe('an application whose domain is not the portal’s', () => {
  it('knows who is signed in at the portal, and is asked for nothing but redirections', async () => {
    const browser = new Browser();
    await browser.signIn('alice', 2, true);
    const page = await browser.open(PAGE);
    // The portal's own page says where it sends a signed-in browser: no more than that is between.
    expect(page.headers).toContainEqual([
      'X-Location',
      expect.stringContaining('https://app.other.org/outpost'),
    ]);
    const reply = await browser.open(page.headers.find(([name]) => name === 'X-Location')?.[1] ?? '');
    expect(reply.body).toBe(`alice at ${PAGE}`);
    expect(sessions.begun.at(-1)).toEqual({
      username: 'alice',
      domain: 'app.other.org',
      level: 2,
      remember: true,
      details: { address: '203.0.113.9', agent: 'a browser' },
      replaces: undefined,
      parent: [...sessions.live.values()][0]?.id,
    });
    // What proved the browser is gone, and no redirection tells anybody where it came from.
    expect(browser.get('app.other.org', PROOF_COOKIE)).toBeUndefined();
    const ours = browser.replies.filter((_, i) =>
      /\/(?:start|handoff|callback)\?/.test(browser.seen[i] ?? ''),
    );
    expect(ours.length).toBe(3);
    for (const { headers } of ours) expect(headers).toContainEqual(['Referrer-Policy', 'no-referrer']);
  });

  it('sends whoever is not signed in to the sign-in page, and gets them back through the same door', async () => {
    for (const door of ['/outpost.goauthentik.io', '/akprox', '/oauth2']) {
      open = path => path.startsWith(`${door}/`);
      const browser = new Browser();
      const page = await browser.open(`https://app.other.org${door}/start?rd=/reports?year=2026&month=1`);
      expect([door, page.body]).toEqual([door, PAGE]);
      await browser.signIn('alice');
      const location = page.headers.find(([name]) => name === 'X-Location')?.[1] ?? '';
      expect(location.startsWith(`https://app.other.org${door}/start?`)).toBe(true);
      expect((await browser.open(location)).body).toBe(`alice at ${PAGE}`);
    }
  });

  it('finds the door that its proxy leads to us, and says so when there is none', async () => {
    const through = async (browser: Browser) => {
      for (let i = 0; i < 8; i++) {
        const page = await browser.open(browser.seen.length === 0 ? PAGE : (browser.seen.at(-1) ?? ''));
        const location = page.headers.find(([name]) => name === 'X-Location')?.[1];
        if (location === undefined) return page;
        browser.seen.push(location);
      }
      throw new Error('sent round in circles');
    };
    for (const door of ['/outpost.goauthentik.io', '/akprox', '/oauth2']) {
      open = path => path.startsWith(`${door}/`);
      const browser = new Browser();
      await browser.signIn('alice');
      expect([door, (await through(browser)).body]).toEqual([door, `alice at ${PAGE}`]);
    }
    open = () => false;
    const lost = new Browser();
    await lost.signIn('alice');
    const reply = await through(lost);
    expect([reply.status, reply.body]).toEqual([502, expect.stringContaining('app.other.org')]);
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { host: 'app.other.org' } });
  });

  it('asks for the second factor first where the page needs one', async () => {
    needed = 2;
    const browser = new Browser();
    await browser.signIn('alice', 1);
    const start = `https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`;
    expect((await browser.open(start)).body).toBe(PAGE);
    expect(sessions.begun.filter(({ domain }) => domain === 'app.other.org')).toEqual([]);
    await browser.signIn('alice', 2);
    expect((await browser.open(start)).body).toBe(`alice at ${PAGE}`);
  });

  it('finds a portal below a path', async () => {
    setUp(`${PORTAL}/sign/in`);
    const browser = new Browser();
    const page = await browser.open(PAGE);
    expect(page.body).toBe(PAGE);
    await browser.signIn('alice');
    const location = page.headers.find(([name]) => name === 'X-Location')?.[1] ?? '';
    expect((await browser.open(location)).body).toBe(`alice at ${PAGE}`);
    expect(browser.seen).toContainEqual(expect.stringContaining(`${PORTAL}/sign/in/handoff?`));
  });

  it('puts the new session in the place of the old one', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const start = `https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`;
    await browser.open(start);
    const token = browser.get('app.other.org', SESSION);
    expect(token).toHaveLength(64);
    await browser.signIn('alice', 2);
    await browser.open(start);
    expect(sessions.begun.at(-1)).toMatchObject({ replaces: token, level: 2 });
    expect(browser.get('app.other.org', SESSION)).not.toBe(token);
  });

  it('signs in every page that a browser opens at once', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const pages = Array.from({ length: 40 }, (_, i) => `https://app.other.org/page-${i}`);
    // All of them begin before one ends: the browser has the cookie of the last answer.
    const begun = await Promise.all(
      pages.map(page =>
        browser.load(`https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(page)}`),
      ),
    );
    const landed = [];
    for (const reply of begun) landed.push((await browser.open(locationOf(reply) ?? '')).body);
    expect(landed).toEqual(pages.map(page => `alice at ${page}`));
  });

  it('signs in every page, however the steps of several mix', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const pages = Array.from({ length: 5 }, (_, i) => `https://app.other.org/page-${i}`);
    const start = 'https://app.other.org/outpost.goauthentik.io/start?rd=';
    let steps = pages.map(page => ({ page, at: start + encodeURIComponent(page) }));
    const landed = new Map<string, string>();
    // One step of each in turn: who is first uses up the proof that the others began with.
    for (let round = 0; steps.length > 0 && round < 20; round++) {
      const next: typeof steps = [];
      for (const { page, at } of steps) {
        const reply = await browser.load(at);
        const location = locationOf(reply);
        if (location === undefined) landed.set(page, reply.body);
        else next.push({ page, at: new URL(location, at).href });
      }
      steps = next;
    }
    expect([...landed].sort()).toEqual(pages.map(page => [page, `alice at ${page}`]));
  });

  it('lets a browser go that keeps no cookies', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    browser.keepsCookies = false;
    const reply = await browser.open(
      `https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`,
    );
    expect([reply.status, reply.body]).toEqual([400, expect.stringContaining('https://app.other.org/')]);
    // A page like the portal's own, which gets nothing but its style from there, and tells nobody its address.
    expect(reply.headers).toContainEqual(['Referrer-Policy', 'no-referrer']);
    expect(reply.headers.filter(([name]) => name === 'Referrer-Policy')).toHaveLength(1);
    expect(reply.body).toContain(`href="${PORTAL}/static/`);
    expect(browser.seen.length).toBeLessThan(8);
  });
});

describe('a code', () => {
  it('is good once', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const callback = await browser.codeFor(PAGE);
    const proof = browser.get('app.other.org', PROOF_COOKIE) ?? '';
    expect((await browser.load(callback.href)).status).toBe(303);
    browser.jar.get('app.other.org')?.set(PROOF_COOKIE, proof);
    const again = await browser.load(callback.href);
    expect([again.status, again.headers.some(([name]) => name === 'Set-Cookie')]).toEqual([400, false]);
    expect(sessions.begun).toHaveLength(2);
  });

  it('is good once, whoever comes at the same time', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const { href } = await browser.codeFor(PAGE);
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.load(href)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(19).fill(400)]);
    expect(sessions.begun).toHaveLength(2);
  });

  it('is good once on all hosts that share a cache', async () => {
    const space = new MemorySpace();
    const hosts = Array.from(
      { length: 3 },
      () => new Handoffs(new MemoryCache({ clock, random: randomBytes, log, space }), randomBytes),
    );
    const ticket: Ticket = {
      username: 'alice',
      level: 1,
      remember: false,
      parent: 'p',
      host: 'app.other.org',
      url: PAGE,
      state: 's',
      isRetry: false,
    };
    const code = (await hosts[0]?.issue(ticket)) ?? '';
    const found = await Promise.all([...hosts, ...hosts].map(host => host.redeem(code)));
    expect(found.filter(one => one !== undefined)).toEqual([ticket]);
  });

  it('is good for a minute', async () => {
    for (const [ms, status] of [
      [59_000, 303],
      [61_000, 400],
    ] as const) {
      const browser = new Browser();
      await browser.signIn('alice');
      const callback = await browser.codeFor(PAGE);
      await clock.advance(ms);
      expect([ms, (await browser.load(callback.href)).status]).toEqual([ms, status]);
    }
  });

  it('is good at its own host alone, and used up at any other', async () => {
    for (const host of ['third.net', 'deep.app.other.org', 'app.other.org.']) {
      const browser = new Browser();
      await browser.signIn('alice');
      const callback = await browser.codeFor(PAGE);
      const proof = browser.get('app.other.org', PROOF_COOKIE) ?? '';
      browser.jar.set(host, new Map([[PROOF_COOKIE, proof]]));
      const elsewhere = await browser.load(callback.href.replace('app.other.org', host));
      expect([host, elsewhere.status]).toEqual([host, host.endsWith('.') ? 404 : 400]);
      expect((await browser.load(callback.href)).status).toBe(host.endsWith('.') ? 303 : 400);
    }
    for (const host of ['app.example.com', 'evil.org', 'other.org', 'auth.example.com']) {
      const browser = new Browser();
      const reply = await browser.load(
        `https://${host}/outpost.goauthentik.io/callback?code=${'A'.repeat(43)}`,
      );
      expect([host, reply.status]).toEqual([host, 404]);
    }
  });

  it('is none when it is changed, cut, repeated, or asked for by HEAD', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const callback = await browser.codeFor(PAGE);
    const code = callback.searchParams.get('code') ?? '';
    const at = (query: string) => `${callback.origin}${callback.pathname}${query}`;
    for (const query of [
      '',
      '?',
      '?code',
      '?code=',
      `?code=${code.slice(0, -1)}`,
      `?code=${code}A`,
      `?code=${code.slice(0, 42)}${code.endsWith('A') ? 'B' : 'A'}`,
      `?code=${code.toLowerCase()}`,
      `?code=${code}%00`,
      `?code=${code}&code=${code}`,
      `?Code=${code}`,
      '?code=%zz',
      `?code=${'x'.repeat(4_000)}`,
    ]) {
      expect([query, (await browser.load(at(query))).status]).toEqual([query, 400]);
    }
    expect((await browser.load(callback.href, 'HEAD')).status).toBe(405);
    expect((await browser.load(callback.href, 'POST')).status).toBe(405);
    expect((await browser.load(callback.href)).status).toBe(303);
  });

  it('is nowhere but in the one address: not in the log, nor in what hosts share', async () => {
    const seen: string[] = [];
    const { set } = cache;
    cache.set = (key, value, seconds) => {
      seen.push(key.kind, key.name, Buffer.from(value).toString('latin1'), String(seconds));
      return set.call(cache, key, value, seconds);
    };
    const browser = new Browser();
    await browser.signIn('alice');
    const callback = await browser.codeFor(PAGE);
    const code = callback.searchParams.get('code') ?? '';
    const proof = browser.get('app.other.org', PROOF_COOKIE) ?? '';
    await browser.load(callback.href);
    await browser.load(callback.href);
    expect(seen.slice(0, 2)).toEqual(['handoff', createHash('sha256').update(code).digest('base64url')]);
    expect(seen.at(3)).toBe('60');
    expect(log.text()).toContain('refused');
    for (const text of [...seen, log.text()]) {
      expect(text).not.toContain(code);
      expect(text).not.toContain(proof);
    }
  });

  it('is given to nobody without end', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    for (let i = 0; i < MAX_CODES; i++) await browser.codeFor(PAGE);
    const begun = await browser.load(`https://app.other.org/outpost.goauthentik.io/start?rd=/`);
    expect((await browser.load(locationOf(begun) ?? '')).status).toBe(429);
    const other = new Browser();
    await other.signIn('mallory');
    await other.codeFor(PAGE);
    await clock.advance(60_000);
    await browser.codeFor(PAGE);
  });

  it('ends with the session that it was made from', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const callback = await browser.codeFor(PAGE);
    await sessions.end('example.com', browser.get('example.com', SESSION) ?? '');
    const page = await browser.open(callback.href);
    expect([page.status, page.body]).toEqual([200, PAGE]);
    expect(browser.get('app.other.org', SESSION)).toBeUndefined();
  });

  it('is 503 while what hosts share cannot be asked', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const callback = await browser.codeFor(PAGE);
    cache.get = () => Promise.reject(new CacheError('ERR_CACHE_UNAVAILABLE', 'it is gone'));
    const reply = await browser.load(callback.href, 'GET', ['Accept-Language', 'de']);
    expect([reply.status, reply.body]).toEqual([503, expect.stringContaining('<html lang="de"')]);
    expect(reply.headers).toContainEqual(['Retry-After', '5']);
    expect(sessions.begun).toHaveLength(1);
  });
});

describe('somebody else’s code', () => {
  it('signs nobody in as them: their link makes a browser sign in as its own', async () => {
    const mallory = new Browser();
    await mallory.signIn('mallory');
    for (const isSignedIn of [true, false]) {
      for (const hasBegun of [true, false]) {
        const link = await mallory.codeFor(PAGE);
        const victim = new Browser();
        if (hasBegun) await victim.load('https://app.other.org/outpost.goauthentik.io/start?rd=/');
        if (isSignedIn) await victim.signIn('alice');
        const page = await victim.open(link.href);
        const expected = isSignedIn ? `alice at ${PAGE}` : PAGE;
        expect([isSignedIn, hasBegun, page.body]).toEqual([isSignedIn, hasBegun, expected]);
        const token = victim.get('app.other.org', SESSION) ?? '';
        expect(sessions.live.get(token)?.username).toBe(isSignedIn ? 'alice' : undefined);
      }
    }
  });

  it('leads nobody who has a session of their own anywhere, at the second try either', async () => {
    const mallory = new Browser();
    await mallory.signIn('mallory');
    const start = `https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`;
    const begun = await mallory.load(`${start}&retry=1`);
    const link = locationOf(await mallory.load(locationOf(begun) ?? '')) ?? '';
    const victim = new Browser();
    await victim.signIn('alice');
    await victim.open(start);
    const reply = await victim.load(link);
    expect([reply.status, locationOf(reply)]).toEqual([400, undefined]);
    expect(sessions.live.get(victim.get('app.other.org', SESSION) ?? '')?.username).toBe('alice');
  });

  it('is refused, too, where the proof is planted by a name or is there twice', async () => {
    const mallory = new Browser();
    await mallory.signIn('mallory');
    for (const planted of [
      (proof: string) => [`__host-postern_handoff=${proof}`],
      (proof: string) => [`${PROOF_COOKIE}=${proof}; ${PROOF_COOKIE}=${proof}`],
      (proof: string) => [`${PROOF_COOKIE}="${proof}"`],
      (proof: string) => [`${PROOF_COOKIE}=${proof}`, `${PROOF_COOKIE}=`],
      (proof: string) => [`a=${PROOF_COOKIE}=${proof}`],
      // Some browsers take such a name from a sister domain: it does not begin with `__Host-`.
      (proof: string) => [`\u00a0${PROOF_COOKIE}=${proof}`],
      (proof: string) => [`a=1;\u0085${PROOF_COOKIE}=${proof}`],
    ]) {
      const link = await mallory.codeFor(PAGE);
      const proof = mallory.get('app.other.org', PROOF_COOKIE) ?? '';
      const victim = new Browser();
      const lines = planted(proof);
      const reply = await victim.load(
        link.href,
        'GET',
        lines.flatMap(line => ['Cookie', line]),
      );
      expect([lines, locationOf(reply)]).toEqual([lines, expect.stringContaining('/start?retry=1')]);
      expect(reply.headers.filter(([name]) => name === 'Set-Cookie')).toEqual([]);
    }
  });

  it('cannot be made for a browser that did not begin: the portal gives none without a state', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const rd = encodeURIComponent(PAGE);
    for (const query of [
      '',
      `?rd=${rd}`,
      `?rd=${rd}&state=`,
      `?rd=${rd}&state=x`,
      `?rd=${rd}&state=${'A'.repeat(44)}`,
    ]) {
      const reply = await browser.load(`${PORTAL}/handoff${query}`);
      expect([query, reply.body.includes('code=') || (locationOf(reply) ?? '').includes('code=')]).toEqual([
        query,
        false,
      ]);
    }
    const state = 'A'.repeat(43);
    for (const rd of [
      'https://evil.org/',
      'https://app.example.com/',
      'https://other.org/',
      '//app.other.org/',
    ]) {
      const reply = await browser.load(`${PORTAL}/handoff?rd=${encodeURIComponent(rd)}&state=${state}`);
      expect([rd, (locationOf(reply) ?? '').includes('code=')]).toEqual([rd, false]);
    }
    const head = await browser.load(`${PORTAL}/handoff?rd=${rd}&state=${state}`, 'HEAD');
    expect(locationOf(head)).not.toContain('code=');
  });
});

describe('signing out at an application', () => {
  const SIGN_OUT = 'https://app.other.org/outpost.goauthentik.io/sign_out';

  it('ends its session and forgets its cookie, and goes on to the portal', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    await browser.open(`https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`);
    const token = browser.get('app.other.org', SESSION) ?? '';
    expect(sessions.live.has(token)).toBe(true);
    // A link of another site leads to the portal, which asks; it ends nothing here.
    const foreign = await browser.load(SIGN_OUT, 'GET', ['Sec-Fetch-Site', 'cross-site']);
    expect([foreign.status, locationOf(foreign)]).toEqual([302, `${PORTAL}/logout`]);
    expect(sessions.live.has(token)).toBe(true);
    const reply = await browser.load(SIGN_OUT, 'GET', ['Sec-Fetch-Site', 'same-origin']);
    expect([reply.status, locationOf(reply)]).toEqual([302, `${PORTAL}/logout`]);
    expect(sessions.live.has(token)).toBe(false);
    expect(browser.get('app.other.org', SESSION)).toBeUndefined();
    expect(sessions.live.size).toBe(1);
  });

  it.each([
    [[['Sec-Fetch-Dest', 'image']], 302],
    [[['Sec-Fetch-Dest', 'script']], 302],
    [[['Sec-Fetch-Dest', 'style']], 302],
    [[['Sec-Fetch-Site', 'same-site']], 302],
    [[['Sec-Fetch-Site', 'nonsense']], 302],
    [[['Sec-Purpose', 'prefetch']], 503],
    [[['Sec-Purpose', 'prefetch;prerender']], 503],
    [[['Sec-Purpose', 'prefetch;anonymous-client-ip']], 503],
    [[['Purpose', 'prefetch']], 503],
    [[['X-Moz', 'prefetch']], 503],
  ] as const)(
    'ends nothing for what is no act of the application or its user: %j',
    async (headers, status) => {
      const browser = new Browser();
      await browser.signIn('alice');
      await browser.open(`https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`);
      const token = browser.get('app.other.org', SESSION) ?? '';
      const [[name, value]] = headers;
      const reply = await browser.load(SIGN_OUT, 'GET', [name, value]);
      expect([reply.status, browser.get('app.other.org', SESSION)]).toEqual([status, token]);
      expect(sessions.live.has(token)).toBe(true);
      // A script of the application's may sign out as well.
      await browser.load(SIGN_OUT, 'GET', ['Sec-Fetch-Dest', 'empty']);
      expect(sessions.live.has(token)).toBe(false);
    },
  );

  it('forgets nothing that it could not end', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    await browser.open(`https://app.other.org/outpost.goauthentik.io/start?rd=${encodeURIComponent(PAGE)}`);
    sessions.end = () => Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'it is gone'));
    const reply = await browser.load(SIGN_OUT);
    expect([reply.status, locationOf(reply)]).toEqual([302, `${PORTAL}/logout`]);
    expect(browser.get('app.other.org', SESSION)).toHaveLength(64);
    expect(log.text()).toContain('could not be ended');
  });

  it('goes back to one of ours alone', async () => {
    const browser = new Browser();
    for (const [rd, location] of [
      ['https://app.other.org/bye', `${PORTAL}/logout?rd=https%3A%2F%2Fapp.other.org%2Fbye`],
      ['https://evil.org/', `${PORTAL}/logout`],
      ['//evil.org/', `${PORTAL}/logout`],
    ]) {
      expect([rd, locationOf(await browser.load(`${SIGN_OUT}?rd=${rd}`))]).toEqual([rd, location]);
    }
  });
});
