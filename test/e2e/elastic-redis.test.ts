import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { hash } from '@node-rs/argon2';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import {
  type CountingForwarder,
  startCountingForwarder,
} from '../support/elasticsearch/counting-forwarder.ts';
import {
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { freePorts } from '../support/net.ts';
import { type Postern, startPostern } from '../support/postern.ts';
import { describeRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { sleep, waitUntil } from '../support/wait.ts';

const REDIS_PASSWORD = 'redis-test-password';
/** No request may take longer, whatever happens to Redis. */
const AT_MOST_MS = 6_000;
/** `cache.expiration` below: so often Elasticsearch is looked at again. */
const REMEMBERED_MS = 2_000;
const DOMAIN = 'kibana.example.com';
/** Users of the directory; their passwords are secrets, too. */
const PEOPLE = ['ann', 'ben', 'cid', 'dan'];
const passwordOf = (name: string) => `${name}-directory-password`;

/** A host of the real program: its main address, and that of elastauth's place. */
interface Host {
  readonly postern: Postern;
  readonly main: number;
  readonly dropIn: number;
}

interface Reply {
  readonly status: number;
  readonly authorization: string;
  readonly body: string;
}

/** One request of the load, and what Elasticsearch said to its `Authorization`. */
interface Seen {
  readonly user: string;
  readonly status: number;
  readonly tookMs: number;
  readonly accepted: number;
  readonly as: string;
}

describeRedis('Elasticsearch users of two hosts that share Redis', binary => {
  describeElasticsearch('for real', start => {
    let es: Elasticsearch;
    let between: CountingForwarder;
    let redis: RedisServer;
    const hosts: Host[] = [];
    const key = randomBytes(32);
    const secret = formatSecret(key);
    const agent = new Agent({ keepAlive: true });
    /** Every `Authorization` that was handed out. */
    const handedOut = new Set<string>();
    /** Everything that hosts said to Redis, as far as it was listened to. */
    const heard: string[] = [];
    /** What Redis held before it was emptied. */
    const held: string[] = [];

    const ask = (port: number, path: string, headers: Readonly<Record<string, string>>) =>
      new Promise<Reply>((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, path, headers, agent, timeout: 20_000 }, answer => {
          let body = '';
          answer.setEncoding('utf8');
          answer.on('data', part => {
            body += part;
          });
          answer.on('end', () => {
            const authorization = String(answer.headers.authorization ?? '');
            if (authorization !== '') handedOut.add(authorization);
            resolve({ status: answer.statusCode ?? 0, authorization, body });
          });
        });
        sent.on('timeout', () => sent.destroy(new Error('no answer in 20 s')));
        sent.on('error', reject);
        sent.end();
      });
    /** By the headers of a proxy, in elastauth's place. */
    const byHeaders = (host: Host, name: string) =>
      ask(host.dropIn, '/', { 'remote-user': name, 'remote-groups': 'admins', 'remote-name': name });
    /** By a password of the directory, at the forward-auth endpoint. */
    const byPassword = (host: Host, name: string) =>
      ask(host.main, '/api/authz/forward-auth', {
        'x-forwarded-proto': 'https',
        'x-forwarded-host': DOMAIN,
        'x-forwarded-uri': '/',
        'x-forwarded-method': 'GET',
        'x-forwarded-for': '192.0.2.7',
        authorization: `Basic ${Buffer.from(`${name}:${passwordOf(name)}`).toString('base64')}`,
      });
    const refusedByElasticsearch = () => between.passed.filter(({ status }) => status === 401);

    /** Clients of both ways on both hosts; each uses what it was given at once. */
    function startLoad(): { readonly seen: Seen[]; stop(): Promise<void> } {
      const seen: Seen[] = [];
      let over = false;
      const client = async (user: string, next: () => Promise<Reply>) => {
        while (!over) {
          const began = performance.now();
          const reply = await next().catch(() => ({ status: 0, authorization: '', body: '' }));
          const tookMs = performance.now() - began;
          const answer = reply.status === 200 ? await es.authenticate(reply.authorization) : undefined;
          seen.push({
            user,
            status: reply.status,
            tookMs,
            accepted: answer?.status ?? 0,
            as: answer?.body?.username ?? '',
          });
          await sleep(10);
        }
      };
      const clients = hosts.flatMap(host => [
        ...['load-1', 'load-2'].map(name => client(name, () => byHeaders(host, name))),
        ...PEOPLE.slice(0, 2).map(name => client(name, () => byPassword(host, name))),
      ]);
      return {
        seen,
        async stop() {
          over = true;
          await Promise.all(clients);
        },
      };
    }

    /** Everybody was let in in time, as who they are. */
    function expectAllWell(seen: readonly Seen[]): void {
      expect(seen.length).toBeGreaterThan(20);
      const wrong = seen.filter(one => one.status !== 200 || one.accepted !== 200 || one.as !== one.user);
      expect(wrong).toEqual([]);
      expect(Math.max(...seen.map(({ tookMs }) => tookMs))).toBeLessThan(AT_MOST_MS);
    }

    const storeIsUp = (host: Host, up: boolean) =>
      waitUntil(`the store to be ${up ? 'up' : 'down'}`, async () => {
        const { body } = await ask(host.dropIn, '/ready', {});
        return (JSON.parse(body).cache.status === 'ok') === up;
      });

    beforeAll(async () => {
      // Cheap hashes: what is looked at here is ours.
      es = await start({ settings: ['xpack.security.authc.password_hashing.algorithm: bcrypt4'] });
      between = await startCountingForwarder(es.url);
      const login = ['--requirepass', REDIS_PASSWORD];
      redis = await startRedis({ binary, args: login, cliArgs: ['-a', REDIS_PASSWORD] });
      const cheap = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
      const users = await Promise.all(
        PEOPLE.map(async name => [
          name,
          { displayname: name, password: await hash(passwordOf(name), cheap), groups: ['admins'] },
        ]),
      );
      for (let i = 0; i < 2; i++) {
        const [main, dropIn] = (await freePorts(2)) as [number, number];
        const config = {
          server: { address: `tcp://127.0.0.1:${main}` },
          log: { level: 'debug', format: 'json' },
          authentication_backend: { file: { path: 'users.yml' } },
          access_control: { default_policy: 'deny', rules: [{ domain: DOMAIN, policy: 'one_factor' }] },
          domains: [{ domain: DOMAIN, elasticsearch: true }],
          elasticsearch: {
            hosts: [between.url],
            username: 'elastic',
            password_lifetime: '1h',
            listen: `127.0.0.1:${dropIn}`,
            peers: ['127.0.0.1'],
          },
          default_roles: ['viewer'],
          group_mappings: { admins: ['superuser'] },
          cache: {
            type: 'redis',
            expiration: `${REMEMBERED_MS / 1_000}s`,
            redis: { host: '127.0.0.1', port: redis.port },
          },
        };
        const postern = await startPostern(
          {
            'users.yml': JSON.stringify({ users: Object.fromEntries(users) }),
            'postern.yml': JSON.stringify(config),
          },
          {
            POSTERN_SECRET: secret,
            POSTERN_ELASTICSEARCH_PASSWORD: ELASTIC_PASSWORD,
            POSTERN_CACHE_REDIS_PASSWORD: REDIS_PASSWORD,
          },
        );
        hosts.push({ postern, main, dropIn });
      }
      for (const host of hosts) await storeIsUp(host, true);
      const listener = new Redis({ port: redis.port, password: REDIS_PASSWORD, retryStrategy: () => null });
      const monitor = await listener.monitor();
      for (const one of [listener, monitor]) one.on('error', () => {});
      monitor.on('monitor', (_time: string, args: string[]) => heard.push(args.join(' ')));
    }, 300_000);
    afterAll(async () => {
      agent.destroy();
      for (const { postern } of hosts) await postern.stop();
      await between?.close();
      await redis?.stop();
      await es?.stop();
      removeTempDirectories();
    });

    it.each([
      ['headers of a proxy', 'newcomer', byHeaders],
      ['a password of the directory', 'cid', byPassword],
    ] as const)('are written once by 100 first requests with %s, and never refused', async (_, name, by) => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const { status, authorization } = await by(hosts[i % 2] as Host, name);
          // At once, as a proxy does.
          const { status: accepted, body } = await es.authenticate(authorization);
          return [status, accepted, body.username, authorization].join(' ');
        }),
      );
      expect(new Set(answers)).toEqual(new Set([answers[0]]));
      expect(answers[0]).toMatch(`200 200 ${name} Basic `);
      expect(between.writes(name)).toBe(1);
      expect(refusedByElasticsearch()).toEqual([]);
    });

    it('get another password under load: only 200s, one write, and the old one ends', async () => {
      const load = startLoad();
      const first = hosts[0] as Host;
      const before = (await byHeaders(first, 'load-1')).authorization;
      await waitUntil('some load', () => load.seen.length > 50);
      // As an hour later: the day of its password is in the user's own metadata.
      const { body } = await es.ask('GET', '/_security/user/load-1');
      const { roles, full_name, email, metadata } = body['load-1'];
      const aged = { ...metadata, postern: { ...metadata.postern, since: '2020-01-01T00:00:00.000Z' } };
      const writes = between.writes('load-1');
      await es.ask('PUT', '/_security/user/load-1', { roles, full_name, email, metadata: aged });
      const after = await waitUntil(
        'another password',
        async () => {
          const { authorization } = await byHeaders(first, 'load-1');
          return authorization !== before && authorization;
        },
        30_000,
      );
      const count = load.seen.length;
      await waitUntil('more load', () => load.seen.length > count + 50);
      await load.stop();
      expectAllWell(load.seen);
      expect(between.writes('load-1')).toBe(writes + 1);
      for (const host of hosts) expect((await byHeaders(host, 'load-1')).authorization).toBe(after);
      expect([(await es.authenticate(before)).status, (await es.authenticate(after)).status]).toEqual([
        401, 200,
      ]);
      const { body: stored } = await es.ask('GET', '/_security/user/load-1');
      expect(stored['load-1'].metadata.postern.generation).toBe(2);
    }, 90_000);

    it('are let in while Redis is stopped, started and emptied under load', async () => {
      held.push(await everythingIn(redis));
      const load = startLoad();
      const more = async (what: string) => {
        const count = load.seen.length;
        await waitUntil(what, () => load.seen.length > count + 50, 30_000);
      };
      await more('load with Redis');
      await redis.stop();
      for (const host of hosts) await storeIsUp(host, false);
      await sleep(REMEMBERED_MS);
      await more('load without Redis');
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
      await more('load after the restart');
      held.push(await everythingIn(redis));
      for (let i = 0; i < 3; i++) {
        redis.cli('flushall');
        await more('load after the flush');
      }
      await load.stop();
      expectAllWell(load.seen);
      expect(refusedByElasticsearch()).toEqual([]);
      for (const { postern } of hosts) {
        expect(postern.child.exited).toBe(false);
        expect(postern.logged('the shared store cannot be asked').length).toBeGreaterThan(0);
      }
    }, 150_000);

    it('have no secret and no password in Redis, logs, metrics, or what the endpoints show', async () => {
      await byHeaders(hosts[0] as Host, 'newcomer');
      await byPassword(hosts[1] as Host, 'cid');
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
