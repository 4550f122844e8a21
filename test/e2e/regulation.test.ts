import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, expect, it } from 'vitest';
import { BUNDLE } from '../support/run-cli.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';
import { type Answer, type Stack, startStack } from './stack.ts';

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin'];
const APP = 'app.example.com';
/** A change of the bans counts within this; a refusal itself takes two seconds. */
const BOUND_MS = 1_000;
const HELD_MS = 2_000;

describeTraefik('regulation in a real Traefik', binary => {
  let stack: Stack | undefined;

  const start = async (regulation: object | undefined, more: object = {}): Promise<Stack> => {
    const config = { ...(regulation && { regulation }), ...more };
    stack = await startStack({
      binary: binary(),
      accessControl: { rules: [{ domain: APP, policy: 'one_factor' }] },
      users: Object.fromEntries(NAMES.map(name => [name, { password: `password-${name}` }])),
      domains: [APP],
      config: config as never,
    });
    return stack;
  };
  afterEach(async () => {
    await stack?.stop();
    stack = undefined;
  });
  afterAll(removeTempDirectories);

  const status = async (name: string, password = `password-${name}`) =>
    (await (stack as Stack).ask(APP, '/', { as: `${name}:${password}` })).status;
  const wrong = (name: string, times = 3) =>
    Promise.all(Array.from({ length: times }, (_, i) => status(name, `wrong-${i}`)));
  const ban = async (...args: string[]) => {
    const { configFile, hostEnv } = stack as Stack;
    const command = [BUNDLE, 'ban', ...args, '--config', configFile];
    return (await promisify(execFile)(process.execPath, command, { env: hostEnv })).stdout;
  };

  it('bans after three failed attempts, as the corpus says, and an operator can look, ban and end bans', async () => {
    const storage = { local: { path: join(tempDirectory(), 'postern.sqlite3') } };
    const { host, ask, metric } = await start(
      { max_retries: 3, find_time: '10m', ban_time: '30m' },
      { storage },
    );
    expect(await status('dave')).toBe(200);
    expect(await wrong('alice')).toEqual([401, 401, 401]);

    // The right password is refused like a wrong one: the same bytes, as late.
    const plain = ({ status: code, headers, text }: Answer) => {
      headers.delete('date');
      return { code, text, headers: [...headers] };
    };
    const began = performance.now();
    const [banned, refused] = await Promise.all([
      ask(APP, '/', { as: 'alice:password-alice' }),
      ask(APP, '/', { as: 'bob:wrong' }),
    ]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(HELD_MS);
    expect(plain(banned)).toEqual(plain(refused));
    expect(banned.status).toBe(401);
    // Others are not concerned.
    expect(await status('bob')).toBe(200);
    expect(await metric('postern_bans_total', 'kind="user"')).toBe(1);
    expect(await metric('postern_authentication_attempts_total', 'result="banned"')).toBe(1);

    expect(await ban('list')).toMatch(/^user\talice\t\S+\t\S+\tfailures\t3 failed attempts within 10m\n$/);
    await ban('remove', 'alice');
    expect(await status('alice')).toBe(200);
    // Whoever has a grant goes on, whatever strangers do.
    expect(await wrong('alice')).toEqual([401, 401, 401]);
    expect(await ban('list')).toContain('user\talice\t');
    expect(await status('alice')).toBe(200);

    // An operator's: who has not signed in yet does not, within a second, by name, address and network.
    for (const subject of ['carol', '127.0.0.1', '127.0.0.0/8']) {
      await ban('add', subject, '--for', '30m', '--reason', 'on holiday');
      expect(await status('carol')).toBe(401);
      expect(await status('dave')).toBe(200);
      await ban('remove', subject);
    }
    const removed = moment();
    expect(await status('carol')).toBe(200);
    expect(between(removed)).toBeLessThan(BOUND_MS + HELD_MS);

    const lines = host.stderr.split('\n').filter(line => line.includes('"msg":"authentication failed"'));
    const seen = lines.map(line => JSON.parse(line) as { client: string; user: string; reason: string });
    expect(new Set(seen.map(({ client }) => client))).toEqual(new Set(['127.0.0.1']));
    const count = (user: string, reason: string) =>
      seen.filter(line => line.user === user && line.reason === reason).length;
    expect([count('alice', 'wrong password'), count('alice', 'banned'), count('carol', 'banned')]).toEqual([
      6, 1, 3,
    ]);
  }, 120_000);

  it('lets in when the time is over, without a database, too, and holds with the defaults', async () => {
    await start({ max_retries: 3, find_time: '10s', ban_time: '10s' });
    expect(await wrong('alice')).toEqual([401, 401, 401]);
    expect(await status('alice')).toBe(401);
    await waitUntil('the end of the ban', async () => (await status('alice')) === 200, 40_000);
    await stack?.stop();
    // Without the section, where there is a database.
    await start(undefined, { storage: { local: { path: join(tempDirectory(), 'postern.sqlite3') } } });
    expect(await wrong('alice')).toEqual([401, 401, 401]);
    expect(await status('alice')).toBe(401);
    expect(await status('bob')).toBe(200);
    await stack?.stop();
    await start(undefined);
    expect(await wrong('alice', 6)).toEqual(Array(6).fill(401));
    expect(await status('alice')).toBe(200);
  }, 240_000);
});
