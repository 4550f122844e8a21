import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CookieConfig } from '../../../host/config/schema.ts';
import { DEFAULT_SESSION } from '../../../host/config/session.ts';
import { decodeDetails } from '../../../host/session/details.ts';
import { MAX_SESSIONS } from '../../../host/session/limit.ts';
import { SessionService } from '../../../host/session/service.ts';
import type { NewSession } from '../../../host/session/sessions.ts';
import { sessionId } from '../../../host/session/token.ts';
import { openStore } from '../../../host/store/open.ts';
import { type Store, StoreError } from '../../../host/store/store.ts';
import { FakeClock, FakeDirectory, fakeLogger } from '../../support/host-fakes.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { waitUntil } from '../../support/wait.ts';

const SECRET = Buffer.alloc(32, 3);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const COOKIES: readonly CookieConfig[] = [
  { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
  {
    domain: 'example.org',
    signInUrl: 'https://auth.example.com/',
    isHandoff: true,
    session: { ...DEFAULT_SESSION, rememberMeSeconds: 0 },
  },
  {
    domain: 'example.io',
    signInUrl: 'https://auth.example.com/',
    isHandoff: true,
    session: { ...DEFAULT_SESSION, inactivitySeconds: 3_600 },
  },
];

let path: string;
let clock: FakeClock;
let directory: FakeDirectory;
const stores: Store[] = [];
const services: SessionService[] = [];

interface Host {
  readonly sessions: SessionService;
  readonly store: Store;
  readonly revoked: (readonly string[] | undefined)[];
  readonly log: ReturnType<typeof fakeLogger>;
}

async function startHost(over: { secret?: Buffer; previousSecret?: Buffer } = {}): Promise<Host> {
  const store = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
  stores.push(store);
  const log = fakeLogger();
  const revoked: (readonly string[] | undefined)[] = [];
  const sessions = new SessionService({
    store,
    cookies: COOKIES,
    directory,
    secret: over.secret ?? SECRET,
    previousSecret: over.previousSecret,
    clock,
    random: randomBytes,
    log,
    revoke: usernames => void revoked.push(usernames),
    pollMs: 5,
  });
  await sessions.start();
  directory.onChange(usernames => sessions.usersChanged(usernames));
  services.push(sessions);
  return { sessions, store, revoked, log };
}

const wanted = (over: Partial<NewSession> = {}): NewSession => ({
  username: 'alice',
  domain: 'example.com',
  level: 1,
  remember: false,
  details: { address: '192.0.2.1', agent: 'Firefox' },
  ...over,
});

async function begin({ sessions }: Host, over: Partial<NewSession> = {}) {
  const begun = await sessions.begin(wanted(over));
  if (begun === undefined) throw new Error('no session');
  return begun;
}

beforeEach(() => {
  path = join(tempDirectory(), 'postern.sqlite3');
  clock = new FakeClock();
  directory = new FakeDirectory();
  directory.put('alice', 'pw');
  directory.put('bob', 'pw');
});
afterEach(async () => {
  for (const sessions of services.splice(0)) await sessions.stop();
  for (const store of stores.splice(0)) await store.close();
});
afterAll(removeTempDirectories);

describe('a session', () => {
  it('makes room for a new one where its user has too many on a domain, and says so', async () => {
    const [one, two] = [await startHost(), await startHost()];
    const kept = await begin(one, { remember: true });
    const first = await begin(one);
    const elsewhere = await begin(one, { domain: 'example.org', parent: first.session.id });
    const others = await begin(one, { username: 'bob' });
    await clock.advance(MINUTE);
    expect(await one.sessions.find('example.com', kept.token)).toBeDefined();
    for (let i = 2; i < MAX_SESSIONS; i++) await begin(i % 2 ? one : two);
    expect(await one.store.sessions.ofUser('alice')).toHaveLength(MAX_SESSIONS + 1);
    one.revoked.splice(0);
    two.revoked.splice(0);
    await clock.advance(MINUTE);
    const next = await begin(one);
    expect(one.revoked).toEqual([['alice']]);
    expect(one.log.lines.at(-1)).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('at most 100'),
      fields: { user: 'alice', host: 'example.com', count: 2 },
    });
    await waitUntil('the other host has heard', () => two.revoked.length > 0);
    for (const { domain, token } of [
      { domain: 'example.com', ...first },
      { domain: 'example.org', ...elsewhere },
    ]) {
      expect(await two.sessions.find(domain, token)).toBeUndefined();
    }
    for (const { token } of [kept, next, others])
      expect(await two.sessions.find('example.com', token)).toBeDefined();
  });

  it('is found by its token, on every host, with the user as they are now', async () => {
    const [one, two] = [await startHost(), await startHost()];
    const { token, session } = await begin(one, { level: 2 });
    directory.put('alice', 'pw', { groups: ['ops'] });
    for (const { sessions } of [one, two]) {
      const live = await sessions.find('example.com', token);
      expect(live).toMatchObject({
        session: { id: session.id, level: 2 },
        user: { principal: { groups: ['ops'] } },
      });
    }
    expect(decodeDetails(session.details)).toEqual({ address: '192.0.2.1', agent: 'Firefox' });
  });

  it('is none for another domain, another secret, and a token that was never given', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    expect(await host.sessions.find('example.org', token)).toBeUndefined();
    const other = await startHost({ secret: Buffer.alloc(32, 9) });
    expect(await other.sessions.find('example.com', token)).toBeUndefined();
    const next = await startHost({ secret: Buffer.alloc(32, 9), previousSecret: SECRET });
    expect(await next.sessions.find('example.com', token)).toBeDefined();
  });

  it('costs no look into the database unless we made the token', async () => {
    const host = await startHost();
    await host.sessions.stop();
    await host.store.close();
    const forged = randomBytes(48).toString('base64url');
    expect(await host.sessions.find('example.com', forged)).toBeUndefined();
    await host.sessions.end('example.com', forged);
  });

  it('ends after its time, whatever its user does', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    for (let minutes = 0; minutes < 60; minutes += 4) {
      expect([minutes, (await host.sessions.find('example.com', token)) !== undefined]).toEqual([
        minutes,
        true,
      ]);
      await clock.advance(4 * MINUTE);
    }
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    expect(host.log.text()).toContain('it has expired');
  });

  it('ends when nobody is active', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    await clock.advance(5 * MINUTE - 1);
    expect(await host.sessions.find('example.com', token)).toBeDefined();
    await clock.advance(5 * MINUTE);
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    // Gone for good.
    expect(await host.store.sessions.ofUser('alice')).toEqual([]);
  });

  it('that is to be remembered minds no pause, up to its end', async () => {
    const host = await startHost();
    const { token, session } = await begin(host, { remember: true });
    expect(session.expiresAt - session.createdAt).toBe(30 * DAY);
    await clock.advance(30 * DAY - 1);
    expect(await host.sessions.find('example.com', token)).toBeDefined();
    await clock.advance(1);
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
  });

  it('is not remembered where that is not offered', async () => {
    const host = await startHost();
    const { session } = await begin(host, { remember: true, domain: 'example.org' });
    expect(session).toMatchObject({ remember: false, expiresAt: session.createdAt + 60 * MINUTE });
  });

  it.each([
    ['disabled', () => directory.put('alice', 'pw', { disabled: true })],
    ['gone', () => directory.remove('alice')],
    ['given another password', () => directory.put('alice', 'new')],
  ])('ends when its user is %s, and is not back when that is undone', async (_, change) => {
    const host = await startHost();
    const { token } = await begin(host);
    change();
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    directory.put('alice', 'pw');
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
  });

  it.each([
    ['disabled', () => directory.put('alice', 'pw', { disabled: true })],
    ['gone', () => directory.remove('alice')],
  ])('that nobody uses while its user is %s is not back when that is undone', async (_, change) => {
    const host = await startHost();
    const { token } = await begin(host);
    const other = await begin(host, { username: 'bob' });
    await clock.advance(1_000);
    change();
    directory.put('alice', 'pw');
    await clock.advance(1);
    const later = await begin(host);
    await waitUntil('it has ended', async () => {
      const left = await host.store.sessions.ofUser('alice');
      return left.length === 1 && left[0]?.id === later.session.id;
    });
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    expect(await host.sessions.find('example.com', later.token)).toBeDefined();
    expect(await host.sessions.find('example.com', other.token)).toBeDefined();
  });

  it('of somebody whose groups or name change goes on', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    directory.put('alice', 'pw', { groups: ['ops'], name: 'Alice' });
    const { lastContact } = host.sessions.status();
    await clock.advance(1_000);
    await waitUntil('it was looked at', () => host.sessions.status().lastContact !== lastContact);
    await clock.advance(1_000);
    expect(await host.sessions.find('example.com', token)).toBeDefined();
  });

  it('is not begun for nobody, or somebody disabled, or a domain that is not ours', async () => {
    const { sessions } = await startHost();
    directory.put('carol', 'pw', { disabled: true });
    for (const over of [{ username: 'nobody' }, { username: 'carol' }, { domain: 'example.net' }])
      expect(await sessions.begin(wanted(over))).toBeUndefined();
  });
});

describe('signing out', () => {
  it('ends this device', async () => {
    const host = await startHost();
    const [here, there] = [await begin(host), await begin(host)];
    await host.sessions.end('example.org', here.token);
    expect(await host.sessions.find('example.com', here.token)).toBeDefined();
    await host.sessions.end('example.com', here.token);
    expect(await host.sessions.find('example.com', here.token)).toBeUndefined();
    expect(await host.sessions.find('example.com', there.token)).toBeDefined();
    expect(host.revoked).toEqual([['alice']]);
  });

  it('ends all devices of one user', async () => {
    const host = await startHost();
    const own = [await begin(host), await begin(host), await begin(host)];
    const other = await begin(host, { username: 'bob' });
    expect(await host.sessions.endAll('alice')).toBe(3);
    for (const { token } of own) expect(await host.sessions.find('example.com', token)).toBeUndefined();
    expect(await host.sessions.find('example.com', other.token)).toBeDefined();
  });

  it('is told to other hosts once, by the database', async () => {
    const [one, two] = [await startHost(), await startHost()];
    const { token } = await begin(one);
    const { revision } = two.sessions;
    await one.sessions.end('example.com', token);
    await waitUntil('the other host knows', () => two.revoked.length > 0);
    expect(two.revoked).toEqual([['alice']]);
    expect(two.sessions.endedSince('alice', revision)).toBe(true);
    expect(two.sessions.endedSince('bob', revision)).toBe(false);
    expect(two.sessions.endedSince('alice', two.sessions.revision)).toBe(false);
    await one.store.revocations.tell(undefined, clock.now());
    await waitUntil('the other host knows', () => two.revoked.length > 1);
    expect(two.revoked[1]).toBeUndefined();
    expect(two.sessions.endedSince('bob', revision)).toBe(true);
    // By itself at once, and not a second time by the database; by a command as by any host.
    await waitUntil('the host knows what a command did', () => one.revoked.length > 0);
    await two.sessions.endAll('bob');
    await waitUntil('the first host knows', () => one.revoked.some(names => names?.includes('bob')));
    expect(one.revoked).toEqual([['alice'], ['bob']]);
  });

  it('ends what was made from it', async () => {
    const host = await startHost();
    const { token, session } = await begin(host);
    const child = await begin(host, { domain: 'example.org', parent: session.id });
    expect(await host.sessions.find('example.org', child.token)).toBeDefined();
    await host.sessions.end('example.com', token);
    expect(await host.sessions.find('example.org', child.token)).toBeUndefined();
    expect(await host.sessions.begin(wanted({ domain: 'example.org', parent: session.id }))).toBeUndefined();
  });

  it('lets nothing live on that was made from it', async () => {
    const host = await startHost();
    const { session } = await begin(host);
    await clock.advance(4 * MINUTE);
    const child = await begin(host, { domain: 'example.org', parent: session.id });
    expect(child.session.expiresAt).toBe(session.expiresAt);
  });

  it('is in use while what was made from it is', async () => {
    const host = await startHost();
    const { token, session } = await begin(host);
    const child = await begin(host, { domain: 'example.org', parent: session.id });
    for (let minutes = 0; minutes < 12; minutes += 4) {
      await clock.advance(4 * MINUTE);
      expect(await host.sessions.find('example.org', child.token)).toBeDefined();
    }
    expect(await host.sessions.find('example.com', token)).toBeDefined();
  });
});

describe('a session made from another', () => {
  it('does not bring back the session it was made from', async () => {
    const host = await startHost();
    const { token, session } = await begin(host);
    const child = await begin(host, { domain: 'example.io', parent: session.id });
    await clock.advance(6 * MINUTE);
    expect(await host.sessions.find('example.io', child.token)).toBeDefined();
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
  });

  it.each([
    ['its password was changed', async () => directory.put('alice', 'new')],
    ['nobody was active', () => clock.advance(6 * MINUTE)],
    [
      'the shared store was emptied',
      async (host: Host) => {
        await clock.advance(1);
        await host.sessions.stop();
        host.sessions.flushed();
        await clock.advance(1);
      },
    ],
  ])('is not begun from one that is over because %s', async (_, change) => {
    const host = await startHost();
    const { session } = await begin(host);
    await change(host);
    expect(await host.sessions.begin(wanted({ domain: 'example.org', parent: session.id }))).toBeUndefined();
  });

  it('is not begun from the one of somebody else', async () => {
    const host = await startHost();
    const { session } = await begin(host, { username: 'bob' });
    expect(await host.sessions.begin(wanted({ domain: 'example.org', parent: session.id }))).toBeUndefined();
  });
});

describe('a clock that was wrong', () => {
  it('makes no session that outlives its time when it is put right', async () => {
    const host = await startHost();
    const right = clock.now();
    clock.setWall(right + 365 * DAY);
    const { token } = await begin(host);
    clock.setWall(right);
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    expect(host.log.text()).toContain('ahead of the clock');
  });

  it('keeps none in use for longer than somebody is active', async () => {
    const host = await startHost();
    const { token } = await begin(host, { remember: true });
    const right = clock.now();
    clock.setWall(right + DAY);
    expect(await host.sessions.find('example.com', token)).toBeDefined();
    clock.setWall(right + MINUTE);
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
  });

  it('may differ a little from another host’s', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    clock.setWall(clock.now() - MINUTE);
    expect(await host.sessions.find('example.com', token)).toBeDefined();
  });
});

describe('another level', () => {
  it.each([
    ['the password was changed', () => directory.put('alice', 'new')],
    ['somebody else’s is shown', () => {}],
  ])('is none when %s meanwhile', async (why, change) => {
    const host = await startHost();
    const old = await begin(host, { username: why.startsWith('somebody') ? 'bob' : 'alice' });
    change();
    expect(await host.sessions.begin(wanted({ level: 2, replaces: old.token }))).toBeUndefined();
  });

  it('is another session, and the old one ends with it', async () => {
    const host = await startHost();
    const old = await begin(host);
    const next = await begin(host, { level: 2, replaces: old.token });
    expect(next.token).not.toBe(old.token);
    expect(await host.sessions.find('example.com', old.token)).toBeUndefined();
    expect((await host.sessions.find('example.com', next.token))?.session.level).toBe(2);
    expect(host.revoked).toContainEqual(['alice']);
  });

  it('is refused when the session was ended meanwhile', async () => {
    const host = await startHost();
    const old = await begin(host);
    await host.sessions.endAll('alice');
    expect(await host.sessions.begin(wanted({ level: 2, replaces: old.token }))).toBeUndefined();
    expect(await host.store.sessions.ofUser('alice')).toEqual([]);
  });

  it('does not mind what was there before a first sign-in', async () => {
    const host = await startHost();
    const old = await begin(host);
    await host.sessions.endAll('alice');
    expect(await host.sessions.begin(wanted({ replaces: old.token }))).toBeDefined();
    expect(await host.sessions.begin(wanted({ replaces: 'junk' }))).toBeDefined();
  });

  it('ends, at the guests as well, the session of somebody else who used this browser', async () => {
    const host = await startHost();
    const old = await begin(host, { username: 'bob' });
    await begin(host, { replaces: old.token });
    expect(await host.sessions.find('example.com', old.token)).toBeUndefined();
    expect(host.revoked.flat().sort()).toEqual(['alice', 'bob']);
  });
});

describe('what hosts share, emptied', () => {
  it('ends what began before, on all hosts, and nothing later', async () => {
    const [one, two] = [await startHost(), await startHost()];
    const old = await begin(one);
    await clock.advance(1_000);
    one.sessions.flushed();
    // At once here, by the database elsewhere.
    expect(await one.sessions.find('example.com', old.token)).toBeUndefined();
    await begin(one, { username: 'bob' }).catch(() => {});
    await clock.advance(1);
    const later = await begin(one);
    await waitUntil('the other host knows', () => two.revoked.includes(undefined));
    expect(await two.sessions.find('example.com', old.token)).toBeUndefined();
    expect(await two.sessions.find('example.com', later.token)).toBeDefined();
  });
});

describe('a database in the place of another', () => {
  it('voids all grants, and is heard from then on', async () => {
    const host = await startHost();
    for (let i = 0; i < 300; i++) await host.store.revocations.tell('bob', clock.now());
    const heard = host.store.revocations;
    const { number = 0 } = (await heard.since(0)).at(-1) ?? {};
    expect(number).toBe(300);
    await waitUntil('all is heard', () => host.sessions.status().ok);
    await clock.advance(1_000);
    const at = host.sessions.status().lastContact;
    await waitUntil('all is heard', () => host.sessions.status().lastContact !== at);
    path = join(tempDirectory(), 'restored.sqlite3');
    const restored = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
    stores.push(restored);
    await restored.revocations.tell('alice', clock.now());
    expect(host.revoked).toEqual([]);
    Object.assign(host.store.revocations, restored.revocations);
    await waitUntil('it is seen', () => host.revoked.includes(undefined));
    const other = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
    stores.push(other);
    await other.revocations.tell('alice', clock.now());
    await waitUntil('it is heard', () => host.revoked.flat().includes('alice'));
    expect(host.revoked.filter(names => names === undefined)).toHaveLength(1);
  });
});

describe('the database away', () => {
  it('is told once, and what was missed is heard when it is back', async () => {
    const [one, two] = [await startHost(), await startHost()];
    const broken = { since: two.store.revocations.since };
    let isAway = true;
    two.store.revocations.since = async number => {
      if (isAway) throw new Error('away');
      return broken.since(number);
    };
    const { token } = await begin(one);
    await one.sessions.end('example.com', token);
    await waitUntil('it is noticed', () => !two.sessions.status().ok);
    expect(two.revoked).toEqual([]);
    isAway = false;
    await waitUntil('it is back', () => two.sessions.status().ok);
    expect(two.revoked).toEqual([['alice']]);
    expect(two.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('that only reads keeps nobody out who is active, and lets nobody in whose time is over', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    const refuse = async () => {
      throw new StoreError('ERR_STORE_UNAVAILABLE', 'full');
    };
    const { touch, remove } = host.store.sessions;
    Object.assign(host.store.sessions, { touch: refuse, remove: refuse });
    await clock.advance(4 * MINUTE);
    expect((await host.sessions.find('example.com', token))?.session.activeAt).toBe(clock.now() - 4 * MINUTE);
    await clock.advance(2 * MINUTE);
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    expect(host.log.text()).toContain('cannot be noted');
    Object.assign(host.store.sessions, { touch, remove });
  });

  it('that somebody wrote into lets nobody in by it, and keeps nobody from signing in anew', async () => {
    const host = await startHost();
    const { token, session } = await begin(host);
    const { token: fine } = await begin(host);
    const database = new Database(path);
    database.exec(`update sessions set level = 2 where id = '${session.id}'`);
    database.close();
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
    expect(await host.sessions.find('example.com', fine)).toBeDefined();
    expect(host.log.text()).toContain('it was changed in the database');
    expect(host.log.text()).not.toContain(token);
    // Neither raised nor gone on from, but a first sign-in with its cookie is one like any other.
    expect(await host.sessions.begin(wanted({ level: 2, replaces: token }))).toBeUndefined();
    const parent = { domain: 'example.org', parent: session.id };
    expect(await host.sessions.begin(wanted(parent))).toBeUndefined();
    const again = await begin(host, { replaces: token });
    expect(await host.sessions.find('example.com', again.token)).toBeDefined();
    await host.sessions.end('example.com', token);
    expect(await host.sessions.find('example.com', token)).toBeUndefined();
  });

  it('lets nobody sign in or out silently', async () => {
    const host = await startHost();
    const { token } = await begin(host);
    await host.sessions.stop();
    await host.store.close();
    await expect(host.sessions.find('example.com', token)).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
    });
    await expect(host.sessions.begin(wanted())).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await expect(host.sessions.end('example.com', token)).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
    });
    await expect(host.sessions.endAll('alice')).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(sessionId(token)).toHaveLength(32);
  });
});
