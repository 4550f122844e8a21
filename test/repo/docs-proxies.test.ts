import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import { startChild } from '../support/child.ts';
import { freePort } from '../support/net.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/**
 * docs/proxies.md: what it shows of an example stands there, line by line, what
 * it links to is there, and its commands run. The examples themselves are
 * started by test/e2e/proxies.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/proxies.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', name = '', text = '']) => ({ language, name, text }),
);
const shown = blocks.filter(({ name }) => name.startsWith('examples/'));
const commands = blocks.filter(({ language }) => language === 'sh');

const home = tempDirectory();
const bin = posternCommand(home);
const env = {
  PATH: `${bin}:${process.env.PATH}`,
  HOME: home,
  POSTERN_SECRET: formatSecret(new Uint8Array(32)),
};

afterAll(removeTempDirectories);

describe('docs/proxies.md', () => {
  it('shows examples, configurations of the host and commands, nothing else', () => {
    const others = blocks.filter(block => !shown.includes(block) && !commands.includes(block));
    expect(others.map(({ language }) => language)).toEqual(['yaml']);
    expect(shown.length).toBeGreaterThan(4);
  });

  it.each(shown)('shows what stands in $name', ({ name, text }) => {
    expect(readFileSync(join(root, name), 'utf8')).toContain(text);
  });

  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(match => match[1] ?? '');
  it.each([...new Set(links)])('%s is there', link => {
    expect(existsSync(join(root, 'docs', link))).toBe(true);
  });

  it('links to every example', () => {
    const listed = spawnSync('git', ['ls-files', 'examples/*/*'], { cwd: root, encoding: 'utf8' }).stdout;
    const files = listed.split('\n').filter(file => file !== '');
    for (const file of files) expect(page, file).toContain(`../${file}`);
  });

  it.each(commands)('runs: $text', async ({ name, text }) => {
    if (name === 'serve') {
      const listen = `127.0.0.1:${await freePort()}`;
      const command = `exec ${text.trim()} --listen ${listen}`;
      const child = startChild('sh', ['-c', command], { cwd: home, env });
      await child.waitFor(/configuration is at/);
      const served = (await (await fetch(`http://${listen}/traefik.json`)).json()) as object;
      expect(Object.keys(served)).toEqual(['http']);
      expect(await child.stop()).toBe(0);
      return;
    }
    const run = spawnSync('sh', ['-euc', text], { cwd: home, env, encoding: 'utf8' });
    expect([run.status, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toContain('http://127.0.0.1:909');
  });
});
