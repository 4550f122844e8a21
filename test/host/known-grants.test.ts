import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  GRANTS_FILE_PREFIX,
  HEARTBEAT_MS,
  KIND_BASIC,
  KIND_SESSION,
  KIND_TOKEN,
} from '../../assembly/contract.ts';
import { NO_SCOPE } from '../../host/grant/issuer.ts';
import { KnownGrants, type WrittenGrant } from '../../host/grant/known-grants.ts';
import { sign } from '../support/deferral.ts';
import { FAKE_IMAGE, FakeClock, FakeDirectory, fakeRandom } from '../support/host-fakes.ts';
import { type HeaderList, startTestApp, type TestApp } from '../support/test-app.ts';

const PATH = '/api/authz/forward-auth';
const HOUR_MS = 3_600_000;

const basic = (pair: string) => ['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`] as const;
const forwarded = (uri: string, ...more: HeaderList): HeaderList => [
  ['X-Forwarded-Method', 'GET'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Host', 'app.example.com'],
  ['X-Forwarded-Uri', uri],
  ['X-Forwarded-For', '192.0.2.1'],
  ...more,
];

const shown = (kind: number, text: string, scope = '') => ({ kind, scope, text });

describe('a credential that was verified for a proxy without a guest', () => {
  let test: TestApp;

  beforeEach(async () => {
    test = await startTestApp();
    test.users.put('alice', 'pw', { groups: ['dev'] });
    test.users.put('bob', 'pw');
  });
  afterEach(async () => {
    await test.stop();
    test.clean();
  });

  const ask = async (pair = 'alice:pw', uri = '/') =>
    (await test.get(PATH, forwarded(uri, basic(pair)))).status;
  /** Status, and how many passwords were verified for it. */
  const cost = async (pair?: string) => {
    const before = test.argon2.calls.length;
    return [await ask(pair), test.argon2.calls.length - before];
  };
  const refused = async (pair: string) => {
    const status = ask(pair);
    for (let i = 0; i < 100; i++) {
      await test.clock.advance(50);
      await new Promise(resolve => setTimeout(resolve, 1));
    }
    return status;
  };

  it('is not verified again, and says the same', async () => {
    const first = await test.get(PATH, forwarded('/', basic('alice:pw')));
    const second = await test.get(PATH, forwarded('/', basic('alice:pw')));
    expect([first.status, second.status, second.body]).toEqual([200, 200, first.body]);
    expect(second.headers).toEqual({ ...first.headers, date: second.headers.date });
    expect(second.headers).toMatchObject({ 'remote-user': 'alice', 'remote-groups': 'dev' });
    expect(test.argon2.calls).toHaveLength(1);
    expect(await ask('alice:pw', '/two')).toBe(401);
    expect(await ask('alice:pw', '/deny')).toBe(403);
    expect(test.argon2.calls).toHaveLength(1);
  });

  it('lets nobody else in', async () => {
    expect(await cost('alice:pw')).toEqual([200, 1]);
    expect(await cost('bob:pw')).toEqual([200, 1]);
    for (const pair of ['alice:pw2', 'alice:p', 'alic:e:pw', 'alice:']) {
      expect(await refused(pair), pair).toBe(401);
    }
    expect(test.argon2.calls).toHaveLength(6);
  });

  it('is verified for each deferral: the guest has no grant and needs one', async () => {
    expect(await cost()).toEqual([200, 1]);
    const deferred = await test.get(PATH, [['Postern-Request', sign(test)], basic('alice:pw')]);
    expect(deferred.status).toBe(200);
    expect(test.argon2.calls).toHaveLength(2);
    expect(await cost()).toEqual([200, 0]);
  });

  it('is verified anew when its grant has expired', async () => {
    expect(await cost()).toEqual([200, 1]);
    await test.clock.advance(HOUR_MS - 1);
    expect(await cost()).toEqual([200, 0]);
    await test.clock.advance(1);
    expect(await cost()).toEqual([200, 1]);
  });

  it('is verified anew when the clock says that it has not been yet', async () => {
    expect(await cost()).toEqual([200, 1]);
    test.clock.setWall(test.clock.now() - 10_000);
    expect(await cost()).toEqual([200, 1]);
  });

  it('ends with a change of the user, whatever was changed', async () => {
    expect(await cost()).toEqual([200, 1]);
    test.users.put('alice', 'pw', { groups: ['ops'] });
    const answer = await test.get(PATH, forwarded('/', basic('alice:pw')));
    expect(answer.headers['remote-groups']).toBe('ops');
    expect(test.argon2.calls).toHaveLength(2);
    test.users.put('alice', 'another', { groups: ['ops'] });
    expect(await refused('alice:pw')).toBe(401);
    expect(await cost('alice:another')).toEqual([200, 1]);
    test.users.put('alice', 'another', { groups: ['ops'], disabled: true });
    expect(await refused('alice:another')).toBe(401);
    test.users.put('alice', 'another', { groups: ['ops'] });
    expect(await cost('alice:another')).toEqual([200, 1]);
    test.users.remove('alice');
    expect(await refused('alice:another')).toBe(401);
    expect(await cost('bob:pw')).toEqual([200, 1]);
  });

  it('ends when grants may not live as long any more', async () => {
    expect(await cost()).toEqual([200, 1]);
    test.app.reload({
      image: FAKE_IMAGE,
      identityNames: [],
      realm: 'x',
      lifetimeSeconds: 60,
      offlineGraceSeconds: 900,
    });
    expect(await cost()).toEqual([200, 1]);
    await test.clock.advance(60_000);
    expect(await cost()).toEqual([200, 1]);
  });

  it('ends with the table that holds its grant', async () => {
    expect(await cost()).toEqual([200, 1]);
    const [name = ''] = readdirSync(test.guestDirectory).filter(each => each.startsWith(GRANTS_FILE_PREFIX));
    truncateSync(join(test.guestDirectory, name), 0);
    await test.clock.advance(HEARTBEAT_MS);
    expect(await cost()).toEqual([200, 1]);
    expect(await cost()).toEqual([200, 0]);
  });

  it('is verified each time when its grant fits no slot', async () => {
    test.users.put('dora', 'pw', { groups: Array.from({ length: 200 }, (_, i) => `group-${i}`) });
    expect(await cost('dora:pw')).toEqual([200, 1]);
    expect(await cost('dora:pw')).toEqual([200, 1]);
  });
});

describe('KnownGrants', () => {
  const clock = new FakeClock();
  const users = new FakeDirectory();
  users.put('alice', 'pw');
  const find = () => users.find('alice');
  let live: boolean;
  const writer = { isLive: () => live } as unknown as WrittenGrant['writer'];
  let current: typeof writer | undefined;
  const build = (limit: number) =>
    new KnownGrants({
      tables: {
        current: () => (current === undefined ? undefined : { writer: current, id: Buffer.alloc(16) }),
      },
      clock,
      random: fakeRandom(),
      limit,
    });
  const grant = (credential: string, over: Partial<WrittenGrant['verified']> = {}): WrittenGrant => {
    const account = find();
    if (account === undefined) throw new Error('nobody');
    const verified = {
      username: 'alice',
      find,
      epoch: account.epoch,
      kind: KIND_BASIC,
      level: 1 as const,
      scope: NO_SCOPE,
      credential: Buffer.from(credential),
      ...over,
    };
    return { verified, account, header: {} as WrittenGrant['header'], writer };
  };

  beforeEach(() => {
    live = true;
    current = writer;
  });

  it('tells kinds and credentials apart', () => {
    const known = build(8);
    known.remember(grant('alice:pw'));
    expect(known.find(shown(KIND_BASIC, 'alice:pw'), '')).toEqual({
      kind: 'proved',
      level: 1,
      principal: find()?.principal,
    });
    expect(known.find(shown(KIND_TOKEN, 'alice:pw'), '')).toBeUndefined();
    expect(known.find(shown(KIND_BASIC, 'alice:p'), '')).toBeUndefined();
    expect(known.find(shown(KIND_BASIC, ''), '')).toBeUndefined();
    known.remember(grant('ünï:€', { kind: KIND_TOKEN, level: 2 }));
    expect(known.find(shown(KIND_TOKEN, 'ünï:€'), '')).toMatchObject({ level: 2 });
  });

  it('forgets what is no good, and holds no more than it may', () => {
    const known = build(2);
    for (const name of ['a', 'b', 'a', 'c']) known.remember(grant(name));
    expect(['a', 'b', 'c'].map(name => known.find(shown(KIND_BASIC, name), '') !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
    live = false;
    expect(known.find(shown(KIND_BASIC, 'a'), '')).toBeUndefined();
    expect(known.size).toBe(1);
    live = true;
    current = undefined;
    expect(known.find(shown(KIND_BASIC, 'c'), '')).toBeUndefined();
    expect(known.size).toBe(0);
  });

  it('asks whether the credential counts from where it comes from', () => {
    const known = build(2);
    known.remember(grant('a', { mayAskFrom: client => client === '192.0.2.1' }));
    expect(known.find(shown(KIND_BASIC, 'a'), '192.0.2.2')).toBeUndefined();
    expect(known.find(shown(KIND_BASIC, 'a'), '')).toBeUndefined();
    expect(known.find(shown(KIND_BASIC, 'a'), '192.0.2.1')).toBeDefined();
  });

  it('follows an account that was read anew, and leaves one that is another', () => {
    const known = build(2);
    known.remember(grant('a'));
    users.put('alice', 'pw');
    expect(known.find(shown(KIND_BASIC, 'a'), '')).toMatchObject({ principal: find()?.principal });
    users.put('alice', 'pw', { groups: ['ops'] });
    expect(known.find(shown(KIND_BASIC, 'a'), '')).toBeUndefined();
    expect(known.size).toBe(0);
  });

  it('does not lean on the credential it was given', () => {
    const known = build(2);
    const secret = grant('alice:a-password-of-alice');
    known.remember(secret);
    secret.verified.credential.fill(0);
    expect(known.find(shown(KIND_BASIC, 'alice:a-password-of-alice'), '')).toBeDefined();
  });

  describe('of sessions', () => {
    const scope = 'example.com';
    const token = shown(KIND_SESSION, 'token', scope);
    const session = (header: object = {}, verified: Partial<WrittenGrant['verified']> = {}): WrittenGrant => {
      const over = { kind: KIND_SESSION, scope: Buffer.from(scope), ...verified };
      return { ...grant('token', over), header: header as WrittenGrant['header'] };
    };

    it('are told apart by the domain', () => {
      const known = build(4);
      known.remember(session());
      expect(known.find(token, '')).toBeDefined();
      for (const other of ['', 'example.co', 'example.org', 'xample.com'])
        expect(known.find(shown(KIND_SESSION, 'token', other), '')).toBeUndefined();
      // Nothing of one runs into the other.
      known.remember(grant('com-token', { kind: KIND_SESSION, scope: Buffer.from('a.') }));
      expect(known.find(shown(KIND_SESSION, '-token', 'a.com'), '')).toBeUndefined();
    });

    it('are asked about in time, and believed without when nobody can be asked', async () => {
      const known = build(4);
      known.remember(session({ issued: clock.now(), refresh: 1_000 }));
      expect(known.find(token, '')).toBeDefined();
      await clock.advance(999);
      expect(known.find(token, '')).toBeDefined();
      await clock.advance(1);
      expect(known.find(token, '')).toBeUndefined();
      expect(known.find(token, '', true)).toBeDefined();
      live = false;
      expect(known.find(token, '', true)).toBeUndefined();
    });

    it('are written anew for a backend with the same ends', async () => {
      const known = build(4);
      const issued = clock.now();
      known.remember(session({ issued, refresh: 1_000, expiry: issued + 4_000 }));
      await clock.advance(400);
      const verified = known.withBackend(token, '', 'Basic x');
      expect(verified).toMatchObject({
        kind: KIND_SESSION,
        notAfter: issued + 4_000,
        authorization: 'Basic x',
      });
      expect(Buffer.from(verified?.scope ?? []).toString()).toBe(scope);
      expect(verified?.refreshAfter?.(3_600)).toBe(600);
      expect(known.withBackend(shown(KIND_BASIC, 'token'), '', 'Basic x')).toBeUndefined();
    });
  });
});
