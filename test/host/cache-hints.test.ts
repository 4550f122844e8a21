import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Names } from '../../host/cache/names.ts';
import { RedisCache } from '../../host/cache/redis-cache.ts';
import { hintFor } from '../../host/cache/redis-hints.ts';
import { Sealer } from '../../host/cache/seal.ts';
import { systemClock } from '../../host/clock.ts';
import type { RedisSetup } from '../../host/config/schema.ts';
import { listener } from '../contracts/cache.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { freePort } from '../support/net.ts';
import {
  describeRedis,
  type RedisSentinel,
  type RedisServer,
  redisTls,
  startCluster,
  startRedis,
  startSentinel,
} from '../support/redis.ts';
import { waitUntil } from '../support/wait.ts';

const PASSWORD = 'correct horse';
const WRONG = 'wrong horse';
const KEY = { kind: 'test', name: 'alice' };
const RIGHTS =
  /~postern:\* (.*)$/m
    .exec(readFileSync(new URL('../../docs/shared-state.md', import.meta.url), 'utf8'))?.[1]
    ?.split(' ') ?? [];
const without = (right: string) => {
  expect(RIGHTS).toContain(right);
  return RIGHTS.filter(other => other !== right);
};
const node = (port: number) => [{ host: '127.0.0.1', port }];

/** What an operator got wrong, and what to look at; reasons are the server's or the client's own. */
describeRedis('what is said of a shared store that is', binary => {
  const open: RedisCache[] = [];
  afterEach(async () => {
    for (const cache of open.splice(0)) await cache.close();
  });

  async function startHost(settings: Partial<RedisSetup>) {
    const log = fakeLogger();
    const cache = new RedisCache({
      settings: { mode: 'single', nodes: [], database: 0, ...settings },
      prefix: 'postern',
      sealer: new Sealer([Buffer.alloc(32, 7)], randomBytes),
      leaseMs: () => 3_000,
      clock: systemClock,
      random: randomBytes,
      log,
    });
    open.push(cache);
    const heard = listener();
    await cache.start(undefined, heard);
    return { cache, log, heard };
  }

  async function expectHint(settings: Partial<RedisSetup>, reason: RegExp, hint: string): Promise<void> {
    const { cache, log } = await startHost(settings);
    const last = () => cache.status();
    // The first words of a connection may be less to the point.
    await waitUntil(
      'the hint',
      () => last().reason?.match(reason) && last().hint?.includes(hint),
      10_000,
    ).catch(() => expect(last()).toEqual({ reason, hint }));
    expect(last().state).toBe('down');
    expect(log.text() + JSON.stringify(last())).not.toMatch(/correct horse|wrong horse/);
  }

  describe('a server', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis({ binary });
    });
    afterAll(() => server?.stop());

    it('that speaks no TLS, is of no cluster, or no sentinel', async () => {
      const nodes = node(server.port);
      const sentinel = { name: 'mymaster' };
      await Promise.all([
        expectHint({ nodes, tls: { minVersion: 'TLSv1.2' } }, /./, 'both ends speak TLS'),
        expectHint({ nodes, mode: 'cluster' }, /cluster support disabled/, 'in cache.redis.host'),
        expectHint({ nodes, mode: 'sentinel', sentinel }, /unknown command/, 'is no sentinel'),
      ]);
    });
  });

  describe('a user without a right that docs/shared-state.md lists', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis({ binary });
    });
    afterAll(() => server?.stop());
    const grant = (user: string, rights: readonly string[]) =>
      server.cli('acl', 'setuser', user, 'reset', 'on', `>${PASSWORD}`, '~postern:*', ...rights);
    const startAs = (username: string) =>
      startHost({ nodes: node(server.port), username, password: PASSWORD });

    it.each(['+get', '+set', '+time', '+zadd', '+zremrangebyscore', '+@scripting'])(
      'that is asked for at each beat, %s',
      async right => {
        grant('poor', without(right));
        const { cache, log } = await startAs('poor');
        await waitUntil('the hint', () => cache.status().hint?.includes('lets this user do'), 20_000);
        expect(cache.status().state).not.toBe('up');
        await waitUntil('the warning', () => log.text().includes('lets this user do'), 20_000);
      },
    );

    it.each<[string, (cache: RedisCache) => Promise<unknown>]>([
      ['+del', cache => cache.delete(KEY)],
      ['+incrby', cache => cache.increment(KEY, 60)],
      ['+pttl', cache => cache.increment(KEY, 60)],
      ['+pexpire', cache => cache.touch(KEY, 60)],
      ['+xadd', cache => cache.broadcast('topic', Buffer.from('x'), 100)],
    ])('that one call needs, %s: told once, and the rest is used', async (right, call) => {
      grant('poor', without(right));
      const { cache, log } = await startAs('poor');
      await waitUntil('the store', () => cache.status().state === 'up', 20_000);
      const lines = () => log.lines.filter(({ message }) => message.includes('refuses something'));
      const code = () => call(cache).then(String, error => error.code);
      for (let i = 0; i < 3; i++)
        await waitUntil('the refusal', async () => (await code()) === 'ERR_CACHE_REFUSED', 20_000);
      expect(lines()).toHaveLength(1);
      expect(lines()[0]?.fields.hint).toContain('docs/shared-state.md');
      const set = () => cache.set(KEY, Buffer.from('x'), 60);
      await waitUntil('another call', () => set().then(() => true), 20_000);
    });

    it('by which it tells the others, +xadd: they miss nothing, and sign nobody out', async () => {
      grant('poor', without('+xadd'));
      grant('rich', RIGHTS);
      const poor = await startAs('poor');
      const rich = await startAs('rich');
      await waitUntil('both', () => [poor, rich].every(({ cache }) => cache.status().state === 'up'), 20_000);
      const tell = () => rich.cache.broadcast('user', Buffer.from('x'), 2_000);
      await waitUntil('an answer of both', async () => (await tell()).missing.length === 0, 20_000);
      const number = () => server.cli('get', new Names('postern').eventNumber);
      const before = number();
      const refused = () => poor.cache.broadcast('user', Buffer.from('y'), 100);
      for (let i = 0; i < 3; i++)
        await expect(refused()).rejects.toMatchObject({ code: 'ERR_CACHE_REFUSED' });
      expect(number()).toBe(before);
      await waitUntil('the next event', async () => (await tell()).missing.length === 0, 20_000);
      expect(number()).not.toBe(before);
      for (const { heard } of [poor, rich]) expect(heard.losses).toEqual(['first-contact']);
      // Numbers that somebody removed: each attempt brings them nearer to the events.
      server.cli('set', new Names('postern').eventNumber, '0');
      await expect(tell()).rejects.toThrow('equal or smaller');
      expect(number()).toBe('1');
    }, 120_000);

    it('by which it hears the others, +xread: told, and what they may have revoked is not believed', async () => {
      grant('poor', without('+xread'));
      grant('rich', RIGHTS);
      const poor = await startAs('poor');
      const rich = await startAs('rich');
      await waitUntil('both', () => [poor, rich].every(({ cache }) => cache.status().state === 'up'), 20_000);
      await waitUntil(
        'poor to be missing',
        async () =>
          (await rich.cache.broadcast('user', Buffer.from('x'), 200)).missing.some(
            ({ hostId }) => hostId === poor.cache.hostId,
          ),
        20_000,
      );
      await waitUntil('the warning', () => poor.log.text().includes('cannot be heard'), 20_000);
      expect(poor.log.text()).toContain('lets this user do');
      await waitUntil('the loss', () => poor.heard.losses.includes('missed-events'), 30_000);
      expect(rich.heard.losses).toEqual(['first-contact']);
      grant('poor', RIGHTS);
      await waitUntil('the good news', () => poor.log.text().includes('is heard again'), 20_000);
      await waitUntil(
        'an answer of all',
        async () => (await rich.cache.broadcast('user', Buffer.from('y'), 2_000)).missing.length === 0,
        20_000,
      );
      expect(new Set(poor.heard.losses)).toEqual(new Set(['first-contact', 'missed-events']));
    }, 120_000);
  });

  it('a replica, which takes no writes', async () => {
    const master = await startRedis({ binary });
    const replica = await startRedis({ binary, args: ['--replicaof', '127.0.0.1', String(master.port)] });
    try {
      const { cache, log } = await startHost({ nodes: node(replica.port) });
      await waitUntil('the hint', () => cache.status().hint?.includes('the server is a replica'), 20_000);
      await waitUntil(
        'the warning',
        () => log.text().includes('name its master in cache.redis.host'),
        20_000,
      );
    } finally {
      await replica.stop();
      await master.stop();
    }
  });

  it.each(['+OK', ':1', '$-1', '*0', '*1\r\n*0', '*4\r\n:1\r\n:2\r\n:3\r\n:4', 'HTTP/1.1 400 Bad Request'])(
    'something else, which answers %j: every call is refused, and nothing breaks',
    async line => {
      const server = createServer(socket => {
        socket.on('error', () => {});
        // One answer for each command, as many as came at once.
        socket.on('data', chunk => {
          const { length } = chunk.toString('latin1').match(/(^|\n)\*\d+\r\n/g) ?? [];
          socket.write(`${line}\r\n`.repeat(length));
        });
      });
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      try {
        const { cache, heard } = await startHost({ nodes: node(port) });
        await waitUntil('the hint', () => cache.status().hint?.includes('as Redis does'), 20_000);
        expect(cache.status().state).toBe('down');
        for (const call of [
          cache.get(KEY),
          cache.set(KEY, Buffer.from('x'), 60),
          cache.acquire(KEY, 1_000),
          cache.outcome(KEY, 1),
          cache.broadcast('topic', Buffer.from('x'), 100),
        ])
          await expect(call).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
        expect(heard.losses).toEqual([]);
      } finally {
        server.close();
      }
    },
  );

  it.each([
    ['LOADING Redis is loading the dataset in memory', 'wait until it is done'],
    ['DENIED Redis is running in protected mode because protected mode is enabled', 'protected mode'],
    ['ERR max number of clients reached', 'maxclients'],
    ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
    // 7.2 and newer
    [
      "ERR ACL failure in script: User poor has no permissions to run the 'xadd' command",
      'lets this user do',
    ],
  ])('%s', (reason, hint) => {
    expect(hintFor(reason)).toContain(hint);
  });

  describe('a server with TLS', () => {
    const files = { own: '', other: '' };
    let server: RedisServer;
    beforeAll(async () => {
      const port = await freePort();
      const tls = redisTls(port);
      files.own = tls.files.ca;
      files.other = redisTls(port).files.ca;
      const args = [...tls.args, '--tls-auth-clients', 'no'];
      server = await startRedis({ binary, port, args, cliArgs: tls.cliArgs });
    });
    afterAll(() => server?.stop());
    const ca = (name: 'own' | 'other') => readFileSync(files[name]);

    it('asked without it, of another authority, or by another name', async () => {
      const nodes = node(server.port);
      const tls = { minVersion: 'TLSv1.2' } as const;
      const hint = 'ca_certificate names the authority';
      await Promise.all([
        expectHint({ nodes }, /./, 'both ends speak TLS'),
        expectHint({ nodes, tls }, /certificate/, hint),
        expectHint({ nodes, tls: { ...tls, ca: ca('other') } }, /certificate/, hint),
        expectHint({ nodes, tls: { ...tls, ca: ca('own'), serverName: 'x.test' } }, /altnames/, hint),
      ]);
    });
  });

  describe('behind sentinels', () => {
    let servers: RedisSentinel;
    beforeAll(async () => {
      servers = await startSentinel(binary, { password: PASSWORD, sentinelPassword: PASSWORD });
    });
    afterAll(() => servers?.stop());

    it('with wrong passwords, by another name, or not there at all', async () => {
      const behind = { mode: 'sentinel', password: PASSWORD, nodes: node(servers.sentinelPort) } as const;
      const sentinel = { name: servers.name, password: PASSWORD };
      const nobody = node(await freePort());
      await Promise.all([
        expectHint({ ...behind, sentinel: { name: servers.name } }, /NOAUTH/, 'sentinel_password'),
        expectHint(
          { ...behind, sentinel: { ...sentinel, password: WRONG } },
          /WRONGPASS/,
          'sentinel_password',
        ),
        expectHint(
          { ...behind, sentinel: { ...sentinel, name: 'other' } },
          /No such master/,
          'sentinel_name',
        ),
        expectHint({ ...behind, sentinel, password: WRONG }, /^WRONGPASS/, 'redis.password'),
        expectHint({ ...behind, sentinel, nodes: nobody }, /./, 'whether the sentinels run'),
      ]);
    });
  });

  describe('a cluster', () => {
    let cluster: Awaited<ReturnType<typeof startCluster>>;
    const first = () => node(cluster.servers[0]?.port ?? 0);
    beforeAll(async () => {
      cluster = await startCluster(binary, { password: PASSWORD });
    }, 60_000);
    afterAll(() => cluster?.stop());

    it('of a user that may not look for its nodes, or has another password', async () => {
      const rights = ['on', `>${PASSWORD}`, '~postern:*', '+@connection', '+@scripting'];
      for (const server of cluster.servers) server.cli('acl', 'setuser', 'poor', ...rights);
      const user = { mode: 'cluster', nodes: first(), username: 'poor' } as const;
      await Promise.all([
        expectHint({ ...user, password: PASSWORD }, /^NOPERM.*cluster/, 'lets this user do'),
        expectHint({ ...user, password: WRONG }, /^(WRONGPASS|NOAUTH)/, 'redis.password'),
      ]);
    });

    it('taken for a single server', async () => {
      const hosts = await Promise.all(
        cluster.servers.map(({ port }) => startHost({ nodes: node(port), password: PASSWORD })),
      );
      // One of them has what hosts share; it says so, the others cannot be used.
      const told = () =>
        hosts.filter(({ cache, log }) =>
          `${log.text()} ${cache.status().hint}`.includes('name it in cache.redis.cluster.nodes'),
        ).length;
      await waitUntil('all to be told', () => told() === 3, 10_000);
      expect(hosts.filter(({ log }) => log.text().includes('one node of a cluster'))).toHaveLength(1);
    });
  });
});
