import { Agent, request } from 'node:http';
import { hash } from '@node-rs/argon2';
import { expect } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import {
  type CountingForwarder,
  startCountingForwarder,
} from '../support/elasticsearch/counting-forwarder.ts';
import { ELASTIC_PASSWORD, type Elasticsearch } from '../support/elasticsearch/elasticsearch.ts';
import { freePorts } from '../support/net.ts';
import { type Postern, startPostern } from '../support/postern.ts';
import { between as elapsed, moment } from '../support/stopwatch.ts';
import type { Tree } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';

/** No request may take longer, whatever happens to Redis. */
export const AT_MOST_MS = 6_000;
/** `cache.expiration`: so often Elasticsearch is looked at again. */
export const REMEMBERED_MS = 2_000;
const DOMAIN = 'kibana.example.com';
/** Passwords of the directory are secrets, too. */
export const passwordOf = (name: string) => `${name}-directory-password`;

/** A host of the real program: its main address, and that of elastauth's place. */
export interface Host {
  readonly postern: Postern;
  readonly main: number;
  readonly dropIn: number;
}

export interface Reply {
  readonly status: number;
  readonly authorization: string;
  readonly body: string;
}

export type By = (host: Host, name: string) => Promise<Reply>;

/** One request of the load, and what Elasticsearch said to its `Authorization`. */
export interface Seen {
  readonly user: string;
  readonly status: number;
  readonly tookMs: number;
  /** From then until Elasticsearch had answered. */
  readonly usedMs: number;
  readonly accepted: number;
  readonly as: string;
}

export interface Load {
  readonly seen: readonly Seen[];
  /** Waits for fifty more. */
  more(what: string): Promise<void>;
  stop(): Promise<void>;
}

export interface ElasticPairOptions {
  readonly es: Elasticsearch;
  /** Below `cache` in postern.yml; `type` and `expiration` stand there. */
  readonly redis: Tree;
  readonly env?: Readonly<Record<string, string>>;
  readonly secret?: string;
  /** Users of the directory, of whom the first two are part of a load. */
  readonly people: readonly string[];
  /** Who comes by the headers of a proxy in a load. */
  readonly callers: readonly string[];
}

/** Two hosts that share one store, before one Elasticsearch. */
export interface ElasticPair {
  readonly hosts: readonly [Host, Host];
  /** Between the hosts and Elasticsearch. */
  readonly between: CountingForwarder;
  /** Every `Authorization` that was handed out. */
  readonly handedOut: ReadonlySet<string>;
  ask(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<Reply>;
  /** By the headers of a proxy, in elastauth's place. */
  readonly byHeaders: By;
  /** By a password of the directory, at the forward-auth endpoint. */
  readonly byPassword: By;
  storeIsUp(host: Host, up: boolean): Promise<unknown>;
  /** Clients of both ways on both hosts; each uses what it was given at once. */
  startLoad(): Load;
  /** A hundred of one user at once over both hosts: all are let in, by one write. */
  expectOneWrite(name: string, by: By): Promise<void>;
  /** Another password for a caller under load; answers its `Authorization` before and after. */
  expectRotation(name: string): Promise<readonly [before: string, after: string]>;
  /** What Elasticsearch answered 401, to whatever of ours. */
  refused(): readonly unknown[];
  stop(): Promise<void>;
}

/** So long hosts wait before a password ends: a client that a busy machine kept waiting is no measure. */
const SETTLE_MS = 1_000;

/** Everybody was let in in time, as who they are. */
export function expectAllWell(all: readonly Seen[]): void {
  const seen = all.filter(one => one.status !== 200 || one.accepted === 200 || one.usedMs < SETTLE_MS);
  expect(seen.length).toBeGreaterThan(20);
  const wrong = seen.filter(one => one.status !== 200 || one.accepted !== 200 || one.as !== one.user);
  expect(wrong).toEqual([]);
  expect(Math.max(...seen.map(({ tookMs }) => tookMs))).toBeLessThan(AT_MOST_MS);
}

export async function startElasticPair(options: ElasticPairOptions): Promise<ElasticPair> {
  const { es, people, callers } = options;
  const between = await startCountingForwarder(es.url);
  const agent = new Agent({ keepAlive: true });
  const handedOut = new Set<string>();
  const hosts = await startHosts(between.url, options);

  const ask: ElasticPair['ask'] = (port, path, headers) =>
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
  const byHeaders: By = (host, name) =>
    ask(host.dropIn, '/', { 'remote-user': name, 'remote-groups': 'admins', 'remote-name': name });
  const byPassword: By = (host, name) =>
    ask(host.main, '/api/authz/forward-auth', {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': DOMAIN,
      'x-forwarded-uri': '/',
      'x-forwarded-method': 'GET',
      'x-forwarded-for': '192.0.2.7',
      authorization: `Basic ${Buffer.from(`${name}:${passwordOf(name)}`).toString('base64')}`,
    });

  const pair: ElasticPair = {
    hosts,
    between,
    handedOut,
    ask,
    byHeaders,
    byPassword,
    refused: () => between.passed.filter(({ status }) => status === 401),
    storeIsUp: (host, up) =>
      waitUntil(`the store to be ${up ? 'up' : 'down'}`, async () => {
        const { body } = await ask(host.dropIn, '/ready', {});
        return (JSON.parse(body).cache.status === 'ok') === up;
      }),
    startLoad() {
      const seen: Seen[] = [];
      let over = false;
      const client = async (user: string, next: () => Promise<Reply>) => {
        while (!over) {
          const began = moment();
          const reply = await next().catch(() => ({ status: 0, authorization: '', body: '' }));
          const replied = moment();
          const answer = reply.status === 200 ? await es.authenticate(reply.authorization) : undefined;
          seen.push({
            user,
            status: reply.status,
            tookMs: elapsed(began, replied),
            usedMs: performance.now() - replied.at,
            accepted: answer?.status ?? 0,
            as: answer?.body?.username ?? '',
          });
          await sleep(10);
        }
      };
      const clients = hosts.flatMap(host => [
        ...callers.map(name => client(name, () => byHeaders(host, name))),
        ...people.slice(0, 2).map(name => client(name, () => byPassword(host, name))),
      ]);
      return {
        seen,
        async more(what) {
          const count = seen.length;
          await waitUntil(what, () => seen.length > count + 50, 30_000);
        },
        async stop() {
          over = true;
          await Promise.all(clients);
        },
      };
    },
    async expectOneWrite(name, by) {
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
      expect(pair.refused()).toEqual([]);
    },
    async expectRotation(name) {
      const load = pair.startLoad();
      const [first] = hosts;
      const before = (await byHeaders(first, name)).authorization;
      await load.more('some load');
      // As an hour later: the day of its password is in the user's own metadata.
      const { body } = await es.ask('GET', `/_security/user/${name}`);
      const { roles, full_name, email, metadata } = body[name];
      const { generation } = metadata.postern;
      const aged = { ...metadata, postern: { ...metadata.postern, since: '2020-01-01T00:00:00.000Z' } };
      const writes = between.writes(name);
      await es.ask('PUT', `/_security/user/${name}`, { roles, full_name, email, metadata: aged });
      const after = await waitUntil(
        'another password',
        async () => {
          const { authorization } = await byHeaders(first, name);
          return authorization !== '' && authorization !== before && authorization;
        },
        30_000,
      );
      await load.more('more load');
      await load.stop();
      expectAllWell(load.seen);
      expect(between.writes(name)).toBe(writes + 1);
      for (const host of hosts) expect((await byHeaders(host, name)).authorization).toBe(after);
      const { status: old } = await es.authenticate(before);
      expect([old, (await es.authenticate(after)).status]).toEqual([401, 200]);
      const { body: stored } = await es.ask('GET', `/_security/user/${name}`);
      expect(stored[name].metadata.postern.generation).toBe(generation + 1);
      return [before, after];
    },
    async stop() {
      agent.destroy();
      for (const { postern } of hosts) await postern.stop();
      await between.close();
    },
  };
  for (const host of hosts) await pair.storeIsUp(host, true);
  return pair;
}

async function startHosts(url: string, options: ElasticPairOptions): Promise<readonly [Host, Host]> {
  const { people, redis, env, secret = createSecret() } = options;
  const cheap = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
  const users = await Promise.all(
    people.map(async name => [
      name,
      { displayname: name, password: await hash(passwordOf(name), cheap), groups: ['admins'] },
    ]),
  );
  const startHost = async (): Promise<Host> => {
    const [main, dropIn] = (await freePorts(2)) as [number, number];
    const config = {
      server: { address: `tcp://127.0.0.1:${main}` },
      log: { level: 'debug', format: 'json' },
      authentication_backend: { file: { path: 'users.yml' } },
      access_control: { default_policy: 'deny', rules: [{ domain: DOMAIN, policy: 'one_factor' }] },
      domains: [{ domain: DOMAIN, elasticsearch: true }],
      elasticsearch: {
        hosts: [url],
        username: 'elastic',
        password_lifetime: '1h',
        listen: `127.0.0.1:${dropIn}`,
        peers: ['127.0.0.1'],
      },
      default_roles: ['viewer'],
      group_mappings: { admins: ['superuser'] },
      cache: { type: 'redis', expiration: `${REMEMBERED_MS / 1_000}s`, redis },
    };
    const postern = await startPostern(
      {
        'users.yml': JSON.stringify({ users: Object.fromEntries(users) }),
        'postern.yml': JSON.stringify(config),
      },
      { POSTERN_SECRET: secret, POSTERN_ELASTICSEARCH_PASSWORD: ELASTIC_PASSWORD, ...env },
    );
    return { postern, main, dropIn };
  };
  return [await startHost(), await startHost()];
}
