import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import { createSecret, parseSecret } from '../../host/secret/secret.ts';
import { encodeDetails } from '../../host/session/details.ts';
import { openStore } from '../../host/store/open.ts';
import type { Store } from '../../host/store/store.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** Runs docs/sessions.md, and what else `postern session` takes, on a database of its own. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'sessions.md'), 'utf8');
const home = tempDirectory();
const secret = createSecret();
const config = join(home, 'postern.yml');
const DIGEST = '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';
const env = { POSTERN_SECRET: secret };

let store: Store;
beforeAll(async () => {
  const yaml = /^```yaml postern\.yml\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
  writeFileSync(config, yaml);
  const users = ['alice', 'bob'].map(name => `  ${name}: { displayname: ${name}, password: '${DIGEST}' }\n`);
  writeFileSync(join(home, 'users.yml'), `users:\n${users.join('')}`);
  const parsed = parseSecret(secret);
  if (!parsed.ok) throw new Error('no secret');
  const path = join(home, 'postern.sqlite3');
  store = await openStore({ kind: 'sqlite', path }, { secret: parsed.key, random: randomBytes });
});
afterAll(async () => {
  await store.close();
  removeTempDirectories();
});

const now = Date.now();
const put = (
  id: string,
  username: string,
  over: { activeAt?: number; domain?: string; parent?: string } = {},
) =>
  store.sessions.put({
    ...{ id: id.padEnd(32, '0'), username, domain: 'example.com', level: 1, createdAt: now - 60_000 },
    ...{ expiresAt: now + 3_540_000, activeAt: now, remember: false, password: '', parent: undefined },
    details: encodeDetails({ address: '192.0.2.1', agent: 'Firefox\n\u202e' }),
    ...over,
  });
const session = (...args: string[]) => runCli(['session', ...args, '--config', config], { env });
const left = async () => (await store.sessions.all(0)).map(({ id }) => id.replace(/0+$/, '')).sort();

describe('docs/sessions.md', () => {
  it('shows the defaults that there are', () => {
    const shown = [...page.matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)].map(([, key, value]) => [key, value]);
    expect(shown).toEqual([
      ['name', DEFAULT_SESSION.cookieName.replace('__Secure-', '')],
      ['same_site', DEFAULT_SESSION.sameSite],
      ['expiration', '1h'],
      ['inactivity', '5m'],
      ['remember_me', '1M'],
    ]);
    expect(DEFAULT_SESSION).toMatchObject({
      expirationSeconds: 3_600,
      inactivitySeconds: 300,
      rememberMeSeconds: 30 * 86_400,
    });
  });

  it('shows commands that do what it says', async () => {
    for (const id of ['3f9c01aa', 'b1']) await put(id, 'bob');
    await put('a1', 'alice');
    const commands = [...page.matchAll(/^postern (session .+)$/gm)].map(([, command]) => command ?? '');
    expect(commands).toHaveLength(4);
    const run = async (command: string | undefined) =>
      runCli((command ?? '').replace('postern.yml', config).split(' '), { env });
    expect((await run(commands[0])).out.trim().split('\n')).toHaveLength(3);
    expect(await run(commands[3])).toMatchObject({ code: 0, err: 'ended: 1 session\n' });
    expect(await left()).toEqual(['a1', 'b1']);
    expect(await run(commands[1])).toMatchObject({ code: 0, err: 'ended: 1 session\n' });
    expect(await left()).toEqual(['b1']);
    expect(await run(commands[2])).toMatchObject({ code: 0, err: 'ended: 1 session\n' });
    expect(await left()).toEqual([]);
  });
});

describe('postern session', () => {
  it('lists what counts now, without a control character', async () => {
    await put('a1', 'alice');
    await put('a2', 'alice', { activeAt: now - 16 * 60_000 });
    await put('b1', 'bob', { parent: 'a1'.padEnd(32, '0'), domain: 'example.org' });
    await put('c1', 'carol', { domain: 'gone.example.net' });
    const { code, out } = await session('list');
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines.map(line => line.split('\t').slice(0, 4))).toEqual([
      ['a1000000', 'alice', 'example.com', '1'],
      ['b1000000', 'bob', 'example.org', '1'],
    ]);
    expect(out).not.toMatch(/\u202e/);
    const listed = await session('list', '--user', 'bob', '--json');
    expect(JSON.parse(listed.out)).toEqual([
      expect.objectContaining({
        user: 'bob',
        domain: 'example.org',
        address: '192.0.2.1',
        parent: expect.any(String),
      }),
    ]);
  });

  it('ends a session with those made from it, and tells the hosts', async () => {
    const last = await store.revocations.last();
    expect(await session('revoke', 'A1')).toMatchObject({ code: 0, err: 'ended: 2 sessions\n' });
    expect(await left()).toEqual(['a2', 'c1']);
    const told = (await store.revocations.since(last)).map(({ username }) => username);
    expect(told.sort()).toEqual(['alice', 'bob']);
  });

  it.each([
    [['revoke'], 2, 'name sessions by their ids, or give `--user` or `--all`'],
    [['revoke', 'a2', '--all'], 2, 'name sessions by their ids, or give `--user` or `--all`'],
    [['revoke', '--user', 'alice', '--all'], 2, 'cannot be used with'],
    [['revoke', 'ff'], 1, "no session's id begins with `ff`"],
    [['revoke', ''], 2, 'an id must not be empty'],
    [['revoke', 'a2', 'ff'], 1, "no session's id begins with `ff`"],
  ])('refuses %j, and ends nothing', async (args, code, message) => {
    const before = await left();
    expect(await session(...args)).toMatchObject({ code, err: expect.stringContaining(message) });
    expect(await left()).toEqual(before);
  });

  it('refuses a beginning that several have', async () => {
    await put('a3', 'alice');
    expect(await session('revoke', 'a')).toMatchObject({
      code: 1,
      err: expect.stringContaining("2 sessions' ids begin with `a`: write more of it"),
    });
  });

  it('says what is missing where nothing is kept', async () => {
    const file = join(home, 'none.yml');
    writeFileSync(file, 'authentication_backend: { file: { path: users.yml } }\n');
    const { code, err } = await runCli(['session', 'list', '--config', file], { env });
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('none.yml has no `storage`, so there are no sessions'),
    ]);
  });
});
