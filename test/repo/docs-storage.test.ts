import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { openStore } from '../../host/store/open.ts';
import { posternCommand } from '../support/postern.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** Runs docs/storage.md as a reader would: its commands in order, in one folder. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'storage.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}(?: \\S+)?\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text ?? '',
  );

const home = tempDirectory();
const bin = posternCommand(home);
const file = (name: string) => join(home, name);
const [secret, next] = [createSecret(), createSecret()];
writeFileSync(file('postern.secret'), secret);
writeFileSync(file('new.secret'), next);
// The page's folder is another machine's.
writeFileSync(file('postern.yml'), (blocks('yaml')[0] ?? '').replace('/var/lib/postern/', ''));
writeFileSync(file('new.yml'), 'storage: { local: { path: new.sqlite3 } }\n');

afterAll(removeTempDirectories);

function shell(command: string) {
  return spawnSync('sh', ['-c', command], {
    cwd: home,
    env: { PATH: `${bin}:${process.env.PATH}`, POSTERN_SECRET_FILE: file('postern.secret') },
    encoding: 'utf8',
  });
}

describe('docs/storage.md', () => {
  it.each(blocks('yaml'))('shows a storage that is read: %s', text => {
    const parsed = parseConfig({
      yaml: { file: '/etc/postern/postern.yml', text },
      env: { POSTERN_SECRET: secret },
      isTerminal: false,
      readFile: () => Buffer.from('-----BEGIN CERTIFICATE-----\n'),
    });
    expect(parsed.problems.filter(problem => problem.severity === 'error')).toEqual([]);
    const { setup, problems } = parsed.storage();
    expect(problems).toEqual([]);
    expect(setup).toBeDefined();
  });

  it('shows commands that run in their order', async () => {
    const told: string[] = [];
    for (const command of blocks('sh')) {
      const { status, stderr, stdout } = shell(command);
      expect([command, status, stdout]).toEqual([command, 0, '']);
      told.push(stderr.replace(/^warning: .*\n/gm, ''));
    }
    expect(told).toEqual([
      'the database is up to date\n',
      'written: postern-backup.jsonl; it opens with the root secret of now\n',
      'restored: 1 rows\n',
      'done: the database opens with the root secret of now alone\n',
    ]);
    expect(statSync(file('postern-backup.jsonl')).mode & 0o777).toBe(0o600);
    const { status, stderr } = shell('postern storage migrate --config postern.yml');
    expect(status).toBe(1);
    expect(stderr).toContain('error: the database was made under another root secret');
  });
});

describe('postern storage', () => {
  const env = { POSTERN_SECRET: secret };
  const run = async (yaml: string, ...args: string[]) => {
    writeFileSync(file('test.yml'), yaml);
    return runCli(['storage', ...args, '--config', file('test.yml')], { env });
  };

  it('moves what is in a database, sealed all the way', async () => {
    const path = file('moved-from.sqlite3');
    const { POSTERN_SECRET } = env;
    const from = `storage: { local: { path: ${path} } }`;
    expect((await run(from, 'migrate')).code).toBe(0);
    const key = parseConfig({ yaml: undefined, env: { POSTERN_SECRET }, isTerminal: false }).config
      .secret as Uint8Array;
    const deps = { secret: key, random: (n: number) => Buffer.alloc(n, 9) };
    const store = await openStore({ kind: 'sqlite', path }, deps);
    await store.factors.setRecoveryCodes('alice', ['aaaa-1111']);
    await store.close();
    const { out } = await run(from, 'backup');
    expect(out).toContain('"alice"');
    expect(out).not.toContain('aaaa-1111');
    writeFileSync(file('b.jsonl'), out);
    const to = `storage: { local: { path: ${file('moved-to.sqlite3')} } }`;
    expect(await run(to, 'restore', file('b.jsonl'))).toMatchObject({ code: 0, err: 'restored: 2 rows\n' });
    const moved = await openStore({ kind: 'sqlite', path: file('moved-to.sqlite3') }, deps);
    expect(await moved.factors.useRecoveryCode('alice', 'aaaa-1111')).toBe(true);
    await moved.close();
    const again = await run(to, 'restore', file('b.jsonl'));
    expect(again.code).toBe(0);
    const twice = await run(from, 'restore', file('b.jsonl'));
    expect([twice.code, twice.err]).toEqual([
      1,
      'error: the database is not empty (recovery_codes): restore into a new one\n',
    ]);
  });

  const bad: [string, string, string][] = [
    ['no storage', 'log: { level: info }', 'storage.local.path: missing: write the path of a database file'],
    ['two', 'storage: { local: { path: x }, postgres: { address: x } }', 'storage.local: stands beside'],
    ['MySQL', 'storage: { mysql: { address: x } }', 'storage.local.path: missing: write the path'],
    [
      'an address with a password, which is not shown',
      'storage: { postgres: { address: "postgres://me:secret@db", database: a, username: a } }',
      'storage.postgres.address: must be `tcp://HOST:PORT`',
    ],
    [
      'a database without a name',
      'storage: { postgres: { address: db, username: a } }',
      'storage.postgres.database: missing',
    ],
    [
      'an unchecked certificate',
      'storage: { postgres: { address: db, database: a, username: a, tls: { skip_verify: true } } }',
      'storage.postgres.tls.skip_verify: must be removed',
    ],
    [
      'an old form of TLS',
      'storage: { postgres: { address: db, database: a, username: a, ssl: { mode: require } } }',
      'storage.postgres.ssl: must be removed',
    ],
    [
      'TLS that is none',
      'storage: { postgres: { address: db, database: a, username: a, tls: true } }',
      'storage.postgres.tls: must be a mapping',
    ],
    [
      'an old version of TLS',
      'storage: { postgres: { address: db, database: a, username: a, tls: { minimum_version: TLS1.0 } } }',
      'storage.postgres.tls.minimum_version: must be `TLS1.2` or `TLS1.3`',
    ],
    [
      'a password twice',
      'storage: { postgres: { address: db, database: a, username: a, password: x, password_file: y } }',
      'storage.postgres.password: both',
    ],
  ];
  it.each(bad)('refuses %s', async (_, yaml, expected) => {
    const { code, err, out } = await run(yaml, 'migrate');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(expected);
    expect(err).not.toContain('secret@');
  });

  it('says of a server that is not there what to look at', async () => {
    const { code, err } = await run(
      'storage: { postgres: { address: "127.0.0.1:1", database: a, username: a, password: x } }',
      'migrate',
    );
    expect([code, err]).toEqual([
      1,
      'error: the database cannot be asked (ECONNREFUSED): look whether it runs, at the keys below `storage`, and at its log\n',
    ]);
  });
});
