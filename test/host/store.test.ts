import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import { backup, restore } from '../../host/store/backup.ts';
import { openDatabase, type StoreSettings } from '../../host/store/database.ts';
import { openStore } from '../../host/store/open.ts';
import type { TotpDevice } from '../../host/store/store.ts';
import { describeStore } from '../contracts/store.ts';
import { describePostgres, PATIENT, startPostgres } from '../support/postgres.ts';
import { describeSmallDisk } from '../support/small-disk.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** What a call may take beyond its limit on a machine with other things to do. */
const SLACK_MS = 2_000;
const DEPS = { secret: Buffer.alloc(32, 3), random: randomBytes };

afterAll(removeTempDirectories);

const session = (id: string) => ({
  ...{ id, username: 'alice', domain: 'example.com', level: 1, createdAt: 1, expiresAt: 2, activeAt: 1 },
  ...{ remember: false, details: 'Firefox', password: 'tag', parent: undefined },
});

const pathOf = (settings: StoreSettings): string => (settings.kind === 'sqlite' ? settings.path : '');

describeStore('SQLite', async () => ({
  create: () => ({ kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') }),
  dump: settings =>
    ['', '-wal']
      .map(end => `${pathOf(settings)}${end}`)
      .filter(existsSync)
      .map(file => readFileSync(file, 'latin1'))
      .join(''),
  tamper(settings, statement) {
    const database = new Database(pathOf(settings));
    database.exec(statement);
    database.close();
  },
  stop: async () => {},
}));

describe('a database file', () => {
  it('is read by its owner alone', async () => {
    const path = join(tempDirectory(), 'postern.sqlite3');
    const store = await openStore({ kind: 'sqlite', path }, DEPS);
    await store.revocations.tell('alice', 1);
    for (const end of ['', '-wal', '-shm'])
      expect((statSync(path + end).mode & 0o777).toString(8)).toBe('600');
    await store.close();
  });

  it('is closed to others when it was made by hand', async () => {
    const path = join(tempDirectory(), 'postern.sqlite3');
    writeFileSync(path, '');
    chmodSync(path, 0o664);
    const store = await openStore({ kind: 'sqlite', path }, DEPS);
    await store.revocations.tell('alice', 1);
    for (const end of ['', '-wal', '-shm'])
      expect((statSync(path + end).mode & 0o777).toString(8)).toBe('600');
    await store.close();
  });

  it('that is none, or cannot be made, is told without what is in it', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'junk');
    writeFileSync(
      path,
      'this is a text with a secret in it, longer than the header of a database '.repeat(20),
    );
    chmodSync(path, 0o644);
    await expect(openStore({ kind: 'sqlite', path }, DEPS)).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining('the file is no database of SQLite, or a damaged one (SQLITE_NOTADB)'),
    });
    expect(readFileSync(path, 'utf8')).toContain('a text with a secret in it');
    // It is somebody else's, who reads it by this mode.
    expect((statSync(path).mode & 0o777).toString(8)).toBe('644');
    const gone = join(directory, 'no', 'such', 'folder');
    await expect(openStore({ kind: 'sqlite', path: gone }, DEPS)).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining('ENOENT'),
    });
    chmodSync(path, 0o600);
  });
});

describeSmallDisk('a full disk', mount => {
  it('is told as what it is, by every write, and is over when there is room', async () => {
    const disk = mount(2_048);
    const store = await openStore({ kind: 'sqlite', path: join(disk.path, 'postern.sqlite3') }, DEPS);
    await store.sessions.put(session('old'));
    disk.fill();
    for (const write of [
      () => store.sessions.put(session('new')),
      () => store.sessions.remove('old', 1),
      () => store.revocations.tell('alice', 1),
      () => store.sessions.removeAll(undefined, 1),
    ]) {
      await expect(write()).rejects.toMatchObject({ message: expect.stringContaining('SQLITE_FULL') });
    }
    expect(await store.sessions.find('old')).toBeDefined();
    disk.free();
    expect(await store.sessions.remove('old', 1)).toEqual(['old']);
    expect(await store.sessions.put(session('new'))).toBe(true);
    await store.close();
    disk.unmount();
  });
});

describePostgres('with PostgreSQL', binaries => {
  describeStore('PostgreSQL', async () => {
    const server = await startPostgres(binaries);
    const databaseOf = (settings: StoreSettings) => (settings.kind === 'postgres' ? settings.database : '');
    return {
      create: () => ({ ...server.createSettings(), ...PATIENT }),
      dump: settings =>
        ['sessions', 'totp_devices', 'recovery_codes', 'data_keys', 'bans']
          .map(table => server.sql(databaseOf(settings), `select * from ${table}`))
          .join('\n'),
      tamper: (settings, statement) => void server.sql(databaseOf(settings), statement),
      stop: () => server.stop(),
    };
  });

  it('is refused in time when it is stopped, or the password wrong, and used again without a restart', async () => {
    const server = await startPostgres(binaries);
    const settings = {
      kind: 'postgres',
      host: '127.0.0.1',
      port: server.port,
      database: server.createDatabase(),
      schema: 'public',
      username: 'postern',
      password: server.password,
    } as const;
    const store = await openStore(settings, DEPS);
    await store.factors.setRecoveryCodes('alice', ['aaaa-1111']);
    const refused = async () => {
      const start = moment();
      const error = await store.factors.recoveryCodesLeft('alice').catch(error => error);
      expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
      expect(error.message).not.toMatch(/select|alice|horse/);
      expect(between(start)).toBeLessThan(4_000 + SLACK_MS);
    };
    await server.stop();
    await refused();
    await server.restart();
    expect(await store.factors.recoveryCodesLeft('alice')).toBe(1);
    const wrong = openStore({ ...settings, password: 'wrong horse' }, DEPS);
    await expect(wrong).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining('28P01'),
    });
    await store.close();
    await server.stop();
  });

  it('takes what a file held, and gives it back', async () => {
    const server = await startPostgres(binaries);
    const places: StoreSettings[] = [
      { kind: 'sqlite', path: join(tempDirectory(), 'from.sqlite3') },
      { ...server.createSettings(), ...PATIENT },
      { kind: 'sqlite', path: join(tempDirectory(), 'to.sqlite3') },
    ];
    const [first, ...others] = places as [StoreSettings, ...StoreSettings[]];
    const now = Date.now();
    const made = {
      ...session('old'),
      createdAt: now,
      activeAt: now,
      expiresAt: now + 3_600_000,
      remember: true,
    };
    const device: TotpDevice = {
      ...{ id: 'd', username: 'alice', name: 'phone', digits: 8, period: 60 },
      ...{ secret: Buffer.from('seed'), lastStep: 3, createdAt: now },
      algorithm: 'SHA256',
    };
    const store = await openStore(first, DEPS);
    await store.sessions.put(made);
    await store.factors.add(device);
    await store.factors.setRecoveryCodes('alice', ['aaaa-1111']);
    const ban = { reason: 'r', createdAt: now, source: 'operator' } as const;
    await store.bans.put({ kind: 'user', subject: 'mallory', until: undefined, ...ban });
    await store.bans.put({ kind: 'address', subject: '192.0.2.1', until: now + 60_000, ...ban });
    const bans = await store.bans.list(now);
    await store.close();
    let from = first;
    for (const to of others) {
      const source = await openDatabase(from);
      const lines = await backup(source, from.kind);
      await source.destroy();
      await (await openStore(to, DEPS)).close();
      const target = await openDatabase(to);
      expect(await restore(target, lines, DEPS)).toBe(6);
      await target.destroy();
      const moved = await openStore(to, DEPS);
      expect(await moved.sessions.find('old')).toEqual(made);
      const [found] = await moved.factors.ofUser('alice');
      expect({ ...found, secret: Buffer.from(found?.secret ?? []) }).toEqual(device);
      expect(await moved.factors.recoveryCodesLeft('alice')).toBe(1);
      expect(await moved.bans.list(now)).toEqual(bans);
      await moved.close();
      from = to;
    }
    const last = await openStore(from, DEPS);
    expect(await last.factors.useRecoveryCode('alice', 'aaaa-1111')).toBe(true);
    await last.close();
    await server.stop();
  });

  it('keeps everything in the schema that is named', async () => {
    const server = await startPostgres(binaries);
    const database = server.createDatabase();
    server.sql(database, 'create schema auth');
    const settings = { host: '127.0.0.1', port: server.port, database, username: 'postern' } as const;
    const { password } = server;
    const store = await openStore({ kind: 'postgres', ...settings, schema: 'auth', password }, DEPS);
    await store.revocations.tell('alice', 7);
    expect(server.sql(database, 'select at from auth.revocations')).toBe('7');
    expect(server.sql(database, "select count(*) from pg_tables where schemaname = 'public'")).toBe('0');
    await store.close();
    await server.stop();
  });
});
