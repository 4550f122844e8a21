import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { CacheError, isHeld, type Resume } from '../../host/cache/cache.ts';
import { SharedFlight } from '../../host/cache/flight.ts';
import { BEAT_MS, COMMAND_MS, START_MS } from '../../host/cache/limits.ts';
import { RedisCache } from '../../host/cache/redis-cache.ts';
import { Sealer } from '../../host/cache/seal.ts';
import { systemClock } from '../../host/clock.ts';
import type { RedisSetup } from '../../host/config/schema.ts';
import { type Heard, listener } from '../contracts/cache.ts';
import { startForwarder } from '../support/forwarder.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { freePort } from '../support/net.ts';
import { describeRedis, type RedisServer, startRedis, startSentinel } from '../support/redis.ts';
import { between, moment } from '../support/stopwatch.ts';
import { sleep, waitUntil } from '../support/wait.ts';

/** What a call may take beyond its limit on a machine with other things to do. */
const SLACK_MS = 1_500;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : Buffer.from(value).toString();
const KEY = { kind: 'test', name: 'alice' };

interface Host {
  readonly cache: RedisCache;
  readonly heard: Heard;
  readonly log: ReturnType<typeof fakeLogger>;
}

const open: RedisCache[] = [];

async function startHost(
  settings: Partial<RedisSetup>,
  resume?: Resume,
  secrets: readonly Uint8Array[] = [Buffer.alloc(32, 7)],
  prepare: (cache: RedisCache) => void = () => {},
): Promise<Host> {
  const log = fakeLogger();
  const cache = new RedisCache({
    settings: { mode: 'single', nodes: [], database: 0, ...settings },
    prefix: 'postern',
    sealer: new Sealer(secrets, randomBytes),
    leaseMs: () => 3_000,
    clock: systemClock,
    random: randomBytes,
    log,
  });
  open.push(cache);
  prepare(cache);
  const heard = listener();
  await cache.start(resume, heard);
  return { cache, heard, log };
}

/** A sentinel that was held up trusts its clock no more, and does nothing for 30 seconds. */
const UP_MS = 60_000;
const up = ({ cache }: Host) =>
  waitUntil(
    'the store',
    () => {
      const { state, reason } = cache.status();
      if (state !== 'up') throw new Error(`${state}: ${reason}`);
      return true;
    },
    UP_MS,
  );
const down = ({ cache }: Host) => waitUntil('the outage', () => cache.status().state === 'down');

/** How it went, and that it did not take longer than it may. */
async function timed<T>(call: Promise<T>, limitMs = COMMAND_MS): Promise<T | CacheError> {
  const start = moment();
  const answer = await call.catch(error => {
    if (error instanceof CacheError) return error;
    throw error;
  });
  expect(between(start)).toBeLessThan(limitMs + SLACK_MS);
  return answer;
}

/** Every method, as a host would call it. */
const CALLS: readonly [string, (cache: RedisCache) => Promise<unknown>][] = [
  ['get', cache => cache.get(KEY)],
  ['set', cache => cache.set(KEY, bytes('x'), 60)],
  ['touch', cache => cache.touch(KEY, 60)],
  ['delete', cache => cache.delete(KEY)],
  ['increment', cache => cache.increment(KEY, 60)],
  ['acquire', cache => cache.acquire({ kind: 'lock', name: 'x' }, 1_000)],
  ['outcome', cache => cache.outcome(KEY, 1)],
  ['broadcast', cache => cache.broadcast('topic', bytes('x'), 100)],
];

async function allRefused(cache: RedisCache, code: CacheError['code']): Promise<void> {
  for (const [name, call] of CALLS) {
    const answer = await timed(call(cache));
    expect([name, answer instanceof CacheError && answer.code]).toEqual([name, code]);
    expect((answer as Error).message).not.toMatch(/correct horse|alice/);
  }
}

describeRedis('a shared store that fails', binary => {
  let server: RedisServer;
  let settings: Partial<RedisSetup>;

  beforeAll(async () => {
    server = await startRedis({ binary });
    settings = { nodes: [{ host: '127.0.0.1', port: server.port }] };
  });
  beforeEach(() => {
    server.thaw();
  });
  afterEach(async () => {
    server.thaw();
    for (const cache of open.splice(0)) await cache.close();
  });
  afterAll(async () => {
    await server?.stop();
  });

  it('stopped: every call is refused in time, one warning; started again: used again, and known to be another one', async () => {
    const host = await startHost(settings);
    await up(host);
    await host.cache.set(KEY, bytes('before'), 60);
    await server.stop();
    await allRefused(host.cache, 'ERR_CACHE_UNAVAILABLE');
    await down(host);
    await allRefused(host.cache, 'ERR_CACHE_UNAVAILABLE');
    expect(host.cache.status().reason).toMatch(/ECONNREFUSED|Connection is closed|isn't writeable/);
    await waitUntil('the warning', () => host.log.lines.length > 0);
    expect(host.log.lines.map(line => line.level)).toEqual(['warn']);
    expect(host.log.lines[0]?.message).toMatch(/^the shared store cannot be asked/);
    expect(host.log.lines[0]?.fields.hint).toContain('cache.redis');
    await server.restart();
    await up(host);
    // Nothing was saved: for us that is a flushed store.
    await waitUntil('the loss', () => host.heard.losses.includes('flushed'));
    expect(host.heard.losses).toEqual(['first-contact', 'flushed']);
    expect(await host.cache.get(KEY)).toBeUndefined();
    expect(host.log.lines.some(line => line.message.includes('used again'))).toBe(true);
  });

  it('frozen: every call is refused in time, and nothing is written late', async () => {
    const host = await startHost(settings);
    await up(host);
    await host.cache.set(KEY, bytes('before'), 60);
    await server.freeze();
    const start = moment();
    const first = await Promise.all(
      [...Array(50).keys()].map(i => timed(host.cache.set(KEY, bytes(`late ${i}`), 60))),
    );
    for (const answer of first) expect(answer).toBeInstanceOf(CacheError);
    await allRefused(host.cache, 'ERR_CACHE_UNAVAILABLE');
    // All of that in the time of two calls: then the circuit is open.
    expect(between(start)).toBeLessThan(2 * COMMAND_MS + SLACK_MS);
    // Longer than a call may be late.
    await sleep(COMMAND_MS + 2_500);
    server.thaw();
    await up(host);
    expect(text(await host.cache.get(KEY))).toBe('before');
    expect(host.heard.losses).toEqual(['first-contact']);
  });

  it('frozen at the start: the host starts all the same', async () => {
    await server.freeze();
    const host = await timed(startHost(settings), START_MS);
    server.thaw();
    await up(host as Host);
  });

  it('away at the start: the host starts all the same, says so, and finds the store later', async () => {
    const port = await freePort();
    const start = moment();
    const host = await startHost({ nodes: [{ host: '127.0.0.1', port }] });
    expect(between(start)).toBeLessThan(START_MS + SLACK_MS);
    expect(host.cache.status()).toMatchObject({ state: 'down', lastContact: undefined });
    await allRefused(host.cache, 'ERR_CACHE_UNAVAILABLE');
    await waitUntil('the warning', () => host.log.lines.some(line => line.level === 'warn'));
    const late = await startRedis({ binary, port });
    await up(host);
    await host.cache.set(KEY, bytes('x'), 60);
    await late.stop();
  });

  it('flushed: every host learns within two seconds that everybody signs in again', async () => {
    const hosts = [await startHost(settings), await startHost(settings)];
    for (const host of hosts) await up(host);
    const before = hosts.map(host => host.heard.losses.length);
    server.cli('flushall');
    const start = moment();
    for (const [i, host] of hosts.entries()) {
      await waitUntil('the loss', () => host.heard.losses.length > (before[i] ?? 0));
      expect(host.heard.losses.at(-1)).toBe('flushed');
    }
    expect(between(start)).toBeLessThan(2_000 + SLACK_MS);
    // Both speak of the same store again, and lose nothing more.
    await waitUntil('one marker', () => hosts[0]?.heard.last?.marker === hosts[1]?.heard.last?.marker);
    const losses = hosts.map(host => host.heard.losses.length);
    const told = await (hosts[0] as Host).cache.broadcast('again', bytes('x'), 5_000);
    expect(told.acknowledged).toHaveLength(2);
    expect(hosts.map(host => host.heard.losses.length)).toEqual(losses);
  });

  it('full: what is there is read, new things are refused, and it is told apart from an outage', async () => {
    const host = await startHost(settings);
    await up(host);
    await host.cache.set(KEY, bytes('kept'), 60);
    server.cli('config', 'set', 'maxmemory-policy', 'noeviction');
    server.cli('config', 'set', 'maxmemory', '1mb');
    try {
      const answer = await timed(host.cache.set({ kind: 'test', name: 'big' }, Buffer.alloc(60_000), 60));
      expect(answer instanceof CacheError && answer.code).toBe('ERR_CACHE_FULL');
      await waitUntil('the beat', () =>
        host.log.lines.some(line => line.message.includes('takes nothing new')),
      );
      expect(host.cache.status().state).toBe('full');
      expect(text(await host.cache.get(KEY))).toBe('kept');
      expect(host.heard.losses).toEqual(['first-contact']);
      // A flight whose result others may come to by themselves goes on.
      const flight = new SharedFlight(host.cache, systemClock);
      const options = { waitMs: 1_000, runMs: 1_000, whenDown: 'alone' } as const;
      const ran = await flight.run({ kind: 'flight', name: 'x' }, async () => bytes('alone'), options);
      expect(ran).toMatchObject({ status: 'done', ran: true });
    } finally {
      server.cli('config', 'set', 'maxmemory', '0');
    }
    await up(host);
    await host.cache.set(KEY, bytes('new'), 60);
  });

  it('set to evict: told so once, at the start', async () => {
    server.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru');
    server.cli('config', 'set', 'maxmemory', '100mb');
    try {
      const host = await startHost(settings);
      await waitUntil('the warning', () => host.log.lines.length > 0);
      expect(host.log.lines.map(line => [line.level, line.fields.policy])).toEqual([['warn', 'allkeys-lru']]);
    } finally {
      server.cli('config', 'set', 'maxmemory', '0');
    }
  });

  it('slow: late answers are none, and the circuit spares the rest the wait', async () => {
    const host = await startHost(settings);
    await up(host);
    // Holds the server's one thread, as a bad command of somebody else's does.
    const busy = connect(server.port, '127.0.0.1');
    const loop = "local t = redis.call('TIME')[1] while redis.call('TIME')[1] - t < 4 do end";
    const before = server.cpuTimeMs();
    busy.write(`EVAL "${loop}" 0\r\n`);
    await waitUntil('the script to run', () => server.cpuTimeMs() - before >= 50);
    const answers = await Promise.all(CALLS.map(([, call]) => timed(call(host.cache))));
    for (const answer of answers) expect(answer).toBeInstanceOf(CacheError);
    await up(host);
    busy.destroy();
    expect(host.heard.losses).toEqual(['first-contact']);
  });

  it('a wrong password: refused, with what to look at', async () => {
    const locked = await startRedis({
      binary,
      args: ['--requirepass', 'correct horse'],
      cliArgs: ['-a', 'correct horse'],
    });
    const nodes = [{ host: '127.0.0.1', port: locked.port }];
    const wrong = await startHost({ nodes, password: 'wrong horse' });
    await waitUntil('the warning', () => wrong.log.lines.some(line => line.level === 'warn'));
    expect(wrong.cache.status().state).toBe('down');
    expect(wrong.log.text()).toMatch(/WRONGPASS|NOAUTH/);
    expect(wrong.log.text()).toContain('cache.redis.username and cache.redis.password');
    expect(wrong.log.text() + JSON.stringify(wrong.cache.status())).not.toMatch(/wrong horse|correct horse/);
    const right = await startHost({ nodes, password: 'correct horse' });
    await up(right);
    await locked.stop();
  });

  it('a user without the rights it needs: told so', async () => {
    server.cli('acl', 'setuser', 'poor', 'reset', 'on', '>pw', '~*', '+ping', '+select', '+client');
    const host = await startHost({ ...settings, username: 'poor', password: 'pw' });
    await waitUntil('the warning', () => host.log.lines.some(line => line.level === 'warn'));
    expect(host.log.text()).toContain('NOPERM');
    expect(host.log.text()).toContain('what the server lets this user do');
  });

  it('holds nothing in clear, and no foreign value counts', async () => {
    const host = await startHost(settings, undefined, [Buffer.alloc(32, 7)], cache =>
      cache.subscribe('topic', () => {}),
    );
    await up(host);
    const secret = 'Basic c3VwZXIgc2VjcmV0';
    await host.cache.set({ kind: 'elastic', name: 'bob@example.com' }, bytes(secret), 60);
    await host.cache.set({ kind: 'elastic', name: 'carol' }, bytes('another'), 60);
    const lock = await host.cache.acquire({ kind: 'elastic', name: 'bob@example.com' }, 5_000);
    if (isHeld(lock)) throw new Error('held');
    await lock.leave(bytes(secret), 5_000);
    await host.cache.broadcast('topic', bytes(secret), 2_000);
    const dump = server.dump();
    expect(dump).toContain('postern:1:v-elastic:{');
    expect(dump).not.toMatch(/c3VwZXI|bob|carol|super secret/);
    const names = server.cli('keys', 'postern:1:v-elastic:*').split('\n');
    expect(names).toHaveLength(2);
    // One user's value under the other's name, and somebody else's text.
    const [one = '', other = ''] = names;
    server.cli('copy', one, other, 'replace');
    const read = async (name: string) => text(await host.cache.get({ kind: 'elastic', name }));
    expect(
      [await read('bob@example.com'), await read('carol')].filter(value => value !== undefined),
    ).toHaveLength(1);
    server.cli('set', one, 'not ours');
    expect([await read('bob@example.com'), await read('carol')]).toEqual([undefined, undefined]);
  });

  it('opens what the secret before has sealed, and nothing of another one', async () => {
    const [older, newer] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const before = await startHost(settings, undefined, [older]);
    await up(before);
    await before.cache.set(KEY, bytes('old'), 60);
    const after = await startHost(settings, undefined, [newer, older]);
    await up(after);
    expect(text(await after.cache.get(KEY))).toBe('old');
    await after.cache.set(KEY, bytes('new'), 60);
    expect(await before.cache.get(KEY)).toBeUndefined();
    expect(text(await (await startHost(settings, undefined, [newer])).cache.get(KEY))).toBe('new');
  });

  it('tells a host that was away what was said meanwhile, and gives it up when that is gone', async () => {
    const told: string[] = [];
    const listen = (cache: RedisCache) =>
      cache.subscribe('user', payload => void told.push(text(payload) ?? ''));
    const other = await startHost(settings);
    await up(other);
    const first = await startHost(settings, undefined, undefined, listen);
    await up(first);
    await other.cache.broadcast('user', bytes('one'), 5_000);
    const resume = first.heard.last as Resume;
    await first.cache.close();
    // Counted as missing, and until when.
    const asked = Date.now();
    const away = await other.cache.broadcast('user', bytes('two'), 200);
    expect(away.missing.map(({ hostId }) => hostId)).toEqual([resume.hostId]);
    expect(away.missing[0]?.until).toBeGreaterThan(asked);
    expect(away.missing[0]?.until).toBeLessThan(Date.now() + 4_000);
    const back = await startHost(settings, resume, undefined, listen);
    expect(back.cache.hostId).toBe(resume.hostId);
    // `start` answered, so it is done.
    expect(told).toEqual(['one', 'two']);
    expect(back.heard.losses).toEqual([]);
    const later = back.heard.last as Resume;
    await back.cache.close();
    await other.cache.broadcast('user', bytes('three'), 100);
    server.cli('xtrim', 'postern:1:events:{all}', 'maxlen', '0');
    const lost = await startHost(settings, later, undefined, listen);
    await waitUntil('the gap', () => lost.heard.losses.length > 0);
    expect(lost.heard.losses).toEqual(['missed-events']);
    await other.cache.broadcast('user', bytes('four'), 5_000);
    expect(told).toEqual(['one', 'two', 'four']);
    server.cli('del', 'postern:1:events:{all}', 'postern:1:event-number:{all}');
    await waitUntil('the new count', () => lost.heard.losses.length > 1);
    await other.cache.broadcast('user', bytes('five'), 5_000);
    expect(told).toEqual(['one', 'two', 'four', 'five']);
  });

  it('hears again what was said after the connection broke', async () => {
    const told: string[] = [];
    const host = await startHost(settings, undefined, undefined, cache =>
      cache.subscribe('user', payload => void told.push(text(payload) ?? '')),
    );
    const other = await startHost(settings);
    await up(host);
    await up(other);
    await other.cache.broadcast('user', bytes('1'), 5_000);
    server.cli('client', 'kill', 'type', 'normal', 'skipme', 'yes');
    await waitUntil('the second', async () => {
      await other.cache.broadcast('user', bytes('2'), 2_000).catch(() => {});
      return told.includes('2');
    });
    expect(host.heard.losses).toEqual(['first-contact']);
  });

  it('is given up for a new connection when its other end is gone without a word', async () => {
    const hole = await blackHole(server.port);
    const host = await startHost({ nodes: [{ host: '127.0.0.1', port: hole.port }] });
    await up(host);
    hole.swallow();
    await down(host);
    hole.newOnesPass();
    // The old connection never answers again; only another one can.
    await up(host);
    await hole.close();
  });

  it('goes on looking for a master while nobody can tell where it is, however long that takes', async () => {
    const servers = await startSentinel(binary);
    const way = await startForwarder(servers.sentinelPort);
    const nodes = [{ host: '127.0.0.1', port: way.port }];
    const host = await startHost({ mode: 'sentinel', nodes, sentinel: { name: servers.name } });
    await up(host);
    await way.set('refuse');
    await servers.master.stop();
    // Longer than it waits before it takes another connection.
    await sleep(8 * BEAT_MS);
    await way.set('open');
    await up(host);
    expect(host.heard.losses).toEqual(['first-contact']);
    await way.stop();
    await servers.stop();
  }, 200_000);

  it('follows the sentinel to the new master, and what a lost lock says there is refused', async () => {
    const servers = await startSentinel(binary);
    const nodes = [{ host: '127.0.0.1', port: servers.sentinelPort }];
    const host = await startHost({ mode: 'sentinel', nodes, sentinel: { name: servers.name } });
    await up(host);
    await host.cache.set(KEY, bytes('kept'), 60);
    // Everything: the marker is written before the key.
    await waitUntil('replication', () => servers.replica.cli('dbsize') === servers.master.cli('dbsize'));
    await servers.master.stop();
    await waitUntil('the new master', () => servers.replica.cli('role').startsWith('master'), UP_MS);
    // The outage may be over by now; the old master takes nothing any more.
    await waitUntil(
      'a write',
      () => host.cache.set({ ...KEY, name: 'bob' }, bytes('x'), 60).then(() => true),
      UP_MS,
    );
    await up(host);
    expect(text(await host.cache.get(KEY))).toBe('kept');
    await host.cache.set(KEY, bytes('written'), 60);
    expect(host.heard.losses).toEqual(['first-contact']);
    await servers.stop();
  }, 200_000);
});

/** A hop that can swallow what passes, as a firewall does that forgot a connection. */
async function blackHole(target: number) {
  let isSwallowing = false;
  let letNewPass = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer(client => {
    const upstream = connect(target, '127.0.0.1');
    const passes = () => !isSwallowing || (letNewPass && isNew);
    const isNew = letNewPass;
    sockets.add(client);
    sockets.add(upstream);
    client.on('data', data => passes() && upstream.write(data));
    upstream.on('data', data => passes() && client.write(data));
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    swallow: () => {
      isSwallowing = true;
    },
    newOnesPass: () => {
      letNewPass = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
