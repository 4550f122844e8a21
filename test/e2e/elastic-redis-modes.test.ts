import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeElasticsearch, type Elasticsearch } from '../support/elasticsearch/elasticsearch.ts';
import { freePort } from '../support/net.ts';
import {
  describeRedis,
  type RedisServer,
  redisTls,
  startCluster,
  startRedis,
  startSentinel,
} from '../support/redis.ts';
import { removeTempDirectories } from '../support/temp.ts';
import type { Tree } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';
import { type ElasticPair, expectAllWell, type Host, startElasticPair } from './elastic-pair.ts';

const ADMIN_PASSWORD = 'password-of-the-default-user';
const PASSWORD = 'password-of-the-user-postern';
const SENTINEL_PASSWORD = 'password-of-the-sentinels';
/** Users as docs/shared-state.md makes them, with those rights and no more. */
const PAGE = readFileSync(new URL('../../docs/shared-state.md', import.meta.url), 'utf8');
function usersOfPage(block: string): string[][] {
  const found = [...PAGE.matchAll(new RegExp(`^\`\`\`${block}\\n(ACL SETUSER postern .*)\\n\`\`\`$`, 'gm'))];
  if (found.length === 0) throw new Error(`docs/shared-state.md has no block ${block} any more`);
  return found.map(([, line = '']) => line.replace(/ >\S+/, ` >${PASSWORD}`).split(' '));
}

/** The rows of the page's Redis table that need more than one plain server. */
describeRedis('Elasticsearch users of two hosts that share', binary => {
  describeElasticsearch('a Redis', start => {
    let es: Elasticsearch;
    /** What a test has started, the last first. */
    const running: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      // Cheap hashes: what is looked at here is ours.
      es = await start({ settings: ['xpack.security.authc.password_hashing.algorithm: bcrypt4'] });
    }, 300_000);
    afterEach(async () => {
      for (const stop of running.splice(0).toReversed()) await stop();
    });
    afterAll(async () => {
      await es?.stop();
      removeTempDirectories();
    });

    const [userOfPage = [], moreInCluster = []] = usersOfPage('redis-acl');
    const addUser = (server: RedisServer) => server.cli(...userOfPage);

    /** @param mode begins all names, since Elasticsearch is the same for all modes */
    async function startPair(
      mode: string,
      redis: Tree,
      env: Record<string, string> = {},
    ): Promise<ElasticPair> {
      const pair = await startElasticPair({
        es,
        redis: { username: 'postern', ...redis },
        env: { POSTERN_CACHE_REDIS_PASSWORD: PASSWORD, ...env },
        people: [`${mode}-ann`, `${mode}-ben`, `${mode}-cid`, `${mode}-dan`],
        callers: [`${mode}-load`],
      });
      running.push(() => pair.stop());
      return pair;
    }

    /** A user of neither way costs more than one write, nobody is refused, and a password changes for all. */
    async function expectShared(pair: ElasticPair, mode: string): Promise<void> {
      await pair.expectOneWrite(`${mode}-newcomer`, pair.byHeaders);
      await pair.expectOneWrite(`${mode}-cid`, pair.byPassword);
      await pair.expectRotation(`${mode}-load`);
    }

    function expectUnharmed({ hosts }: ElasticPair): void {
      for (const { postern } of hosts) {
        expect(postern.child.exited).toBe(false);
        expect(postern.logged('events of the other hosts were missed')).toEqual([]);
        expect(postern.child.output).not.toMatch(/CROSSSLOT|NOPERM/);
        for (const secret of [ADMIN_PASSWORD, PASSWORD, SENTINEL_PASSWORD]) {
          expect(postern.child.output).not.toContain(secret);
        }
      }
    }

    it('over TLS with a CA of our own, as a user of its own, in another database', async () => {
      const port = await freePort();
      const tls = redisTls(port);
      const args = [...tls.args, '--tls-auth-clients', 'no', '--requirepass', ADMIN_PASSWORD];
      const cliArgs = [...tls.cliArgs, '-a', ADMIN_PASSWORD, '-n', '5'];
      const redis = await startRedis({ binary, port, args, cliArgs });
      running.push(() => redis.stop());
      addUser(redis);
      const settings = { host: 'localhost', port, database_index: 5, tls: { ca_certificate: tls.files.ca } };
      const pair = await startPair('tls', settings);
      await expectShared(pair, 'tls');
      expect(redis.cli('keys', 'postern:1:v-elastic-known:*')).toContain('{');
      expect(redis.cli('-n', '0', 'dbsize')).toBe('0');
      expectUnharmed(pair);
    }, 120_000);

    it('behind a sentinel, whose master hangs, and is changed, under load', async () => {
      const servers = await startSentinel(binary, {
        password: ADMIN_PASSWORD,
        sentinelPassword: SENTINEL_PASSWORD,
      });
      running.push(() => servers.stop());
      const { master, replica } = servers;
      for (const server of [master, replica]) addUser(server);
      for (const [name = '', ...words] of usersOfPage('redis-sentinel-acl'))
        await servers.ask(name, ...words);
      const nodes = [{ host: '127.0.0.1', port: servers.sentinelPort }];
      const pair = await startPair(
        'sentinel',
        { high_availability: { sentinel_name: servers.name, sentinel_username: 'postern', nodes } },
        { POSTERN_CACHE_REDIS_HIGH_AVAILABILITY_SENTINEL_PASSWORD: PASSWORD },
      );
      await expectShared(pair, 'sentinel');
      const load = pair.startLoad();
      await load.more('load with the first master');
      await master.freeze();
      running.push(async () => master.thaw());
      await promoted(replica);
      for (const host of pair.hosts) await pair.storeIsUp(host, true);
      await expectNewcomers(pair, 'sentinel-dan');
      await load.more('load with the second master');
      master.thaw();
      await waitUntil('the first master to follow', () =>
        master.cli('info', 'replication').includes('master_link_status:up'),
      );
      await servers.failover();
      await promoted(master);
      // Each host has two connections, and finds out at its next word that the server takes no more writes.
      const connections = () => master.cli('client', 'list').match(/ name=postern /g)?.length ?? 0;
      await waitUntil('both hosts to come back to it', () => connections() >= 4);
      for (const host of pair.hosts) await pair.storeIsUp(host, true);
      await load.more('load with the first master again');
      await load.stop();
      expectAllWell(load.seen);
      await pair.expectRotation('sentinel-load');
      expect(pair.refused()).toEqual([]);
      expectUnharmed(pair);
    }, 180_000);

    it('that is a cluster, of which a node stops under load', async () => {
      const cluster = await startCluster(binary, { password: ADMIN_PASSWORD, replicas: true });
      running.push(() => cluster.stop());
      for (const server of cluster.servers) {
        addUser(server);
        server.cli(...moreInCluster);
      }
      // Some of them; the others are found by them.
      const nodes = cluster.servers.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`);
      const pair = await startPair('cluster', { cluster: { nodes } });
      await expectShared(pair, 'cluster');
      const load = pair.startLoad();
      await load.more('load with all nodes');
      // The one with everything that all hosts share.
      const slot = cluster.servers[0]?.cli('cluster', 'keyslot', 'postern:1:marker:{all}') ?? '';
      const isMaster = (server: RedisServer) => server.cli('role').startsWith('master');
      const holds = (server: RedisServer) =>
        isMaster(server) && Number(server.cli('cluster', 'countkeysinslot', slot)) > 0;
      const holder = cluster.servers.find(holds);
      if (holder === undefined) throw new Error('no node has the marker');
      await holder.freeze();
      running.push(async () => holder.thaw());
      const others = cluster.servers.filter(server => server !== holder);
      await waitUntil('its replica to take its place', () => others.some(holds));
      for (const host of pair.hosts) await pair.storeIsUp(host, true);
      await expectNewcomers(pair, 'cluster-dan');
      await load.more('load without it');
      await load.stop();
      expectAllWell(load.seen);
      await pair.expectRotation('cluster-load');
      expect(pair.refused()).toEqual([]);
      expectUnharmed(pair);
    }, 180_000);
  });
});

const promoted = (server: RedisServer) =>
  waitUntil('the other to be the master', () => server.cli('role').startsWith('master'));

/** Once the store is back, those who come first are written once again. */
async function expectNewcomers({ hosts, byPassword, between }: ElasticPair, name: string): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const { status, authorization } = await byPassword(hosts[i % 2] as Host, name);
      return `${status} ${authorization}`;
    }),
  );
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toMatch('200 Basic ');
  expect(between.writes(name)).toBe(1);
}
