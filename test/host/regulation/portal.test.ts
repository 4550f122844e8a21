import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type App, createApp } from '../../../host/app.ts';
import { DEVICE_COOKIE } from '../../../host/regulation/device-cookie.ts';
import { openStore } from '../../../host/store/open.ts';
import type { Store } from '../../../host/store/store.ts';
import {
  FakeArgon2,
  FakeClock,
  FakeDirectory,
  FakeEngine,
  fakeLogger,
  fakeRandom,
} from '../../support/host-fakes.ts';
import { COOKIES, formOf, type SeenForm, Visitor } from '../../support/portal.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { type Answer, ask, SECRET, testConfig } from '../../support/test-app.ts';
import { sleep } from '../../support/wait.ts';

const ORIGIN = [
  ['Origin', 'https://auth.example.com'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Sec-Fetch-Dest', 'document'],
] as const;

describe('the portal under regulation', () => {
  let app: App;
  let database: Store;
  let directory: string;
  let port: number;
  let clock: FakeClock;
  let argon2: FakeArgon2;
  let log: ReturnType<typeof fakeLogger>;

  beforeEach(async () => {
    directory = mkdtempSync('/dev/shm/postern-app-');
    clock = new FakeClock();
    argon2 = new FakeArgon2();
    log = fakeLogger();
    const users = new FakeDirectory();
    for (const name of ['alice', 'bob']) users.put(name, `password-${name}`);
    const path = join(tempDirectory(), 'postern.sqlite3');
    database = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
    const regulation = { maxRetries: 3, findSeconds: 600, banSeconds: 1_800, modes: ['user', 'ip'] } as const;
    const storage = { kind: 'sqlite', path } as const;
    app = createApp({ ...testConfig(directory), cookies: COOKIES, storage, regulation } as never, {
      engine: new FakeEngine(),
      directory: users,
      database,
      clock,
      random: fakeRandom(),
      log,
      password: { concurrency: 1, verify: argon2.verify },
    });
    port = (await app.start())?.port ?? 0;
  });
  afterEach(async () => {
    await app.stop();
    await database.close();
    rmSync(directory, { recursive: true, force: true });
  });
  afterAll(removeTempDirectories);

  /** Lets the time pass that answers are held back. */
  async function answered<T>(all: readonly Promise<T>[]): Promise<T[]> {
    let isDone = false;
    const done = Promise.all(all).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await clock.advance(500);
      await sleep(2);
    }
    return done;
  }
  const one = async <T>(promise: Promise<T>): Promise<T> => (await answered([promise]))[0] as T;
  const fill = (visitor: Visitor, form: SeenForm, fields: Record<string, string>, from: string) =>
    visitor.submit(form, fields, [...ORIGIN, ['X-Forwarded-For', from]]);
  /** Over the forward-auth endpoint. */
  const basic = (pair: string, from: string): Promise<Answer> =>
    ask(port, '/api/authz/forward-auth', [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'app.example.com'],
      ['X-Forwarded-Uri', '/'],
      ['X-Forwarded-For', from],
      ['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`],
    ]);

  it('lets an owner in from a known device after a thousand wrong passwords from many addresses', async () => {
    const owner = new Visitor(port);
    expect(await one(owner.signIn('alice', 'password-alice'))).toMatchObject({ status: 303 });
    expect(owner.jar.has(DEVICE_COOKIE)).toBe(true);

    const stranger = new Visitor(port);
    const form = formOf(await one(stranger.get('/')), 'sign-in');
    const hashes = argon2.calls.length;
    const bodies = new Set<string>();
    for (let i = 0; i < 1_000; i += 50) {
      const some = Array.from({ length: 50 }, (_, k) => i + k);
      const guess = (k: number) =>
        fill(stranger, form, { username: 'alice', password: `guess-${k}` }, `10.${k >> 8}.${k & 255}.1`);
      for (const answer of await answered(some.map(guess)))
        bodies.add(`${answer.status} ${answer.body.length}`);
    }
    // One answer for wrong and for banned, and few of them cost anything.
    expect(bodies.size).toBe(1);
    expect(argon2.calls.length - hashes).toBeLessThan(60);
    expect(await database.bans.list(clock.now())).toMatchObject([{ kind: 'user', subject: 'alice' }]);

    // Also with the address that the owner has: the right password is refused without the cookie.
    const right = { username: 'alice', password: 'password-alice' };
    const refused = await one(fill(stranger, form, right, '198.51.100.7'));
    expect(`${refused.status} ${refused.body.length}`).toBe([...bodies][0]);
    expect((await one(basic('alice:password-alice', '198.51.100.7'))).status).toBe(401);

    for (const name of owner.jar.keys()) if (name !== DEVICE_COOKIE) owner.jar.delete(name);
    expect(await one(owner.signIn('alice', 'password-alice'))).toMatchObject({ status: 303 });
    expect(owner.jar.has('__Secure-postern_session')).toBe(true);
    expect((await one(stranger.signIn('bob', 'password-bob'))).status).toBe(303);
  }, 60_000);

  it('counts with Basic', async () => {
    for (const [pair, from] of [
      ['alice:1', '10.0.0.1'],
      ['alice:2', '10.0.0.2'],
    ] as const) {
      expect((await one(basic(pair, from))).status).toBe(401);
    }
    const visitor = new Visitor(port);
    const failed = await one(visitor.signIn('alice', 'wrong'));
    const banned = await one(visitor.signIn('alice', 'password-alice'));
    expect(banned.status).toBe(failed.status);
    expect(banned.status).not.toBe(303);
    expect((await one(basic('alice:password-alice', '10.0.0.4'))).status).toBe(401);
    const failures = log.lines.filter(({ message }) => message === 'authentication failed');
    expect(failures.map(({ fields }) => [fields.client, fields.user, fields.reason])).toEqual([
      ['10.0.0.1', 'alice', 'wrong password'],
      ['10.0.0.2', 'alice', 'wrong password'],
      ['198.51.100.7', 'alice', 'wrong password'],
      ['198.51.100.7', 'alice', 'banned'],
      ['10.0.0.4', 'alice', 'banned'],
    ]);
  }, 60_000);
});
