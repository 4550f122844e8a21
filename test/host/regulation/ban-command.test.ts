import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { formatSecret } from '../../../host/secret/secret.ts';
import { openStore } from '../../../host/store/open.ts';
import type { Ban } from '../../../host/store/store.ts';
import { runCli } from '../../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';

const SECRET = randomBytes(32);
const env = { POSTERN_SECRET: formatSecret(SECRET) };
/** Of `password`, cheap. */
const DIGEST = '$5$rounds=1000$saltsalt$VUpP3Xg0Nw3mDbn0PvH2lGGVD9KAtzPNdkxRvLVqRh6';

let home: string;
const file = () => join(home, 'postern.yml');
const ban = (...args: string[]) => runCli(['ban', ...args, '--config', file()], { env });

async function list(): Promise<Ban[]> {
  const path = join(home, 'postern.sqlite3');
  const store = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
  try {
    return [...(await store.bans.list(Date.now()))];
  } finally {
    await store.close();
  }
}

beforeEach(() => {
  home = tempDirectory();
  const users = { users: { alice: { password: DIGEST, email: 'alice@example.com' } } };
  writeFileSync(join(home, 'users.yml'), JSON.stringify(users));
  const config = {
    authentication_backend: {
      file: { path: 'users.yml', search: { email: true, case_insensitive: true } },
    },
    storage: { local: { path: 'postern.sqlite3' } },
  };
  writeFileSync(file(), JSON.stringify(config));
});
afterAll(removeTempDirectories);

describe('postern ban', () => {
  it('bans, shows and ends', async () => {
    const added = await ban('add', 'Alice@example.com', '--for', '30m', '--reason', 'guesses');
    expect([added.code, added.out]).toEqual([0, '']);
    expect(added.err).toMatch(/^banned: user alice, until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/);
    const network = await ban('add', '203.0.113.9/24', '--json');
    expect(JSON.parse(network.out)).toMatchObject({
      kind: 'address',
      subject: '203.0.113.0/24',
      until: null,
      source: 'operator',
      reason: '',
    });
    const [own, other] = await list();
    expect(own).toMatchObject({ kind: 'user', subject: 'alice', reason: 'guesses', source: 'operator' });
    const minutes = ((own?.until ?? 0) - (own?.createdAt ?? 0)) / 60_000;
    expect(Math.round(minutes)).toBe(30);
    expect(other).toMatchObject({ kind: 'address', subject: '203.0.113.0/24', until: undefined });
    const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ';
    expect((await ban('list')).out).toMatch(
      new RegExp(
        `^user\\talice\\t${TIME}\\t${TIME}\\toperator\\tguesses\naddress\\t203.0.113.0/24\\t${TIME}\\tremoved\\toperator\\t-\n$`,
      ),
    );
    const json = JSON.parse((await ban('list', '--json')).out) as { subject: string }[];
    expect(json.map(({ subject }) => subject)).toEqual(['alice', '203.0.113.0/24']);
    const removed = await ban('remove', 'ALICE', '203.0.113.77/24');
    expect([removed.code, removed.err]).toEqual([0, 'ended: user alice\nended: address 203.0.113.0/24\n']);
    expect(await list()).toEqual([]);
    expect((await ban('list', '--json')).out).toBe('[]\n');
  });

  it('shows a table to people', async () => {
    await ban('add', 'alice', '--for', '1d');
    const { out } = await runCli(['ban', 'list', '--config', file()], { env, terminal: true });
    expect(out).toMatch(/^KIND +SUBJECT +SINCE +UNTIL +BY +REASON\nuser +alice +\d{4}-\d\d-\d\d \d\d:\d\d +/);
  });

  const texts: [string, string, string][] = [
    ['203.0.113.9', 'address', '203.0.113.9'],
    ['::ffff:203.0.113.9', 'address', '203.0.113.9'],
    ['2001:DB8:0:0:1::1', 'address', '2001:db8::1:0:0:1'],
    ['2001:db8:1:2:3:4:5:6/64', 'address', '2001:db8:1:2::/64'],
    ['bob', 'user', 'bob'],
    ['203.0.113', 'user', '203.0.113'],
  ];
  it.each(texts)('takes %s for %s %s', async (text, kind, subject) => {
    expect((await ban('add', text)).code).toBe(0);
    expect(await list()).toMatchObject([{ kind, subject }]);
    expect((await ban('remove', text)).code).toBe(0);
    expect(await list()).toEqual([]);
  });

  it('says what a subject is where it could be two things, and that a user is none yet', async () => {
    const { err } = await ban('add', '10.0.0.1', '--as', 'user');
    expect(err).toContain(
      'note: there is no user `10.0.0.1` now\nbanned: user 10.0.0.1, until it is removed\n',
    );
    expect(await list()).toMatchObject([{ kind: 'user', subject: '10.0.0.1' }]);
  });

  it('ends with an address of IPv6 the ban of its /64', async () => {
    await ban('add', '2001:db8:1:2::/64');
    expect((await ban('remove', '2001:db8:1:2::99')).err).toBe('ended: address 2001:db8:1:2::/64\n');
  });

  it('ends with a network that network alone, not the first of its /64', async () => {
    await ban('add', '2001:db8::/64');
    await ban('add', '2001:db8::/32');
    expect((await ban('remove', '2001:db8::/32')).err).toBe('ended: address 2001:db8::/32\n');
    expect((await ban('remove', '2001:db8::/32')).code).toBe(1);
    expect(await list()).toMatchObject([{ subject: '2001:db8::/64' }]);
  });

  const wrong: [string[], number, string][] = [
    [['add', '0.0.0.0/0'], 2, 'error: 0.0.0.0/0 is everybody: name a smaller network\n'],
    [['add', '::/0'], 2, 'error: ::/0 is everybody: name a smaller network\n'],
    ...['203.0.113.0/33', '1.2.3.4/40', '1.2.3.4/', '1.2.3.4/-1', '1.2.3.4/024', '1.2.3.4/x'].map(
      (text): [string[], number, string] => [
        ['add', text],
        2,
        `error: ${text} is no address: behind the \`/\` write how many bits count, a whole number from 1 to 32, as in 203.0.113.0/24\n`,
      ],
    ),
    ...['2001:db8::/129', '2001:db8::/', '::1/1e1'].map((text): [string[], number, string] => [
      ['add', text],
      2,
      `error: ${text} is no address: behind the \`/\` write how many bits count, a whole number from 1 to 128, as in 2001:db8::/64\n`,
    ]),
    ...['/24', '/', '1.2.3.4/24/24', '1.2.3/24', '256.1.1.1', '010.0.0.1', '2001:db8', '10.0.0.1,::1'].map(
      (text): [string[], number, string] => [
        ['add', text],
        2,
        `error: ${text} is no address: write one, or a network such as 203.0.113.0/24\n`,
      ],
    ),
    [['remove', '1.2.3.4/40'], 2, 'error: 1.2.3.4/40 is no address: behind the `/` write'],
    [['remove', 'alice', '256.1.1.1'], 2, 'error: 256.1.1.1 is no address: write one'],
    [['add', 'x/\u001b[31m'], 2, 'error: x/\\x1b[31m is no address: write one'],
    [['add', 'alice', '--as', 'address'], 2, 'error: alice is no address: write one'],
    [['add', 'alice', '--for', 'soon'], 2, 'It must be a duration like `30m`, or a time to come.'],
    [['add', 'alice', '--for', '2020-01-01'], 2, 'It must be a duration like `30m`, or a time to come.'],
    [['add', 'alice', '--reason', 'x'.repeat(201)], 2, 'It may have 200 characters.'],
    [['add', ''], 2, 'error: "" is no user: a user name must not be empty\n'],
    [
      ['add', 'a\u009b\nb'],
      2,
      'error: "a\\x9b\\nb" is no user: a user name must not hold control characters',
    ],
    [
      ['add', ' alice'],
      2,
      'error: " alice" is no user: a user name must not begin or end with white space\n',
    ],
    [['add', 'fe80::1%eth0'], 2, 'error: fe80::1%eth0 is no address: write one, or a network'],
    [['add', '203.0.113.9:443'], 2, 'error: 203.0.113.9:443 is no address: write one, or a network'],
    [['add', '10.0.0.1:80', '--as', 'user'], 2, 'a user name must not hold a colon'],
    [['remove', ''], 2, 'error: "" is no user: a user name must not be empty\n'],
    [['add', 'alice', '--for', '1constructor'], 2, 'It must be a duration like `30m`, or a time to come.'],
    [['add'], 2, "missing required argument 'subject'"],
    [['remove', 'alice', 'bob'], 1, 'error: not banned: alice, bob\n'],
  ];
  it.each(wrong)('refuses %j', async (args, code, message) => {
    const result = await ban(...args);
    expect([result.code, result.out]).toEqual([code, '']);
    expect(result.err).toContain(message);
    expect(await list()).toEqual([]);
  });

  it('takes four numbers for a user who is said to be one', async () => {
    expect((await ban('add', '256.1.1.1', '--as', 'user')).code).toBe(0);
    expect(await list()).toMatchObject([{ kind: 'user', subject: '256.1.1.1' }]);
  });

  it('says what is missing without a database, unless it is called wrongly', async () => {
    writeFileSync(file(), 'authentication_backend: { file: { path: users.yml } }\n');
    expect((await ban('add', '1.2.3.4/40')).err).toMatch(/is no address/);
    for (const args of [['list'], ['add', 'alice'], ['remove', 'alice']]) {
      const { code, err, out } = await ban(...args);
      expect([code, out]).toEqual([1, '']);
      expect(err).toContain(`error: ${file()} has no \`storage\`: bans that operators see and end are kept`);
    }
  });

  it('takes a name as it is where there are no users to look at', async () => {
    writeFileSync(join(home, 'users.yml'), 'users: [');
    const { code, err } = await ban('add', 'Alice');
    expect([code, err]).toEqual([
      0,
      'note: the users file cannot be used, so `alice` is taken as it is\nbanned: user alice, until it is removed\n',
    ]);
  });
});
