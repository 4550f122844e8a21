import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, createApp } from '../../host/app.ts';
import { systemClock } from '../../host/clock.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { FakeDirectory, fakeLogger } from '../support/host-fakes.ts';
import { ask, testConfig } from '../support/test-app.ts';

/** The rules of Authelia 4.39.20 when the answers below were recorded from it, in order. */
const rule = (domain: string, policy: string, more: object = {}) => ({
  domain: `${domain}.example.com`,
  policy,
  ...more,
});
const policy = {
  access_control: {
    default_policy: 'deny',
    rules: [
      rule('public', 'bypass'),
      rule('app', 'bypass', { resources: ['^/health([/?].*)?$'] }),
      rule('app', 'one_factor', { resources: ['^/admin([/?].*)?$'], subject: ['group:admins'] }),
      rule('app', 'deny', { resources: ['^/admin([/?].*)?$'] }),
      rule('app', 'one_factor'),
      rule('lan', 'one_factor', { networks: ['10.0.0.0/8', '192.168.0.0/16'] }),
      rule('secure', 'two_factor'),
      rule('denied', 'deny'),
      rule('denysubject', 'deny', { subject: ['user:bob'] }),
      rule('denysubject', 'one_factor'),
      rule('onlyalice', 'one_factor', { subject: ['user:alice'] }),
    ],
  },
  trusted_proxies: ['127.0.0.1/32'],
};

interface Case {
  readonly name: string;
  readonly host?: string;
  readonly uri?: string;
  readonly auth?: string;
  readonly proto?: string;
  readonly method?: string;
  readonly from?: string;
  readonly status: number;
  /** What Authelia says where that differs, and why we do not. */
  readonly authelia?: string;
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
const alice = basic('alice:password-alice');
const bob = basic('bob:password-bob');
const noPortal = '302 or 401 with Location: there is no portal yet';

const cases: readonly Case[] = [
  { name: 'allowed user', auth: alice, status: 200 },
  { name: 'allowed user, group rule', uri: '/admin', auth: alice, status: 200 },
  { name: 'allowed user, POST', method: 'POST', auth: alice, status: 200 },
  { name: 'colon and UTF-8 in the password', auth: basic('carol:p:ass:wörd-carol'), status: 200 },
  { name: 'lower-case scheme', auth: alice.replace('Basic', 'basic'), status: 200 },
  { name: 'empty password', auth: basic('alice:'), status: 401 },
  { name: 'not base64', auth: 'Basic %%%', status: 401 },
  { name: 'no colon', auth: basic('alice'), status: 401 },
  { name: 'base64 without padding', auth: 'Basic YTpiYw', status: 401 },
  { name: 'Bearer, not enabled', auth: 'Bearer abc', status: 401, authelia: noPortal },
  { name: 'Digest', auth: 'Digest username="a"', status: 401 },
  { name: 'a token without a space', auth: 'abc', status: 401 },
  { name: 'no credentials', status: 401, authelia: noPortal },
  { name: 'bob on /admin', uri: '/admin', auth: bob, status: 403 },
  { name: 'anonymous on /admin', uri: '/admin', status: 401, authelia: noPortal },
  { name: 'anonymous, deny', host: 'denied', status: 403 },
  { name: 'alice, deny', host: 'denied', auth: alice, status: 403 },
  { name: 'anonymous, deny with subject', host: 'denysubject', status: 401, authelia: noPortal },
  { name: 'bob, deny with subject', host: 'denysubject', auth: bob, status: 403 },
  { name: 'alice behind deny with subject', host: 'denysubject', auth: alice, status: 200 },
  { name: 'anonymous, only alice', host: 'onlyalice', status: 401, authelia: noPortal },
  { name: 'bob, only alice', host: 'onlyalice', auth: bob, status: 403 },
  { name: 'anonymous, default policy', host: 'unknown', status: 403 },
  { name: 'bypass, anonymous', host: 'public', status: 200 },
  { name: 'bypass, credentials', host: 'public', auth: alice, status: 200 },
  { name: 'bypass by resource', uri: '/health?x=1', status: 200 },
  { name: 'two_factor, one factor', host: 'secure', auth: alice, status: 401 },
  { name: 'network', host: 'lan', from: '10.1.2.3', auth: alice, status: 200 },
  { name: 'network, mapped', host: 'lan', from: '::ffff:10.1.2.3', auth: alice, status: 200 },
  {
    name: 'network, forged left of it',
    host: 'lan',
    from: '10.1.2.3, 203.0.113.1',
    auth: alice,
    status: 403,
    authelia: '200: it believes the left-most address',
  },
  {
    name: 'network, right-most',
    host: 'lan',
    from: '203.0.113.1, 10.1.2.3',
    auth: alice,
    status: 200,
    authelia: '403: it believes the left-most address',
  },
  { name: 'host with port', host: 'app.example.com:8443', auth: alice, status: 200 },
  {
    name: 'upper-case host',
    host: 'APP.EXAMPLE.COM',
    auth: alice,
    status: 200,
    authelia: '400: hosts are canonical here',
  },
  {
    name: 'trailing dot',
    host: 'app.example.com.',
    auth: alice,
    status: 200,
    authelia: '400: hosts are canonical here',
  },
  { name: 'bypass host, http', host: 'public', proto: 'http', status: 400 },
  { name: 'wss', proto: 'wss', auth: alice, status: 200 },
  {
    name: 'path traversal',
    uri: '/admin/../public',
    auth: bob,
    status: 400,
    authelia: '403: what a backend could read otherwise is refused here',
  },
  { name: 'encoded letter', uri: '/%61dmin', auth: bob, status: 403 },
  {
    name: 'double slash',
    uri: '//admin',
    auth: bob,
    status: 400,
    authelia: '403: what a backend could read otherwise is refused here',
  },
  { name: 'upper-case path', uri: '/ADMIN', auth: bob, status: 200 },
  { name: 'lower-case method', method: 'get', auth: alice, status: 400 },
];

describe('with the real engine, as Authelia answers', () => {
  const directory = mkdtempSync('/dev/shm/postern-engine-');
  const cost = { memoryCost: 64, timeCost: 1, parallelism: 1 };
  let app: App;
  let port: number;
  const log = fakeLogger();

  beforeAll(async () => {
    const users = new FakeDirectory();
    const digests = new Map<string, string>();
    for (const [name, password, groups] of [
      ['alice', 'password-alice', ['admins', 'dev']],
      ['bob', 'password-bob', ['users']],
      ['carol', 'p:ass:wörd-carol', []],
    ] as const) {
      users.put(name, name, { groups: [...groups] });
      digests.set(name, await hash(password, cost));
    }
    const find = (name: string) => {
      const user = users.find(name);
      return user === undefined ? undefined : { ...user, digest: digests.get(name) ?? '' };
    };
    const dummy = await hash('nobody', cost);
    app = createApp(
      { ...testConfig(directory), policy },
      {
        engine: loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url))),
        directory: {
          find,
          dummyDigest: () => dummy,
          onChange: listener => users.onChange(listener),
          all: () => users.all(),
          close() {},
        },
        clock: systemClock,
        random: randomBytes,
        log,
      },
    );
    port = (await app.start())?.port ?? 0;
  });
  afterAll(async () => {
    await app.stop();
    rmSync(directory, { recursive: true });
  });

  it.concurrent.each(cases)('$name: $status', async ({ host = 'app', uri = '/', auth, status, ...more }) => {
    const answer = await ask(port, '/api/authz/forward-auth', [
      ['X-Forwarded-Method', more.method ?? 'GET'],
      ['X-Forwarded-Proto', more.proto ?? 'https'],
      ['X-Forwarded-Host', /[.:]/.test(host) ? host : `${host}.example.com`],
      ['X-Forwarded-Uri', uri],
      ['X-Forwarded-For', more.from ?? '203.0.113.9'],
      ...(auth === undefined ? [] : [['Authorization', auth] as const]),
    ]);
    expect(answer.status).toBe(status);
  });

  it('logged no errors', () => {
    expect(log.lines.filter(line => line.level === 'error')).toEqual([]);
  });
});
