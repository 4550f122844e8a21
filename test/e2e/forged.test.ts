import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../support/net.ts';
import { type RawAnswer, rawRequest, sendRaw } from '../support/raw-http.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik, type Tree } from '../support/traefik.ts';
import { sleep } from '../support/wait.ts';
import { basic, type Stack, startStack } from './stack.ts';
import { deferrals, WAY_USERS } from './ways.ts';

const ANN = `Authorization: ${basic('ann:password of ann')}`;
/** Deferred each time: see `ways.ts`. */
const CROWD = `Authorization: ${basic('crowd:password of crowd')}`;
const SIGNED_IN = [
  { name: 'hit', line: ANN },
  { name: 'deferral', line: CROWD },
] as const;

const accessControl = {
  default_policy: 'deny',
  rules: [
    { domain: 'pub.test', policy: 'bypass' },
    { domain: 'app.test', policy: 'bypass', resources: ['^/open$'] },
    { domain: 'app.test', policy: 'deny', resources: ['^/secret'] },
    { domain: 'app.test', policy: 'one_factor' },
    { domain: 'post.test', policy: 'one_factor', methods: ['POST'] },
    { domain: ['plain.test', 'tls.example.org', 'relay.test'], policy: 'one_factor' },
    { domain: 'root.test', policy: 'bypass', resources: ['^/$'] },
    { domain: 'lan.test', policy: 'one_factor', networks: ['10.0.0.0/8', '2001:db8::/32'] },
    // `/part` is cut off on the way to the guard, so that rules do not see it.
    { domain: 'before.test', policy: 'deny', resources: ['^/secret', '^/new/secret'] },
    { domain: 'before.test', policy: 'one_factor', resources: ['^/(fine|new/fine|part)'] },
    // `/part` is cut off behind the guard: rules see it, and nothing else counts.
    { domain: 'behind.test', policy: 'deny', resources: ['^/(fine|secret|new)', '^/part/secret'] },
    { domain: 'behind.test', policy: 'one_factor', resources: ['^/(part|old)/fine'] },
  ],
};

const DOMAINS = ['pub', 'app', 'post', 'plain', 'root', 'lan', 'before', 'behind', 'relay', 'admin'].map(
  name => `${name}.test`,
);

describeTraefik('forged requests', binary => {
  let stack: Stack;
  let relay: Relay;
  const ports = { web: 0, trusted: 0, raw: 0 };
  type EntryPoint = keyof typeof ports;
  /** Old enough by the time of the last test. */
  let early = { value: '', at: 0 };

  beforeAll(async () => {
    relay = await startRelay();
    const [trusted = 0, raw = 0] = await freePorts(2);
    stack = await startStack({
      binary: binary(),
      accessControl,
      users: WAY_USERS,
      domains: [...DOMAINS, 'tls.example.org'],
      static: {
        entryPoints: {
          trusted: {
            address: `127.0.0.1:${trusted}`,
            forwardedHeaders: { trustedIPs: ['127.0.0.1/32'] },
          },
          raw: { address: `127.0.0.1:${raw}`, http: { sanitizePath: false } },
        },
      },
      dynamic: dynamic => withMiddlewares(dynamic, relay.url),
    });
    relay.target = stack.hostUrl;
    Object.assign(ports, { web: stack.traefik.port, trusted, raw });
    for (const domain of ['app.test', 'plain.test']) {
      expect((await ask('web', 'GET /', domain, [ANN])).status).toBe(200);
    }
    early = { value: await capture(), at: Date.now() };
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    relay?.close();
    removeTempDirectories();
  });

  /** @param line method and target */
  function ask(
    entryPoint: EntryPoint,
    line: string,
    host: string | undefined,
    lines: readonly string[] = [],
  ): Promise<RawAnswer> {
    stack.backend.clear();
    const head = [`${line} HTTP/1.1`, ...(host === undefined ? [] : [`Host: ${host}`]), ...lines];
    return sendRaw(ports[entryPoint], rawRequest(head));
  }

  /** What the backend was asked last, undefined when it was not. */
  const arrived = () => stack.backend.received[0]?.uri;

  const FORGERIES: readonly (readonly string[])[] = [
    ['X-Forwarded-Host: pub.test'],
    ['X-Forwarded-Host: pub.test', 'X-Forwarded-Host: pub.test'],
    ['X-Forwarded-Host: app.test', 'X-Forwarded-Uri: /open'],
    ['X-Forwarded-Uri: /open'],
    ['X-Forwarded-Method: POST'],
    ['X-Forwarded-Proto: https'],
    ['X-Forwarded-Host: post.test', 'X-Forwarded-Method: POST', 'X-Forwarded-Uri: /'],
    ['X-Forwarded-Prefix: /open', 'X-Forwarded-Port: 443', 'X-Forwarded-Server: pub.test'],
    ['X_Forwarded_Host: pub.test', 'X.Forwarded.Uri: /open', 'X-Original-URL: /open', 'X-Rewrite-URL: /open'],
    ['Forwarded: for=10.0.0.1;host=pub.test;proto=https', 'X-Original-Method: POST', 'X-Url-Scheme: https'],
    ['X-Forwarded-For: 10.0.0.1', 'X-Real-Ip: 10.0.0.1', 'Client-Ip: 10.0.0.1', 'True-Client-Ip: 10.0.0.1'],
    [
      'X-Forwarded-Host: pub.test',
      'X-Forwarded-Uri: /open',
      'X-Forwarded-Method: GET',
      'X-Forwarded-Proto: wss',
      'X-Forwarded-For: 127.0.0.1',
    ],
  ];

  /** Line, host, status for nobody and for who is signed in. */
  const DECISIONS = [
    ['GET /', 'admin.test', 403, 403],
    ['GET /open', 'admin.test', 403, 403],
    ['GET /', 'app.test', 401, 200],
    ['GET /secret', 'app.test', 403, 403],
    ['GET /', 'post.test', 403, 403],
    ['GET /', 'plain.test', 401, 200],
    ['GET /', 'pub.test', 200, 200],
    ['GET /open', 'app.test', 200, 200],
  ] as const;

  it.each([
    ['which Traefik does not trust', 'web'],
    ['which Traefik trusts', 'trusted'],
  ] as const)('X-Forwarded-… of a peer %s change no decision', async (_name, entryPoint) => {
    for (const [line, host, nobody, signedIn] of DECISIONS) {
      for (const lines of [[], ...FORGERIES]) {
        const what = `${line} ${host} ${lines.join(' ')}`;
        expect((await ask(entryPoint, line, host, lines)).status, what).toBe(nobody);
        for (const { name, line: credential } of SIGNED_IN) {
          expect((await ask(entryPoint, line, host, [credential, ...lines])).status, `${name} ${what}`).toBe(
            signedIn,
          );
          expect(stack.backend.received).toHaveLength(signedIn === 200 ? 1 : 0);
        }
      }
    }
  });

  it('does so on hit and on deferral', async () => {
    const all = FORGERIES.slice(-3)
      .flat()
      .filter(line => !/-for:|Proto: https$/i.test(line));
    expect(await deferrals(stack, () => ask('trusted', 'GET /', 'app.test', [ANN, ...all]))).toBe(0);
    expect(await deferrals(stack, () => ask('trusted', 'GET /', 'app.test', [CROWD, ...all]))).toBe(1);
  });

  it('tells the host nothing of them', async () => {
    relay.clear();
    const answer = await ask('trusted', 'GET /x?y', 'relay.test', [CROWD, ...(FORGERIES.at(-1) ?? [])]);
    expect(answer.status).toBe(200);
    expect(relay.headers).toHaveLength(1);
    expect(relay.headers[0]).toMatchObject({
      'x-forwarded-host': 'relay.test',
      'x-forwarded-uri': '/x?y',
      'x-forwarded-method': 'GET',
    });
  });

  it('X-Forwarded-Proto counts behind a trusted peer only, and must be one that is known', async () => {
    const proto = (value: string) => `X-Forwarded-Proto: ${value}`;
    for (const { line } of SIGNED_IN) {
      // Plain http is 400 for a domain that is not in allow_http.
      expect((await ask('web', 'GET /', 'tls.example.org', [line, proto('https')])).status).toBe(400);
      expect((await ask('trusted', 'GET /', 'tls.example.org', [line, proto('http')])).status).toBe(400);
      expect((await ask('trusted', 'GET /', 'tls.example.org', [line, proto('https')])).status).toBe(200);
      for (const value of ['ftp', 'https, http', 'https ,https', 'x'.repeat(5000)]) {
        expect((await ask('trusted', 'GET /', 'tls.example.org', [line, proto(value)])).status, value).toBe(
          400,
        );
      }
      const twice = [line, proto('https'), proto('http')];
      expect((await ask('trusted', 'GET /', 'tls.example.org', twice)).status).toBe(400);
    }
  });

  it.each([
    [['10.1.2.3'], 200],
    [['10.1.2.3, 127.0.0.1'], 200],
    [['10.1.2.3,127.0.0.1 ,\t::1'], 200],
    [['192.0.2.1, 10.1.2.3'], 200],
    [['garbage, 10.1.2.3'], 200],
    [['192.0.2.1', '10.1.2.3'], 200],
    [['::ffff:10.1.2.3'], 200],
    [['::FFFF:0a01:0203'], 200],
    [['10.1.2.3, ::ffff:127.0.0.1'], 200],
    [['2001:DB8::7'], 200],
    [['10.1.2.3, 192.0.2.1'], 403],
    [['10.1.2.3', '192.0.2.1'], 403],
    [['10.1.2.3, 192.0.2.1, 127.0.0.1'], 403],
    [['10.1.2.3, garbage'], 403],
    [['10.1.2.3, unknown, 127.0.0.1'], 403],
    [['10.1.2.3, '], 403],
    [['10.1.2.3,, 127.0.0.1'], 403],
    [['10.1.2.3:4711'], 403],
    [['[2001:db8::7]'], 403],
    [['2001:db8::7%eth0'], 403],
    [['010.1.2.3'], 403],
    [['10.1.2'], 403],
    [['167838211'], 403],
    [['0x0a.1.2.3'], 403],
    [['10.1.2.3 10.1.2.3'], 403],
    [['"10.1.2.3"'], 403],
    [['10.1.2.3/8'], 403],
    [['::10.1.2.3'], 403],
    [['127.0.0.1'], 403],
    [[''], 403],
  ])('X-Forwarded-For %j behind a trusted proxy: %i', async (values, status) => {
    const lines = values.map(value => `X-Forwarded-For: ${value}`);
    for (const { name, line } of SIGNED_IN) {
      expect((await ask('trusted', 'GET /', 'lan.test', [line, ...lines])).status, name).toBe(status);
      // Traefik removes it where it does not trust the peer.
      expect((await ask('web', 'GET /', 'lan.test', [line, ...lines])).status, name).toBe(403);
    }
  });

  it('X-Forwarded-For over its limit is 431', async () => {
    const line = `X-Forwarded-For: 10.1.2.3, ${'127.0.0.1, '.repeat(200)}127.0.0.1`;
    expect((await ask('trusted', 'GET /', 'lan.test', [line])).status).toBe(431);
    for (const { line: credential } of SIGNED_IN) {
      expect((await ask('trusted', 'GET /', 'lan.test', [credential, line])).status).toBe(431);
    }
  });

  it.each([
    // Guest and backend see the same path.
    ['before.test', '/part/fine', 200, '/fine'],
    ['before.test', '/part/secret', 403, undefined],
    ['before.test', '/part/part/secret', 200, '/part/secret'],
    ['before.test', '/fine', 200, '/fine'],
    ['before.test', '/secret', 403, undefined],
    ['before.test', '/old/fine', 200, '/new/fine'],
    ['before.test', '/old/secret', 403, undefined],
    ['before.test', '/part', 403, undefined],
    // The guest judges what the client asked for, the backend gets less.
    ['behind.test', '/part/fine', 200, '/fine'],
    ['behind.test', '/part/secret', 403, undefined],
    ['behind.test', '/fine', 403, undefined],
    ['behind.test', '/old/fine', 200, '/new/fine'],
    ['behind.test', '/old/secret', 403, undefined],
    ['behind.test', '/new/fine', 403, undefined],
  ])('path middlewares beside the guard: %s %s is %i', async (host, path, status, uri) => {
    for (const { name, line } of SIGNED_IN) {
      for (const entryPoint of ['web', 'trusted'] as const) {
        const forged = [
          'X-Forwarded-Uri: /part/fine',
          'X-Forwarded-Prefix: /part',
          'X-Replaced-Path: /part/fine',
        ];
        expect((await ask(entryPoint, `GET ${path}`, host, [line, ...forged])).status, name).toBe(status);
        expect(arrived()).toBe(uri);
      }
    }
  });

  it('odd spellings of a host never open it', async () => {
    for (const entryPoint of ['web', 'trusted', 'raw'] as const) {
      for (const host of ODD_HOSTS) {
        for (const lines of [[], [ANN], [CROWD], [ANN, 'X-Forwarded-Host: pub.test']]) {
          const answer = await ask(entryPoint, 'GET /', host, lines);
          expect(answer.status, host).toBeOneOf([400, 403, 404, 502]);
          expect(answer.body, host).not.toContain('goroutine');
          expect(stack.backend.received, host).toEqual([]);
        }
      }
    }
  });

  it('spellings that mean the same host get the same decision', async () => {
    for (const host of ['APP.TEST', 'app.test.', 'app.test:80', 'App.Test.:8080']) {
      for (const { name, line } of SIGNED_IN) {
        expect((await ask('web', 'GET /', host)).status, host).toBe(401);
        expect((await ask('web', 'GET /', host, [line])).status, `${name} ${host}`).toBe(200);
        expect((await ask('web', 'GET /secret', host, [line])).status, `${name} ${host}`).toBe(403);
      }
    }
  });

  it.each([
    ['two lines', ['Host: pub.test', 'Host: admin.test']],
    ['two lines, the other way round', ['Host: admin.test', 'Host: pub.test']],
    ['the same twice', ['Host: pub.test', 'Host: pub.test']],
    ['none', []],
    ['a list', ['Host: pub.test, admin.test']],
    ['a blank inside', ['Host: pub.test admin.test']],
    ['a folded line', ['Host: pub.test', ' admin.test']],
  ])('Host: %s is 400 or leads nowhere', async (_name, lines) => {
    for (const entryPoint of ['web', 'trusted', 'raw'] as const) {
      const answer = await ask(entryPoint, 'GET /', undefined, [ANN, ...lines]);
      expect(answer.status).toBeOneOf([400, 403, 404]);
      expect(stack.backend.received).toEqual([]);
    }
  });

  // A target with a host overrules `Host` (RFC 9112 section 3.2.2), for Traefik, guest and backend alike.
  it.each([
    ['http://admin.test/', 'pub.test', 403, undefined],
    ['http://pub.test/', 'admin.test', 200, '/'],
    ['http://app.test/secret', 'pub.test', 403, undefined],
    ['http://app.test/x?y', 'pub.test', 200, '/x?y'],
    ['http://APP.test:80/secret', 'pub.test', 403, undefined],
    ['http://pub.test@admin.test/', 'pub.test', 403, undefined],
    ['http:/secret', 'app.test', 403, undefined],
    ['//pub.test/secret', 'admin.test', 403, undefined],
    // Opaque in Go: the plugin would see `/` and the backend all behind the colon.
    ['a:http://app.test/secret', 'app.test', 403, undefined],
    ['a:http://app.test/secret?x', 'app.test', 403, undefined],
    ['a:http://root.test/secret', 'root.test', 403, undefined],
    ['a:HTTPS://root.test/secret', 'root.test', 400, undefined],
    ['a:http://root.test/', 'root.test', 200, '/'],
    ['a:secret', 'root.test', 200, '/'],
    ['http:secret', 'root.test', 200, '/'],
    ['a:b:http://root.test/secret', 'root.test', 502, undefined],
    ['a:@pub.test/secret', 'root.test', 403, undefined],
    ['a:.pub.test/secret', 'root.test', 403, undefined],
    ['a::80/secret', 'root.test', 403, undefined],
    ['a:http://pub.test/secret', 'admin.test', 403, undefined],
    ['a:*', 'admin.test', 403, undefined],
    ['*', 'root.test', 200, '/'],
    ['*', 'admin.test', 403, undefined],
    ['http://', 'admin.test', 403, undefined],
  ])('request target %s with Host %s: %i', async (target, host, status, uri) => {
    for (const entryPoint of ['web', 'trusted', 'raw'] as const) {
      for (const { name, line } of SIGNED_IN) {
        const answer = await ask(entryPoint, `GET ${target}`, host, [line]);
        // What cannot be read as a URL either is 502, more of them where Traefik does not sanitise.
        const statuses = entryPoint === 'raw' ? [status, 502] : [status];
        expect(answer.status, `${entryPoint} ${name}`).toBeOneOf(statuses);
        expect(arrived(), `${entryPoint} ${name}`).toBe(answer.status === 200 ? uri : undefined);
      }
    }
  });

  it.each([
    ['*', 'OPTIONS'],
    ['secret', 'GET'],
    ['?secret', 'GET'],
    ['', 'GET'],
    ['/a b', 'GET'],
    ['/%zz', 'GET'],
    ['/%', 'GET'],
    ['/a#b', 'GET'],
    ['app.test:80', 'CONNECT'],
  ])('request target %s (%s) reaches no backend', async (target, method) => {
    for (const entryPoint of ['web', 'trusted', 'raw'] as const) {
      const { status } = await ask(entryPoint, `${method} ${target}`, 'pub.test', [ANN]);
      // Go answers `OPTIONS *` itself.
      expect(status).toBeOneOf(method === 'OPTIONS' ? [200] : [400, 502]);
      expect(stack.backend.received).toEqual([]);
    }
  });

  const long = (bytes: number) => Buffer.alloc(bytes, 'x').toString();
  it.each([
    ['two good ones', 401, [ANN, ANN]],
    ['a good one and another', 401, [ANN, 'Authorization: Bearer x']],
    ['another and a good one', 401, ['Authorization: Bearer x', ANN]],
    ['two in one line', 401, [`${ANN}, ${ANN.slice(15)}`]],
    ['a folded one', 200, ['Authorization: Basic', ` ${ANN.slice(21)}`]],
    ['empty', 401, ['Authorization:']],
    ['a scheme alone', 401, ['Authorization: Basic']],
    ['an unknown scheme', 401, ['Authorization: Digest username="ann"']],
    ['no base64', 401, ['Authorization: Basic !!!!']],
    ['base64url', 401, ['Authorization: Basic YW5uOv__']],
    ['not canonical', 401, [`${ANN.slice(0, -2)}${ANN.slice(-2) === '==' ? 'x=' : '=='}`]],
    ['padding behind the end', 401, [`${ANN}====`]],
    ['a tab for the blank', 401, [`Authorization: Basic\t${ANN.slice(21)}`]],
    ['no colon', 401, [`Authorization: ${basic('ann')}`]],
    ['no password', 401, [`Authorization: ${basic('ann:')}`]],
    ['no user', 401, [`Authorization: ${basic(':password of ann')}`]],
    ['NUL inside', 401, [`Authorization: ${basic('ann\0:password of ann')}`]],
    ['a line end inside', 401, [`Authorization: ${basic('ann\r\n:password of ann')}`]],
    ['invalid UTF-8', 401, ['Authorization: Basic /zpwYXNzd29yZA==']],
    ['over 8 KiB', 431, [`Authorization: Basic ${long(9_000)}`]],
    ['over 8 KiB in pieces', 431, [`Authorization: ${long(5_000)}`, `Authorization: ${long(5_000)}`]],
    ['100 KiB', 431, [`Authorization: ${long(100_000)}`]],
    ['a user name over its limit', 431, [`Authorization: ${basic(`${long(256)}:x`)}`]],
    ['a password over its limit', 431, [`Authorization: ${basic(`ann:${long(1_025)}`)}`]],
    ['another spelling of the scheme', 200, [ANN.replace('Basic', 'bASIC')]],
    ['two blanks behind the scheme', 401, [ANN.replace('Basic', 'Basic ')]],
    ['another spelling of the name', 200, [ANN.replace('Authorization', 'AUTHORIZATION')]],
    ['an alias of the name only', 401, [ANN.replace('Authorization', 'Authorization_')]],
  ])('Authorization: %s is %i', async (name, status, lines) => {
    for (const path of ['/', '/secret']) {
      const answer = await ask('web', `GET ${path}`, 'app.test', lines);
      // A rule that denies everybody challenges only who tried to say who they are.
      const denied = status === 200 || name.startsWith('an alias') ? 403 : status;
      expect(answer.status).toBe(path === '/secret' ? denied : status);
      if (answer.status === 401) expect(answer.header('www-authenticate')).toMatch(/^Basic realm=/);
      expect(stack.backend.received).toHaveLength(answer.status === 200 ? 1 : 0);
    }
  });

  it.each([
    ['/a/../secret', undefined],
    ['/a/./b', undefined],
    ['/a//secret', undefined],
    ['//secret', undefined],
    ['/%2e%2e/secret', '/../secret'],
    ['/a/..;/secret', undefined],
    ['/a%2Fb', undefined],
    ['/a%2fb', '/a%2Fb'],
    ['/a%5Cb', undefined],
    ['/a\\b', '/a%5Cb'],
    ['/a%3Bb', undefined],
    ['/a%3Fb', undefined],
    ['/a%23b', undefined],
    ['/a%00b', undefined],
    ['/a%0Ab', undefined],
    ['/a%7Fb', undefined],
    ['/a%252e%252e', undefined],
    ['/a%FFb', undefined],
  ])('%s is 400 where rules have resources, and arrives elsewhere', async (path, normalised) => {
    for (const { name, line } of SIGNED_IN) {
      const refused = await ask('raw', `GET ${path}`, 'app.test', [line]);
      expect(refused.status, name).toBe(400);
      expect(refused.body).toMatch(/^400 Bad Request: ambiguous path: /);
      expect(arrived()).toBeUndefined();
      expect((await ask('raw', `GET ${path}`, 'plain.test', [line])).status, name).toBe(200);
      expect(arrived()).toBe(normalised ?? path);
    }
  });

  /** The Postern-Request that Traefik sends for a request to relay.test. */
  async function capture(): Promise<string> {
    relay.clear();
    expect((await ask('web', 'GET /', 'relay.test', [CROWD])).status).toBe(200);
    return String(relay.headers[0]?.['postern-request']);
  }

  it('a captured Postern-Request is worth nothing to a client', async () => {
    const captured = await capture();
    expect(captured).toMatch(/^[\w-]{100,}$/);

    const line = `Postern-Request: ${captured}`;
    for (const entryPoint of ['web', 'trusted', 'raw'] as const) {
      for (const lines of [[line], [line, line], [`postern_request: ${captured}`, line]]) {
        expect((await ask(entryPoint, 'GET /', 'admin.test', lines)).status).toBe(403);
        expect((await ask(entryPoint, 'GET /', 'app.test', lines)).status).toBe(401);
        for (const { line: credential } of SIGNED_IN) {
          expect((await ask(entryPoint, 'GET /', 'admin.test', [credential, ...lines])).status).toBe(403);
          expect((await ask(entryPoint, 'GET /secret', 'app.test', [credential, ...lines])).status).toBe(403);
        }
      }
    }
    relay.clear();
    expect((await ask('web', 'GET /', 'relay.test', [CROWD, line, line])).status).toBe(200);
    expect(relay.headers[0]?.['postern-request']).not.toContain(captured);
  });

  /** Asks the host itself. */
  async function askHost(path: string, headers: readonly string[]): Promise<number> {
    const port = Number(new URL(stack.hostUrl).port);
    return (await sendRaw(port, rawRequest([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers]))).status;
  }

  it('the host judges by it the request it describes, whatever stands beside it', async () => {
    const captured = await capture();
    const line = `Postern-Request: ${captured}`;
    const path = '/api/authz/forward-auth';
    const elsewhere = [
      'X-Forwarded-Host: pub.test',
      'X-Forwarded-Uri: /',
      'X-Forwarded-Method: GET',
      'X-Forwarded-Proto: https',
    ];
    expect(await askHost(path, elsewhere)).toBe(200);
    expect(await askHost(path, [line])).toBe(401);
    expect(await askHost(path, [line, ...elsewhere])).toBe(401);
    expect(await askHost(path, [line, line, ...elsewhere])).toBe(403);
    expect(await askHost(path, ['Postern-Request:', ...elsewhere])).toBe(403);
    for (const at of [0, 20, captured.length - 1]) {
      const other = `${captured.slice(0, at)}${captured[at] === 'A' ? 'B' : 'A'}${captured.slice(at + 1)}`;
      expect(await askHost(path, [`Postern-Request: ${other}`, ...elsewhere])).toBe(403);
    }
    for (const other of ['/', '/health', '/metrics', '/api/health', '/nowhere']) {
      expect(await askHost(other, [line])).toBe(403);
    }
  });

  it('is refused ten seconds later', async () => {
    const { value, at } = early;
    await sleep(Math.max(0, at + 10_100 - Date.now()));
    expect(await askHost('/api/authz/forward-auth', [`Postern-Request: ${value}`, CROWD])).toBe(403);
  });
});

describeTraefik('a host that trusts no peer', binary => {
  let stack: Stack;
  let relay: Relay;

  beforeAll(async () => {
    relay = await startRelay();
    stack = await startStack({
      binary: binary(),
      accessControl,
      users: WAY_USERS,
      domains: DOMAINS,
      config: { trusted_proxies: ['192.0.2.0/24'] },
      static: { entryPoints: { web: { forwardedHeaders: { trustedIPs: ['127.0.0.1/32'] } } } },
      dynamic: dynamic => withMiddlewares(dynamic, relay.url, ['web']),
    });
    relay.target = stack.hostUrl;
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    relay?.close();
    removeTempDirectories();
  });

  it('believes the guest, not X-Forwarded-…', async () => {
    const { port } = stack.traefik;
    const ask = (to: number, host: string, lines: readonly string[]) =>
      sendRaw(
        to,
        rawRequest([
          `GET ${to === port ? '/' : '/api/authz/forward-auth'} HTTP/1.1`,
          `Host: ${host}`,
          ...lines,
        ]),
      );
    expect((await ask(port, 'relay.test', [CROWD])).status).toBe(200);
    for (const line of [ANN, CROWD]) {
      for (let i = 0; i < 2; i++) {
        expect((await ask(port, 'app.test', [line])).status).toBe(200);
        expect((await ask(port, 'lan.test', [line, 'X-Forwarded-For: 10.1.2.3'])).status).toBe(403);
      }
    }
    const hostPort = Number(new URL(stack.hostUrl).port);
    const forwarded = [
      'X-Forwarded-Host: pub.test',
      'X-Forwarded-Uri: /',
      'X-Forwarded-Method: GET',
      'X-Forwarded-Proto: https',
    ];
    const captured = `Postern-Request: ${relay.headers[0]?.['postern-request']}`;
    expect((await ask(hostPort, '127.0.0.1', forwarded)).status).toBe(403);
    expect((await ask(hostPort, '127.0.0.1', [...forwarded, ANN])).status).toBe(403);
    // The MAC says that it is the guest's; who asks has to prove himself all the same.
    expect((await ask(hostPort, '127.0.0.1', [...forwarded, captured])).status).toBe(401);
    expect((await ask(hostPort, '127.0.0.1', [...forwarded, captured, captured])).status).toBe(403);
  });
});

const ODD_HOSTS = [
  'ADMIN.TEST',
  'admin.test.',
  'admin.test..',
  '.admin.test',
  'admin..test',
  'a..b',
  'admin.test:80',
  'admin.test.:80',
  'admin.test:',
  'admin.test:pub',
  'admin.test:pub.test',
  'admin.test:80:80',
  'admin.test:99999999',
  'admin.test:-1',
  'admin.test@pub.test',
  'pub.test@admin.test',
  'pub.test:80@admin.test',
  '%61dmin.test',
  'admin%2etest',
  'pub.test%00.admin.test',
  'pub.test/admin.test',
  'pub.test\\admin.test',
  'pub.test#admin.test',
  'pub.test?admin.test',
  'pub.test,admin.test',
  'pub.test;admin.test',
  'http://pub.test',
  'xn--admin.test',
  '\xc3\xa4dmin.test',
  'pub.test\x7f',
  '*.test',
  '*',
  '-',
  '.',
  '..',
  '',
  '[::1]',
  '[::1]:80',
  '[pub.test]',
  '[::ffff:10.0.0.1%25pub.test]',
  '::1',
  '127.0.0.1',
  '2130706433',
  'pub.test.admin.test',
  `${'a'.repeat(64)}.pub.test`,
  `${'a.'.repeat(150)}pub.test`,
  `${'a'.repeat(5000)}.test`,
];

/** Forwards to the host and remembers what Traefik asked it. */
interface Relay {
  readonly url: string;
  readonly headers: NodeJS.Dict<string | string[]>[];
  target: string;
  clear(): void;
  close(): void;
}

async function startRelay(): Promise<Relay> {
  const headers: Relay['headers'] = [];
  const server: Server = createServer((incoming, outgoing) => {
    headers.push(incoming.headers);
    const url = new URL(incoming.url ?? '/', relay.target);
    request(url, { method: incoming.method, headers: incoming.headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    })
      .on('error', () => outgoing.destroy())
      .end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    headers,
    target: '',
    clear: () => headers.splice(0),
    close: () => void server.close(() => {}).closeAllConnections(),
  };
  return relay;
}

/** All entry points, a guard for every host, path middlewares beside it, and a host that is listened to. */
function withMiddlewares(dynamic: Tree, relayUrl: string, entryPoints = ['web', 'trusted', 'raw']): Tree {
  const { http } = dynamic as {
    http: {
      routers: Record<string, Tree & { middlewares: string[] }>;
      middlewares: Record<string, Tree & { forwardAuth: Tree }>;
    };
  };
  const { routers, middlewares } = http;
  for (const router of Object.values(routers)) {
    if (router.rule && !router.parentRefs) Object.assign(router, { entryPoints });
  }
  const change = (name: string, make: (middlewares: string[]) => string[]): void => {
    const router = routers[name];
    if (router === undefined) throw new Error(`no router ${name}`);
    Object.assign(router, { middlewares: make(router.middlewares) });
  };
  const cuts = ['cut', 'rename'];
  change('postern-before-test', names => [...cuts, ...names]);
  // Also in front of the question to the host, where it must not matter.
  for (const child of ['allow', 'defer'])
    change(`postern-behind-test-${child}`, names => [...cuts, ...names]);
  change('postern-relay-test-defer', names => names.map(name => (name === 'postern-host' ? 'relay' : name)));
  const {
    'postern-app-test': guard,
    'postern-app-test-allow': allow,
    'postern-app-test-defer': defer,
  } = routers;
  const host = middlewares['postern-host'];
  return {
    http: {
      ...http,
      routers: {
        ...routers,
        // Whatever the host is called, it comes to the guest.
        any: { ...guard, rule: 'PathPrefix(`/`) || !PathPrefix(`/`)', priority: 1 },
        'any-allow': { ...allow, parentRefs: ['any'] },
        'any-defer': { ...defer, parentRefs: ['any'] },
      },
      middlewares: {
        ...middlewares,
        cut: { stripPrefix: { prefixes: ['/part'] } },
        rename: { replacePathRegex: { regex: '^/old/(.*)', replacement: '/new/$1' } },
        relay: { forwardAuth: { ...host?.forwardAuth, address: `${relayUrl}/api/authz/forward-auth` } },
      },
    },
  };
}
