import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RedisCache } from '../../host/cache/redis-cache.ts';
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
      sealer: new Sealer([randomBytes(32)], randomBytes),
      leaseMs: () => 3_000,
      clock: systemClock,
      random: randomBytes,
      log,
    });
    open.push(cache);
    await cache.start(undefined, listener());
    return { cache, log };
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
