import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../host/app.ts';
import { ConfigError } from '../../host/config/problem.ts';
import { readHeader } from '../../host/grant/seal.ts';
import { deriveGuestKey, deriveKey } from '../../host/secret/derive.ts';
import { decodeStatePage } from '../../host/snapshot/state-page.ts';
import {
  FakeClock,
  FakeDirectory,
  FakeEngine,
  fakeLogger,
  fakeRandom,
  settle,
} from '../support/host-fakes.ts';
import { PREVIOUS_SECRET, SECRET, startTestApp, type TestApp, testConfig } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

const PATH = '/api/authz/forward-auth';
const login = (test: TestApp, pair: string) =>
  test.get(PATH, [
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'app.example.com'],
    ['X-Forwarded-Uri', '/'],
    ['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`],
  ]);

let directory: string;
const apps: TestApp[] = [];
beforeEach(() => {
  directory = mkdtempSync('/dev/shm/postern-app-');
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop();
  rmSync(directory, { recursive: true, force: true });
});

const start = async (options: Parameters<typeof startTestApp>[0] = {}) => {
  const test = await startTestApp({ guestDirectory: directory, ...options });
  apps.push(test);
  return test;
};
const users = () => {
  const all = new FakeDirectory();
  for (const name of ['alice', 'bob', 'carol']) all.put(name, `password-${name}`);
  return all;
};
const page = (secret: Uint8Array = SECRET) => {
  const bytes = readFileSync(join(directory, 'state'));
  return decodeStatePage(bytes, deriveKey(deriveGuestKey(secret), 'state'));
};
const records = () => {
  const id = Buffer.from(page()?.tableId ?? []).toString('hex');
  const file = readFileSync(join(directory, `grants-${id}`));
  let count = 0;
  for (let at = 0; at < file.length; at += 1_024) if (readHeader(file.subarray(at, at + 1_024))) count++;
  return count;
};

describe('createApp', () => {
  it('refuses a policy that does not compile', () => {
    const engine = new FakeEngine();
    const problem = { code: 'x', severity: 'error', path: 'access_control', message: 'is wrong' } as const;
    engine.compile = () => ({ ok: false, problems: [problem] });
    const deps = {
      engine,
      directory: users(),
      clock: new FakeClock(),
      random: fakeRandom(),
      log: fakeLogger(),
    };
    expect(() => createApp(testConfig(directory), deps)).toThrow(ConfigError);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('starts, publishes, stops and leaves no lock and no timer', async () => {
    const test = await start();
    expect(page()).toMatchObject({ stopped: false, slotCount: 64, offlineGraceSeconds: 900 });
    await test.stop();
    expect(page()).toMatchObject({ stopped: true });
    expect(readdirSync(directory).filter(name => name.startsWith('lock'))).toEqual([]);
    expect(test.clock.pending).toBe(0);
    await test.stop();
  });

  it('marks the page before it drains, and answers what is there', async () => {
    const test = await start({ users: users() });
    test.argon2.held = true;
    const answer = login(test, 'alice:password-alice');
    while (test.argon2.running === 0) await new Promise(resolve => setTimeout(resolve, 2));
    const stopped = test.stop();
    await settle();
    expect(page()?.stopped).toBe(true);
    expect(readdirSync(directory)).toContain('lock');
    await test.argon2.release();
    expect((await answer).status).toBe(200);
    await stopped;
    expect(readdirSync(directory)).not.toContain('lock');
  });

  it('gives everything back when the port is taken', async () => {
    const other = createServer();
    const port = await new Promise<number>(resolve =>
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
    );
    await expect(start({ config: { server: { host: '127.0.0.1', port } } })).rejects.toThrow('EADDRINUSE');
    expect(readdirSync(directory).filter(name => name === 'lock' || name === 'state')).toEqual([]);
    await new Promise(resolve => other.close(resolve));
    await start();
  });

  it('revokes at once when the directory reports a change', async () => {
    const all = users();
    const test = await start({ users: all });
    for (const name of ['alice', 'bob'])
      expect((await login(test, `${name}:password-${name}`)).status).toBe(200);
    expect(records()).toBe(2);
    const before = page()?.sequence ?? 0;
    all.put('alice', 'new');
    expect(records()).toBe(1);
    expect(page()?.sequence).toBe(before + 1);
    expect((await test.get('/metrics')).body).toContain('postern_grants_revoked_total 1');
  });

  it('clears on start what was changed while it was down, before the first heartbeat', async () => {
    const all = users();
    const first = await start({ users: all });
    for (const name of ['alice', 'bob', 'carol']) await login(first, `${name}:password-${name}`);
    expect(records()).toBe(3);
    const old = page();
    await first.stop();
    all.put('alice', 'new');
    all.put('bob', 'password-bob', { disabled: true });

    await start({ users: all });
    expect(page()?.tableId).toEqual(old?.tableId);
    expect(page()?.sequence).toBe((old?.sequence ?? 0) + 1);
    expect(records()).toBe(1);
  });

  it('clears records that live longer than is configured now', async () => {
    const all = users();
    const first = await start({ users: all });
    await login(first, 'alice:password-alice');
    await first.stop();
    const { grants } = testConfig(directory);
    await start({ users: all, config: { grants: { ...grants, lifetimeSeconds: 600 } } });
    expect(records()).toBe(0);
  });

  it('begins a new table under a new secret', async () => {
    const all = users();
    const first = await start({ users: all });
    await login(first, 'alice:password-alice');
    await first.stop();
    const test = await start({
      users: all,
      config: { secret: PREVIOUS_SECRET, previousSecret: SECRET },
    });
    expect(page()).toBeUndefined();
    expect(page(PREVIOUS_SECRET)?.sequence).toBe(1);
    await test.clock.advance(6_000);
    expect(readdirSync(directory).filter(name => name.startsWith('grants-'))).toHaveLength(1);
  });

  it('waits for another host and takes over its grants when that goes', async () => {
    const all = users();
    const first = await start({ users: all });
    await login(first, 'alice:password-alice');
    const log = fakeLogger();
    const second = start({ users: all, log });
    await waitUntil('the second to wait', () => log.lines.length > 0);
    expect(page()?.stopped).toBe(false);
    await first.stop();
    const test = await second;
    expect(test.log.lines[0]?.message).toBe(
      'another host writes this guest directory: waiting until it stops',
    );
    expect(records()).toBe(1);
    expect(page()?.stopped).toBe(false);
  });

  it('stops while it waits', async () => {
    await start();
    const log = fakeLogger();
    const deps = {
      engine: new FakeEngine(),
      directory: users(),
      clock: new FakeClock(),
      random: fakeRandom(),
      log,
    };
    const app = createApp(testConfig(directory), deps);
    const stop = new AbortController();
    const starting = app.start(stop.signal);
    while (log.lines.length === 0) await new Promise(resolve => setTimeout(resolve, 5));
    stop.abort();
    expect(await starting).toBeUndefined();
    await app.stop();
    expect(readdirSync(directory).filter(name => name.startsWith('lock'))).toEqual(['lock']);
  });

  it('answers without writing while its lock is lost, and writes again', async () => {
    const test = await start({ users: users() });
    rmSync(join(directory, 'lock'));
    await test.clock.advance(1_000);
    expect(test.log.lines.map(line => line.level)).toContain('error');
    expect((await login(test, 'alice:password-alice')).status).toBe(200);
    while (!test.log.lines.some(line => line.message === 'the guest directory is written again')) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    expect(page()?.sequence).toBe(2);
    await login(test, 'alice:password-alice');
    expect(records()).toBe(1);
  });

  it('refuses a directory that others can write', async () => {
    const open = join(directory, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    await expect(startTestApp({ guestDirectory: open })).rejects.toThrow('can be written by others');
  });
});
