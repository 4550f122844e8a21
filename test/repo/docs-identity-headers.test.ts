import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** The snippets of docs/identity-headers.md: configurations are read, the command runs on the first. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/identity-headers.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+)\n([\s\S]*?)^```$/gm)].map(([, language, text = '']) => ({
  language,
  text,
}));
const configs = blocks.filter(({ language }) => language === 'yaml').map(({ text }) => text);
const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);

const parse = (text: string) =>
  parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text },
    env: { POSTERN_SECRET: createSecret() },
    isTerminal: false,
  });

afterAll(removeTempDirectories);

describe('docs/identity-headers.md', () => {
  it('has configurations and a command, and is linked from the README', () => {
    expect([configs.length, commands.length, blocks.length]).toEqual([2, 1, 3]);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('(docs/identity-headers.md)');
  });

  it.each(configs)('shows a configuration without a problem: %s', text => {
    expect(parse(text).problems).toEqual([]);
  });

  it.each(commands)('runs: %s', command => {
    const home = tempDirectory();
    writeFileSync(
      join(home, 'postern.yml'),
      `${configs[0]}
authentication_backend: { file: { path: users.yml } }
access_control: { default_policy: one_factor }
`,
    );
    const env = {
      PATH: `${posternCommand(home)}:${process.env.PATH}`,
      HOME: home,
      POSTERN_SECRET: createSecret(),
    };
    const run = spawnSync('bash', ['-c', `set -eu\n${command}`], { cwd: home, env, encoding: 'utf8' });
    expect([run.status, run.stderr]).toEqual([0, '']);
    // Those of all hosts: a preset's, and names of one's own.
    for (const name of ['X-authentik-username', 'X-Auth-Groups', 'X-User-ID', 'X-User-Roles', 'Remote-User'])
      expect(run.stdout).toContain(`- '${name}'`);
  });
});
