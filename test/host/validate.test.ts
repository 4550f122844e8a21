import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Io } from '../../host/cli/io.ts';
import { run } from '../../host/cli/program.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { yamlBlocks } from '../support/yaml-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cases = join(root, 'test/cases');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-validate-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function validate(args: readonly string[], terminal = false, env: Io['env'] = {}): Promise<Told> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    env,
    stdin: { isTTY: false, setRawMode() {}, async *[Symbol.asyncIterator]() {} },
    stdout: { isTTY: terminal, write: text => void out.push(text) },
    stderr: { isTTY: terminal, write: text => void err.push(text) },
    signal: new AbortController().signal,
  };
  const code = await run(['validate', ...args], io);
  return { code, out: out.join(''), err: err.join('') };
}

/** To those who look where no secret is. */
const NOTE =
  'no root secret is named here: `postern serve` needs one, in POSTERN_SECRET_FILE, POSTERN_SECRET or `secret_file`';

function file(text: string, name = 'postern.yml'): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

describe('what is told about a file', () => {
  interface Case {
    readonly name: string;
    readonly file?: string;
    readonly text?: string;
    readonly exit: number;
    readonly lines: readonly string[];
  }
  const table = parse(readFileSync(join(cases, 'validate/files.yml'), 'utf8')) as readonly Case[];

  it.each(table)('$name', async ({ file: name, text, exit, lines }) => {
    const path = name === undefined ? file(text ?? '') : join(cases, name);
    const { code, out, err } = await validate(['--config', path, '--no-users']);
    const told = out.split('\n\n')[0]?.split('\n') ?? [];
    expect(told.map(line => line.replace(path, '').replace(/^: ?/, ''))).toEqual(lines);
    expect([code, err]).toEqual([exit, exit === 0 ? `note: ${NOTE}\n` : '']);
  });

  it("the guide's configuration without any indentation: every mistake in it, in one run", async () => {
    const path = join(cases, 'seeds/zero-trust-configuration.yml');
    const { code, out } = await validate(['--config', path, '--no-users', '--json']);
    const { problems } = JSON.parse(out) as {
      problems: { line: number; severity: string; path: string; rule: number | null; mend: string | null }[];
    };
    expect(code).toBe(1);
    expect(problems.map(({ line, severity, path, rule }) => [line, severity, path, rule])).toEqual([
      [2, 'warning', 'jwt_secret', null],
      [3, 'warning', 'default_redirection_url', null],
      [6, 'error', '', null],
      [6, 'warning', 'server.host', null],
      [7, 'warning', 'server.port', null],
      [8, 'error', 'server.path_prefix', null],
      [10, 'warning', 'session.secret', null],
      [12, 'warning', 'session.domain', null],
      [13, 'error', 'session.lifetime', null],
      [16, 'warning', 'session.redis', null],
      [29, 'warning', 'access_control.rules[1].domain', 2],
      [45, 'error', 'password_policy.standard.require_numbers', null],
    ]);
    // What is to be written instead: as YAML it means what was meant, and no secret is in it.
    const mended = problems.find(({ mend }) => mend !== null)?.mend ?? '';
    expect(parse(mended)).toMatchObject({
      server: { host: '0.0.0.0', port: 9091 },
      session: { secret: '…', lifetime: '1h', redis: { host: 'redis', password: '…', database_index: 0 } },
      authentication_backend: { file: { path: '/config/users_database.yml' } },
      access_control: {
        default_policy: 'deny',
        rules: [
          { domain: '*.example.com', policy: 'two_factor' },
          { domain: 'admin.example.com', policy: 'two_factor', subject: 'group:admins' },
        ],
      },
      password_policy: { standard: { min_length: 8, require_special: true } },
    });
    expect(out).not.toContain('another_random_64_char_string_here');
    expect(out).not.toContain('your_redis_password');
  });

  it("the guide's users, and a users file named beside a part of a configuration", async () => {
    const config = file('access_control:\n  default_policy: one_factor\n');
    const users = join(cases, 'seeds/zero-trust-users.yml');
    const { code, out } = await validate(['--config', config, '--users', users]);
    expect(code).toBe(1);
    expect(out).toContain(`${users}:2: error: not valid YAML: lines 2 to 13 have lost their indentation`);
    expect(out).toContain(`${users}:4: error: users.admin.password: `);
    expect(out).not.toContain('your_hashed_password_here');
    const fine = await validate([
      '--config',
      config,
      '--users',
      join(cases, 'seeds/service-account-users.yml'),
    ]);
    expect(fine).toEqual({ code: 0, out: `${config} is valid\n`, err: `note: ${NOTE}\n` });
  });
});

describe("Authelia's files as they stand", () => {
  it.each(['configuration.yml', 'old-keys.yml'])('%s', async name => {
    const path = join(cases, 'validate', name);
    const { code, out, err } = await validate(['--config', path]);
    expect([code, err]).toEqual([0, `note: ${NOTE}\n`]);
    expect(out).not.toContain('error:');
    expect(out).not.toContain('a-secret-of-another-program');
    expect(out).toMatch(/is valid, with \d+ warnings\n$/);
  });

  it('tells every section that nothing uses, and nothing of what is used', async () => {
    const path = join(cases, 'validate/configuration.yml');
    const { out } = await validate(['--config', path, '--json']);
    const { problems } = JSON.parse(out) as { problems: { path: string }[] };
    const sections = new Set(problems.map(problem => problem.path.split('.')[0]));
    for (const name of ['session', 'webauthn', 'storage', 'notifier']) {
      expect(sections).toContain(name);
    }
    expect(problems.filter(problem => problem.path.startsWith('access_control'))).toEqual([
      expect.objectContaining({ code: 'acl.domain.user' }),
      expect.objectContaining({ code: 'acl.bypass.domain' }),
    ]);
  });
});

describe('documentation', () => {
  const blocks = yamlBlocks(root);
  const configs = blocks.filter(({ kind }) => kind === 'config');
  const examples = readdirSync(join(root, 'examples')).filter(
    name => name.endsWith('.yml') && !/\.test\.yml$|^(users|tokens)/.test(name),
  );

  it('has examples', () => {
    expect(configs.length).toBeGreaterThan(2);
    expect(examples.length).toBeGreaterThan(2);
  });

  it.each(configs)('$file:$line validates', async ({ text }) => {
    // A part of a configuration, with the rules that it says nothing about; files it names are the reader's.
    const whole = text.includes('access_control:')
      ? text
      : `${text}\naccess_control:\n  default_policy: one_factor\n`;
    const { out } = await validate(['--config', file(whole), '--no-users']);
    const errors = out.split('\n').filter(line => line.includes(': error: '));
    expect(errors.filter(line => !line.includes(': no such file: '))).toEqual([]);
    expect(out).toMatch(errors.length === 0 ? / is valid/ : /: no such file: /);
  });

  it.each(blocks.filter(({ kind }) => kind === 'users'))('$file:$line validates', async ({ text }) => {
    const users = file(text, 'users.yml');
    const config = file('access_control:\n  default_policy: one_factor\n');
    expect((await validate(['--config', config, '--users', users])).code).toBe(0);
  });

  it.each(examples)(
    'examples/%s validates with its users, and without a warning of its rules',
    async name => {
      const { code, out } = await validate(['--config', join(root, 'examples', name)]);
      expect([code, out]).toEqual([0, expect.not.stringContaining('access_control')]);
    },
  );
});

describe('postern validate', () => {
  const RULES = "access_control:\n  rules:\n    - domain: '*.a.test'\n      policy: one_factor\n";
  const SWALLOWED = `${RULES}    - domain: b.a.test\n      policy: deny\n`;

  it('ends with 0 for warnings, with 1 when they are to count', async () => {
    const path = file(SWALLOWED);
    expect((await validate(['--config', path, '--no-users'])).code).toBe(0);
    expect((await validate(['--config', path, '--no-users', '--strict'])).code).toBe(1);
    expect((await validate(['--config', file(RULES), '--no-users', '--strict'])).code).toBe(0);
  });

  it('ends with 2 when it is called wrongly', async () => {
    for (const args of [['--jsno'], ['postern.yml'], ['--config']]) {
      const { code, out, err } = await validate(args);
      expect([args, code, out]).toEqual([args, 2, '']);
      expect(err).toMatch(/^error: /);
    }
  });

  it('needs no secret, and tells what is wrong with one that is given', async () => {
    const path = file(RULES);
    expect((await validate(['--config', path, '--no-users'])).code).toBe(0);
    const { code, out } = await validate(['--config', path, '--no-users'], false, {
      POSTERN_SECRET: 'hunter2',
    });
    expect([code, out.split('\n')[0]]).toEqual([1, expect.stringMatching(/^error: POSTERN_SECRET: /)]);
    expect(out).not.toContain('hunter2');
  });

  it('notes that no secret is named, where the service would not start for that alone', async () => {
    const path = file(RULES);
    const look = (more: readonly string[], env: Io['env'] = {}) =>
      validate(['--config', path, '--no-users', ...more], false, env);
    expect(await look(['--strict'])).toEqual({
      code: 0,
      out: `${path} is valid\n`,
      err: `note: ${NOTE}\n`,
    });
    const json = await look(['--json']);
    expect([json.err, JSON.parse(json.out)]).toEqual([
      '',
      expect.objectContaining({ ok: true, notes: [NOTE] }),
    ]);
    const POSTERN_SECRET = createSecret();
    expect(await look([], { POSTERN_SECRET })).toEqual({ code: 0, out: `${path} is valid\n`, err: '' });
    expect(JSON.parse((await look(['--json'], { POSTERN_SECRET })).out)).toMatchObject({ notes: [] });
  });

  it('tells a secret that is named and empty, as serve does', async () => {
    const empty = file('\n', 'empty.secret');
    for (const [key, env] of [
      [`secret_file: ${empty}\n`, {}],
      ["secret: ''\n", {}],
      ['', { POSTERN_SECRET_FILE: empty }],
    ] as const) {
      const path = file(`${RULES}${key}`);
      const { code, out, err } = await validate(['--config', path, '--no-users'], false, env);
      expect([code, out, err]).toEqual([1, expect.stringMatching(/error: .*: no secret: make one with/), '']);
    }
  });

  it('reads the environment as serve does', async () => {
    const { code, out } = await validate(['--config', file(RULES), '--no-users'], false, {
      POSTERN_LOG_LEVEL: 'loud',
    });
    expect([code, out.split('\n')[0]]).toEqual([
      1,
      expect.stringMatching(/^error: POSTERN_LOG_LEVEL: must be/),
    ]);
  });

  it('names a users file that is missing, in the configuration or on the disk', async () => {
    const missing = await validate(['--config', file(RULES)]);
    expect([missing.code, missing.out]).toEqual([
      1,
      expect.stringContaining('error: authentication_backend.file.path: missing'),
    ]);
    const none = await validate([
      '--config',
      file(`authentication_backend: { file: { path: no.yml } }\n${RULES}`),
    ]);
    expect([none.code, none.out]).toEqual([1, expect.stringContaining('no.yml: error: no such file')]);
  });

  it('names a configuration that is missing', async () => {
    const { code, out } = await validate(['--config', join(dir, 'nothing.yml')]);
    expect([code, out]).toEqual([1, expect.stringContaining('nothing.yml: error: no such file')]);
  });

  it('prints JSON', async () => {
    const path = file(SWALLOWED);
    const { out } = await validate(['--config', path, '--no-users', '--json', '--strict']);
    expect(JSON.parse(out)).toEqual({
      ok: false,
      file: path,
      errors: 0,
      warnings: 1,
      problems: [
        {
          severity: 'warning',
          code: 'lint.wildcard',
          file: path,
          line: 5,
          rule: 2,
          path: 'access_control.rules[1].domain',
          message:
            '`*.a.test` of rule #1 (line 3) matches `b.a.test` first, so rule #1 lets in (`one_factor`) what rule #2 is to refuse: move rule #2 above rule #1',
          mend: null,
        },
      ],
      notes: [NOTE],
    });
  });

  it('prints a table on a terminal, in colours unless they are not wanted', async () => {
    const path = join(cases, 'seeds/service-account-rules.yml');
    const plain = await validate(['--config', path, '--no-users'], true, { NO_COLOR: '1' });
    expect(plain.out).toMatch(
      /^KIND +WHERE +RULE +WHAT TO WRITE\nERROR +\S+:6 +not valid YAML: `policy` belongs/,
    );
    expect(plain.out).toContain('\n');
    expect(plain.out).not.toContain('\u001b');
    expect(plain.out).toMatch(/\n {20,}- domain:\n {20,} {4}- myapp\.example\.com\n/);
    const colours = await validate(['--config', path, '--no-users'], true);
    expect(colours.out).toContain('\u001b[31mERROR');
    const rule = await validate(['--config', file(SWALLOWED), '--no-users'], true, { NO_COLOR: '1' });
    expect(rule.out).toMatch(/^WARNING +\S+:5 +#2 +access_control/m);
  });

  it('lets no control character of the file reach the terminal', async () => {
    const { out } = await validate(['--config', file('"a\\x1b[2Jb": 1\n'), '--no-users']);
    expect(out).not.toContain('\u001b');
  });
});
