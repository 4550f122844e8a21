import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { startChild } from '../support/child.ts';
import { freePort } from '../support/net.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/**
 * Runs the README as a reader would: its files are written, its commands run in
 * order, in one empty folder. `npm ci && npm start` and `npm test` are what CI
 * and `test/e2e/demo.test.ts` do.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, name, text]) => ({ language, name, text: text as string }),
);

const home = tempDirectory();
const bin = posternCommand(home);
const path = `${bin}:${process.env.PATH}`;

afterAll(removeTempDirectories);

describe('README', () => {
  it('begins with the two commands', () => {
    const commands = blocks.filter(block => block.language === 'sh').map(block => block.text.trim());
    expect(commands.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  });

  const files = blocks.filter(block => block.language === 'yaml');
  it.each(files)('writes $name', ({ name, text }) => {
    expect(name).toMatch(/^[a-z-]+\.yml$/);
    writeFileSync(join(home, name as string), text);
  });

  const commands = blocks.filter(block => block.language === 'sh' && !block.text.startsWith('npm '));
  it.each(commands)('runs: $text', async ({ name, text }) => {
    if (name === 'serve') {
      const port = await freePort();
      const env = { PATH: path, POSTERN_SERVER_ADDRESS: `tcp://127.0.0.1:${port}` };
      const child = startChild('bash', ['-c', `exec ${text.replace(/^(\w+=\S+) /, 'env $1 ')}`], {
        cwd: home,
        env,
      });
      await child.waitFor(/listening on/);
      const health = await fetch(`http://127.0.0.1:${port}/health`);
      expect(await health.json()).toMatchObject({ status: 'OK' });
      expect(await child.stop()).toBe(0);
      return;
    }
    const run = spawnSync('bash', ['-euc', text], {
      cwd: home,
      env: { PATH: path, HOME: home },
      encoding: 'utf8',
    });
    expect(run.stderr).not.toContain('error');
    expect(run.status).toBe(0);
  });
});
