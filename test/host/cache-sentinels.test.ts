import { randomBytes } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { RedisCache } from '../../host/cache/redis-cache.ts';
import { Sealer } from '../../host/cache/seal.ts';
import { systemClock } from '../../host/clock.ts';
import type { RedisSetup } from '../../host/config/schema.ts';
import { listener } from '../contracts/cache.ts';
import { startForwarder } from '../support/forwarder.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { describeRedis, startSentinel } from '../support/redis.ts';
import { waitUntil } from '../support/wait.ts';

const PASSWORD = 'correct horse';
const AWAY = 'a sentinel of the shared store does not answer: the others are relied on';
const BACK = 'a sentinel of the shared store answers again';

describeRedis('one sentinel of several that is away', binary => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is told of once by the log and nowhere else, by its address; and again when it is back', async () => {
    const stderr = vi.spyOn(console, 'error');
    const servers = await startSentinel(binary, { password: PASSWORD, sentinelPassword: PASSWORD });
    const way = await startForwarder(servers.sentinelPort);
    await way.set('refuse');
    const log = fakeLogger();
    const settings: RedisSetup = {
      mode: 'sentinel',
      nodes: [servers.sentinelPort, way.port].map(port => ({ host: '127.0.0.1', port })),
      database: 0,
      password: PASSWORD,
      sentinel: { name: servers.name, password: PASSWORD },
    };
    const cache = new RedisCache({
      settings,
      prefix: 'postern',
      sealer: new Sealer([randomBytes(32)], randomBytes),
      leaseMs: () => 3_000,
      clock: systemClock,
      random: randomBytes,
      log,
    });
    await cache.start(undefined, listener());
    const said = (message: string) => log.lines.filter(line => line.message === message);
    const address = `127.0.0.1:${way.port}`;
    await waitUntil('the warning', () => said(AWAY).length > 0, 20_000);
    expect(said(AWAY)[0]).toMatchObject({ level: 'warn', fields: { address } });
    expect(said(AWAY)[0]?.fields.reason).toContain('ECONNREFUSED');
    expect(said(AWAY)[0]?.fields.hint).toContain('cache.redis.high_availability.nodes');
    await way.set('open');
    await waitUntil('the good news', () => said(BACK).length > 0, 40_000);
    expect(said(BACK)[0]).toMatchObject({ level: 'info', fields: { address } });
    // By both connections to the store.
    const before = log.lines.slice(0, log.lines.indexOf(said(BACK)[0] as (typeof log.lines)[0]));
    expect(before.filter(line => line.message === AWAY)).toHaveLength(1);
    await waitUntil('the store', () => cache.status().state === 'up', 60_000);
    await cache.close();
    await way.stop();
    await servers.stop();
    expect(log.text()).not.toContain(PASSWORD);
    expect(stderr).not.toHaveBeenCalled();
  }, 120_000);
});
