import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { RedisCache } from '../../../host/cache/redis-cache.ts';
import { systemClock } from '../../../host/clock.ts';
import { silentLogger } from '../../../host/log/logger.ts';
import { createRegulator } from '../../../host/regulation/create.ts';
import type { Regulator } from '../../../host/regulation/regulator.ts';
import { FakeDirectory, FakeEngine } from '../../support/host-fakes.ts';
import { describeRedis, type RedisServer, startRedis } from '../../support/redis.ts';
import { local, cache as redisCache } from '../../support/redis-host.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { waitUntil } from '../../support/wait.ts';

const SECRET = Buffer.alloc(32, 7);
const SETUP = { maxRetries: 1_000, findSeconds: 600, banSeconds: 1_800, modes: ['user', 'ip'] } as const;
/** Names and values in one text. */
const EVERYTHING = `
local all = {}
for _, key in ipairs(redis.call('keys', '*')) do
  if redis.call('type', key).ok == 'string' then all[#all + 1] = key .. ' ' .. redis.call('get', key) end
end
table.sort(all)
return table.concat(all, ' ')`;

describeRedis('two hosts with a real Redis', binary => {
  let server: RedisServer;
  let users: FakeDirectory;
  const open: RedisCache[] = [];

  async function host(over: Partial<Parameters<typeof createRegulator>[0]> = {}): Promise<Regulator> {
    const cache = redisCache({ nodes: local(server.port) });
    open.push(cache);
    await cache.start(undefined, { lost() {}, progress() {} });
    await waitUntil('Redis', () => cache.status().state === 'up');
    return createRegulator(
      { ...SETUP, ...over },
      {
        secret: SECRET,
        directory: users,
        engine: new FakeEngine(),
        cache,
        bans: () => undefined,
        clock: systemClock,
        random: randomBytes,
        log: silentLogger,
      },
    );
  }

  beforeAll(async () => {
    server = await startRedis({ binary });
    users = new FakeDirectory();
    for (let i = 0; i < 9; i++) users.put(`user-${i}`, 'x');
  });
  afterEach(async () => {
    for (const cache of open.splice(0)) await cache.close();
  });
  afterAll(async () => {
    await server?.stop();
    removeTempDirectories();
  });

  let runs = 0;
  // A machine that stands still for half a second leaves calls unanswered, which count at one host alone:
  // then nothing was measured. A wrong count is wrong each time.
  it('count a thousand attempts at once as a thousand', { retry: 4, timeout: 60_000 }, async () => {
    const hosts = [await host(), await host()];
    const username = `user-of-run-${++runs}`;
    const from = (i: number) => ({ username, address: `10.${i % 2}.${i >> 8}.${i & 255}` });
    const fail = (i: number) => (hosts[i % 2] as Regulator).failed(from(i), 'wrong password');
    // Not all in one moment: a call that waits for half a second counts as unanswered.
    for (let i = 0; i < 990; i += 90) await Promise.all(Array.from({ length: 90 }, (_, k) => fail(i + k)));
    await Promise.all(Array.from({ length: 9 }, (_, k) => fail(990 + k)));
    for (const one of hosts) expect(await one.isBanned(from(1))).toBe(false);
    await fail(999);
    for (const one of hosts) expect(await one.isBanned(from(1))).toBe(true);
  });

  it('share counters, bans, and what is forgotten', async () => {
    const [one, other] = [await host({ maxRetries: 3 }), await host({ maxRetries: 3 })];
    const by = (username: string, address = '192.0.2.1', device?: string) => ({ username, address, device });
    for (const regulator of [one, other]) await regulator.failed(by('user-2'), 'wrong password');
    await one.succeeded(by('user-2'));
    for (const regulator of [one, other]) await regulator.failed(by('user-2'), 'wrong password');
    expect(await one.isBanned(by('user-2'))).toBe(false);
    await one.failed(by('user-2'), 'wrong password');
    for (const regulator of [one, other]) {
      expect(await regulator.isBanned(by('user-2', '192.0.2.9'))).toBe(true);
      expect(await regulator.isBanned(by('user-3'))).toBe(true);
      expect(await regulator.isBanned(by('user-2', '192.0.2.1', 'device'))).toBe(false);
      expect(await regulator.isBanned(by('user-3', '192.0.2.9'))).toBe(false);
    }
    // Neither names nor addresses are readable there.
    const held = server.cli('eval', EVERYTHING, '0');
    expect(held).toMatch(/postern:1:t-failed-address:\{\S+\}.*postern:1:v-ban-user:/s);
    expect(held).not.toMatch(/user-\d|192\.0\.2/);
  }, 30_000);

  it('hold a bounded number of keys for names that nobody has', async () => {
    const regulator = await host({ modes: ['user'] });
    const before = Number(server.cli('dbsize'));
    for (let i = 0; i < 20_000; i += 100) {
      const some = Array.from({ length: 100 }, (_, k) => ({
        username: `nobody-${i + k}`,
        address: '192.0.2.1',
      }));
      await Promise.all(some.map(attempt => regulator.failed(attempt, 'unknown user')));
    }
    expect(Number(server.cli('dbsize')) - before).toBeLessThanOrEqual(4_096 + 8);
  }, 60_000);
});
