import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY_TREES, VALUE_KEYS } from '../../host/config/keys.ts';
import type { Config } from '../../host/config/schema.ts';
import { takeOver, waitingKeys } from '../../host/reload/live-config.ts';
import { posternCommand } from '../support/postern.ts';
import { type Service, startService } from '../support/service.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { ask } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/reload.md'), 'utf8');

/** A fenced block by its language and the name behind it. */
function block(info: string): string {
  const text = new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1];
  if (text === undefined) throw new Error(`no block ${info}`);
  return text;
}

/** Keys that begin the items below a heading. */
function listed(heading: string): string[] {
  const section = new RegExp(`^## ${heading}\\n([\\s\\S]*?)(?=^## )`, 'm').exec(page)?.[1] ?? '';
  return section
    .split('\n')
    .filter(line => line.startsWith('- `'))
    .flatMap(line => [...(/^- ((?:`[a-z0-9_.]+`(?:, )?)+)/.exec(line)?.[1] ?? '').matchAll(/`([^`]+)`/g)])
    .map(([, key]) => key as string);
}

const live = listed('What counts at once');
const waiting = listed('What waits for a restart');

describe('docs/reload.md', () => {
  let service: Service;
  let home: string;
  beforeAll(async () => {
    const digest =
      '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';
    service = await startService(`users:\n  alice:\n    password: '${digest}'\n`);
    home = dirname(service.configFile);
    const yaml = `server: {address: '${service.url.replace('http:', 'tcp:')}'}
authentication_backend: {file: {path: '${service.usersFile}'}}
guest: {directory: '${service.directory}'}
access_control:
  rules:
    - domain: app.example.com
      policy: one_factor
    - domain: other.example.com
      policy: bypass
`;
    writeFileSync(service.configFile, yaml);
    await waitUntil('the reading', () => service.child.stderr.includes('configuration read'));
  });
  afterAll(async () => {
    await service?.stop();
    removeTempDirectories();
  });

  /** Of the rule to whoever says nothing: 401 for one factor, 403 once it denies. */
  const answer = async () => {
    const headers = ['Method: GET', 'Proto: https', 'Host: app.example.com', 'Uri: /'].map(line => {
      const [name = '', value = ''] = line.split(': ');
      return [`X-Forwarded-${name}`, value] as const;
    });
    const port = Number(new URL(service.url).port);
    return (await ask(port, '/api/authz/forward-auth', headers)).status;
  };
  const run = (script: string, more: Record<string, string> = {}) => {
    const bin = posternCommand(home);
    for (const [name, text] of Object.entries(more)) {
      writeFileSync(join(bin, name), text);
      chmodSync(join(bin, name), 0o755);
    }
    const env = { PATH: `${bin}:${process.env.PATH}`, HOME: home };
    return spawnSync('bash', ['-euc', script], { cwd: home, env, encoding: 'utf8' });
  };

  it('changes a rule as the page says', async () => {
    expect(await answer()).toBe(401);
    const ran = run(block('sh'));
    expect([ran.status, ran.stderr]).toEqual([0, expect.not.stringContaining('error')]);
    await waitUntil('the new rule', async () => (await answer()) === 403);
  });

  it('has the file read by the signal', async () => {
    const before = service.child.stderr.split('configuration read').length;
    // Other services may run on this machine: ours is found by a `pgrep` that knows no other.
    const ran = run(block('sh signal'), { pgrep: `#!/bin/sh\necho ${service.child.pid}\n` });
    expect([ran.status, ran.stderr]).toEqual([0, expect.not.stringContaining('error')]);
    await waitUntil(
      'the reading',
      () => service.child.stderr.split('configuration read').length === before + 1,
    );
  });

  it('shows health and metrics as they are', async () => {
    writeFileSync(service.configFile, 'server: [');
    await waitUntil('the problem', () => service.child.stderr.includes('the configuration cannot be used'));
    const shown = JSON.parse(block('json health'));
    const real = JSON.parse(await service.get('/health'));
    expect(Object.keys(real.config)).toEqual(Object.keys(shown.config));
    expect([real.status, real.config.status]).toEqual([shown.status, shown.config.status]);
    const metrics = await service.get('/metrics');
    for (const [name] of block('promql metrics').matchAll(/postern_\w+(\{[^}]*\})?/g)) {
      expect(metrics).toContain(`\n${name} `);
    }
  });

  it.each([...Object.keys(VALUE_KEYS), ...POLICY_TREES])('says when `%s` counts', key => {
    const covers = (item: string) => item === key || key.startsWith(`${item}.`);
    expect([live.filter(covers).length, waiting.filter(covers).length].toSorted()).toEqual([0, 1]);
  });
});

describe('what is taken over', () => {
  const config: Config = {
    file: 'postern.yml',
    server: { host: '127.0.0.1', port: 1 },
    log: { level: 'info', format: 'json' },
    usersFile: 'users.yml',
    usersSearch: { caseInsensitive: false, email: false },
    usersWatch: true,
    guest: { directory: '/run/postern', offlineGraceSeconds: 1 },
    grants: { lifetimeSeconds: 1, slots: 8, slotSize: 1_024 },
    tokens: { file: 'tokens.yml', usageFile: 'tokens.yml.used' },
    policy: { realm: 'old', tokens: { bearer: true } },
    secret: Buffer.alloc(32, 1),
    previousSecret: undefined,
  };

  it.each<[string, Partial<Config>]>([
    ['server.address', { server: { host: '::1', port: 1 } }],
    ['server.address', { server: { host: '127.0.0.1', port: 2 } }],
    ['log.format', { log: { level: 'debug', format: 'text' } }],
    ['authentication_backend.file.path', { usersFile: 'others.yml' }],
    ['authentication_backend.file.watch', { usersWatch: false }],
    [
      'authentication_backend.file.search.case_insensitive',
      { usersSearch: { caseInsensitive: true, email: false }, policy: { fold_names: true } },
    ],
    ['authentication_backend.file.search.email', { usersSearch: { caseInsensitive: false, email: true } }],
    ['guest.directory', { guest: { directory: '/other', offlineGraceSeconds: 2 } }],
    ['grants.slots', { grants: { lifetimeSeconds: 2, slots: 16, slotSize: 1_024 } }],
    ['grants.slot_size', { grants: { lifetimeSeconds: 2, slots: 8, slotSize: 2_048 } }],
    ['tokens.file', { tokens: { file: 'other.yml', usageFile: 'tokens.yml.used' } }],
    ['tokens.usage_file', { tokens: { file: 'tokens.yml', usageFile: 'other' } }],
    ['tokens.file', { tokens: undefined }],
    ['secret', { secret: Buffer.alloc(32, 2) }],
    ['secret_previous', { previousSecret: Buffer.alloc(32, 2) }],
  ])('not %s', (key, over) => {
    const read = { ...config, ...over };
    const taken = takeOver(config, read);
    expect(waitingKeys(taken, read)).toEqual([key]);
    expect(taken.policy.fold_names).toBeUndefined();
    expect({ ...taken, ...pickLive(config) }).toEqual(config);
    expect(waiting.some(item => item === key || key.startsWith(`${item}.`))).toBe(true);
  });

  /** What may differ, taken from another configuration. */
  const pickLive = ({ log, guest, grants, policy }: Config) => ({ log, guest, grants, policy });

  it('all that the page names', () => {
    const read: Config = {
      ...config,
      log: { level: 'debug', format: 'json' },
      guest: { directory: '/run/postern', offlineGraceSeconds: 2 },
      grants: { lifetimeSeconds: 2, slots: 8, slotSize: 1_024 },
      policy: { realm: 'new', access_control: {}, tokens: { bearer: false, header: 'x-token' } },
    };
    expect(takeOver(config, read)).toEqual(read);
    expect(waitingKeys(takeOver(config, read), read)).toEqual([]);
  });

  it('a key that nobody has thought about waits, by its own name', () => {
    const read = { ...config, later: { thing: 1 } } as Config;
    expect(waitingKeys(takeOver(config, read), read)).toEqual(['later']);
  });
});
