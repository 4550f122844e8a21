import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type App, createApp } from '../../host/app.ts';
import { FAILURE_DELAY_MS } from '../../host/authn/failure-delay.ts';
import { ConfigError } from '../../host/config/problem.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { createToken } from '../../host/secret/secret.ts';
import { TokenDigests } from '../../host/tokens/digests.ts';
import { readUsage, USAGE_WRITE_MS } from '../../host/tokens/last-use.ts';
import { openTokensFile, type TokensFile } from '../../host/tokens/registry.ts';
import {
  FakeArgon2,
  FakeClock,
  FakeDirectory,
  fakeLogger,
  fakeRandom,
  settle,
} from '../support/host-fakes.ts';
import { type Answer, ask, PREVIOUS_SECRET, SECRET, testConfig } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

/** The host with the real engine, asked as a proxy without a guest asks. */
const CI = createToken();
const IMPORTED = 'valid-token-123';
const digest = (token: string, root: Uint8Array = SECRET) => new TokenDigests([root]).make(token);

interface Entry {
  readonly [key: string]: unknown;
  readonly secrets?: readonly object[];
}
const entry = (token: string, over: Entry = {}): Entry => ({
  groups: ['deploy'],
  secrets: [{ id: 'a', digest: digest(token) }],
  ...over,
});

let dir: string;
let count = 0;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-tokens-app-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start(
  entries: Readonly<Record<string, Entry>>,
  over: {
    tokens?: { bearer?: boolean; header?: string };
    fold?: boolean;
    previous?: Uint8Array;
    clock?: FakeClock;
    file?: string;
    guest?: string;
  } = {},
) {
  const { tokens = { bearer: true, header: 'X-Api-Key' }, fold = false, previous } = over;
  const file = over.file ?? join(dir, `tokens-${count++}.yml`);
  const write = (next: Readonly<Record<string, Entry>>) =>
    writeFileSync(file, JSON.stringify({ tokens: next }));
  write(entries);
  const guest = over.guest ?? mkdtempSync('/dev/shm/postern-tokens-');
  const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
  const users = new FakeDirectory();
  users.put('alice', 'password of alice');
  const argon2 = new FakeArgon2();
  const clock = over.clock ?? new FakeClock();
  const log = fakeLogger();
  const registry: TokensFile = openTokensFile(file, { engine, intervalMs: 20 });
  let app: App;
  try {
    app = createApp(
      {
        ...testConfig(guest),
        previousSecret: previous,
        tokens: { file, usageFile: `${file}.used` },
        policy: {
          access_control: {
            default_policy: 'deny',
            rules: [
              { domain: 'public.test', policy: 'bypass' },
              { domain: 'app.test', policy: 'one_factor' },
              { domain: 'two.test', policy: 'two_factor' },
              { domain: 'ci.test', policy: 'one_factor', subject: ['user:ci', 'group:admin'] },
            ],
          },
          tokens,
          ...(fold ? { fold_names: true } : {}),
        },
      },
      {
        engine,
        directory: users,
        tokens: registry,
        clock,
        random: fakeRandom(),
        log,
        password: { concurrency: 1, verify: argon2.verify },
      },
    );
  } catch (error) {
    registry.close();
    if (over.guest === undefined) rmSync(guest, { recursive: true, force: true });
    throw error;
  }
  const server = await app.start();
  if (server === undefined) throw new Error('not started');
  const stop = async () => {
    registry.close();
    await app.stop();
    if (over.guest === undefined) rmSync(guest, { recursive: true, force: true });
  };
  stops.push(stop);
  const send = (
    headers: readonly (readonly [string, string])[],
    host = 'app.test',
    client = '192.0.2.9',
    path = '/api/authz/forward-auth',
  ) =>
    ask(server.port, path, [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', '/'],
      ['X-Forwarded-For', client],
      ...headers,
    ]);
  return {
    file,
    guest,
    write,
    users,
    argon2,
    clock,
    log,
    registry,
    app,
    send,
    stop: () => {
      stops.splice(stops.indexOf(stop), 1);
      return stop();
    },
    /** As `send`, for an answer that is held back: lets the time pass. */
    async refused(...args: Parameters<typeof send>): Promise<Answer> {
      const before = clock.pending;
      const answer = send(...args);
      await waitUntil('the answer to be held back', async () => {
        await settle();
        return clock.pending > before;
      });
      await clock.advance(FAILURE_DELAY_MS + 100);
      return answer;
    },
    async metric(name: string): Promise<number> {
      const { body } = await ask(server.port, '/metrics', []);
      const lines = body.split('\n').filter(line => line.startsWith(name) && !line.startsWith('#'));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
  };
}

const bearer = (token: string) => [['Authorization', `Bearer ${token}`]] as const;
const basic = (name: string, password: string) =>
  [['Authorization', `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`]] as const;
const apiKey = (token: string) => [['X-Api-Key', token]] as const;

describe('a token', () => {
  it('is taken as Bearer, in the header and as Basic password, without a password hash', async () => {
    const host = await start({ ci: entry(CI, { displayname: 'CI', email: 'ci@example.com' }) });
    for (const headers of [bearer(CI), apiKey(CI), basic('ci', CI)]) {
      const answer = await host.send(headers);
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'remote-user': 'ci',
        'remote-groups': 'deploy',
        'remote-name': 'CI',
        'remote-email': 'ci@example.com',
      });
    }
    expect(host.argon2.calls).toEqual([]);
    // Bearer and header are one grant, known from the first on; a password is another.
    expect(await host.metric('postern_token_verifications_total{result="success"}')).toBe(2);
    expect(await host.metric('postern_grants_total{result="written"}')).toBe(2);
    expect(await host.metric('postern_password_verifications_total')).toBe(0);
  });

  it('is judged by the rules at one factor', async () => {
    const host = await start({ ci: entry(CI), cd: entry('another-token-1') });
    expect((await host.send(bearer(CI), 'ci.test')).status).toBe(200);
    expect((await host.send(bearer('another-token-1'), 'ci.test')).status).toBe(403);
    expect((await host.send(bearer(CI), 'two.test')).status).toBe(401);
    expect((await host.send(bearer(CI), 'other.test')).status).toBe(403);
  });

  it('imported is the same, as in a service that knew `valid-token-123`', async () => {
    const host = await start({ 'user-abc': entry(IMPORTED, { groups: ['admin', 'user'] }) });
    const answer = await host.send(bearer(IMPORTED), 'ci.test');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'remote-user': 'user-abc', 'remote-groups': 'admin,user' });
    expect((await host.refused(bearer('invalid-token-123'), 'ci.test')).status).toBe(401);
    expect((await host.send([], 'ci.test')).status).toBe(401);
    expect(host.log.text()).not.toContain('token-123');
  });

  it('passes a bypass rule with its name, and unknown ones at once without', async () => {
    const host = await start({ ci: entry(CI) });
    expect((await host.send(bearer(CI), 'public.test')).headers['remote-user']).toBe('ci');
    for (const headers of [bearer('of-the-application'), apiKey('of-the-application')]) {
      const answer = await host.send(headers, 'public.test');
      expect([answer.status, answer.headers['remote-user']]).toEqual([200, '']);
    }
  });
});

describe('refused', () => {
  const now = new FakeClock().now();
  const time = (ms: number) => new Date(now + ms).toISOString();

  it.each([
    ['unknown', {}, bearer(createToken()), 'token refused: unknown'],
    ['disabled', { disabled: 'true' }, bearer(CI), 'token refused: it is disabled'],
    ['expired', { expires: time(-1_000) }, bearer(CI), 'token refused: it has expired'],
    [
      'a secret whose overlap is over',
      { secrets: [{ id: 'a', digest: digest(CI), expires: time(-1_000) }] },
      apiKey(CI),
      'token refused: it has expired',
    ],
    [
      'from another network',
      { networks: ['10.0.0.0/8'] },
      bearer(CI),
      'token refused: 192.0.2.9 is in none of its networks',
    ],
    [
      'as the password of another token',
      {},
      basic('cd', CI),
      'token refused: sent with the name of somebody else',
    ],
    [
      'as the password of a user',
      {},
      basic('alice', CI),
      'token refused: sent with the name of somebody else',
    ],
    ['in another case', {}, basic('CI', CI), 'token refused: sent with the name of somebody else'],
    ['as a password, disabled', { disabled: 'true' }, basic('ci', CI), 'token refused: it is disabled'],
  ])('%s, after the delay of every failure', async (_name, over, headers, line) => {
    const host = await start({ ci: entry(CI, over), cd: entry('another-token-1') });
    const answer = await host.refused(headers);
    expect(answer.status).toBe(401);
    expect(answer.headers['remote-user']).toBeUndefined();
    expect(host.log.lines.map(({ message }) => message)).toContain(line);
    expect(host.log.text()).not.toContain(CI);
    expect(host.argon2.calls).toEqual([]);
    expect(await host.metric('postern_grants_total{result="written"}')).toBe(0);
  });

  it('a made token that is gone costs no hash, even as password; any other password does', async () => {
    const host = await start({});
    expect((await host.refused(basic('ci', CI))).status).toBe(401);
    expect(host.argon2.calls).toEqual([]);
    // What the name is makes no difference: no name tells that it is a token's.
    for (const name of ['ci', 'nobody']) expect((await host.refused(basic(name, 'guess'))).status).toBe(401);
    expect(host.argon2.calls).toHaveLength(2);
    expect((await host.send(basic('alice', 'password of alice'))).status).toBe(200);
  });

  it('names of tokens and names of nobody cost the same', async () => {
    const host = await start({ ci: entry(CI) });
    await host.refused(basic('ci', 'guess'));
    await host.refused(basic('nobody', 'guess'));
    expect(host.argon2.calls).toEqual(['fake$\0nobody', 'fake$\0nobody']);
  });

  it('there is no falling back from a bad credential to a good one', async () => {
    const host = await start({ ci: entry(CI) });
    expect((await host.refused([...bearer('no-token'), ...apiKey(CI)])).status).toBe(401);
    expect((await host.send([['Authorization', 'Basic x'], ...apiKey(CI)])).status).toBe(401);
    expect((await host.send([...apiKey(CI), ...apiKey(CI)])).status).toBe(401);
  });

  it('in the header is none where `auth=basic` insists on Authorization, known or not', async () => {
    const host = await start({ ci: entry(CI) });
    const legacy = (headers: readonly (readonly [string, string])[]) =>
      host.send(headers, 'app.test', '192.0.2.9', '/api/verify?auth=basic');
    expect((await legacy(apiKey(CI))).status).toBe(401);
    expect((await host.send(apiKey(CI))).status).toBe(200);
    expect((await legacy(apiKey(CI))).status).toBe(401);
    expect((await legacy(bearer(CI))).status).toBe(200);
    expect((await legacy(basic('ci', CI))).status).toBe(200);
  });

  it('Bearer where it is turned off is none', async () => {
    const host = await start({ ci: entry(CI) }, { tokens: { bearer: false, header: 'X-Api-Key' } });
    expect((await host.send(bearer(CI))).status).toBe(401);
    expect((await host.send([...bearer('x'), ...apiKey(CI)])).status).toBe(200);
    expect((await host.send(basic('ci', CI))).status).toBe(200);
  });

  it('a flood of bad tokens leaves logins alone', async () => {
    const host = await start({});
    const flood = Array.from({ length: 50 }, () => host.send(bearer('no-such-token')));
    await waitUntil(
      'all of them to be held back',
      async () => (await host.metric('postern_logins_held')) === 50,
    );
    expect((await host.send(basic('alice', 'password of alice'))).status).toBe(200);
    await host.clock.advance(FAILURE_DELAY_MS + 100);
    expect((await Promise.all(flood)).every(answer => answer.status === 401)).toBe(true);
  });
});

describe('changes', () => {
  it('count at once: rotated, revoked, disabled; grants of the token go', async () => {
    const host = await start({ ci: entry(CI), cd: entry('another-token-1') });
    const next = createToken();
    for (const token of [CI, 'another-token-1']) expect((await host.send(bearer(token))).status).toBe(200);
    const revoked = () => host.metric('postern_grants_revoked_total');
    const both = [
      { id: 'a', digest: digest(CI), expires: '2099-01-01' },
      { id: 'b', digest: digest(next) },
    ];
    host.write({ ci: entry(CI, { secrets: both }), cd: entry('another-token-1') });
    await waitUntil('the grant to be revoked', async () => (await revoked()) === 1);
    for (const token of [CI, next]) expect((await host.send(bearer(token))).status).toBe(200);
    host.write({ cd: entry('another-token-1') });
    await waitUntil('the grants to be revoked', async () => (await revoked()) === 3);
    expect((await host.refused(bearer(next))).status).toBe(401);
    expect((await host.send(bearer('another-token-1'))).status).toBe(200);
  });

  it('a user who gets the name of a token takes it over', async () => {
    const host = await start({ ci: entry(CI) });
    expect((await host.send(bearer(CI))).status).toBe(200);
    host.users.put('ci', 'password of ci');
    expect(await host.metric('postern_grants_revoked_total')).toBe(1);
    expect((await host.refused(bearer(CI))).status).toBe(401);
    expect(host.log.text()).toContain('a user has its name');
  });

  it('a shorter lifetime of grants ends those of tokens', async () => {
    const host = await start({ ci: entry(CI) });
    await host.send(bearer(CI));
    const { app } = host;
    const image = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url))).compile({
      access_control: { default_policy: 'one_factor' },
    });
    if (!image.ok) throw new Error('the policy must compile');
    app.reload({
      image: image.image,
      identityNames: [],
      realm: 'x',
      lifetimeSeconds: 60,
      offlineGraceSeconds: 900,
    });
    expect(await host.metric('postern_grants_revoked_total')).toBe(1);
  });

  it('grants outlive a restart while the token is as it was', async () => {
    const guest = mkdtempSync('/dev/shm/postern-tokens-');
    try {
      const first = await start({ ci: entry(CI), cd: entry('another-token-1') }, { guest });
      for (const token of [CI, 'another-token-1']) await first.send(bearer(token));
      await first.stop();
      const live = () => {
        const [table] = tables(guest);
        return table === undefined ? -1 : records(table);
      };
      expect(live()).toBe(2);
      const { clock } = first;
      await start({ ci: entry(CI), cd: entry('another-token-1', { groups: ['less'] }) }, { guest, clock });
      expect(live()).toBe(1);
    } finally {
      for (const stop of stops.splice(0)) await stop();
      rmSync(guest, { recursive: true, force: true });
    }
  });
});

describe('names', () => {
  it('that a user has do not start', async () => {
    await expect(start({ alice: entry(CI) })).rejects.toThrow(ConfigError);
    await expect(start({ alice: entry(CI) })).rejects.toThrow(
      'tokens.alice: a user is found by this name, too: give the service account another',
    );
  });

  it('count in any case where those of users do', async () => {
    const host = await start({ Ci: entry(CI) }, { fold: true });
    for (const name of ['Ci', 'CI', 'ci']) {
      const answer = await host.send(basic(name, CI));
      expect([answer.status, answer.headers['remote-user']]).toEqual([200, 'Ci']);
    }
  });
});

describe('root secrets', () => {
  it('an imported token stays good while its secret is the previous one, with a warning', async () => {
    const old = { secrets: [{ id: 'a', digest: digest(IMPORTED, PREVIOUS_SECRET) }] };
    const host = await start({ ci: entry(CI, old) }, { previous: PREVIOUS_SECRET });
    for (let i = 0; i < 2; i++) expect((await host.send(bearer(IMPORTED))).status).toBe(200);
    const warnings = host.log.lines.filter(
      line => line.level === 'warn' && line.message.includes('imported'),
    );
    expect(warnings.map(line => line.message)).toEqual([
      'an imported token is kept under POSTERN_SECRET_PREVIOUS and ends with it: revoke and import it again, or rotate it',
    ]);
  });

  it('under neither it is no good, which the start says', async () => {
    const old = { secrets: [{ id: 'a', digest: digest(IMPORTED, PREVIOUS_SECRET) }] };
    const host = await start({ ci: entry(CI, old) });
    expect(host.log.text()).toContain('imported under another root secret');
    expect((await host.refused(bearer(IMPORTED))).status).toBe(401);
  });
});

describe('last use', () => {
  let host: Awaited<ReturnType<typeof start>>;
  beforeEach(async () => {
    host = await start({ ci: entry(CI), cd: entry('another-token-1', { disabled: 'true' }) });
  });
  const used = () => [...readUsage(`${host.file}.used`).keys()];

  it('is written within a minute, of what was good alone', async () => {
    await host.send(bearer(CI));
    await host.refused(bearer('another-token-1'));
    expect(used()).toEqual([]);
    await host.clock.advance(USAGE_WRITE_MS);
    expect(used()).toEqual(['ci']);
    expect(readFileSync(`${host.file}.used`, 'utf8')).not.toContain('sha256');
  });

  it('is written at the end', async () => {
    await host.send(basic('ci', CI));
    await host.stop();
    expect(used()).toEqual(['ci']);
  });
});

function tables(guest: string): string[] {
  return readdirSync(guest)
    .filter(name => name.startsWith('grants-'))
    .map(name => join(guest, name));
}

/** Slots that are not empty. */
function records(table: string): number {
  const bytes = readFileSync(table);
  let live = 0;
  for (let at = 0; at < bytes.length; at += 1_024)
    if (bytes.subarray(at, at + 16).some(byte => byte !== 0)) live++;
  return live;
}
