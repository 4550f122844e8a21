import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/**
 * Runs the pages on explain, policy tests and completion as their readers
 * would: files are written, commands run in order in one folder for each page,
 * and what a `text` block shows is what the command above it prints.
 */
afterAll(removeTempDirectories);

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = posternCommand(tempDirectory());

interface Block {
  readonly language: string;
  readonly name: string | undefined;
  readonly text: string;
  /** What follows as the output of a command. */
  readonly output: string | undefined;
}

function blocksOf(page: string): Block[] {
  const found = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)];
  return found.map(([, language = '', name, text = ''], i) => {
    const next = found[i + 1];
    return { language, name, text, output: next?.[1] === 'text' ? next[3] : undefined };
  });
}

function shell(command: string, cwd: string, program = 'bash') {
  const { PATH = '' } = process.env;
  const env = { PATH: `${bin}:${PATH}`, HOME: cwd };
  return spawnSync(program, ['-c', command], { cwd, env, encoding: 'utf8' });
}

describe.each(['docs/explain.md', 'docs/policy-tests.md', 'examples/README.md'])('%s', page => {
  const blocks = blocksOf(readFileSync(join(root, page), 'utf8'));
  const home = page.startsWith('examples') ? root : tempDirectory();
  const runnable = blocks.filter(({ language }) => language === 'sh');

  it('has files that are named', () => {
    for (const { name, text } of blocks.filter(({ language }) => language === 'yaml')) {
      expect(name).toMatch(/^[a-z.-]+\.yml$/);
      writeFileSync(join(home, name as string), text);
    }
    expect(runnable.length).toBeGreaterThan(0);
  });

  it.each(runnable)('runs: $text', ({ text, output }) => {
    const run = shell(`set -eu\n${text}`, home);
    expect([run.status, run.stderr]).toEqual([0, '']);
    if (output !== undefined) expect(run.stdout).toBe(output);
  });
});

describe('docs/completion.md', () => {
  const blocks = blocksOf(readFileSync(join(root, 'docs/completion.md'), 'utf8'));

  it('has a line for each shell', () => {
    expect(blocks.map(({ language }) => language)).toEqual(['bash', 'zsh', 'fish']);
  });

  for (const { language, text } of blocks) {
    if (spawnSync(language, ['--version']).status !== 0) {
      process.stderr.write(
        `SKIPPED: ${language} is not here, so its line in docs/completion.md is not run\n`,
      );
      it.skip(`needs ${language}`, () => {});
      continue;
    }
    it(`runs in ${language}`, () => {
      const before = language === 'zsh' ? 'autoload -Uz compinit; compinit -u -D\n' : '';
      const home = join(bin, language);
      mkdirSync(home);
      const run = shell(`${before}${text}`, home, language);
      expect([run.status, run.stderr]).toEqual([0, '']);
    });
  }
});
