import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import {
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { describeRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { sleep } from '../support/wait.ts';
import {
  type ElasticPair,
  expectAllWell,
  type Host,
  passwordOf,
  REMEMBERED_MS,
  startElasticPair,
} from './elastic-pair.ts';

const REDIS_PASSWORD = 'redis-test-password';
/** Users of the directory. */
const PEOPLE = ['ann', 'ben', 'cid', 'dan'];

describeRedis('Elasticsearch users of two hosts that share Redis', binary => {
  describeElasticsearch('for real', start => {
    let es: Elasticsearch;
    let redis: RedisServer;
    let pair: ElasticPair;
    const key = randomBytes(32);
    const secret = formatSecret(key);
    /** Everything that hosts said to Redis, as far as it was listened to. */
    const heard: string[] = [];
    /** What Redis held before it was emptied. */
    const held: string[] = [];

    beforeAll(async () => {
      // Cheap hashes: what is looked at here is ours.
      es = await start({ settings: ['xpack.security.authc.password_hashing.algorithm: bcrypt4'] });
      const login = ['--requirepass', REDIS_PASSWORD];
      redis = await startRedis({ binary, args: login, cliArgs: ['-a', REDIS_PASSWORD] });
      pair = await startElasticPair({
        es,
        secret,
        people: PEOPLE,
        callers: ['load-1', 'load-2'],
        redis: { host: '127.0.0.1', port: redis.port },
        env: { POSTERN_CACHE_REDIS_PASSWORD: REDIS_PASSWORD },
      });
      const listener = new Redis({ port: redis.port, password: REDIS_PASSWORD, retryStrategy: () => null });
      const monitor = await listener.monitor();
      for (const one of [listener, monitor]) one.on('error', () => {});
      monitor.on('monitor', (_time: string, args: string[]) => heard.push(args.join(' ')));
    }, 300_000);
    afterAll(async () => {
      await pair?.stop();
      await redis?.stop();
      await es?.stop();
      removeTempDirectories();
    });

    it('are written once by 100 first requests, and never refused', async () => {
      await pair.expectOneWrite('newcomer', pair.byHeaders);
      await pair.expectOneWrite('cid', pair.byPassword);
    });

    it('get another password under load: only 200s, one write, and the old one ends', async () => {
      await pair.expectRotation('load-1');
    }, 90_000);

    it('are let in while Redis is stopped, started and emptied under load', async () => {
      const { hosts, byHeaders, byPassword, between, storeIsUp } = pair;
      held.push(await everythingIn(redis));
      const load = pair.startLoad();
      await load.more('load with Redis');
      await redis.stop();
      for (const host of hosts) await storeIsUp(host, false);
      await sleep(REMEMBERED_MS);
      await load.more('load without Redis');
      // Whoever comes for the first time meanwhile is let in as well, over both hosts at once.
      for (const [name, by] of [
        ['alone', byHeaders],
        ['dan', byPassword],
      ] as const) {
        const newcomers = await Promise.all(
          Array.from({ length: 20 }, async (_, i) => {
            const reply = await by(hosts[i % 2] as Host, name);
            return `${reply.status} ${(await es.authenticate(reply.authorization)).status} ${reply.authorization}`;
          }),
        );
        expect(new Set(newcomers).size).toBe(1);
        expect(newcomers[0]).toMatch('200 200 Basic ');
        // One process each: no more than one write of each of them.
        expect(between.writes(name)).toBeLessThanOrEqual(2);
      }
      await redis.restart();
      for (const host of hosts) await storeIsUp(host, true);
      await load.more('load after the restart');
      held.push(await everythingIn(redis));
      for (let i = 0; i < 3; i++) {
        redis.cli('flushall');
        await load.more('load after the flush');
      }
      await load.stop();
      expectAllWell(load.seen);
      expect(pair.refused()).toEqual([]);
      for (const { postern } of hosts) {
        expect(postern.child.exited).toBe(false);
        expect(postern.logged('the shared store cannot be asked').length).toBeGreaterThan(0);
      }
    }, 150_000);

    it('have no secret and no password in Redis, logs, metrics, or what the endpoints show', async () => {
      const { hosts, byHeaders, byPassword, ask, handedOut } = pair;
      await byHeaders(hosts[0], 'newcomer');
      await byPassword(hosts[1], 'cid');
      held.push(await everythingIn(redis));
      const shown = [...held, ...heard];
      for (const { postern, main, dropIn } of hosts) {
        shown.push(postern.child.output);
        for (const path of ['/config', '/ready', '/health']) shown.push((await ask(dropIn, path, {})).body);
        for (const path of ['/metrics', '/health', '/healthz']) shown.push((await ask(main, path, {})).body);
      }
      for (const user of ['newcomer', 'cid', 'load-1']) {
        shown.push(JSON.stringify((await es.ask('GET', `/_security/user/${user}`)).body));
      }
      const text = shown.join('\n');
      // That there was something to find: keys of users, what hosts told Redis, and counts.
      for (const part of [':v-elastic-known:', ':acks-', 'postern_elasticsearch_provisions_total']) {
        expect(text).toContain(part);
      }
      expect(heard.length).toBeGreaterThan(100);
      const derived = [...handedOut].map(one => Buffer.from(one.slice(6), 'base64').toString('utf8'));
      const passwords = derived.map(pair => pair.slice(pair.indexOf(':') + 1));
      expect(passwords.every(one => one.length === 43)).toBe(true);
      const secrets = [
        secret,
        ELASTIC_PASSWORD,
        REDIS_PASSWORD,
        ...PEOPLE.map(passwordOf),
        ...passwords,
        ...derived,
      ];
      const needles = secrets.flatMap(one => written(Buffer.from(one)));
      needles.push(...written(key));
      for (const one of passwords) needles.push(...written(Buffer.from(one, 'base64url')));
      for (const one of handedOut) needles.push(one.slice(6));
      expect(needles.filter(needle => text.includes(needle))).toEqual([]);
    });
  });
});

/** Names and values in Redis, each byte a character. */
async function everythingIn({ port }: RedisServer): Promise<string> {
  const client = new Redis({ port, password: REDIS_PASSWORD });
  try {
    const lines: string[] = [];
    for (const name of await client.keys('*')) {
      const type = await client.type(name);
      const read: Record<string, () => Promise<unknown>> = {
        string: () => client.getBuffer(name),
        stream: () => client.xrangeBuffer(name, '-', '+'),
        set: () => client.smembersBuffer(name),
        zset: () => client.zrangeBuffer(name, '0', '-1'),
        hash: () => client.hgetallBuffer(name),
        none: async () => '',
      };
      const value = read[type];
      if (value === undefined) throw new Error(`${name} is of a type that is not searched: ${type}`);
      lines.push(name, flat(await value()));
    }
    return lines.join('\n');
  } finally {
    client.disconnect();
  }
}

function flat(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (Array.isArray(value)) return value.map(one => flat(one)).join('\n');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .flat()
      .map(one => flat(one))
      .join('\n');
  return String(value);
}

/** The ways in which bytes could stand in a text. */
function written(bytes: Buffer): string[] {
  return [
    bytes.toString('latin1'),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
}
