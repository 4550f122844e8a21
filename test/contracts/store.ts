import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { backup, restore } from '../../host/store/backup.ts';
import { rotateSecret } from '../../host/store/data-key.ts';
import { openDatabase, type StoreSettings } from '../../host/store/database.ts';
import { openAsItIs, openStore } from '../../host/store/open.ts';
import type { Ban, Session, Store, StoreError, TotpDevice } from '../../host/store/store.ts';

/** A place for databases. */
export interface StoreUnderTest {
  /** A new, empty one. */
  create(): StoreSettings;
  /** Everything in it, as text: statements' results, a file's bytes. */
  dump(settings: StoreSettings): string;
  /** Runs a statement behind our back. */
  tamper(settings: StoreSettings, statement: string): void;
  stop(): Promise<void>;
}

const SECRET = Buffer.alloc(32, 3);
const NOW = 1_760_000_000_000;

/** A backup as the version before wrote it, whose last line said nothing of its end. */
const endless = (lines: readonly string[]): string[] => [
  JSON.stringify({ postern: 'storage backup', version: 1 }),
  ...lines.slice(1, -1),
];

const session = (over: Partial<Session> = {}): Session => ({
  id: 'hash-1',
  username: 'alice',
  domain: 'example.com',
  level: 1,
  createdAt: NOW,
  expiresAt: NOW + 3_600_000,
  activeAt: NOW,
  remember: false,
  details: '192.0.2.1 Firefox ü',
  password: 'tag-1',
  parent: undefined,
  ...over,
});

const device = (over: Partial<TotpDevice> = {}): TotpDevice => ({
  id: 'device-1',
  username: 'alice',
  name: 'phone',
  secret: Buffer.from('the very secret seed'),
  algorithm: 'SHA1',
  digits: 6,
  period: 30,
  lastStep: 100,
  createdAt: NOW,
  ...over,
});

/** What every database must do. */
export function describeStore(title: string, start: () => Promise<StoreUnderTest>): void {
  describe(`${title}: a store`, () => {
    let place: StoreUnderTest;
    let settings: StoreSettings;
    let store: Store;
    const others: Store[] = [];

    const open = async (secret: Uint8Array = SECRET, previousSecret?: Uint8Array, at = settings) => {
      const opened = await openStore(at, { secret, previousSecret, random: randomBytes });
      others.push(opened);
      return opened;
    };

    beforeAll(async () => {
      place = await start();
    });
    beforeEach(async () => {
      settings = place.create();
      store = await open();
    });
    afterEach(async () => {
      for (const other of others.splice(0)) await other.close();
    });
    afterAll(async () => {
      await place?.stop();
    });

    it('keeps sessions, over a restart too', async () => {
      expect(await store.sessions.find('hash-1')).toBeUndefined();
      await store.sessions.put(session());
      await store.sessions.put(session({ id: 'hash-2', remember: true, level: 2, createdAt: NOW + 1 }));
      await store.sessions.put(session({ id: 'hash-3', username: 'bob' }));
      await expect(store.sessions.put(session())).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' });
      const again = await open();
      expect(await again.sessions.find('hash-1')).toEqual(session());
      expect(
        (await again.sessions.ofUser('alice')).map(({ id, remember, level }) => [id, remember, level]),
      ).toEqual([
        ['hash-1', false, 1],
        ['hash-2', true, 2],
      ]);
      expect((await again.sessions.all(NOW)).map(({ id }) => id)).toEqual(['hash-1', 'hash-2', 'hash-3']);
      expect(await again.sessions.all(NOW + 3_600_000)).toEqual([]);
      expect(await again.sessions.remove('hash-1', NOW)).toEqual(['hash-1']);
      expect(await store.sessions.remove('hash-1', NOW)).toEqual([]);
      expect(await store.sessions.removeAll('alice', NOW)).toEqual(['hash-2']);
      expect(await store.sessions.removeAll(undefined, NOW)).toHaveLength(1);
    });

    it('ends a session with those that were made from it', async () => {
      await store.sessions.put(session());
      await store.sessions.put(session({ id: 'child', domain: 'example.org', parent: 'hash-1' }));
      await store.sessions.put(session({ id: 'other' }));
      expect((await store.sessions.find('child'))?.parent).toBe('hash-1');
      const ids = await store.sessions.remove('hash-1', NOW);
      expect([...ids].sort()).toEqual(['child', 'hash-1']);
      expect((await store.sessions.ofUser('alice')).map(({ id }) => id)).toEqual(['other']);
      expect(await store.sessions.put(session({ id: 'late', parent: 'hash-1' }))).toBe(false);
      expect(await store.sessions.find('late')).toBeUndefined();
    });

    it('leaves no session behind that was made from one while that ended', async () => {
      const other = await open();
      for (let round = 0; round < 10; round++) {
        await store.sessions.put(session());
        await Promise.all([
          store.sessions.put(session({ id: 'child', parent: 'hash-1' })),
          round % 2 === 0 ? other.sessions.remove('hash-1', NOW) : other.sessions.removeAll('alice', NOW),
        ]);
        expect(await store.sessions.ofUser('alice')).toEqual([]);
      }
    });

    it('ends what is over, then what was idle longest, where somebody has too many', async () => {
      const minutes = (n: number) => NOW + n * 60_000;
      const rows: Partial<Session>[] = [
        { id: 'long-ago', remember: true, activeAt: minutes(1) },
        { id: 'idle', activeAt: minutes(5) },
        { id: 'expired', activeAt: minutes(9), expiresAt: minutes(10) },
        { id: 'lately', activeAt: minutes(8) },
        { id: 'new', activeAt: NOW },
        { id: 'elsewhere', domain: 'example.org', parent: 'idle', activeAt: NOW },
        { id: 'others', username: 'bob', activeAt: NOW },
      ];
      for (const row of rows) await store.sessions.put(session(row));
      const own = { username: 'alice', domain: 'example.com', keep: 'new' };
      const crowd = (most: number) => ({ ...own, most, now: minutes(10), idleSince: minutes(5) });
      expect(await store.sessions.thin(crowd(5))).toEqual([]);
      expect(await store.revocations.since(0)).toEqual([]);
      const other = await open();
      const ended = await Promise.all([store.sessions.thin(crowd(3)), other.sessions.thin(crowd(3))]);
      // By two hosts at the same time no more than by one.
      expect(ended.flat().sort()).toEqual(['elsewhere', 'expired', 'idle']);
      expect((await store.revocations.since(0)).map(({ username }) => username)).toContain('alice');
      expect(await store.sessions.thin(crowd(2))).toEqual(['long-ago']);
      expect(await store.sessions.thin(crowd(1))).toEqual(['lately']);
      expect(await store.sessions.thin(crowd(0))).toEqual([]);
      const left = (await store.sessions.all(NOW)).map(({ id }) => id);
      expect(left).toEqual(['new', 'others']);
    });

    it('tells every host what ended, in the same step', async () => {
      const other = await open();
      const start = await other.revocations.last();
      expect(start).toBe(0);
      await store.sessions.put(session());
      await store.sessions.put(session({ id: 'hash-2', username: 'bob', createdAt: NOW + 10 }));
      expect(await other.revocations.since(0)).toEqual([]);
      await store.sessions.remove('hash-1', NOW);
      const [first, ...none] = await other.revocations.since(start);
      expect([first, none]).toEqual([{ number: expect.any(Number), username: 'alice', isOwn: false }, []]);
      expect((await store.revocations.since(start))[0]).toEqual({ ...first, isOwn: true });
      // A flush ends what began before it, and tells all the same.
      expect(await store.sessions.removeAll(undefined, NOW, NOW + 5)).toEqual([]);
      expect(await store.sessions.removeAll(undefined, NOW, NOW + 10)).toEqual(['hash-2']);
      await store.revocations.tell('carol', NOW);
      const later = await other.revocations.since(first?.number ?? 0);
      expect(later.map(({ username }) => username)).toEqual([undefined, undefined, 'carol']);
      const last = await other.revocations.last();
      expect(last).toBe(later[2]?.number);
      await store.sweep(NOW + 47 * 3_600_000);
      expect(await other.revocations.since(0)).toHaveLength(4);
      await store.sweep(NOW + 48 * 3_600_000);
      expect(await other.revocations.since(0)).toEqual([]);
      // Numbers are never used again.
      await store.revocations.tell('carol', NOW);
      expect(await other.revocations.last()).toBeGreaterThan(last);
    });

    it('notes activity, never backwards', async () => {
      await store.sessions.put(session());
      expect(await store.sessions.touch('hash-1', NOW + 5_000)).toBe(true);
      expect(await store.sessions.touch('hash-1', NOW + 1_000)).toBe(true);
      expect((await store.sessions.find('hash-1'))?.activeAt).toBe(NOW + 5_000);
      expect(await store.sessions.touch('gone', NOW)).toBe(false);
    });

    it('replaces a session once, whoever asks at the same time', async () => {
      await store.sessions.put(session());
      const other = await open();
      const answers = await Promise.all(
        [...Array(10).keys()].map(i =>
          (i % 2 ? store : other).sessions.replace('hash-1', session({ id: `next-${i}`, level: 2 }), NOW),
        ),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
      const left = await store.sessions.ofUser('alice');
      expect(left.map(({ id }) => id)).toEqual([`next-${answers.indexOf(true)}`]);
    });

    it('keeps second factors, and uses each time step once', async () => {
      await store.factors.add(device());
      await store.factors.add(
        device({ id: 'device-2', name: 'key', algorithm: 'SHA512', createdAt: NOW + 1 }),
      );
      await expect(store.factors.add(device())).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' });
      const [first] = await store.factors.ofUser('alice');
      expect({ ...first, secret: Buffer.from(first?.secret ?? []) }).toEqual(device());
      const other = await open();
      const uses = await Promise.all(
        [...Array(10).keys()].map(i => (i % 2 ? store : other).factors.useStep('alice', 'device-1', 101)),
      );
      expect(uses.filter(Boolean)).toHaveLength(1);
      expect(await store.factors.useStep('alice', 'device-1', 100)).toBe(false);
      expect(await store.factors.useStep('alice', 'device-1', 102)).toBe(true);
      expect(await store.factors.useStep('bob', 'device-1', 200)).toBe(false);
      expect(await store.factors.useStep('alice', 'device-2', 101)).toBe(true);
      expect(await store.factors.remove('bob', 'device-1')).toBe(false);
      expect(await store.factors.remove('alice', 'device-1')).toBe(true);
      expect((await store.factors.ofUser('alice')).map(({ id }) => id)).toEqual(['device-2']);
    });

    it('takes a recovery code once, and forgets the old ones', async () => {
      await store.factors.setRecoveryCodes('alice', ['aaaa-1111', 'bbbb-2222']);
      await store.factors.setRecoveryCodes('bob', ['aaaa-1111']);
      expect(await store.factors.recoveryCodesLeft('alice')).toBe(2);
      const other = await open();
      const uses = await Promise.all(
        [...Array(6).keys()].map(i => (i % 2 ? store : other).factors.useRecoveryCode('alice', 'aaaa-1111')),
      );
      expect(uses.filter(Boolean)).toHaveLength(1);
      expect(await store.factors.useRecoveryCode('alice', 'cccc-3333')).toBe(false);
      await store.factors.setRecoveryCodes('alice', ['dddd-4444']);
      expect(await store.factors.useRecoveryCode('alice', 'bbbb-2222')).toBe(false);
      expect(await store.factors.useRecoveryCode('bob', 'aaaa-1111')).toBe(true);
      await store.factors.setRecoveryCodes('alice', []);
      expect(await store.factors.recoveryCodesLeft('alice')).toBe(0);
    });

    it('keeps bans until they end', async () => {
      const ban = {
        kind: 'user',
        subject: 'alice',
        until: NOW + 1_000,
        reason: 'guesses',
        createdAt: NOW,
        source: 'failures',
      } as const;
      await store.bans.put(ban);
      await store.bans.put({ ...ban, kind: 'address', subject: '192.0.2.1', until: undefined });
      expect(await store.bans.find('user', 'alice', NOW)).toEqual(ban);
      expect(await store.bans.find('address', 'alice', NOW)).toBeUndefined();
      await store.bans.put({ ...ban, until: NOW + 2_000 });
      expect((await store.bans.find('user', 'alice', NOW + 1_500))?.until).toBe(NOW + 2_000);
      expect((await store.bans.list(NOW)).map(({ subject }) => subject).sort()).toEqual([
        '192.0.2.1',
        'alice',
      ]);
      expect(await store.bans.find('user', 'alice', NOW + 2_000)).toBeUndefined();
      expect(await store.bans.remove('address', '192.0.2.1')).toBe(true);
      expect(await store.bans.remove('address', '192.0.2.1')).toBe(false);
    });

    it('knows the bans against an attempt, and whose they are', async () => {
      const ban = { reason: '', createdAt: NOW, until: NOW + 1_000 };
      const own = { ...ban, source: 'failures' } as const;
      const operator = { ...ban, source: 'operator' } as const;
      await store.bans.put({ ...own, kind: 'user', subject: 'alice' });
      await store.bans.put({ ...own, kind: 'address', subject: '192.0.2.1' });
      await store.bans.put({ ...operator, kind: 'address', subject: '198.51.100.0/24' });
      await store.bans.put({ ...operator, kind: 'user', subject: 'eve' });
      const against = async (name: string | undefined, address: string, now = NOW) =>
        (await store.bans.against(name, address, now)).map(({ subject }) => subject).sort();
      expect(await against('alice', '192.0.2.1')).toEqual(['192.0.2.1', '198.51.100.0/24', 'alice']);
      expect(await against('192.0.2.1', 'alice')).toEqual(['198.51.100.0/24']);
      expect(await against('eve', '')).toEqual(['198.51.100.0/24', 'eve']);
      expect(await against(undefined, '203.0.113.9')).toEqual(['198.51.100.0/24']);
      expect(await against('alice', '192.0.2.1', NOW + 1_000)).toEqual([]);
      // Guesses neither shorten nor take over what an operator put, until that has ended.
      await store.bans.put({ ...operator, kind: 'user', subject: 'eve', until: undefined });
      await store.bans.put({ ...own, kind: 'user', subject: 'eve' });
      const of = async (name: string) =>
        (await store.bans.list(NOW)).find(({ subject }) => subject === name) as Ban;
      expect(await of('eve')).toMatchObject({ source: 'operator', until: undefined });
      await store.bans.put({ ...operator, kind: 'user', subject: 'eve', until: NOW - 1 });
      await store.bans.put({ ...own, kind: 'user', subject: 'eve' });
      expect(await of('eve')).toMatchObject({ source: 'failures', until: NOW + 1_000 });
      await store.bans.put({ ...operator, kind: 'user', subject: 'eve', until: undefined });
      expect(await of('eve')).toMatchObject({ source: 'operator', until: undefined });
    });

    it('sweeps what has ended', async () => {
      await store.sessions.put(session({ expiresAt: NOW }));
      await store.sessions.put(session({ id: 'hash-2', expiresAt: NOW + 1 }));
      const ban = { kind: 'user', subject: 'a', reason: '', createdAt: NOW, source: 'operator' } as const;
      await store.bans.put({ ...ban, until: NOW });
      await store.bans.put({ ...ban, subject: 'b', until: undefined });
      await store.sweep(NOW);
      expect((await store.sessions.ofUser('alice')).map(({ id }) => id)).toEqual(['hash-2']);
      expect((await store.bans.list(0)).map(({ subject }) => subject)).toEqual(['b']);
    });

    it('takes texts as they are', async () => {
      for (const name of ["o'brien; drop table sessions --", 'ünï\u{1f511}', '%', 'a"b\\c']) {
        await store.sessions.put(session({ id: name, username: name, details: name }));
        expect(await store.sessions.find(name)).toMatchObject({ username: name, details: name });
        expect(await store.sessions.removeAll(name, NOW)).toEqual([name]);
      }
    });

    it('holds no secret in clear', async () => {
      await store.factors.add(device());
      await store.factors.setRecoveryCodes('alice', ['aaaa-1111']);
      await store.sessions.put(session());
      const text = place.dump(settings);
      expect(text).toContain('alice');
      const seed = device().secret as Buffer;
      const encodings = (['utf8', 'hex', 'base64'] as const).map(name => seed.toString(name));
      for (const part of [...encodings, 'aaaa-1111', 'Firefox', SECRET.toString('hex')])
        expect(text).not.toContain(part);
    });

    it('opens no value in another row, for another user, or damaged', async () => {
      await store.factors.add(device());
      await store.factors.add(device({ id: 'device-2', username: 'mallory' }));
      place.tamper(settings, "update totp_devices set username = 'mallory' where username = 'alice'");
      await expect(store.factors.ofUser('mallory')).rejects.toMatchObject({ code: 'ERR_STORE_SEALED' });
      place.tamper(
        settings,
        "update totp_devices set secret = (select secret from totp_devices where id = 'device-1') where id = 'device-2'",
      );
      place.tamper(settings, "delete from totp_devices where id = 'device-1'");
      await expect(store.factors.ofUser('mallory')).rejects.toMatchObject({ code: 'ERR_STORE_SEALED' });
    });

    it.each([
      ['another user', "username = 'mallory'"],
      ['another domain', "domain = 'example.org'"],
      ['two factors', 'level = 2'],
      ['a later beginning', `created_at = ${NOW + 1}`],
      ['a later end', `expires_at = ${NOW + 9 * 3_600_000}`],
      ['no pause', 'remember = 1'],
      ['another password', "password = 'tag-2'"],
      ['no parent', 'parent = null'],
    ])('gives a session to nobody who has written %s into it', async (_, change) => {
      await store.sessions.put(session({ id: 'parent' }));
      await store.sessions.put(session({ parent: 'parent' }));
      await store.sessions.touch('hash-1', NOW + 5_000);
      expect(await store.sessions.find('hash-1')).toMatchObject({ level: 1, parent: 'parent' });
      place.tamper(settings, `update sessions set ${change} where id = 'hash-1'`);
      await expect(store.sessions.find('hash-1')).rejects.toMatchObject({ code: 'ERR_STORE_SEALED' });
      // Nor does it hide the others from whoever lists and ends them.
      const others = (await store.sessions.all(NOW)).map(({ id }) => id);
      expect(others).toEqual(['parent']);
      expect(await store.sessions.ofUser('mallory')).toEqual([]);
      expect(await store.sessions.remove('hash-1', NOW)).toEqual(['hash-1']);
    });

    it('opens with its secret alone, and with a new one once its key is wrapped anew', async () => {
      await store.factors.add(device());
      const next = Buffer.alloc(32, 4);
      const refused = await open(next).catch((error: StoreError) => error);
      expect(refused).toMatchObject({ code: 'ERR_STORE_SEALED' });
      expect((refused as StoreError).message).toContain('postern storage rotate-secret');
      const between = await open(next, SECRET);
      expect(await between.factors.ofUser('alice')).toHaveLength(1);
      const db = await openDatabase(settings);
      const secrets = { secret: next, previousSecret: SECRET };
      expect(await rotateSecret(db, secrets, randomBytes)).toBe(true);
      expect(await rotateSecret(db, secrets, randomBytes)).toBe(false);
      await db.destroy();
      expect(await (await open(next)).factors.ofUser('alice')).toHaveLength(1);
      await expect(open(SECRET)).rejects.toMatchObject({ code: 'ERR_STORE_SEALED' });
    });

    it('is brought up to date once by hosts that start together, and refuses what is newer', async () => {
      const fresh = place.create();
      const hosts = await Promise.all([...Array(4).keys()].map(() => open(SECRET, undefined, fresh)));
      await hosts[0]?.factors.add(device());
      for (const host of hosts) expect(await host.factors.ofUser('alice')).toHaveLength(1);
      place.tamper(fresh, "insert into kysely_migration (name, timestamp) values ('9999-later', '2030')");
      await expect(open(SECRET, undefined, fresh)).rejects.toMatchObject({ code: 'ERR_STORE_NEWER' });
    });

    it('comes from the version before with everything but what nothing asks for', async () => {
      await store.sessions.put(session());
      await store.factors.add(device());
      await store.factors.setRecoveryCodes('alice', ['aaaa-1111']);
      await store.revocations.tell('bob', NOW);
      place.tamper(settings, "delete from kysely_migration where name = '0004-without-accounts'");
      place.tamper(
        settings,
        'create table accounts (username text primary key, sign_outs integer not null default 0, preferred text)',
      );
      place.tamper(settings, "insert into accounts values ('alice', 3, 'totp')");
      // A backup from before the update, by the version behind it.
      const asItWas = await openAsItIs(settings, { secret: SECRET });
      const lines = await backup(asItWas, settings.kind);
      await asItWas.destroy();
      expect(() => place.tamper(settings, 'select * from accounts')).not.toThrow();
      const next = await open();
      expect(await next.sessions.find('hash-1')).toEqual(session());
      expect(await next.factors.ofUser('alice')).toHaveLength(1);
      expect(await next.factors.useRecoveryCode('alice', 'aaaa-1111')).toBe(true);
      expect(await next.revocations.since(0)).toMatchObject([{ username: 'bob' }]);
      expect(() => place.tamper(settings, 'select * from accounts')).toThrow(/accounts/);
      const target = place.create();
      const restored = await open(SECRET, undefined, target);
      const db = await openDatabase(target);
      expect(await restore(db, lines, { secret: SECRET })).toBe(4);
      await db.destroy();
      expect(await restored.sessions.find('hash-1')).toEqual(session());
    });

    it('gives no backup of what it cannot know all of, or cannot open', async () => {
      const fresh = place.create();
      const secrets = { secret: SECRET };
      await expect(openAsItIs(fresh, secrets)).rejects.toMatchObject({
        code: 'ERR_STORE_UNAVAILABLE',
        message: expect.stringContaining('there is nothing in this database yet'),
      });
      await expect(openAsItIs(settings, { secret: Buffer.alloc(32, 4) })).rejects.toMatchObject({
        code: 'ERR_STORE_SEALED',
      });
      place.tamper(settings, "insert into kysely_migration (name, timestamp) values ('9999-later', '2030')");
      await expect(openAsItIs(settings, secrets)).rejects.toMatchObject({ code: 'ERR_STORE_NEWER' });
    });

    it("leaves Authelia's database alone", async () => {
      const theirs = place.create();
      await (await openStore(theirs, { secret: SECRET, random: randomBytes })).close();
      for (const table of ['authentication_logs', 'totp_configurations'])
        place.tamper(theirs, `create table ${table} (id integer)`);
      await expect(open(SECRET, undefined, theirs)).rejects.toMatchObject({
        code: 'ERR_STORE_CONFLICT',
        message: expect.stringContaining("is Authelia's: name another file"),
      });
    });

    it('moves to a new database by a backup, whole or not at all', async () => {
      await store.factors.add(device());
      await store.sessions.put(session());
      const forEver = { until: undefined, reason: 'r', createdAt: NOW, source: 'operator' } as const;
      await store.bans.put({ kind: 'user', subject: 'x', ...forEver });
      const db = await openDatabase(settings);
      const lines = await backup(db, settings.kind);
      await db.destroy();
      const target = place.create();
      const moved = await open(SECRET, undefined, target);
      const targetDb = await openDatabase(target);
      const keyless = endless(lines).filter(line => !line.includes('"data_keys"'));
      const cuts = lines.map((_, at) => lines.slice(0, at));
      for (const broken of [
        ...cuts,
        lines.slice(1),
        keyless,
        lines.toSpliced(1, 1),
        [...lines, lines[1] ?? ''],
        [...endless(lines), '{'],
        [...endless(lines), 'null'],
        [...endless(lines), '{"table":"users","row":{}}'],
      ]) {
        await expect(restore(targetDb, broken, { secret: SECRET })).rejects.toMatchObject({
          code: 'ERR_STORE_SEALED',
        });
      }
      await expect(restore(targetDb, lines, { secret: Buffer.alloc(32, 4) })).rejects.toMatchObject({
        code: 'ERR_STORE_SEALED',
        message: expect.stringContaining('the backup was made under another root secret: give that one'),
      });
      expect(await moved.sessions.ofUser('alice')).toEqual([]);
      // A line of a version that counted sign-outs.
      const counter = { username: 'alice', sign_outs: 1, preferred: null };
      const all = [...endless(lines), JSON.stringify({ table: 'accounts', row: counter })];
      expect(await restore(targetDb, all, { secret: SECRET })).toBe(4);
      await expect(restore(targetDb, lines, { secret: SECRET })).rejects.toMatchObject({
        code: 'ERR_STORE_CONFLICT',
      });
      await targetDb.destroy();
      const again = await open(SECRET, undefined, target);
      expect(await again.sessions.find('hash-1')).toEqual(session());
      expect(Buffer.from((await again.factors.ofUser('alice'))[0]?.secret ?? [])).toEqual(device().secret);
      expect((await again.bans.list(NOW)).map(({ subject }) => subject)).toEqual(['x']);
    });

    it('goes on in hosts that run while a backup is put into it, with the key that came with it', async () => {
      await store.factors.add(device());
      await store.factors.setRecoveryCodes('alice', ['aaaa-1111', 'bbbb-2222']);
      await store.sessions.put(session());
      const db = await openDatabase(settings);
      const lines = await backup(db, settings.kind);
      await db.destroy();
      const target = place.create();
      const [reader, writer] = [await open(SECRET, undefined, target), await open(SECRET, undefined, target)];
      const targetDb = await openDatabase(target);
      await restore(targetDb, lines, { secret: SECRET });
      await targetDb.destroy();
      expect(await reader.sessions.find('hash-1')).toEqual(session());
      await writer.sessions.put(session({ id: 'hash-2' }));
      await writer.factors.add(device({ id: 'device-2', createdAt: NOW + 1 }));
      expect(await writer.factors.useRecoveryCode('alice', 'aaaa-1111')).toBe(true);
      const again = await open(SECRET, undefined, target);
      expect((await again.sessions.ofUser('alice')).map(({ id }) => id)).toEqual(['hash-1', 'hash-2']);
      expect((await again.factors.ofUser('alice')).map(({ id }) => id)).toEqual(['device-1', 'device-2']);
      expect(await again.factors.useRecoveryCode('alice', 'bbbb-2222')).toBe(true);
    });

    it('goes on in a host of the old secret after its key was wrapped anew', async () => {
      const next = Buffer.alloc(32, 4);
      const db = await openDatabase(settings);
      expect(await rotateSecret(db, { secret: next, previousSecret: SECRET }, randomBytes)).toBe(true);
      await db.destroy();
      await store.sessions.put(session());
      await store.factors.add(device());
      const other = await open(next);
      expect(await other.sessions.find('hash-1')).toEqual(session());
      expect(await other.factors.ofUser('alice')).toHaveLength(1);
    });

    it('that holds nothing yet has no key to wrap', async () => {
      const db = await openDatabase(place.create());
      const secrets = { secret: Buffer.alloc(32, 4), previousSecret: SECRET };
      await expect(rotateSecret(db, secrets, randomBytes)).rejects.toMatchObject({
        code: 'ERR_STORE_UNAVAILABLE',
        message: expect.stringContaining('there is nothing in this database yet'),
      });
      await db.destroy();
    });
  });
}
