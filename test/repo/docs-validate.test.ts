import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/**
 * Runs docs/validate.md as its reader would, in one folder with a file that was
 * copied from a web page; what a `text` block shows is what the command above
 * it prints.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/validate.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, name, text], i, all) => ({
    language,
    name,
    text: text ?? '',
    output: all[i + 1]?.[1] === 'text' ? all[i + 1]?.[3] : undefined,
  }),
);
const hasJq = spawnSync('jq', ['--version']).status === 0;
const home = tempDirectory();
posternCommand(home);
copyFileSync(join(root, 'test/cases/seeds/service-account-rules.yml'), join(home, 'copied.yml'));

afterAll(removeTempDirectories);

describe('docs/validate.md', () => {
  it.each(blocks.filter(({ language }) => language === 'yaml'))('writes $name', ({ name, text }) => {
    expect(name).toMatch(/^[a-z]+\.yml$/);
    writeFileSync(join(home, name as string), text);
  });

  it.each(blocks.filter(({ language }) => language === 'sh'))('runs: $text', ({ name, text, output }) => {
    if (text.includes('jq') && !hasJq) {
      process.stderr.write('SKIPPED: jq is not here, so a line of docs/validate.md is not run\n');
      expect(process.env.POSTERN_REQUIRE_E2E).toBeUndefined();
      return;
    }
    const run = spawnSync('bash', ['-c', `set -eu\n${text}`], {
      cwd: home,
      env: { PATH: `${home}/bin:${process.env.PATH}`, HOME: home, POSTERN_SECRET: createSecret() },
      encoding: 'utf8',
    });
    expect([run.stderr, run.status]).toEqual(['', name === 'fails' ? 1 : 0]);
    if (output !== undefined) expect(run.stdout).toBe(output);
  });

  it('names every warning of the lint', () => {
    const named = [...page.matchAll(/^\| `(lint\.[\w-]+)` \|/gm)].map(([, code]) => code);
    const cases = readFileSync(join(root, 'test/cases/validate/lint.yml'), 'utf8');
    const known = new Set([...cases.matchAll(/["'](lint\.[\w-]+) /g)].map(([, code]) => code));
    expect(named.sort()).toEqual([...known].sort());
  });
});
