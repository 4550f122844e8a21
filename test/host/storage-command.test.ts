import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import { openStore } from '../../host/store/open.ts';
import type { Session, Store } from '../../host/store/store.ts';
import { runCli } from '../support/run-cli.ts';
import { describeSmallDisk } from '../support/small-disk.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const SECRET = randomBytes(32);
const env = { POSTERN_SECRET: formatSecret(SECRET) };

let home: string;
const path = () => join(home, 'postern.sqlite3');
const run = (...args: string[]) => runCli([...args, '--config', join(home, 'postern.yml')], { env });

async function withStore<T>(act: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ kind: 'sqlite', path: path() }, { secret: SECRET, random: randomBytes });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

function session(id: string, username: string): Session {
  const now = Date.now();
  return {
    ...{ id, username, domain: 'example.com', level: 1, remember: true },
    ...{ createdAt: now, activeAt: now, expiresAt: now + 3_600_000 },
    ...{ details: '{"address":"192.0.2.1","agent":"Firefox"}', password: 'tag', parent: undefined },
  };
}

beforeEach(() => {
  home = tempDirectory();
  writeFileSync(
    join(home, 'postern.yml'),
    'storage: { local: { path: postern.sqlite3 } }\nsession: { cookies: [{ domain: example.com }] }\n',
  );
});
afterAll(removeTempDirectories);

describe('commands on a database', () => {
  it.each([
    ['session', 'list'],
    ['session', 'list', '--json'],
    ['session', 'revoke', '--all'],
    ['session', 'revoke', '--user', 'alice'],
    ['session', 'revoke', '3f9c'],
    ['second-factor', 'list', 'alice'],
    ['second-factor', 'remove', 'alice'],
    ['storage', 'backup'],
    ['storage', 'rotate-secret'],
  ])('that is not there say so, and make none: %s %s', async (...args) => {
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(
      `error: there is no database at ${path()} (\`storage.local.path\`): correct the path; the service makes it when it starts, as does \`postern storage migrate\`\n`,
    );
    expect(existsSync(path())).toBe(false);
  });

  it.each([
    [['storage', 'migrate'], {}],
    [['session', 'list'], {}],
    [['ban', 'list'], {}],
    [['second-factor', 'list', 'alice'], env],
  ])('say in a folder without a configuration that there is none: %j', async (args, variables) => {
    // The tests run in a folder without one.
    const { code, out, err } = await runCli(args, { env: variables });
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('there is no postern.yml in this folder');
  });

  it.each([
    ['session', 'list', '--user', ''],
    ['session', 'revoke', '--user', ''],
    ['session', 'revoke', '--user', 'a:b'],
    ['second-factor', 'list', ''],
    ['second-factor', 'remove', 'a\n\u001b[31m'],
  ])('refuse what is no name: %s %s %j %j', async (...args) => {
    await withStore(({ sessions }) => sessions.put(session('a'.repeat(32), 'alice')));
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error: "[^\p{Cc}]*" is no user: a user name must not [^\p{Cc}]*\n$/u);
    expect(await withStore(({ sessions }) => sessions.ofUser('alice'))).toHaveLength(1);
  });
});

describe('a database file that another program holds', () => {
  it('is told as what it is', async () => {
    expect((await run('storage', 'migrate')).code).toBe(0);
    const other = new Database(path());
    other.exec('begin immediate');
    const { code, out, err } = await run('ban', 'add', '203.0.113.9');
    other.exec('rollback');
    other.close();
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^error: another program holds the database file \(SQLITE_BUSY\w*\): end what has it /,
    );
  });
});

describe('postern session revoke', () => {
  it('tells programs which sessions ended', async () => {
    const [one, two, three] = ['a', 'b', 'c'].map(letter => letter.repeat(32)) as [string, string, string];
    await withStore(async ({ sessions }) => {
      await sessions.put(session(one, 'alice'));
      await sessions.put(session(two, 'bob'));
      await sessions.put({ ...session(three, 'bob'), expiresAt: Date.now() - 1_000 });
    });
    const told = async (...args: string[]) => {
      const { code, out, err } = await run('session', 'revoke', ...args, '--json');
      expect([code, err]).toEqual([0, '']);
      return JSON.parse(out);
    };
    expect(await told('aaaa')).toEqual([{ id: one, user: 'alice', domain: 'example.com' }]);
    expect(await told('--user', 'alice')).toEqual([]);
    const all = await told('--all');
    expect(all).toHaveLength(2);
    expect(all).toContainEqual({ id: two, user: 'bob', domain: 'example.com' });
    // It was over already.
    expect(all).toContainEqual({ id: three, user: null, domain: null });
  });

  it('refuses an empty id, which would be the beginning of every one', async () => {
    await withStore(({ sessions }) => sessions.put(session('a'.repeat(32), 'alice')));
    expect(await run('session', 'revoke', '')).toEqual({
      code: 2,
      out: '',
      err: 'error: an id must not be empty\n',
    });
    expect(await withStore(({ sessions }) => sessions.ofUser('alice'))).toHaveLength(1);
  });
});

describe('postern storage', () => {
  it('tells programs what was done', async () => {
    const told = async (...args: string[]) => {
      const { code, out, err } = await run('storage', ...args, '--json');
      expect([code, err]).toEqual([0, '']);
      return JSON.parse(out);
    };
    expect(await told('migrate')).toEqual({ database: 'sqlite', up_to_date: true });
    expect(await told('rotate-secret')).toEqual({ changed: false });
    await withStore(({ sessions }) => sessions.put(session('a'.repeat(32), 'alice')));
    const file = join(home, 'backup.jsonl');
    await run('storage', 'backup', '--out', file);
    writeFileSync(join(home, 'postern.yml'), 'storage: { local: { path: other.sqlite3 } }\n');
    expect(await told('restore', file)).toEqual({ rows: 2 });
  });
});

describeSmallDisk('postern storage backup', mount => {
  it('leaves no half a file on a disk that is full', async () => {
    expect((await run('storage', 'migrate')).code).toBe(0);
    const disk = mount(64);
    disk.fill();
    const file = join(disk.path, 'backup.jsonl');
    expect(await run('storage', 'backup', '--out', file)).toEqual({
      code: 1,
      out: '',
      err: `error: cannot write ${file}: the disk is full\n`,
    });
    expect(existsSync(file)).toBe(false);
    disk.free();
    expect((await run('storage', 'backup', '--out', file)).code).toBe(0);
    disk.unmount();
  });
});

describe('postern storage restore', () => {
  it('takes none that no secret at hand opens, and says which one does', async () => {
    const file = join(home, 'backup.jsonl');
    await withStore(({ sessions }) => sessions.put(session('a'.repeat(32), 'alice')));
    await run('storage', 'backup', '--out', file);
    const other = join(home, 'other.yml');
    writeFileSync(other, 'storage: { local: { path: other.sqlite3 } }\n');
    const next = { POSTERN_SECRET: formatSecret(randomBytes(32)) };
    const restore = (with_: Record<string, string>) =>
      runCli(['storage', 'restore', file, '--config', other], { env: with_ });
    expect(await restore(next)).toEqual({
      code: 1,
      out: '',
      err: 'error: the backup was made under another root secret: give that one in POSTERN_SECRET, or in POSTERN_SECRET_PREVIOUS and run `postern storage rotate-secret` afterwards\n',
    });
    expect(existsSync(join(home, 'other.sqlite3'))).toBe(false);
    expect((await restore({ ...next, POSTERN_SECRET_PREVIOUS: env.POSTERN_SECRET })).code).toBe(0);
  });

  it('takes a backup of any size', async () => {
    const file = join(home, 'backup.jsonl');
    expect((await run('storage', 'migrate')).code).toBe(0);
    expect((await run('storage', 'backup', '--out', file)).code).toBe(0);
    const rows = Array.from({ length: 40_000 }, (_, i) =>
      JSON.stringify({
        table: 'bans',
        row: {
          kind: 'user',
          subject: `user-${i}`,
          until: null,
          reason: '',
          created_at: 1,
          source: 'operator',
        },
      }),
    );
    const [head = '', key = '', end = ''] = readFileSync(file, 'utf8').split('\n');
    expect(end).toBe('{"rows":1}');
    writeFileSync(file, [head, key, ...rows, '{"rows":40001}', ''].join('\n'));
    expect(statSync(file).size).toBeGreaterThan(4 * 1024 * 1024);
    const { code, err } = await run('storage', 'restore', file);
    expect([code, err]).toEqual([0, 'restored: 40001 rows\n']);
    expect(await withStore(({ bans }) => bans.list(Date.now()))).toHaveLength(40_000);
  });

  it('leaves a database alone that holds something, and says what is wrong with a file', async () => {
    await withStore(({ sessions }) => sessions.put(session('a'.repeat(32), 'alice')));
    const file = join(home, 'backup.jsonl');
    await run('storage', 'backup', '--out', file);
    const cut = join(home, 'cut.jsonl');
    writeFileSync(cut, readFileSync(file, 'utf8').replace(/\n.*\n$/, '\n'));
    const tries: [string, string][] = [
      [file, 'error: the database is not empty (sessions): restore into a new one\n'],
      [join(home, 'none.jsonl'), `error: ${join(home, 'none.jsonl')}: no such file`],
      [home, `error: ${home}: `],
      [join(home, 'postern.yml'), 'error: this is no whole backup: it holds what is no JSON\n'],
      [path(), 'error: this is no whole backup: it holds what is no JSON\n'],
      [cut, 'error: this is no whole backup: its end is missing\n'],
    ];
    for (const [from, message] of tries) {
      const { code, out, err } = await run('storage', 'restore', from);
      expect([from, code, out, err.slice(0, message.length)]).toEqual([from, 1, '', message]);
    }
    expect(await withStore(({ sessions }) => sessions.ofUser('alice'))).toHaveLength(1);
  });
});
