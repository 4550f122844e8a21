import { expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import { runCli } from '../support/run-cli.ts';

/** The commands below one, from its help alone. */
function commandsOf(help: string): string[] {
  const part = /^Commands:\n([\s\S]*?)\n\n/m.exec(`${help}\n\n`)?.[1] ?? '';
  return [...part.matchAll(/^ {2}([\w-]+)/gm)]
    .map(([, name]) => name as string)
    .filter(name => name !== 'help');
}

async function everyPath(path: readonly string[] = []): Promise<string[][]> {
  const { out } = await runCli([...path, '--help']);
  const below = await Promise.all(commandsOf(out).map(name => everyPath([...path, name])));
  return [[...path], ...below.flat()];
}

const paths = await everyPath();

it('finds commands and those below them', () => {
  expect(paths).toContainEqual(['serve']);
  expect(paths).toContainEqual(['storage', 'rotate-secret']);
  expect(paths.length).toBeGreaterThan(35);
});

it.each(paths.map(path => ({ path, name: ['postern', ...path].join(' ') })))(
  'the help of $name has examples of itself that can be pasted',
  async ({ path, name }) => {
    const { code, out, err } = await runCli([...path, '--help']);
    expect([code, err]).toEqual([0, '']);
    const examples = out.split('\nExamples:\n')[1]?.trimEnd().split('\n') ?? [];
    expect(examples.filter(line => line.includes(name)).length).toBeGreaterThan(0);
    for (const line of examples) {
      expect(line).toMatch(/^ {2}([A-Z_]+=\S+ |echo 'source <\(|echo ')*postern /);
      // A remark behind a command is one for the shell, too.
      expect(line).not.toMatch(/\S {3,}[^#\s]/);
    }
  },
);

/** They run until stopped, or print nothing but the thing that was asked for. */
const WITHOUT_JSON = ['serve', 'schema', 'secret', 'secret guest', 'storage backup', 'completion'];

it('--json is an option of every command, but for those without an answer of their own', async () => {
  const helps = await Promise.all(
    paths.map(async path => ({ name: path.join(' '), help: (await runCli([...path, '--help'])).out })),
  );
  const commands = helps.filter(({ name, help }) => commandsOf(help).length === 0 || name === 'secret');
  const without = commands.filter(({ help }) => !/^ {2}--json {2,}\S/m.test(help)).map(({ name }) => name);
  expect(without.sort()).toEqual([...WITHOUT_JSON].sort());
});

it.each([
  [
    ['help', 'token', 'create'],
    ['token', 'create', '--help'],
  ],
  [
    ['token', 'help', 'create'],
    ['token', 'create', '--help'],
  ],
  [
    ['help', 'secret', 'guest'],
    ['secret', 'guest', '--help'],
  ],
  [
    ['help', 'token'],
    ['token', '--help'],
  ],
  [
    ['help', 'hash'],
    ['hash', '--help'],
  ],
  [['help'], ['--help']],
  [['help', '--help'], ['--help']],
])('%j is %j', async (asked, meant) => {
  const answer = await runCli(asked);
  expect(answer.code).toBe(0);
  expect(answer).toEqual(await runCli(meant));
});

it.each([
  [['lint', '--help'], 'lint'],
  [['help', 'lint'], 'lint'],
  [['token', 'mint', '-h'], 'mint'],
  [['help', 'token', 'mint'], 'mint'],
  [['token', 'help', 'mint'], 'mint'],
])('%j has no help, since there is no such command', async (args, name) => {
  const { code, out, err } = await runCli(args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(new RegExp(`^error: unknown command '${name}'\n`));
});

it('an account may be named help', async () => {
  const { code, err } = await runCli(['second-factor', 'list', 'help', '--config', 'missing.yml']);
  expect([code, err]).toEqual([1, 'error: missing.yml: no such file: create it or correct its path\n']);
});

it('says how a configuration is named to those who write it as a word', async () => {
  expect(await runCli(['validate', 'postern.yml'])).toEqual({
    code: 2,
    out: '',
    err: `error: too many arguments for 'validate'. Expected 0 arguments but got 1.
(A configuration is named with --config <file>.)
Run with --help for the options.
`,
  });
  expect((await runCli(['schema', 'postern.yml'])).err).not.toContain('--config');
});

it.each([
  [['serve', '--config', '']],
  [['validate', '--config', '']],
  [['validate', '--users', '']],
  [['test', 'a.yml', '--config', '']],
  [['secret', '--out', '']],
  [['secret', 'guest', '--out', '']],
  [['storage', 'backup', '--out', '']],
  [['storage', 'restore', '']],
  [['token', 'create', 'ci', '--file', '']],
  [['token', 'list', '--file', '']],
  [['traefik', 'a.example.com', '--out-dir', '']],
  [['traefik', 'a.example.com', '--key-file', '']],
  [['traefik', 'a.example.com', '--directory', '']],
  [['traefik', 'a.example.com', '--host-address', '']],
  [['traefik', 'a.example.com', '--service', '']],
  [['traefik', 'a.example.com', '--cert-resolver', '']],
  [['traefik', 'a.example.com', '--endpoint', '']],
  [['doctor', '--key-file', '']],
  [['doctor', '--probe', '']],
  [['doctor', '--host-address', '']],
  [['doctor', '--traefik-api', '']],
  [['explain', '--url', 'https://a.example.com/', '--ip', '']],
  [['explain', '--url', 'https://a.example.com/', '--method', '']],
  [['explain', '--url', '']],
  [['ban', 'add', '']],
  [['session', 'revoke', '']],
  [['second-factor', 'remove', 'alice', '--device', '']],
])('%j: a variable that is not set is called wrongly', async args => {
  const { code, out, err } = await runCli(args, { env: { POSTERN_SECRET: createSecret() } });
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^error: .*\bmust\b/);
});

it.each([
  ['explain', '--url', 'https://alice:hunter2@a.example.com/'],
  ['doctor', '--probe', 'https://alice:hunter2@a.example.com/'],
  ['doctor', '--host-address', 'ftp://alice:hunter2@a.example.com/'],
  ['traefik', 'a.example.com', '--host-address', 'http://alice:hunter2@a.example.com'],
  ['traefik', 'a.example.com', '--endpoint', 'http://alice:hunter2@a.example.com/x'],
  ['traefik', 'a.example.com', '--service', 'http://alice:hunter2@a example.com'],
])('%s refuses %s %s without showing the password', async (...args) => {
  const { code, out, err } = await runCli(args, { env: { POSTERN_SECRET: createSecret() } });
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^error: /);
  expect(err).not.toMatch(/hunter2/);
});
