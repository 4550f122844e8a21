import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { HINTED_CODES } from '../../host/elastic/error.ts';
import { posternCommand } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** Its commands for Docker are run by no test, as the page says; the files that they use fit their schemas. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const page = read('docs/elasticsearch-set-up.md');
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, name, text]) => ({ language, name, text: text as string }),
);
const compose = parse(read('examples/docker/compose.elasticsearch.yml'));
/** Everything that the host can say. */
const sources = ['host/elastic', 'host/doctor/checks', 'host/cache', 'host/config']
  .flatMap(folder => readdirSync(join(root, folder)).map(name => read(`${folder}/${name}`)))
  .join('\n');

afterAll(removeTempDirectories);

describe('docs/elasticsearch-set-up.md', () => {
  it('is linked from the page on users of Elasticsearch', () => {
    expect(read('docs/elasticsearch.md')).toContain('(elasticsearch-set-up.md');
  });

  it('links to what there is', () => {
    for (const [, target = ''] of page.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      expect([target, existsSync(join(root, 'docs', target))]).toEqual([target, true]);
    }
  });

  it('makes the secrets that the containers are given, for their owner alone', () => {
    const home = tempDirectory();
    const bin = posternCommand(home);
    const commands = blocks.filter(({ language, name }) => language === 'sh' && name === undefined);
    expect(commands).toHaveLength(1);
    const run = spawnSync('bash', ['-euo', 'pipefail', '-c', commands.map(({ text }) => text).join('\n')], {
      cwd: home,
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: home },
      encoding: 'utf8',
    });
    expect([run.status, run.stderr]).toEqual([0, expect.not.stringContaining('error')]);
    const files = Object.values(compose.secrets as Record<string, { file: string }>).map(({ file }) => file);
    for (const file of [...files, '.env']) expect(statSync(join(home, file)).mode & 0o077).toBe(0);
    expect(readFileSync(join(home, '.env'), 'utf8')).toMatch(/^KIBANA_PASSWORD=[0-9a-f]{32}\n$/);
  });

  it('speaks of services, files and addresses as they stand in the files', () => {
    for (const { language, name, text } of blocks) {
      if (language !== 'sh' || name !== 'docker') continue;
      for (const [, service = ''] of text.matchAll(/(?:exec(?: -T)?|up -d) ([a-z]+)/g))
        expect(Object.keys(compose.services)).toContain(service);
      for (const [, file = ''] of text.matchAll(/-f (\S+)/g))
        expect(existsSync(join(root, 'examples/docker', dirname(file), file))).toBe(true);
      for (const [address] of text.matchAll(/\d+\.\d+\.\d+\.\d+(?=:)/g))
        expect(compose.services.postern.networks.auth.ipv4_address).toBe(address);
    }
    expect(compose.services.elasticsearch.image).toContain(
      /elasticsearch:(8[\d.]+)/.exec(page)?.[1] ?? 'a version',
    );
    expect(Object.keys(compose.services.elasticsearch.networks ?? [])).not.toContain('applications');
    // Who has an address in `auth` is Traefik or Postern.
    const inAuth = Object.entries(compose.services as Record<string, { networks?: object }>)
      .filter(([, { networks = {} }]) =>
        Array.isArray(networks) ? networks.includes('auth') : 'auth' in networks,
      )
      .map(([service]) => service);
    expect(inAuth).toEqual(['traefik', 'postern']);
  });

  it('quotes what the host says, and explains every code', () => {
    const rows = [...page.matchAll(/^\| (in the log|`postern doctor`) \| (.*) \|$/gm)];
    expect(rows.length).toBe(16);
    for (const [, , text = ''] of rows) {
      for (const [, quoted = ''] of text.matchAll(/`([^`]+)`/g)) {
        const said = quoted.replace(/: Remote-User$/, '').split(' … ');
        for (const part of said.flatMap(one => one.split(': ')))
          expect([quoted, sources.includes(part) || part === '/ready' || /^\w+$/.test(part)]).toEqual([
            quoted,
            true,
          ]);
      }
    }
    for (const code of HINTED_CODES) {
      if (code !== 'ERR_ELASTIC_REJECTED') expect([code, page.includes(code)]).toEqual([code, true]);
    }
  });
});
