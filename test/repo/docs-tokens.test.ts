import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { parseTokens } from '../../host/tokens/parse-tokens.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** Runs docs/tokens.md as a reader would: its commands in order, in one folder with its postern.yml. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'tokens.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, name, text]) => ({ language, name, text: text as string }),
);
const engine = loadEngine(join(root, 'dist', 'embed.wasm'));
const secret = createSecret();

const home = tempDirectory();
const bin = posternCommand(home);

afterAll(removeTempDirectories);

function block(name: string): string {
  const found = blocks.find(({ name: other }) => other === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found.text;
}

describe('docs/tokens.md', () => {
  it('shows a configuration that compiles', () => {
    const text = block('postern.yml');
    writeFileSync(join(home, 'postern.yml'), text);
    const yaml = { file: join(home, 'postern.yml'), text };
    const { config, problems } = parseConfig({ yaml, env: { POSTERN_SECRET: secret }, isTerminal: false });
    expect(problems).toEqual([]);
    expect(config.tokens).toEqual({
      file: join(home, 'tokens.yml'),
      usageFile: join(home, 'tokens.yml.used'),
    });
    expect(config.policy.tokens).toEqual({ bearer: true });
    expect(engine.compile(config.policy).ok).toBe(true);
  });

  it('shows a tokens file that is read', () => {
    const { accounts, problems } = parseTokens('tokens.yml', block('tokens.yml'), engine);
    expect(problems).toEqual([]);
    expect(accounts.get('ci-deploy')).toMatchObject({
      owner: 'alice',
      networkNames: ['10.0.0.0/8', '2001:db8::/32'],
    });
  });

  it.each(blocks.filter(({ language }) => language === 'sh'))('runs: $text', ({ text }) => {
    const run = spawnSync('bash', ['-euc', text], {
      cwd: home,
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: home, POSTERN_SECRET: secret },
      encoding: 'utf8',
    });
    expect(run.stderr).not.toContain('error');
    expect(run.status).toBe(0);
  });

  it('leaves what the commands say', () => {
    const { accounts } = parseTokens('t.yml', readFileSync(join(home, 'tokens.yml'), 'utf8'), engine);
    expect([...accounts.keys()]).toEqual(['user-abc']);
    rmSync(join(home, 'tokens.yml'));
  });
});
