import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppConfig } from '../../../host/app.ts';
import type { Clock } from '../../../host/clock.ts';
import type { EndpointConfig } from '../../../host/config/schema.ts';
import { DEFAULT_SESSION, signInDocument } from '../../../host/config/session.ts';
import { PasswordTags } from '../../../host/session/password-tag.ts';
import { SessionTokens, sessionId } from '../../../host/session/token.ts';
import { openStore } from '../../../host/store/open.ts';
import { type Store, StoreError } from '../../../host/store/store.ts';
import { type Authz, basic, headerOf, startAuthz } from '../../support/authz.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { type HeaderList, SECRET } from '../../support/test-app.ts';
import { waitUntil } from '../../support/wait.ts';

const MINUTE = 60_000;
const COOKIES = [
  { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
] as const;
const NAME = DEFAULT_SESSION.cookieName;
const POLICY = {
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: 'app.example.com', policy: 'one_factor' },
      { domain: 'two.example.com', policy: 'two_factor' },
      { domain: 'open.example.com', policy: 'bypass' },
    ],
  },
};

let database: Store;
let authz: Authz;
/** Looks at sessions in the database. */
let looks = 0;
let isAway = false;
let path: string;
/** Between the reading of a session and what is made of it. */
let onFound: (id: string) => Promise<void> = async () => {};
/** Time that the test moves; waits are real ones. */
let moved = 0;
const clock: Clock = {
  now: () => Date.now() + moved,
  monotonic: () => performance.now() + moved,
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

async function start(config: Partial<AppConfig> = {}): Promise<void> {
  path = join(tempDirectory(), 'postern.sqlite3');
  const opened = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
  const find = async (id: string) => {
    looks++;
    if (isAway) throw new StoreError('ERR_STORE_UNAVAILABLE', 'away');
    const found = await opened.sessions.find(id);
    await onFound(id);
    return found;
  };
  database = { ...opened, sessions: { ...opened.sessions, find } };
  const sign_in = signInDocument(COOKIES, true);
  authz = await startAuthz({
    policy: { ...POLICY, ...(sign_in && { sign_in }) },
    config: { cookies: COOKIES, ...config },
    clock,
    database,
  });
}

beforeEach(() => {
  looks = 0;
  moved = 0;
  isAway = false;
});
afterEach(async () => {
  await authz.stop();
  await database.close();
});
afterAll(removeTempDirectories);

const tokens = new SessionTokens([SECRET], randomBytes);

/** As the portal begins it; the digest of a user is looked up by signing in once. */
async function begin(level: 1 | 2 = 1, digest?: string): Promise<string> {
  const token = tokens.make('example.com');
  const now = clock.now();
  await database.sessions.put({
    ...{
      id: sessionId(token),
      username: 'alice',
      domain: 'example.com',
      level,
      createdAt: now,
      activeAt: now,
    },
    ...{ expiresAt: now + 60 * MINUTE, remember: false, details: '{}', parent: undefined },
    password: new PasswordTags([SECRET]).make('alice', digest ?? authz.digestOf('alice')),
  });
  return token;
}

const get = (host: string, headers: HeaderList = [], path = '/api/authz/forward-auth') =>
  authz.ask(path, [
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', '/page?x=1'],
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-For', '203.0.113.9'],
    ...headers,
  ]);
const cookie = (token: string) => ['Cookie', `theme=dark; ${NAME}=${token}`] as const;
const PAGE = ['Accept', 'text/html'] as const;

describe('a session at forward-auth', () => {
  it('is looked up once, until it is to be asked about', async () => {
    await start();
    const token = await begin();
    for (let i = 0; i < 20; i++) {
      const answer = await get('app.example.com', [cookie(token)]);
      expect([answer.status, headerOf(answer, 'remote-user')]).toEqual([200, 'alice']);
    }
    expect(looks).toBe(1);
    // A quarter of five minutes.
    moved += 74_000;
    await get('app.example.com', [cookie(token)]);
    expect(looks).toBe(1);
    moved += 2_000;
    expect((await get('app.example.com', [cookie(token)])).status).toBe(200);
    expect((await get('app.example.com', [cookie(token)])).status).toBe(200);
    expect(looks).toBe(2);
    // Active all the time: so it goes on beyond five minutes, and ends when nobody is.
    for (let i = 0; i < 8; i++) {
      moved += MINUTE;
      expect((await get('app.example.com', [cookie(token)])).status).toBe(200);
    }
    moved += 5 * MINUTE + 1_000;
    expect((await get('app.example.com', [cookie(token)])).status).toBe(401);
    moved -= 5 * MINUTE;
    expect((await get('app.example.com', [cookie(token)])).status).toBe(401);
  });

  it('sends people where they sign in, without a challenge that browsers show', async () => {
    await start();
    const [one, two] = [await begin(), await begin(2)];
    const page = await get('two.example.com', [cookie(one), PAGE]);
    expect([page.status, headerOf(page, 'location')]).toEqual([
      302,
      'https://auth.example.com/?rd=https%3A%2F%2Ftwo.example.com%2Fpage%3Fx%3D1&rm=GET',
    ]);
    const script = await get('two.example.com', [cookie(one), ['X-Requested-With', 'XMLHttpRequest']]);
    expect([script.status, headerOf(script, 'www-authenticate')]).toEqual([401, undefined]);
    expect((await get('two.example.com', [cookie(two), PAGE])).status).toBe(200);
    const none = await get('app.example.com', [cookie(tokens.make('example.com')), PAGE]);
    expect(none.status).toBe(302);
  });

  it('counts less than what stands in a header, whatever that comes to', async () => {
    await start();
    const token = await begin(2);
    const bob = ['Authorization', basic('bob:password-bob')] as const;
    const both = await get('app.example.com', [bob, cookie(token)]);
    expect(headerOf(both, 'remote-user')).toBe('bob');
    expect((await get('two.example.com', [bob, cookie(token)])).status).toBe(401);
    const bad = ['Authorization', basic('bob:wrong')] as const;
    expect((await get('app.example.com', [bad, cookie(token)])).status).toBe(401);
    expect(looks).toBe(0);
  });

  it('tells a free page who it is, and lets everybody see it', async () => {
    await start();
    const token = await begin();
    expect(headerOf(await get('open.example.com', [cookie(token)]), 'remote-user')).toBe('alice');
    const stranger = await get('open.example.com', [cookie(tokens.make('example.com'))]);
    expect([stranger.status, headerOf(stranger, 'remote-user')]).toEqual([200, '']);
  });

  it('is none when it stands twice, was made elsewhere, or not by us', async () => {
    await start();
    const [token, other] = [await begin(), await begin()];
    const cases: HeaderList[] = [
      [['Cookie', `${NAME}=${token}; ${NAME}=${other}`]],
      [
        ['Cookie', `${NAME}=${token}`],
        ['Cookie', `${NAME}=${token}`],
      ],
      [['Cookie', `${NAME}=${new SessionTokens([SECRET], randomBytes).make('example.org')}`]],
      [['Cookie', `${NAME}=${randomBytes(48).toString('base64url')}`]],
      [['Cookie', `${NAME}="${token}"`]],
      [['Cookie', `postern_session=${token}`]],
    ];
    for (const lines of cases)
      expect([lines, (await get('app.example.com', lines)).status]).toEqual([lines, 401]);
    expect(looks).toBe(0);
  });

  it('is given up with cookies that nobody reads', async () => {
    await start();
    const lines = Array.from({ length: 3 }, (_, i) => ['Cookie', `c${i}=${'x'.repeat(6_000)}`] as const);
    expect((await get('app.example.com', lines)).status).toBe(431);
  });

  it('counts only where an endpoint names it, in its place', async () => {
    const endpoint = (name: string, strategies: EndpointConfig['strategies']): EndpointConfig => ({
      ...{ name, path: `/api/authz/${name}`, implementation: 'ForwardAuth' as const },
      ...(strategies && { strategies }),
    });
    await start({
      server: {
        ...{ host: '127.0.0.1', port: 0 },
        endpoints: [
          endpoint('none', [{ name: 'HeaderAuthorization' }]),
          endpoint('first', [{ name: 'CookieSession' }, { name: 'HeaderAuthorization' }]),
        ],
      },
    });
    const token = await begin();
    expect((await get('app.example.com', [cookie(token)], '/api/authz/none')).status).toBe(401);
    expect(looks).toBe(0);
    const both: HeaderList = [['Authorization', basic('bob:password-bob')], cookie(token)];
    expect(headerOf(await get('app.example.com', both, '/api/authz/first'), 'remote-user')).toBe('alice');
    const dead: HeaderList = [['Authorization', basic('bob:password-bob')], cookie('x'.repeat(64))];
    expect(headerOf(await get('app.example.com', dead, '/api/authz/first'), 'remote-user')).toBe('bob');
  });

  it('of whom another password was given ends there and then', async () => {
    await start();
    const token = await begin(1, 'another digest');
    expect((await get('app.example.com', [cookie(token)])).status).toBe(401);
    expect(await database.sessions.ofUser('alice')).toEqual([]);
  });

  it('goes on while the database is away, as long as a grant does; who has none is told to wait', async () => {
    await start();
    const [known, unknown] = [await begin(), await begin()];
    expect((await get('app.example.com', [cookie(known)])).status).toBe(200);
    isAway = true;
    moved += 2 * MINUTE;
    expect((await get('app.example.com', [cookie(known)])).status).toBe(200);
    const busy = await get('app.example.com', [cookie(unknown)]);
    expect([busy.status, headerOf(busy, 'retry-after')]).toEqual([503, '2']);
    moved += 3 * MINUTE + 1;
    expect((await get('app.example.com', [cookie(known)])).status).toBe(503);
    // Everybody's browser asks again and again meanwhile: no line for each.
    for (let i = 0; i < 10; i++) await get('app.example.com', [cookie(unknown)]);
    expect(authz.log.lines.filter(({ message }) => /could not be looked up/.test(message))).toHaveLength(1);
    isAway = false;
    expect((await get('app.example.com', [cookie(unknown)])).status).toBe(401);
  });

  it('is read again when something ended while it was read', async () => {
    await start();
    const other = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
    const [token, warm] = [await begin(), await begin()];
    expect((await get('app.example.com', [cookie(warm)])).status).toBe(200);
    let hasEnded = false;
    onFound = async id => {
      if (hasEnded) return;
      hasEnded = true;
      // Another host ends it between our reading and our grant, and ours hears of it before that.
      await other.sessions.remove(id, clock.now());
      const before = looks;
      await waitUntil('the host has heard of it', async () => {
        await get('app.example.com', [cookie(warm)]);
        return looks > before;
      });
    };
    expect((await get('app.example.com', [cookie(token)])).status).toBe(401);
    onFound = async () => {};
    await other.close();
  });
});
