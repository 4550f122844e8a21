import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../../host/cli/io.ts';
import { run } from '../../host/cli/program.ts';
import type { ListedToken } from '../../host/cli/token-list.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { createSecret, isMadeToken, parseSecret } from '../../host/secret/secret.ts';
import { TokenDigests } from '../../host/tokens/digests.ts';
import { readTokensFile } from '../../host/tokens/registry.ts';
import { endOf, stateOf } from '../../host/tokens/token.ts';

interface Run {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly terminal?: boolean;
}

async function postern(args: readonly string[], { env = {}, stdin = '', terminal = false }: Run = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    env,
    stdin: {
      isTTY: false,
      setRawMode() {},
      async *[Symbol.asyncIterator]() {
        yield Buffer.from(stdin);
      },
    },
    stdout: { isTTY: terminal, write: text => void out.push(text) },
    stderr: { isTTY: terminal, write: text => void err.push(text) },
    signal: new AbortController().signal,
  };
  const code = await run(args, io);
  return { code, out: out.join(''), err: err.join('') };
}

const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
const SECRET = createSecret();
const DAY = 86_400_000;

let dir: string;
let file: string;
let count = 0;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-token-command-'));
});
beforeEach(() => {
  file = join(dir, `tokens-${count++}.yml`);
});
afterAll(() => rmSync(dir, { recursive: true }));

const token = (command: string, ...args: string[]) => postern(['token', command, ...args, '--file', file]);
const accounts = () => readTokensFile(file, engine);
const digest = (text: string) => new TokenDigests([]).make(text);

describe('postern token create', () => {
  it('prints the token once on standard output, all else on standard error, and keeps a digest', async () => {
    const { code, out, err } = await token('create', 'ci', '-g', 'deploy', '-g', 'ops', '--owner', 'alice');
    expect(code).toBe(0);
    const made = out.trimEnd();
    expect(isMadeToken(made)).toBe(true);
    expect(out).toBe(`${made}\n`);
    expect(err).toContain('the token is not shown again');
    expect(err).not.toContain(made);
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain(made);
    expect(text).not.toContain(made.slice('postern_token_'.length, 30));
    const account = accounts().get('ci');
    expect(account).toMatchObject({ owner: 'alice', principal: { groups: ['deploy', 'ops'] } });
    expect(account?.secrets.map(secret => secret.digest)).toEqual([digest(made)]);
    // Nobody else on the machine reads it.
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('ends after a year unless told otherwise', async () => {
    const ends = async (name: string, ...args: string[]) => {
      expect((await token('create', name, ...args)).code).toBe(0);
      return accounts().get(name)?.expires;
    };
    const near = (time: number | undefined, days: number) =>
      Math.abs((time ?? 0) - Date.now() - days * DAY) < 60_000;
    expect(near(await ends('a'), 365)).toBe(true);
    expect(near(await ends('b', '--expires', '90d'), 90)).toBe(true);
    expect(await ends('c', '--expires', '2099-01-31')).toBe(Date.UTC(2099, 0, 31));
    expect(await ends('d', '--expires', 'never')).toBeUndefined();
  });

  it('writes all attributes', async () => {
    await token(
      'create',
      'backup',
      ...['--displayname', 'Back: up', '--email', 'b@example.com', '--description', "it's #1"],
      ...['-n', '10.0.0.0/8', '-n', '2001:db8::/32'],
    );
    expect(accounts().get('backup')).toMatchObject({
      principal: { username: 'backup', displayName: 'Back: up', email: 'b@example.com' },
      description: "it's #1",
      networkNames: ['10.0.0.0/8', '2001:db8::/32'],
    });
  });

  it('prints JSON', async () => {
    const { out } = await token('create', 'ci', '--json');
    const printed = JSON.parse(out);
    expect(Object.keys(printed)).toEqual(['name', 'id', 'token']);
    expect(accounts().get('ci')?.secrets[0]).toMatchObject({ id: printed.id, digest: digest(printed.token) });
  });

  it.each([
    [['a:b'], 2, 'a user name must not hold a colon'],
    [
      ['a', '--network', 'internal'],
      2,
      'internal is no network: write an address or a CIDR such as `10.0.0.0/8`',
    ],
    [['a', '--group', 'b,c'], 2, 'a group must not hold a comma'],
    [['a', '--expires', 'soon'], 2, 'It must be a duration like `90d`'],
    [['a', '--expires', '2020-01-01'], 2, '--expires lies in the past'],
    [['a', '--network', ''], 2, 'error: "" is no network: write an address'],
    ...['displayname', 'email', 'owner', 'description'].map((option): [string[], number, string] => [
      ['a', `--${option}`, 'x\ny'],
      2,
      `error: --${option} must be a text without control characters and line breaks\n`,
    ]),
    [[], 2, "missing required argument 'name'"],
    [['a', 'b'], 2, 'too many arguments'],
  ])('refuses %j', async (args, code, message) => {
    const result = await token('create', ...args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toContain(message);
    expect(existsSync(file)).toBe(false);
  });

  it('makes no second one of a name', async () => {
    await token('create', 'ci');
    const before = readFileSync(file, 'utf8');
    const { code, out, err } = await token('create', 'ci');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('ci exists already: rotate it, or revoke it first');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('says what is wrong with the file, and changes nothing', async () => {
    writeFileSync(file, 'tokens:\n  ci:\n    color: red\n');
    const { code, out, err } = await token('create', 'cd');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(`${file}:3: tokens.ci.color: unknown key`);
    expect(readFileSync(file, 'utf8')).toBe('tokens:\n  ci:\n    color: red\n');
  });
});

describe('the configuration', () => {
  function configure(more = '', users = '') {
    const config = join(dir, `postern-${count}.yml`);
    const usersFile = join(dir, `users-${count}.yml`);
    writeFileSync(
      usersFile,
      `users:\n  alice:\n    password: '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM'\n    email: alice@example.com\n${users}`,
    );
    writeFileSync(
      config,
      `authentication_backend:\n  file:\n    path: ${usersFile}\n${more}access_control:\n  default_policy: one_factor\n`,
    );
    return config;
  }

  it('names the file; making a token needs no root secret', async () => {
    const config = configure(`tokens:\n  file: ${file}\n`);
    const { code } = await postern(['token', 'create', 'ci', '--config', config]);
    expect(code).toBe(0);
    expect(accounts().has('ci')).toBe(true);
    const again = await postern(['token', 'create', 'cd'], { env: { POSTERN_CONFIG: config } });
    expect(again.code).toBe(0);
    expect(accounts().has('cd')).toBe(true);
  });

  it('must have a tokens file', async () => {
    const { code, err } = await postern(['token', 'list', '--config', configure()]);
    expect(code).toBe(1);
    expect(err).toContain('there is no tokens file: write `tokens:` and below it `file: tokens.yml` into');
  });

  it('keeps the names of users from tokens', async () => {
    const config = configure(`    search:\n      email: true\ntokens:\n  file: ${file}\n`);
    for (const name of ['alice', 'alice@example.com']) {
      const { code, err } = await postern(['token', 'create', name, '--config', config]);
      expect(code).toBe(1);
      expect(err).toContain(`a user is found by the name ${name}`);
    }
  });

  it.each([
    ['tokens:\n  bearer: true\n', 'tokens.bearer: means nothing without `tokens.file`'],
    ['tokens:\n  header: X-Api-Key\n', 'tokens.header: means nothing without `tokens.file`'],
    ['tokens:\n  file: t.yml\n  header: Authorization\n', '`Authorization` means something else already'],
    ['tokens:\n  file: t.yml\n  header: Remote-User\n', '`Remote-User` means something else already'],
    ['tokens:\n  file: t.yml\n  header: X Api\n', 'must be the name of a header of its own'],
    ['tokens:\n  file: t.yml\n  bearer: maybe\n', 'must be `true` or `false`'],
    ['tokens:\n  fil: t.yml\n', 'unknown key'],
    [
      'tokens:\n  file: t.yml\n  usage_file: ./t.yml\n',
      'tokens.usage_file: must be another file than `tokens.file`',
    ],
  ])('refuses %j', async (more, message) => {
    const { code, err } = await postern(['token', 'list', '--config', configure(more)]);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });

  it('is validated with its tokens file', async () => {
    const config = configure(`tokens:\n  file: ${file}\n`);
    expect(await postern(['validate', '--config', config])).toMatchObject({ code: 0 });
    writeFileSync(file, 'tokens:\n  ci:\n    color: red\n');
    const { code, out } = await postern(['validate', '--config', config]);
    expect(code).toBe(1);
    expect(out).toContain(`${file}:3: error: tokens.ci.color: unknown key`);
  });
});

describe('postern token import', () => {
  const env = { POSTERN_SECRET: SECRET };
  const importing = (stdin: string, ...args: string[]) =>
    postern(['token', 'import', ...args, '--file', file], { env, stdin });

  it('takes a secret that exists, warns of a weak one, and keeps a keyed digest', async () => {
    const { code, out, err } = await importing('valid-token-123\n', 'user-abc', '-g', 'admin', '-g', 'user');
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('warning: this token may be guessed');
    expect(err).not.toContain('valid-token-123');
    const key = parseSecret(SECRET);
    if (!key.ok) throw new Error('no secret');
    const account = accounts().get('user-abc');
    expect(account?.principal.groups).toEqual(['admin', 'user']);
    expect(account?.secrets[0]?.digest).toBe(new TokenDigests([key.key]).make('valid-token-123'));
    expect(readFileSync(file, 'utf8')).not.toContain('valid-token');
  });

  it('says nothing of a strong one', async () => {
    const { code, out, err } = await importing('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b', 'ci', '--json');
    expect(code).toBe(0);
    expect(err).not.toContain('warning');
    expect(JSON.parse(out)).toMatchObject({ name: 'ci', weak: false });
  });

  it.each([
    ['', 'no token given'],
    ['short', 'a token has at least 8 characters'],
    ['two words here', 'printable ASCII characters without blanks'],
    ['one-line-here\nanother-line', 'standard input holds several lines: give the token alone'],
    ['x'.repeat(1_025), 'at most 1024 characters'],
  ])('refuses %j', async (stdin, message) => {
    const { code, out, err } = await importing(stdin, 'ci');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(message);
    expect(existsSync(file)).toBe(false);
  });

  it('gives no secret to two', async () => {
    await importing('valid-token-123', 'one');
    const { code, err } = await importing('valid-token-123', 'two');
    expect(code).toBe(1);
    expect(err).toContain("this token is already one's");
  });

  it('needs the root secret', async () => {
    const { code, err } = await postern(['token', 'import', 'ci', '--file', file], {
      stdin: 'valid-token-123',
    });
    expect(code).toBe(1);
    expect(err).toContain('POSTERN_SECRET: no secret');
  });
});

describe('postern token rotate', () => {
  it('leaves the old token good for a while, then there are two', async () => {
    const old = (await token('create', 'ci', '--expires', 'never')).out.trim();
    const rotated = await token('rotate', 'ci', '--overlap', '2d');
    const made = rotated.out.trim();
    expect(isMadeToken(made)).toBe(true);
    expect(rotated.err).toContain('the old token is good until');
    const account = accounts().get('ci');
    if (account === undefined) throw new Error('gone');
    expect(account.secrets.map(secret => secret.digest)).toEqual([digest(old), digest(made)]);
    const [first, second] = account.secrets;
    if (first === undefined || second === undefined) throw new Error('gone');
    expect(Math.abs((endOf(account, first) ?? 0) - Date.now() - 2 * DAY)).toBeLessThan(60_000);
    expect(endOf(account, second)).toBeUndefined();
    expect(stateOf(account, Date.now())).toBe('active');
  });

  it('keeps two at most, and says what to do', async () => {
    await token('create', 'ci');
    await token('rotate', 'ci');
    const before = readFileSync(file, 'utf8');
    const { code, out, err } = await token('rotate', 'ci');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('ci has 2 valid secrets already');
    expect(readFileSync(file, 'utf8')).toBe(before);
    const id = accounts().get('ci')?.secrets[0]?.id ?? '';
    expect(err).toContain(`postern token revoke ci --secret ${id}`);
    expect((await token('revoke', 'ci', '--secret', id)).code).toBe(0);
    expect((await token('rotate', 'ci')).code).toBe(0);
    expect(accounts().get('ci')?.secrets).toHaveLength(2);
  });

  it('ends the old ones at once when asked to', async () => {
    await token('create', 'ci');
    await token('rotate', 'ci');
    const { out, err } = await token('rotate', 'ci', '--overlap', '0');
    expect(err).not.toContain('is good until');
    expect(
      accounts()
        .get('ci')
        ?.secrets.map(secret => secret.digest),
    ).toEqual([digest(out.trim())]);
  });

  it('drops what has ended, and revives nothing without being told how long', async () => {
    await token('create', 'ci');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/expires: .*/, 'expires: 2020-01-01'));
    const { code, err } = await token('rotate', 'ci');
    expect(code).toBe(1);
    expect(err).toContain('ci has expired: say how long it shall live on with --expires');
    expect((await token('rotate', 'ci', '--expires', '90d')).code).toBe(0);
    expect(accounts().get('ci')?.secrets).toHaveLength(1);
    expect(stateOf(accounts().get('ci') as never, Date.now())).toBe('active');
  });

  it.each([
    [['nobody'], 1, 'there is no service account nobody in /'],
    [[''], 2, 'a user name must not be empty'],
    [['ci', '--expires', '2020-01-01'], 2, '--expires lies in the past: 2020-01-01T00:00:00Z'],
    [['ci', '--overlap', 'soon'], 2, '--overlap must be a duration like `7d`'],
    // It would end the old token at once.
    [['ci', '--overlap', '2020-01-01'], 2, '--overlap must be a duration like `7d`'],
  ])('refuses %j', async (args, code, message) => {
    await token('create', 'ci');
    const result = await token('rotate', ...args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toContain(message);
  });
});

describe('postern token revoke', () => {
  it('removes the account', async () => {
    await token('create', 'ci');
    await token('create', 'cd');
    const { code, out, err } = await token('revoke', 'ci');
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('revoked ci');
    expect([...accounts().keys()]).toEqual(['cd']);
    expect(JSON.parse((await token('revoke', 'cd', '--json')).out)).toEqual({ name: 'cd', revoked: 'all' });
    expect([...accounts().keys()]).toEqual([]);
  });

  it.each([
    [['nobody'], 1, 'there is no service account nobody in /'],
    [['a\u001b[31m'], 2, 'a user name must not hold control characters'],
    [['ci', '--secret', 'zz'], 1, 'ci has no secret zz: it has'],
    [['ci', '--secret', ''], 2, '--secret must not be empty'],
  ])('refuses %j', async (args, code, message) => {
    await token('create', 'ci');
    const answer = await token('revoke', ...args);
    expect([answer.code, answer.err]).toEqual([code, expect.stringContaining(message)]);
    expect(accounts().has('ci')).toBe(true);
  });

  it('puts no file in the place of a pipe', async () => {
    spawnSync('mkfifo', [file]);
    expect(await token('create', 'ci')).toEqual({
      code: 1,
      out: '',
      err: `error: ${file}: is a device, a pipe or a socket where a file is needed: correct the path\n`,
    });
    expect(statSync(file).isFIFO()).toBe(true);
  });

  it('takes not the last secret alone', async () => {
    await token('create', 'ci');
    const { code, err } = await token('revoke', 'ci', '--secret', accounts().get('ci')?.secrets[0]?.id ?? '');
    expect(code).toBe(1);
    expect(err).toContain('this is the only secret of ci');
  });
});

describe('postern token list', () => {
  beforeEach(async () => {
    await token('create', 'ci', '-g', 'deploy', '--owner', 'alice', '-n', '10.0.0.0/8');
    await token('create', 'old', '--expires', 'never');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/created: .*/g, 'created: 2020-01-01'));
    const id = accounts().get('ci')?.secrets[0]?.id ?? '';
    const used = new Date(Date.now() - 40 * DAY).toISOString().replace(/\.\d+/, '');
    writeFileSync(`${file}.used`, JSON.stringify({ version: 1, last_used: { ci: { [id]: used } } }));
  });

  it('is plain in a pipe: columns separated by tabs, nothing else', async () => {
    const { code, out, err } = await token('list');
    expect([code, err]).toEqual([0, '']);
    const rows = out
      .trimEnd()
      .split('\n')
      .map(line => line.split('\t'));
    expect(rows).toEqual([
      [
        'ci',
        'active',
        'alice',
        'deploy',
        '10.0.0.0/8',
        expect.stringMatching(/Z$/),
        expect.stringMatching(/Z$/),
        expect.any(String),
      ],
      ['old', 'active', '-', '-', '-', 'never', 'never', expect.any(String)],
    ]);
  });

  it('tells of a file that is not there, and lists nothing', async () => {
    rmSync(file);
    const note = `note: there is no file ${file} yet\n`;
    expect(await token('list')).toEqual({ code: 0, out: '', err: note });
    expect(await token('list', '--json')).toEqual({ code: 0, out: '[]\n', err: note });
  });

  it('is a table on a terminal', async () => {
    const { out } = await postern(['token', 'list', '--file', file], { terminal: true });
    const [heading = '', first = '', second = ''] = out.split('\n');
    expect(heading).toMatch(/^NAME {2}STATE {3}OWNER {2}GROUPS {2}NETWORKS/);
    expect(first.indexOf('active')).toBe(heading.indexOf('STATE'));
    expect(second.indexOf('active')).toBe(heading.indexOf('STATE'));
  });

  it('is JSON without any digest', async () => {
    const { out } = await token('list', '--json');
    const tokens = JSON.parse(out) as ListedToken[];
    expect(tokens.map(({ name, state, owner }) => [name, state, owner])).toEqual([
      ['ci', 'active', 'alice'],
      ['old', 'active', ''],
    ]);
    expect(tokens[0]?.secrets[0]).toMatchObject({ kind: 'made', last_used: tokens[0]?.last_used });
    expect(tokens[1]).toMatchObject({ expires: null, last_used: null, networks: [] });
    expect(out).not.toContain('sha256');
  });

  it('finds what nobody uses', async () => {
    const names = async (...args: string[]) => {
      const { code, out } = await token('list', '--json', ...args);
      expect(code).toBe(0);
      return (JSON.parse(out) as ListedToken[]).map(({ name }) => name);
    };
    expect(await names('--stale')).toEqual(['old']);
    expect(await names('--stale', '30d')).toEqual(['ci', 'old']);
    // Made just now and not used yet: it has not had the time.
    await token('create', 'new');
    expect(await names('--stale', '30d')).toEqual(['ci', 'old']);
    for (const wrong of ['long', '2020-01-01']) {
      const { code, err } = await token('list', '--stale', wrong);
      expect([wrong, code, err]).toEqual([
        wrong,
        2,
        expect.stringContaining('--stale takes a duration like `30d`'),
      ]);
    }
  });

  it('says what has ended', async () => {
    writeFileSync(file, readFileSync(file, 'utf8').replace(/expires: .*/, 'expires: 2020-01-01'));
    expect((await token('list')).out).toMatch(/^ci\texpired\t/);
  });

  it('shows no control characters of the file', async () => {
    writeFileSync(file, readFileSync(file, 'utf8').replace('owner: alice', 'owner: "a\\u202elice"'));
    expect((await token('list')).out).toContain('a\\u202elice');
  });
});

describe('help', () => {
  it.each(['create', 'import', 'list', 'rotate', 'revoke'])('of %s has examples', async command => {
    const { code, out } = await postern(['token', command, '--help']);
    expect(code).toBe(0);
    expect(out).toContain('Examples:\n  postern token ');
  });

  it('suggests the right command', async () => {
    const { code, err } = await postern(['token', 'revok']);
    expect(code).toBe(2);
    expect(err).toContain('Did you mean revoke?');
  });
});

describe('as a program', () => {
  it('makes tokens side by side without losing one', async () => {
    const script = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));
    const names = ['a', 'b', 'c', 'd'];
    const execute = promisify(execFile);
    await Promise.all(
      names.map(name =>
        execute(process.execPath, [script, 'token', 'create', name, '--file', file], {
          env: { PATH: process.env.PATH ?? '' },
        }),
      ),
    );
    expect([...accounts().keys()].sort()).toEqual(names);
  });
});
