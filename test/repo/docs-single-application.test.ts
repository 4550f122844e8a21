import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/**
 * docs/single-application.md: its configurations are valid, what it shows of an
 * example stands there, its command runs, and what it links to is there. The
 * lines for nginx and Caddy are started by test/e2e/handoff.test.ts.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/single-application.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', name = '', text = '']) => ({ language, name, text }),
);
const shown = blocks.filter(({ name }) => name.startsWith('examples/'));
const configurations = blocks.filter(({ name }) => /^[a-z]+\.yml$/.test(name));
const commands = blocks.filter(({ language }) => language === 'sh');

const home = tempDirectory();
posternCommand(home);
copyFileSync(join(root, 'examples/users.yml'), join(home, 'users.yml'));
const run = (command: string) =>
  spawnSync('sh', ['-euc', command], {
    cwd: home,
    encoding: 'utf8',
    env: {
      PATH: `${home}/bin:${process.env.PATH}`,
      HOME: home,
      POSTERN_SECRET: formatSecret(new Uint8Array(32)),
    },
  });

afterAll(removeTempDirectories);

describe('docs/single-application.md', () => {
  it('shows configurations, examples, commands, and lines for nginx and Caddy', () => {
    expect([configurations.length, shown.length, commands.length]).toEqual([2, 2, 1]);
    const others = blocks.filter(block => ![...configurations, ...shown, ...commands].includes(block));
    expect(others.map(({ language }) => language)).toEqual(['nginx', 'caddy']);
  });

  it.each(configurations)('$name is valid', ({ name, text }) => {
    writeFileSync(join(home, name), text);
    const { status, stdout, stderr } = run(`postern validate --config ${name}`);
    expect([status, stdout + stderr]).toEqual([0, expect.not.stringMatching(/error|warning/)]);
  });

  it.each(shown)('shows what stands in $name', ({ name, text }) => {
    expect(readFileSync(join(root, name), 'utf8')).toContain(text);
  });

  it.each(commands)('runs: $text', ({ text }) => {
    const { status, stdout, stderr } = run(text);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/rule: .*app\.other\.org.*callback/);
  });

  const links = [...page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(match => match[1] ?? '');
  it.each([...new Set(links)])('%s is there', link => {
    expect(existsSync(join(root, 'docs', link))).toBe(true);
  });
});
