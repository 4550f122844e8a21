import { createHash } from 'node:crypto';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createGuestPool, type GuestPool } from '../../host/proxy/guest-pool.ts';
import { createProxy, type Proxy as ReverseProxy } from '../../host/proxy/proxy.ts';
import { type Backend, type Received, startBackend } from '../support/backend.ts';
import { probeGuest } from '../support/probe-guest.ts';
import { openRaw, type RawAnswer, rawRequest, sendRaw } from '../support/raw-http.ts';
import { sleep, waitUntil } from '../support/wait.ts';

const TAG = 'f00d';
const LARGE = 50 * 1_048_576;
let backend: Backend;
let guests: GuestPool;
let proxy: ReverseProxy;
let port = 0;
let logged: string[] = [];
/** Connections to a backend that never reads. */
const stalled = new Set<Socket>();
const stalledServer = createTcpServer({ pauseOnConnect: true }, socket => void stalled.add(socket));

/** The forward-auth endpoint: what it was asked, and what it answers. */
let authServer: Server;
let asked: { method: string; uri: string; headers: Record<string, string> }[] = [];
let authAnswer: { status: number; headers: Record<string, string | string[]>; body: string };

beforeAll(async () => {
  backend = await startBackend();
  authServer = createServer((request, response) => {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
    asked.push({ method: request.method ?? '', uri: request.url ?? '', headers });
    response.writeHead(authAnswer.status, authAnswer.headers).end(authAnswer.body);
  });
  await new Promise<void>(resolve => authServer.listen(0, '127.0.0.1', resolve));
  const authPort = (authServer.address() as AddressInfo).port;
  await new Promise<void>(resolve => stalledServer.listen(0, '127.0.0.1', resolve));
  const stalledUrl = `http://127.0.0.1:${(stalledServer.address() as AddressInfo).port}`;
  const log = (level: number, message: string): void => void logged.push(`${level} ${message}`);
  guests = createGuestPool({ wasm: await probeGuest(), config: { tag: TAG }, env: {}, mounts: {}, log });
  proxy = createProxy({
    guests,
    backends: { 'app.test': backend.url, 'dead.test': 'http://127.0.0.1:9', 'stalled.test': stalledUrl },
    forwardAuth: {
      address: `http://127.0.0.1:${authPort}/auth`,
      authResponseHeaders: ['Postern-Verdict', 'Postern-Request', 'Remote-User', 'Authorization'],
      maxResponseBodySize: 1_000,
    },
    verdictTag: TAG,
    log,
  });
  ({ port } = await proxy.listen(0, '127.0.0.1'));
});

afterAll(async () => {
  await proxy.close();
  guests.close();
  await backend.close();
  authServer.close();
  for (const socket of stalled) socket.destroy();
  stalledServer.close();
});

beforeEach(() => {
  backend.clear();
  asked = [];
  logged = [];
  authAnswer = { status: 200, headers: {}, body: '' };
});

const ask = (requestLine: string, headers: readonly string[] = [], body = ''): Promise<RawAnswer> =>
  sendRaw(port, rawRequest([requestLine, 'Host: app.test', ...headers], body));

/** What the backend received last. */
function reached(): Received & { value(name: string): string | undefined } {
  const last = backend.received.at(-1);
  if (last === undefined) throw new Error('nothing reached the backend');
  return { ...last, value: name => last.headers.find(([found]) => found.toLowerCase() === name)?.[1] };
}

describe('routing', () => {
  it.each([
    ['the allow verdict', 'GET /allow HTTP/1.1', 200],
    ['no verdict', 'GET /none HTTP/1.1', 404],
    ['an answer of the guest', 'GET /answer HTTP/1.1', 401],
    ['a trap', 'GET /trap HTTP/1.1', 500],
    ['a bad escape', 'GET /allow/%zz HTTP/1.1', 400],
    ['a fragment', 'GET /allow#x HTTP/1.1', 400],
    ['raw bytes in the target', 'GET /allow/j\xf6rg HTTP/1.1', 400],
    ['a target without slash', 'GET allow HTTP/1.1', 400],
    ['CONNECT without verdict', 'CONNECT app.test:80 HTTP/1.1', 500],
  ])('%s', async (_name, requestLine, status) => {
    expect((await ask(requestLine)).status).toBe(status);
    expect(backend.received).toHaveLength(status === 200 ? 1 : 0);
  });

  it.each([
    ['other case, port, trailing dot', ['Host: APP.test.:8080'], 200],
    ['unknown', ['Host: other.test'], 404],
    ['none', [], 400],
    ['two', ['Host: app.test', 'Host: app.test'], 400],
    ['a dead backend', ['Host: dead.test'], 502],
  ])('host: %s', async (_name, hosts, status) => {
    const answer = await sendRaw(port, rawRequest(['GET /allow HTTP/1.1', ...hosts]));
    expect(answer.status).toBe(status);
  });

  it('takes the host of an absolute target', async () => {
    await ask('GET http://app.test:81/allow?a=1;b=2 HTTP/1.1');
    expect(reached().uri).toBe('/allow?a=1&b=2');
    expect(reached().value('host')).toBe('app.test:81');
  });

  it('does not believe a verdict without the tag', async () => {
    const answer = await ask('GET /none HTTP/1.1', ['Postern-Verdict: allow', 'Postern-Verdict: defer-']);
    expect(answer.status).toBe(404);
  });

  it('gives every instance back', async () => {
    for (const path of ['/allow', '/defer', '/none', '/answer', '/trap']) await ask(`GET ${path} HTTP/1.1`);
    await waitUntil('all instances', () => guests.size.busy === 0);
  });
});

describe('headers', () => {
  it('replaces forwarding headers in every spelling', async () => {
    await ask('GET /allow HTTP/1.1', [
      'X-Forwarded-For: 6.6.6.6',
      'x_forwarded-HOST: evil.test',
      'X-Forwarded-Uri: /open',
      'X-Real-IP: 6.6.6.6',
      'X-Forwarded-Proto: https',
    ]);
    expect(reached().headers.filter(([name]) => /^x[-_]/i.test(name))).toEqual([
      ['X-Forwarded-For', '127.0.0.1'],
      ['X-Forwarded-Host', 'app.test'],
      ['X-Forwarded-Port', '80'],
      ['X-Forwarded-Proto', 'http'],
      ['X-Forwarded-Server', expect.any(String)],
      ['X-Real-Ip', '127.0.0.1'],
    ]);
  });

  it('keeps Postern-* and hop-by-hop headers to itself', async () => {
    const answer = await ask('GET /allow HTTP/1.1', [
      'Postern-Request: x',
      'Connection: X-Secret, Remote-User',
      'X-Secret: 1',
      'TE: trailers',
      'Proxy-Authorization: Basic eA==',
      'Upgrade: h2c',
    ]);
    expect(answer.status).toBe(200);
    const names = reached().headers.map(([name]) => name.toLowerCase());
    for (const name of [
      'postern-verdict',
      'postern-request',
      'x-secret',
      'te',
      'proxy-authorization',
      'upgrade',
    ]) {
      expect(names).not.toContain(name);
    }
    // Set by the guest after the client's Connection had its say.
    expect(reached().value('remote-user')).toBe('john');
    expect(answer.header('x-backend')).toBe('yes');
  });

  it('passes values byte for byte', async () => {
    await ask('GET /allow HTTP/1.1', ['X-Name: J\xc3\xb6rg']);
    expect(reached().value('x-name')).toBe('J\xc3\xb6rg');
  });
});

describe('forward-auth', () => {
  it('asks as Traefik does and copies the listed headers only', async () => {
    authAnswer.headers = { 'remote-user': 'bob', 'postern-verdict': 'x', 'x-unlisted': '1' };
    const answer = await ask(
      'POST /defer?q=1 HTTP/1.1',
      ['Authorization: Basic eA==', 'X-Unlisted: mine', 'Content-Length: 2'],
      'hi',
    );
    expect(answer.status).toBe(200);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      method: 'GET',
      uri: '/auth',
      headers: {
        authorization: 'Basic eA==',
        'postern-verdict': `defer-${TAG}`,
        'x-forwarded-method': 'POST',
        'x-forwarded-uri': '/defer?q=1',
        'x-forwarded-host': 'app.test',
        'x-forwarded-proto': 'http',
        'x-forwarded-for': '127.0.0.1',
      },
    });
    expect(asked[0]?.headers).not.toHaveProperty('content-length');
    expect(reached()).toMatchObject({ method: 'POST', uri: '/defer?q=1', bodyBytes: 2 });
    expect(reached().value('remote-user')).toBe('bob');
    expect(reached().value('x-unlisted')).toBe('mine');
    // Listed, and not in the answer.
    expect(reached().value('authorization')).toBeUndefined();
    expect(reached().value('postern-verdict')).toBeUndefined();
  });

  it('hands a refusal to the client', async () => {
    authAnswer = {
      status: 302,
      headers: { location: '/login', 'x-why': 'no', 'set-cookie': ['a=1', 'b=2'] },
      body: 'go',
    };
    const answer = await ask('GET /defer HTTP/1.1');
    expect(answer).toMatchObject({ status: 302, body: 'go' });
    expect(answer.header('location')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/login$/);
    expect(answer.header('x-why')).toBe('no');
    expect(answer.headers.filter(([name]) => name === 'Set-Cookie')).toHaveLength(2);
    expect(backend.received).toHaveLength(0);
  });

  it('gives the client no cookie of an answer that lets it in', async () => {
    authAnswer.headers = { 'set-cookie': ['session=1; Path=/', 'other=2'] };
    const answer = await ask('GET /defer HTTP/1.1');
    expect([answer.status, answer.header('set-cookie')]).toEqual([200, undefined]);
  });

  it('takes no answer that is too large', async () => {
    authAnswer = { status: 403, headers: {}, body: 'x'.repeat(1_001) };
    expect((await ask('GET /defer HTTP/1.1')).status).toBe(401);
  });
});

describe('bodies', () => {
  it('leaves uploads and their framing alone', async () => {
    await ask('POST /allow HTTP/1.1', ['Content-Length: 5'], 'hello');
    expect(reached()).toMatchObject({ bodyBytes: 5 });
    expect(reached().value('content-length')).toBe('5');
    await ask('POST /allow HTTP/1.1', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n');
    expect(reached()).toMatchObject({ bodyBytes: 5 });
    expect(reached().value('transfer-encoding')).toBe('chunked');
    await ask('POST /allow HTTP/1.1');
    expect(reached().value('content-length')).toBe('0');
    await ask('GET /allow HTTP/1.1');
    expect(reached().value('content-length') ?? reached().value('transfer-encoding')).toBeUndefined();
  });

  it('says 100 Continue only to a request that goes on', async () => {
    const lines = ['Host: app.test', 'Expect: 100-continue', 'Content-Length: 2', '', ''];
    const connection = await openRaw(port);
    connection.send(['POST /allow HTTP/1.1', ...lines].join('\r\n'));
    await connection.waitFor(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    connection.send('hi');
    await connection.waitFor(/HTTP\/1\.1 200 /);
    connection.close();
    const refused = await sendRaw(port, ['POST /answer HTTP/1.1', ...lines].join('\r\n'));
    expect(refused.status).toBe(401);
  });

  it('streams 50 MB in chunks', async () => {
    const block = Buffer.alloc(65_536, 7);
    const hash = createHash('sha256');
    const upload = httpRequest({ port, path: '/allow', method: 'POST', headers: { host: 'app.test' } });
    const answered = new Promise<void>((resolve, reject) => {
      upload.on('error', reject).on('response', answer => answer.resume().on('end', resolve));
    });
    for (let sent = 0; sent < LARGE; sent += block.length) {
      hash.update(block);
      if (!upload.write(block)) await new Promise(resolve => upload.once('drain', resolve));
    }
    upload.end();
    await answered;
    expect(reached()).toMatchObject({ bodyBytes: LARGE, bodySha256: hash.digest('hex') });
  });

  it('takes no more of an upload than the backend takes', async () => {
    const connection = await openRaw(port);
    connection.send('POST /allow HTTP/1.1\r\nHost: stalled.test\r\nTransfer-Encoding: chunked\r\n\r\n');
    const block = Buffer.from(`100000\r\n${'x'.repeat(1_048_576)}\r\n`);
    for (let sent = 0; sent < LARGE; sent += block.length) connection.send(block);
    await waitUntil('the connection to the backend', () => stalled.size === 1);
    // Ample for all of it: the upload above takes a fifth of that.
    await sleep(1_000);
    // What the kernel buffers on both connections.
    expect(connection.bytesSent).toBeLessThan(LARGE / 2);
    // A client that is not read from cannot be seen leaving: the backend ends this.
    for (const socket of stalled) socket.destroy();
    await waitUntil('the instance', () => guests.size.busy === 0);
    await waitUntil('the end of the connection', () => connection.closed);
  });

  it('streams a download', async () => {
    const headers = { host: 'app.test', 'x-verdict': 'allow' };
    const length = await new Promise<number>((resolve, reject) => {
      let sum = 0;
      const request = httpRequest({ port, path: `/download?bytes=${LARGE}`, headers }, answer => {
        answer.on('data', chunk => {
          sum += chunk.length;
        });
        answer.on('end', () => resolve(sum));
      });
      request.on('error', reject).end();
    });
    expect(length).toBe(LARGE);
  });

  it('passes events on as they come', async () => {
    const events = await openRaw(port);
    const lines = ['GET /events?count=3 HTTP/1.1', 'Host: app.test', 'X-Verdict: allow'];
    events.send(rawRequest(lines));
    for (const event of [1, 2, 3]) {
      // The next one is sent only when this one is here.
      await events.waitFor(new RegExp(`data: ${event}\\n\\n`));
      expect(events.received).not.toContain(`data: ${event + 1}`);
      if (event < 3) backend.sendEvent();
    }
    events.close();
  });

  it('ends the request to the backend when the client goes away', async () => {
    const connection = await openRaw(port);
    connection.send('GET /slow?ms=5000 HTTP/1.1\r\nHost: app.test\r\nX-Verdict: allow\r\n\r\n');
    await waitUntil('the request at the backend', () => backend.received.length > 0);
    connection.close();
    await waitUntil('the end of it', () => backend.open === 0 && guests.size.busy === 0);
  });
});

describe('upgrades', () => {
  it('joins a WebSocket and holds its instance until it closes', async () => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/ws`, {
      headers: { host: 'app.test', 'x-verdict': 'allow' },
    });
    const messages: string[] = [];
    client.on('message', data => void messages.push(data.toString()));
    await waitUntil('the greeting', () => messages.length === 1);
    expect(messages[0]).toContain('"X-Forwarded-Proto","ws"');
    expect(messages[0]).not.toContain('Postern-');
    for (const text of ['one', 'two', 'x'.repeat(100_000)]) client.send(text);
    await waitUntil('the echo', () => messages.length === 4);
    expect(messages.slice(1, 3)).toEqual(['one', 'two']);
    expect(guests.size.busy).toBe(1);
    client.close();
    await waitUntil('the instance', () => guests.size.busy === 0);
  });

  it('refuses a WebSocket with the answer of the guest', async () => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/answer`, { headers: { host: 'app.test' } });
    const error = await new Promise<Error>(resolve => client.once('error', resolve));
    expect(error.message).toBe('Unexpected server response: 401');
    await waitUntil('the instance', () => guests.size.busy === 0);
  });

  it.each([
    ['GET', '', 0],
    ['POST', 'hello', 5],
  ])('ignores an h2c upgrade of %s', async (method, body, bodyBytes) => {
    const upgrade = ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABk', `Content-Length: ${body.length}`];
    const lines = [
      `${method} /allow HTTP/1.1`,
      'Host: app.test',
      'Connection: Upgrade, HTTP2-Settings',
      ...upgrade,
    ];
    const answer = await sendRaw(port, `${lines.join('\r\n')}\r\n\r\n${body}`);
    expect(answer.status).toBe(200);
    expect(reached()).toMatchObject({ method, bodyBytes });
    expect(backend.tunnels).toBe(0);
  });

  it('answers 502 when the backend upgrades unasked', async () => {
    const answering = waitUntil('the connection to the backend', () =>
      [...stalled].find(socket => !socket.destroyed),
    );
    const answer = sendRaw(port, rawRequest(['GET /allow HTTP/1.1', 'Host: stalled.test']));
    (await answering)
      .resume()
      .write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect((await answer).status).toBe(502);
    await waitUntil('the instance', () => guests.size.busy === 0);
  });

  it('opens no tunnel for CONNECT', async () => {
    expect((await ask('CONNECT app.test:80 HTTP/1.1')).status).toBe(500);
    expect(backend.tunnels).toBe(0);
  });
});
