import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ELASTAUTH_NAMES } from '../../host/config/elastauth.ts';
import { VALUE_KEYS } from '../../host/config/keys.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { SECRET_TEXTS } from '../../host/config/secret-text.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** What of docs/elasticsearch.md needs no Elasticsearch; the rest runs in test/e2e/elastic-drop-in.test.ts. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'elasticsearch.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, name, text]) => ({ language, name, text: text as string }),
);
const secret = createSecret();

const home = tempDirectory();
const bin = posternCommand(home);
writeFileSync(
  join(home, 'users.yml'),
  `users: { alice: { displayname: Alice, groups: [admins, developers], password: '$2b$04$${'a'.repeat(53)}' } }\n`,
);
writeFileSync(join(home, 'elasticsearch-password'), 'of-postern\n');
writeFileSync(join(home, 'elasticsearch-api-key'), 'aWQ6a2V5\n');
writeFileSync(join(home, 'elasticsearch-ca.pem'), '-----BEGIN CERTIFICATE-----\n');

afterAll(removeTempDirectories);

describe('docs/elasticsearch.md', () => {
  it.each(['postern.yml', 'signed-in.yml', 'drop-in.yml'])('shows a configuration: %s', name => {
    const text = blocks.find(block => block.name === name)?.text ?? '';
    writeFileSync(join(home, name), text);
    const yaml = { file: join(home, name), text };
    const { config, problems } = parseConfig({ yaml, env: { POSTERN_SECRET: secret }, isTerminal: false });
    expect(problems).toEqual([]);
    expect(config.elasticsearch?.access).toBeDefined();
    expect(config.elasticsearch?.dropIn !== undefined).toBe(name === 'drop-in.yml');
  });

  it.each(blocks.filter(block => block.language === 'sh' && block.name === undefined))(
    'runs: $text',
    ({ text }) => {
      const run = spawnSync('bash', ['-euc', text], {
        cwd: home,
        env: { PATH: `${bin}:${process.env.PATH}`, HOME: home, POSTERN_SECRET: secret },
        encoding: 'utf8',
      });
      expect([run.stderr, run.status]).toEqual([expect.not.stringContaining('error'), 0]);
      expect(run.stdout).toContain('Authorization');
    },
  );

  it('names every key, and every key of elastauth', () => {
    const keys = [...Object.keys(VALUE_KEYS), ...SECRET_TEXTS].filter(key =>
      key.startsWith('elasticsearch.'),
    );
    for (const key of keys)
      expect([key, page.includes(key.replace('elasticsearch.', ''))]).toEqual([key, true]);
    for (const key of Object.keys(ELASTAUTH_NAMES).filter(
      name => !/^headers|^elasticsearch\.host$|^cache\./.test(name),
    )) {
      expect([key, page.includes(`\`${key}\``)]).toEqual([key, true]);
    }
  });
});
