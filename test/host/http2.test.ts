import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Form } from '../../host/http/form.ts';
import { headerValue, statusReply } from '../../host/http/reply.ts';
import type { Handler, Request } from '../../host/http/router.ts';
import { type Certificate, type HttpServer, startHttpServer } from '../../host/http/server.ts';
import { selfSigned } from '../support/certificate.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { waitUntil } from '../support/wait.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The same service by HTTP/2, where there is TLS. */
describe('HTTP/2', () => {
  let certificate: Certificate & { readonly ca: string };
  let server: HttpServer | undefined;
  let session: ClientHttp2Session | undefined;
  const log = fakeLogger();

  beforeAll(() => {
    const files = selfSigned(['localhost']);
    const [cert, key] = [readFileSync(files.certificate), readFileSync(files.key)];
    certificate = { cert, key, ca: cert.toString() };
  });
  afterEach(async () => {
    session?.destroy();
    await server?.close();
    server = undefined;
  });
  afterAll(removeTempDirectories);

  const start = async (handler: Handler): Promise<ClientHttp2Session> => {
    server = await startHttpServer({ host: '127.0.0.1', port: 0, certificate }, handler, log);
    session = connect(`https://localhost:${server.port}`, {
      ca: certificate.ca,
      lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    session.on('error', () => {});
    return session;
  };
  const ask = (headers: OutgoingHttpHeaders, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const stream = session?.request(headers, { endStream: body === undefined });
      if (stream === undefined) throw new Error('no connection');
      let answer: Omit<Answer, 'body'> = { status: 0, headers: {} };
      let text = '';
      stream.on('response', got => {
        answer = { status: got[':status'] ?? 0, headers: got };
      });
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('close', () =>
        answer.status === 0
          ? reject(new Error(`reset: ${stream.rstCode}`))
          : resolve({ ...answer, body: text }),
      );
      stream.on('error', () => {});
      if (body !== undefined) stream.end(body);
    });

  it('brings what HTTP/1.1 brings, and Host', async () => {
    const seen: Request[] = [];
    await start(request => {
      seen.push(request);
      return statusReply(200);
    });
    await ask({ ':path': '/a%20b?c=d', 'X-Name': headerValue('Ädams €'), cookie: ['a=1', 'b=2'] });
    const [request] = seen;
    expect(request).toMatchObject({
      method: 'GET',
      path: '/a%20b',
      query: 'c=d',
      peer: '127.0.0.1',
      secure: true,
    });
    expect(request?.headers.one('host')).toBe(`localhost:${server?.port}`);
    expect(request?.headers.one('x-name')).toBe(headerValue('Ädams €'));
    expect(request?.headers.values('cookie').join('; ')).toBe('a=1; b=2');
    expect(request?.headers.findName(name => name.startsWith(':'))).toBeUndefined();
  });

  it('takes Host beside another authority for none', async () => {
    const seen: unknown[] = [];
    await start(({ headers }) => {
      seen.push(headers.one('host'));
      return statusReply(200);
    });
    await ask({ ':path': '/', ':authority': 'postern', host: 'app.example.com' });
    expect(typeof seen[0]).toBe('symbol');
  });

  it('sends every header of an answer, those that stand twice twice', async () => {
    const name = headerValue('Ädams €');
    await start(({ path }) =>
      path === '/none'
        ? { status: 204, headers: [], type: '', body: '' }
        : statusReply(200, [
            ['Set-Cookie', 'a=1; Secure'],
            ['Set-Cookie', 'b=2; Secure'],
            ['Remote-Name', name],
          ]),
    );
    const answer = await ask({ ':path': '/' });
    expect(answer).toMatchObject({ status: 200, body: '200 OK' });
    expect(answer.headers['set-cookie']).toEqual(['a=1; Secure', 'b=2; Secure']);
    expect(answer.headers['remote-name']).toBe(name);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['content-length']).toBe('6');
    const head = await ask({ ':path': '/', ':method': 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-length']).toBe('6');
    expect(await ask({ ':path': '/none' })).toMatchObject({ status: 204, body: '' });
  });

  it('answers each of many at a time with its own', async () => {
    await start(({ path }) => {
      if (path === '/2') throw new Error('thrown');
      const reply = { ...statusReply(200), body: path };
      return path === '/4' ? new Promise(resolve => setTimeout(resolve, 20, reply)) : reply;
    });
    const paths = Array.from({ length: 200 }, (_, i) => `/${i % 8}`);
    const answers = await Promise.all(paths.map(path => ask({ ':path': path })));
    expect(answers.map(({ status, body }) => (status === 200 ? body : status))).toEqual(
      paths.map(path => (path === '/2' ? 500 : path)),
    );
  });

  it.each([
    [255, 200],
    [256, 431],
    [400, 431],
  ])('with %d headers and Host: %d', async (count, status) => {
    await start(() => statusReply(200));
    const many = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '1']));
    expect((await ask({ ':path': '/', ...many })).status).toBe(status);
  });

  it('reads forms, and no more than forms', async () => {
    await start(async ({ form }) => {
      const outcome = await form?.();
      if (outcome instanceof Form) return { ...statusReply(200), body: outcome.get('name') ?? '' };
      return statusReply(outcome ?? 500);
    });
    const post = { ':path': '/', ':method': 'POST', 'content-type': 'application/x-www-form-urlencoded' };
    expect(await ask(post, 'name=alice')).toMatchObject({ status: 200, body: 'alice' });
    expect((await ask({ ...post, 'content-type': 'text/plain' }, 'name=alice')).status).toBe(415);
    // More together than a connection may have under way, and it serves on.
    for (let i = 0; i < 5; i++) {
      expect((await ask(post, `name=${'x'.repeat(20_000)}`)).status).toBe(413);
      expect((await ask({ ...post, 'content-type': 'a/b' }, 'x'.repeat(20_000))).status).toBe(415);
    }
    expect((await ask(post, 'name=bob')).body).toBe('bob');
  });

  it('leaves HTTP/1.1 to those who want it', async () => {
    await start(() => statusReply(200));
    const status = await new Promise((resolve, reject) => {
      const options = {
        port: server?.port,
        ca: certificate.ca,
        agent: false,
        host: '127.0.0.1',
        servername: 'localhost',
      };
      httpsRequest(options, answer => resolve(`${answer.httpVersion} ${answer.statusCode}`))
        .once('error', reject)
        .end();
    });
    expect(status).toBe('1.1 200');
  });

  it('answers what is there before it ends', async () => {
    const waiting: (() => void)[] = [];
    await start(() => new Promise(resolve => waiting.push(() => resolve(statusReply(200)))));
    const answer = ask({ ':path': '/' });
    await waitUntil('the request', () => waiting.length === 1);
    const closed = server?.close();
    waiting[0]?.();
    expect((await answer).status).toBe(200);
    await closed;
    expect(session?.closed).toBe(true);
  });

  it('does not wait for a connection that asks nothing', async () => {
    await start(() => statusReply(200));
    await ask({ ':path': '/' });
    const began = moment();
    await server?.close();
    expect(between(began)).toBeLessThan(5_000);
  });
});
