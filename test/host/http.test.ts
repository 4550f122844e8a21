import { afterEach, describe, expect, it } from 'vitest';
import { headerValue, statusReply } from '../../host/http/reply.ts';
import { RequestHeaders } from '../../host/http/request-headers.ts';
import { createRouter, type Handler, type Request } from '../../host/http/router.ts';
import { type HttpServer, startHttpServer } from '../../host/http/server.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { openRaw } from '../support/raw-http.ts';
import { ask } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

const handler: Handler = () => statusReply(200);

describe('RequestHeaders', () => {
  it('gives every value, in any case of the name', () => {
    const headers = new RequestHeaders(['X-A', '1', 'x-b', '2', 'x-a', '', 'X-AB', '4']);
    expect(headers.values('x-a')).toEqual(['1', '']);
    expect(headers.values('x-c')).toEqual([]);
    expect(headers.count).toBe(4);
    expect(headers.findName(name => name.startsWith('x-ab'))).toBe('x-ab');
  });
});

describe('router', () => {
  const request = (path: string, raw: string[] = [], method = 'GET'): Request => ({
    method,
    path,
    query: '',
    headers: new RequestHeaders(raw),
    peer: '192.0.2.1',
    secure: false,
  });
  const log = fakeLogger();
  const router = createRouter(
    [
      { path: '/decide', kind: 'decision', handler },
      { path: '/health', kind: 'operator', handler },
    ],
    log,
  );

  it.each([
    ['/decide', [], 'GET', 200],
    ['/decide', [], 'HEAD', 200],
    ['/decide', [], 'POST', 405],
    ['/decide', ['X-Forwarded-Uri', '/'], 'GET', 200],
    ['/decide', ['Postern-Request', 'x'], 'GET', 200],
    ['/health', [], 'GET', 200],
    ['/health', [], 'PUT', 405],
    ['/nothing', [], 'GET', 404],
    ['/decide/', [], 'GET', 404],
    ['//decide', [], 'GET', 404],
    ['http://elsewhere/decide', [], 'GET', 404],
    ['', [], 'GET', 404],
  ] as const)('%s %j %s: %d', async (path, raw, method, status) => {
    expect((await router(request(path, [...raw], method))).status).toBe(status);
  });

  it.each([
    'X-Forwarded-For',
    'X-Forwarded-Uri',
    'x-forwarded-host',
    'X-FORWARDED-PROTO',
    'X-Original-URL',
    'X-Original-Method',
    'Forwarded',
    'Postern-Request',
  ])('answers a proxy on no path that decides nothing: %s', async name => {
    for (const path of ['/health', '/', '/nothing', '/decide/']) {
      expect((await router(request(path, [name, 'x']))).status).toBe(403);
    }
    expect(log.lines.at(-1)).toMatchObject({
      level: 'warn',
      fields: { peer: '192.0.2.1', path: '/decide/', key: name.toLowerCase(), address: '/decide' },
    });
  });
});

describe('the address that the router advises', () => {
  const log = fakeLogger();
  const decisions = ['/api/authz/forward-auth', '/api/verify', '/a', '/b', '/c', '/akprox/auth/nginx'];
  const router = createRouter(
    [
      ...decisions.map(path => ({ path, kind: 'decision' as const, handler })),
      { path: '/akprox/ping', kind: 'operator', handler },
    ],
    log,
    { prefix: '/authelia' },
  );

  it.each([
    ['/akprox/ping', '/authelia/akprox/auth/nginx'],
    ['/authelia/akprox', '/authelia/akprox/auth/nginx'],
    ['/api/health', '/authelia/api/authz/forward-auth, /authelia/api/verify'],
    [
      '/health',
      '/authelia/api/authz/forward-auth, /authelia/api/verify, /authelia/a, /authelia/b, /authelia/c',
    ],
  ])('for %s is %s', async (path, address) => {
    const headers = new RequestHeaders(['X-Forwarded-Host', 'x']);
    await router({ method: 'GET', path, query: '', headers, peer: '192.0.2.1', secure: false });
    expect(log.lines.at(-1)?.fields).toMatchObject({ path, address });
  });
});

describe('server', () => {
  let server: HttpServer | undefined;
  const log = fakeLogger();
  const start = async (handle: Handler) => {
    server = await startHttpServer({ host: '127.0.0.1', port: 0 }, handle, log);
    return server.port;
  };
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  it('answers on a connection that stays open', async () => {
    const raw = await openRaw(await start(handler));
    for (let i = 1; i <= 2; i++) {
      raw.send('GET /?x HTTP/1.1\r\nHost: a\r\n\r\n');
      await raw.waitFor(new RegExp(`(200 OK.*){${2 * i}}$`, 's'));
    }
    expect(raw.received).not.toContain('Connection: close');
    raw.close();
  });

  it('answers 500 and tells nothing when a handler fails', async () => {
    const port = await start(() => {
      throw new Error('the inside');
    });
    expect(await ask(port, '/x?secret', [])).toMatchObject({
      status: 500,
      body: '500 Internal Server Error',
    });
    expect(log.lines.at(-1)?.fields).toEqual({ path: '/x', error: 'Error: the inside' });
    expect((await ask(port, '/', [])).body).not.toContain('inside');
  });

  it('answers 500 when a header cannot be sent', async () => {
    const port = await start(() => statusReply(200, [['X-A', 'line\nbreak']]));
    await expect(ask(port, '/', [])).rejects.toThrow('socket hang up');
  });

  it('sends the UTF-8 bytes of a header value once', async () => {
    const port = await start(() => statusReply(200, [['X-Name', headerValue('Ädams €')]]));
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(port, '/', [], method);
      expect(Buffer.from(String(answer.headers['x-name']), 'latin1').toString('utf8')).toBe('Ädams €');
    }
  });

  it('closes a connection on which a body follows', async () => {
    const raw = await openRaw(await start(handler));
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nGET /health');
    await raw.waitFor(/Connection: close/);
    raw.close();
  });

  it.each([
    ['headers over 64 KiB', `X: ${'x'.repeat(70_000)}\r\n`, 431],
    ['257 headers', 'X: 1\r\n'.repeat(256), 431],
    ['256 headers', 'X: 1\r\n'.repeat(255), 200],
    ['a folded header', 'X: 1\r\n 2\r\n', 400],
  ])('%s: %d', async (_name, headers, status) => {
    const raw = await openRaw(await start(handler));
    raw.send(`GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
    await raw.waitFor(new RegExp(`^HTTP/1.1 ${status} `));
    raw.close();
  });

  it('answers each of many at a time with its own, whatever becomes of the others', async () => {
    const port = await start(({ path }) => {
      if (path === '/2') throw new Error('thrown');
      if (path === '/3') return Promise.reject(new Error('rejected'));
      const reply = { ...statusReply(200), body: path };
      return path === '/4' ? new Promise(resolve => setTimeout(resolve, 20, reply)) : reply;
    });
    const paths = Array.from({ length: 40 }, (_, i) => `/${i % 8}`);
    const answers = await Promise.all(paths.map(path => ask(port, path, [])));
    expect(answers.map(({ status, body }) => (status === 200 ? body : status))).toEqual(
      paths.map(path => (path === '/2' || path === '/3' ? 500 : path)),
    );
    // One behind the other on one connection, without waiting.
    const raw = await openRaw(port);
    raw.send(paths.map(path => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    await raw.waitFor(new RegExp(`^${'HTTP/1.1 (?:200|500) .*?'.repeat(paths.length)}/7$`, 's'));
    const bodies = [...raw.received.matchAll(/\r\n\r\n(\/\d|500)/g)].map(([, body]) => body);
    expect(bodies).toEqual(paths.map(path => (path === '/2' || path === '/3' ? '500' : path)));
    raw.close();
  });

  it('answers what is there before it ends', async () => {
    let release: (() => void) | undefined;
    const port = await start(
      () =>
        new Promise(resolve => {
          release = () => resolve(statusReply(200));
        }),
    );
    const idle = await openRaw(port);
    const answer = ask(port, '/', []);
    await waitUntil('the request', () => release !== undefined);
    const closed = server?.close();
    release?.();
    expect((await answer).status).toBe(200);
    await closed;
    await expect(ask(port, '/', [])).rejects.toThrow('ECONNREFUSED');
    idle.close();
    server = undefined;
  });
});
