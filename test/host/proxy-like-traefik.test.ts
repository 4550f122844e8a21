import { renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createGuestPool, type GuestPool } from '../../host/proxy/guest-pool.ts';
import { createProxy, type Proxy as ReverseProxy } from '../../host/proxy/proxy.ts';
import { type Backend, startBackend } from '../support/backend.ts';
import { probeGuest } from '../support/probe-guest.ts';
import { rawRequest, sendRaw } from '../support/raw-http.ts';
import { guestDirectory, removeTempDirectories } from '../support/temp.ts';
import { describeTraefik, startTraefik, type Traefik } from '../support/traefik.ts';

/**
 * One table of exact requests, sent to a real Traefik with the layered routers
 * and to the embedded proxy, both with the same guest: the client and the
 * backend must see the same.
 */

const ALLOW = 'X-Verdict: allow';

/** Title, request line, headers besides `Host: app.test`, body. Lines that start with `Host:` replace it. */
const cases: [string, string, string[], string?][] = [
  ['verdict allow', 'GET /allow?a=b HTTP/1.1', []],
  ['verdict defer, allowed', 'GET /defer HTTP/1.1', ['Cookie: x=1']],
  ['verdict defer, refused', 'GET /defer/refused HTTP/1.1', []],
  ['verdict defer, redirected', 'GET /defer/login HTTP/1.1', []],
  ['no verdict', 'GET /none HTTP/1.1', []],
  ['client verdict', 'GET /none HTTP/1.1', ['Postern-Verdict: allow-']],
  ['answer of the guest', 'GET /answer HTTP/1.1', []],
  ['silent guest', 'GET /empty HTTP/1.1', []],
  [
    'header names',
    'GET /names HTTP/1.1',
    ['x_b: 1', 'X-A: 2', 'x-a: 3', 'A.B: 4', 'TE: trailers', 'Upgrade: h2c'],
  ],
  ['names of framing', 'POST /names HTTP/1.1', ['Transfer-Encoding: chunked', 'Trailer: X-T'], '0\r\n\r\n'],
  ['unknown host', 'GET /allow HTTP/1.1', ['Host: other.test']],
  ['host in capitals with port', 'GET /allow HTTP/1.1', ['Host: APP.test:8080']],
  ['host with trailing dot', 'GET /allow HTTP/1.1', ['Host: app.test.']],
  ['no host', 'GET /allow HTTP/1.1', ['Host: ']],
  ['absolute target', 'GET http://app.test/allow HTTP/1.1', ['Host: other.test']],
  ['absolute target without path', 'GET http://app.test HTTP/1.1', [ALLOW]],
  ['asterisk', 'GET * HTTP/1.1', [ALLOW]],
  [
    'forged forwarding',
    'GET /allow HTTP/1.1',
    [
      'X-Forwarded-For: 6.6.6.6',
      'x-forwarded-HOST: evil.test',
      'X_Forwarded_Proto: https',
      'X-Real-Ip: 6.6.6.6',
      'X-Forwarded-Prefix: /x',
      'Forwarded: for=6.6.6.6',
    ],
  ],
  [
    'connection tokens',
    'GET /allow HTTP/1.1',
    ['Connection: X-A, Remote-User, X-Forwarded-For', 'X-A: 1', 'Keep-Alive: 5'],
  ],
  [
    'hop-by-hop',
    'GET /allow HTTP/1.1',
    ['Proxy-Authorization: Basic eA==', 'Proxy-Connection: x', 'X-Kept: 1'],
  ],
  ['doubled header', 'GET /allow HTTP/1.1', ['X-A: 1', 'x-a: 2']],
  ['raw bytes in a value', 'GET /allow HTTP/1.1', ['X-A: J\xf6rg']],
  ['upload', 'POST /allow HTTP/1.1', ['Content-Length: 5'], 'hello'],
  ['chunked upload', 'PUT /allow HTTP/1.1', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
  ['upload without length', 'POST /allow HTTP/1.1', []],
  ['unknown method', 'FROB /allow HTTP/1.1', []],
  ['bad escape', 'GET /allow/%zz HTTP/1.1', []],
  ['fragment', 'GET /allow#x HTTP/1.1', []],
  ['bad query', 'GET /allow?%zz=%&a;b HTTP/1.1', []],
  ['empty query', 'GET /allow? HTTP/1.1', []],
  ...[
    '/a//b/../c/./d/',
    '/a/..',
    '/../../a',
    '/%61%2d%2E%2e/b',
    '/a%2fb%2Fc',
    '/a%2f..%2f..%2fb',
    '/a/%2e%2e/b',
    '/a|b"c',
    '/a%2fb|c',
    '/a%2e%2e%2fb|/../c',
    '/a;b=c,d!$&(e)*+:@=~_-.',
    "/a'(b)!*",
    '/[a]',
    '/a%5b%5D',
    '/a\\b%5Cc',
    '/%00%0a%7F',
    '/a%3fb%23c%3Bd',
    '/%252e%252E',
    '/j%c3%b6rg%ff',
    '/a/b/;/..;/c',
    '/a?x=/../y&z=%2e;w#f',
    '/?',
    '//',
    '//app.test/a',
  ].map(path => [`path ${path}`, `GET ${path} HTTP/1.1`, [ALLOW]] as [string, string, string[]]),
];

describeTraefik('the embedded proxy does as Traefik', binary => {
  let backend: Backend;
  let auth: Server;
  let traefik: Traefik;
  let guests: GuestPool;
  let mount = '';
  let proxy: ReverseProxy;
  let ports: Record<'traefik' | 'embedded', number>;

  beforeAll(async () => {
    backend = await startBackend();
    auth = createServer((request, response) => {
      const uri = request.headers['x-forwarded-uri'];
      const seen = JSON.stringify(
        Object.entries(request.headers)
          .filter(([name]) => !/^(host|connection|accept)/.test(name))
          .sort(),
      );
      if (uri === '/defer/refused') response.writeHead(403, { 'x-why': 'no' }).end(seen);
      else if (uri === '/defer/login') response.writeHead(302, { location: '/login' }).end();
      else response.writeHead(200, { 'remote-user': 'bob', 'set-cookie': 's=1', 'x-seen': seen }).end('body');
    });
    await new Promise<void>(resolve => auth.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(auth.address() as AddressInfo).port}/auth`;
    const authResponseHeaders = ['Postern-Verdict', 'Postern-Request', 'Remote-User', 'X-Seen'];
    const wasm = await probeGuest();
    mount = guestDirectory();
    const parentRefs = ['guard'];
    const clean = { headers: { customRequestHeaders: { 'Postern-Verdict': '', 'Postern-Request': '' } } };
    const forwardAuth = {
      address,
      authResponseHeaders,
      trustForwardHeader: true,
    };
    traefik = await startTraefik({
      binary: binary(),
      plugins: { probe: { wasm, mounts: [`${mount}:/mount:ro`] } },
      dynamic: {
        http: {
          routers: {
            guard: { rule: 'Host(`app.test`)', middlewares: ['probe'] },
            allow: {
              rule: 'Header(`Postern-Verdict`, `allow-f00d`)',
              parentRefs,
              middlewares: ['clean'],
              service: 'app',
            },
            defer: {
              rule: 'Header(`Postern-Verdict`, `defer-f00d`)',
              parentRefs,
              middlewares: ['auth', 'clean'],
              service: 'app',
            },
          },
          middlewares: { probe: { plugin: { probe: { tag: 'f00d' } } }, auth: { forwardAuth }, clean },
          services: { app: { loadBalancer: { servers: [{ url: backend.url }] } } },
        },
      },
    });
    guests = createGuestPool({
      wasm,
      config: { tag: 'f00d' },
      env: {},
      mounts: { '/mount': mount },
      log: () => {},
    });
    proxy = createProxy({
      guests,
      backends: { 'app.test': backend.url },
      forwardAuth,
      verdictTag: 'f00d',
      log: () => {},
    });
    const { port } = await proxy.listen(0, '127.0.0.1');
    ports = { traefik: traefik.port, embedded: port };
  });

  afterAll(async () => {
    await traefik?.stop();
    await proxy?.close();
    guests?.close();
    auth.close();
    await backend.close();
    removeTempDirectories();
  });

  /** What client and backend see of one request, without what may differ. */
  async function see(port: number, line: string, headers: readonly string[], body: string | undefined) {
    backend.clear();
    const host = headers.some(header => /^host:/i.test(header)) ? [] : ['Host: app.test'];
    const answer = await sendRaw(port, rawRequest([line, ...host, ...headers], body));
    const given = answer.headers.filter(
      ([name]) => !/^(date|connection|content-length|transfer-encoding)$/i.test(name),
    );
    const received = backend.received.map(({ method, uri, headers: raw, bodyBytes }) => ({
      method,
      uri,
      bodyBytes,
      headers: raw.filter(([name]) => !/^(accept-encoding|connection)$/i.test(name)).sort(),
    }));
    // Go's server refuses malformed requests in its own words.
    if (answer.status === 400) return { status: 400, received };
    // The backend's own answer repeats the headers with what may differ.
    const text = received.length > 0 ? '' : answer.body;
    return { status: answer.status, headers: [...given].sort(), body: text, received };
  }

  it.each(cases)('%s', async (_title, line, headers, body) => {
    const inTraefik = await see(ports.traefik, line, headers, body);
    const embedded = await see(ports.embedded, line, headers, body);
    expect(embedded).toEqual(inTraefik);
  });

  it('sees mounted files as they are renamed, linked and gone', async () => {
    const state = join(mount, 'state');
    const replace = (content: string): void => {
      writeFileSync(join(mount, 'new'), content);
      renameSync(join(mount, 'new'), state);
    };
    const steps: [string, () => void][] = [
      ['!,', () => {}],
      ['one', () => replace('one')],
      ['two', () => replace('two')],
      ['!,', () => unlinkSync(state)],
      // Kubernetes mounts secrets as links.
      ['linked', () => [writeFileSync(join(mount, 'target'), 'linked'), symlinkSync('target', state)]],
    ];
    for (const [expected, step] of steps) {
      step();
      for (const port of Object.values(ports)) {
        expect((await see(port, 'GET /file HTTP/1.1', [], undefined)).body).toBe(expected);
      }
    }
  });

  it('logs what the guest logs', async () => {
    await see(ports.traefik, 'GET /allow HTTP/1.1', [], undefined);
    // Written by the probe's handle_response: its context, and whether the backend failed.
    await traefik.child.waitFor(/WRN 70 .*middlewareName=probe@file/);
  });

  it('hides the text of a trap, which Traefik shows', async () => {
    const inTraefik = await see(ports.traefik, 'GET /trap HTTP/1.1', [], undefined);
    const embedded = await see(ports.embedded, 'GET /trap HTTP/1.1', [], undefined);
    expect(inTraefik.body).toContain('wasm error: unreachable');
    expect(embedded).toEqual({ ...inTraefik, body: '' });
  });
});
