import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runBundle, runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

afterAll(removeTempDirectories);

const support = fileURLToPath(new URL('../support/completion/', import.meta.url));
const home = tempDirectory();
for (const file of ['policy.test.yml', 'postern.yml', 'a file.yml']) writeFileSync(join(home, file), '');
mkdirSync(join(home, 'pages'));

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];
for (const shell of SHELLS) {
  writeFileSync(join(home, `postern.${shell}`), (await runCli(['completion', shell])).out);
}

/** What the shell offers for an unfinished command line, sorted, each once. */
function offers(shell: Shell, line: string): string[] {
  const script = join(home, `postern.${shell}`);
  const words = line.split(' ');
  const command = {
    bash: ['bash', '--norc', '--noprofile', join(support, 'offer.bash'), script, ...words],
    zsh: ['zsh', '-f', join(support, 'offer.zsh'), join(support, 'inner.zsh'), line],
    fish: ['fish', '--no-config', join(support, 'offer.fish'), script, line],
  }[shell];
  const { PATH = '' } = process.env;
  const run = spawnSync(command[0] as string, command.slice(1), {
    cwd: home,
    env: { PATH, HOME: home, TERM: 'dumb', LANG: 'C', OFFER_SCRIPT: script },
    encoding: 'utf8',
    timeout: 15_000,
  });
  expect([run.status, run.stderr]).toEqual([0, '']);
  // Fish marks directories, zsh only shows them so.
  const found = run.stdout.split('\n').map(word => word.replace(/\/$/, ''));
  return [...new Set(found)].filter(word => word !== '').sort();
}

function isHere(shell: Shell): boolean {
  return spawnSync(shell, ['--version'], { encoding: 'utf8' }).status === 0;
}

/** The first column of a part of a help text. */
function column(help: string, title: string): string[] {
  const lines = help.split('\n');
  const start = lines.indexOf(`${title}:`);
  if (start < 0) return [];
  const end = lines.indexOf('', start);
  const rows = lines.slice(start + 1, end < 0 ? undefined : end);
  // Descriptions that go on are indented further.
  return rows.flatMap(row => /^ {2}(\S.*?)(?: {2}|$)/.exec(row)?.[1] ?? []);
}

function commandsOf(help: string): string[] {
  return column(help, 'Commands')
    .map(row => row.split(' ')[0] as string)
    .sort();
}

/** In every spelling. */
function optionsOf(help: string): string[] {
  return column(help, 'Options')
    .flatMap(row => row.match(/(?<=^|\s)--?[A-Za-z][\w-]*/g) ?? [])
    .sort();
}

/** Every command there is, from the help alone: `['secret', 'guest']`. */
async function everyCommand(
  path: readonly string[] = [],
): Promise<{ path: readonly string[]; help: string }[]> {
  const { out: help } = await runCli([...path, '--help']);
  const below = commandsOf(help).filter(name => name !== 'help');
  const children = await Promise.all(below.map(name => everyCommand([...path, name])));
  return [{ path, help }, ...children.flat()];
}

const all = await everyCommand();
const topics = commandsOf(all[0]?.help ?? '');

it('is printed for the shells there are, and no other', async () => {
  for (const shell of SHELLS) {
    const { code, out, err } = runBundle(['completion', shell], home);
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe(readFileSync(join(home, `postern.${shell}`), 'utf8'));
  }
  expect(await runCli(['completion', 'tcsh'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('Allowed choices are bash, zsh, fish'),
  });
  expect(topics.length).toBeGreaterThan(8);
});

describe.each(SHELLS)('%s', shell => {
  if (!isHere(shell)) {
    process.stderr.write(
      `SKIPPED: ${shell} is not here, so its completion is not tested: install the package ${shell}\n`,
    );
    it.skip(`needs ${shell}`, () => {});
    return;
  }

  it.each([
    ['postern ', topics],
    ['postern ex', ['explain']],
    ['postern help ', topics.filter(name => name !== 'help')],
    ['postern secret ', ['guest']],
    ['postern completion ', ['bash', 'fish', 'zsh']],
    ['postern hash --kind s', ['scrypt', 'sha2crypt']],
    ['postern hash --memory 64 --kind bc', ['bcrypt']],
    ['postern explain --url https://a.example.com/ --level ', ['0', '1', '2']],
    ['postern test po', ['policy.test.yml', 'postern.bash', 'postern.fish', 'postern.yml', 'postern.zsh']],
    ['postern test --config postern.yml pol', ['policy.test.yml']],
    ['postern test policy.test.yml pa', ['pages']],
    ['postern serve --config poster', ['postern.bash', 'postern.fish', 'postern.yml', 'postern.zsh']],
    ['postern traefik --out-dir ', ['pages']],
    ['postern secret guest --con', ['--config']],
    ['postern traefik --no', ['--no-plugin', '--no-tls']],
  ])('completes %s', (line, expected) => {
    expect(offers(shell, line)).toEqual([...expected].sort());
  });

  it('offers nothing where only its user knows', () => {
    for (const line of ['postern explain --url ', 'postern serve post', 'postern hash --iterations ']) {
      expect(offers(shell, line)).toEqual([]);
    }
  });

  it('knows every option of every command that the help shows', () => {
    for (const { path, help } of all) {
      const options = optionsOf(help);
      expect(options).toContain('--help');
      const long = options.filter(name => name.startsWith('--'));
      const offered = offers(shell, `${['postern', ...path].join(' ')} --`);
      expect([path, offered]).toEqual([path, long]);
    }
  });
});

describe('bash', () => {
  it('completes the value behind `=`, which comes as a word of its own', () => {
    expect(offers('bash', 'postern hash --kind = s')).toEqual(['scrypt', 'sha2crypt']);
    expect(offers('bash', 'postern hash --kind =')).toContain('argon2id');
    expect(offers('bash', 'postern hash --kind = bcrypt --me')).toEqual(['--memory']);
  });

  it('takes a value that looks like a command for a value', () => {
    expect(offers('bash', 'postern serve --config hash --')).toEqual(['--config', '--help']);
    expect(offers('bash', 'postern secret -o guest ')).toEqual(['guest']);
  });
});
