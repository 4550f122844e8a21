import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Received } from '../support/backend.ts';
import { openRaw, parseAnswer, rawRequest, sendRaw } from '../support/raw-http.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';
import { basic, type Stack, startStack } from './stack.ts';
import { authorizationLine, deferrals, WAY_RULES, WAY_USERS, WAYS, type Way, warmUp } from './ways.ts';

const MEGABYTE = 1_048_576;
const NAMES = ['bea', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal', 'ida'];

interface Upload {
  readonly status: number;
  readonly sent: string;
  readonly received: { readonly bodyBytes: number; readonly bodySha256: string };
}

describeTraefik('what passes through the guard', binary => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: { default_policy: 'deny', rules: WAY_RULES },
      users: {
        ...WAY_USERS,
        ...Object.fromEntries(NAMES.map(name => [name, { password: `password of ${name}` }])),
        first: { password: 'password of first' },
        late: { password: 'password of late' },
      },
      domains: ['app.test', 'pub.test'],
    });
    await warmUp(stack);
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** What the host is asked on each way. */
  const asked = (way: Way): number => (way.name === 'deferral' ? 1 : 0);
  const credentials = ({ as }: Way) => (as === undefined ? {} : { as });

  it.each(WAYS)('POST bodies: $name', async way => {
    const body = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256));
    for (const bytes of [Buffer.alloc(0), Buffer.from('a=1&b=2'), body]) {
      const count = await deferrals(stack, async () => {
        const answer = await stack.ask(way.domain, '/form', {
          ...credentials(way),
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body: bytes,
        });
        expect(answer.status).toBe(200);
        expect(JSON.parse(answer.text)).toMatchObject({
          method: 'POST',
          uri: '/form',
          bodyBytes: bytes.length,
          bodySha256: createHash('sha256').update(bytes).digest('hex'),
        });
        expect(answer.received['remote-user']).toBe(way.user);
      });
      expect(count).toBe(asked(way));
    }
  });

  it('the body of the very first request, which waits for the hash', async () => {
    const body = 'x'.repeat(200_000);
    const answer = await stack.ask('app.test', '/', { as: 'first:password of first', method: 'PUT', body });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      bodyBytes: body.length,
      bodySha256: createHash('sha256').update(body).digest('hex'),
    });
  });

  it.each(WAYS)('a body that is announced with Expect: $name', async way => {
    const connection = await openRaw(stack.traefik.port);
    const lines = [
      'POST /continue HTTP/1.1',
      `Host: ${way.domain}`,
      ...authorizationLine(way),
      'Content-Length: 5',
      'Expect: 100-continue',
    ];
    connection.send(rawRequest(lines));
    await connection.waitFor(/^HTTP\/1\.1 100 /);
    connection.send('hello');
    await connection.waitFor(/"bodyBytes":5/);
    connection.close();
  });

  /** Sends 50 blocks of a megabyte, each only when the one before is on its way. */
  function upload(way: Way): Promise<Upload> {
    return new Promise((resolve, reject) => {
      const hash = createHash('sha256');
      const outgoing = request(
        {
          port: stack.traefik.port,
          host: '127.0.0.1',
          path: '/upload',
          method: 'PUT',
          headers: {
            host: way.domain,
            'transfer-encoding': 'chunked',
            ...(way.as === undefined ? {} : { authorization: basic(way.as) }),
          },
        },
        async incoming => {
          let text = '';
          for await (const part of incoming) text += part;
          resolve({ status: incoming.statusCode ?? 0, sent: hash.digest('hex'), received: JSON.parse(text) });
        },
      );
      outgoing.on('error', reject);
      let block = 0;
      const more = (): void => {
        if (block === 50) return void outgoing.end();
        const bytes = Buffer.alloc(MEGABYTE, `block ${block++} `);
        hash.update(bytes);
        outgoing.write(bytes, more);
      };
      more();
    });
  }

  /** Resident memory of Traefik in MB. */
  function memory(): number {
    const status = readFileSync(`/proc/${stack.traefik.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  }

  // forwardAuth asks the host without the body, which waits in the socket meanwhile.
  it.each(WAYS)('a chunked upload of 50 MB, held nowhere: $name', async way => {
    const before = memory();
    const count = await deferrals(stack, async () => {
      const { status, sent, received } = await upload(way);
      expect(status).toBe(200);
      expect(received).toMatchObject({ bodyBytes: 50 * MEGABYTE, bodySha256: sent });
    });
    expect(count).toBe(asked(way));
    expect(memory() - before).toBeLessThan(30);
  });

  it.each(WAYS)('a WebSocket: $name', async way => {
    const socket = new WebSocket(`ws://127.0.0.1:${stack.traefik.port}/ws`, {
      headers: { Host: way.domain, ...(way.as === undefined ? {} : { Authorization: basic(way.as) }) },
    });
    const messages: string[] = [];
    socket.on('message', data => messages.push(String(data)));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    await waitUntil('the greeting', () => messages.length === 1);
    const greeting = JSON.parse(messages.shift() ?? '') as Received;
    const headers = new Map(greeting.headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect(headers.get('remote-user')).toBe(way.user);
    expect(headers.get('upgrade')).toBe('websocket');
    for (let i = 0; i < 3; i++) {
      socket.send(`message ${i} ${'x'.repeat(i * 40_000)}`);
      await waitUntil('the echo', () => messages.length === i + 1);
      expect(messages[i]).toBe(`message ${i} ${'x'.repeat(i * 40_000)}`);
    }
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.close();
    await closed;
  });

  it.each([
    ['nobody', []],
    ['a malformed credential', ['Authorization: Basic !!!']],
  ])('a WebSocket of %s is 401 before the upgrade', async (_name, lines) => {
    stack.backend.clear();
    const answer = await sendRaw(
      stack.traefik.port,
      [
        'GET /ws HTTP/1.1',
        'Host: app.test',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
        ...lines,
        '\r\n',
      ].join('\r\n'),
    );
    expect(answer.status).toBe(401);
    // No window for a password opens for what nobody looks at.
    expect(answer.header('www-authenticate')).toBeUndefined();
    expect(stack.backend.received).toEqual([]);
  });

  it.each(WAYS)('server-sent events, one by one: $name', async way => {
    const count = 4;
    const arrivals = await new Promise<string[]>((resolve, reject) => {
      let body = '';
      let events: string[] = [];
      const headers = { host: way.domain, ...(way.as && { authorization: basic(way.as) }) };
      const path = `/events?count=${count}`;
      request({ host: '127.0.0.1', port: stack.traefik.port, path, headers }, incoming => {
        expect(incoming.statusCode).toBe(200);
        expect(incoming.headers['content-type']).toBe('text/event-stream');
        incoming.setEncoding('utf8');
        incoming.on('data', (text: string) => {
          body += text;
          const known = events.length;
          events = body.match(/data: \d+(?=\n\n)/g) ?? [];
          // The next one is sent only now: held back until it comes, or until the end, this one would never be here.
          if (events.length > known && events.length < count) stack.backend.sendEvent();
        });
        incoming.on('end', () => resolve(events));
      })
        .on('error', reject)
        .end();
    });
    expect(arrivals).toEqual([1, 2, 3, 4].map(event => `data: ${event}`));
  });

  it.each(WAYS)('HEAD, OPTIONS and other methods arrive as they are: $name', async way => {
    for (const method of ['HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'PROPFIND']) {
      stack.backend.clear();
      const answer = await stack.ask(way.domain, '/any?q=1', { ...credentials(way), method });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-backend')).toBe('yes');
      expect(stack.backend.received).toMatchObject([{ method, uri: '/any?q=1' }]);
      if (method === 'HEAD') expect(answer.text).toBe('');
    }
  });

  it('HEAD and OPTIONS of nobody are 401 without a body of the service', async () => {
    stack.backend.clear();
    for (const method of ['HEAD', 'OPTIONS']) {
      expect((await stack.ask('app.test', '/', { method })).status).toBe(401);
    }
    expect(stack.backend.received).toEqual([]);
  });

  it.each(WAYS)('a large answer, and the status of the service: $name', async way => {
    const bytes = 16 * MEGABYTE;
    const answer = await stack.ask(way.domain, `/download?bytes=${bytes}`, credentials(way));
    expect(answer.status).toBe(200);
    expect(answer.text.length).toBe(bytes);
    for (const status of [404, 418, 500]) {
      expect((await stack.ask(way.domain, `/status?code=${status}`, credentials(way))).status).toBe(status);
    }
  });

  it('two users and nobody on one connection, in turn and at once, are who they are', async () => {
    const connection = await openRaw(stack.traefik.port);
    const people = ['ann', 'bea', undefined, 'ann', 'crowd', undefined, 'bea', 'late', 'ann', undefined];
    const bytes = people.map(name =>
      [
        'GET /who HTTP/1.1',
        'Host: app.test',
        ...(name === undefined ? [] : [`Authorization: ${basic(`${name}:password of ${name}`)}`]),
        '\r\n',
      ].join('\r\n'),
    );
    const answers = () => connection.received.split(/(?=HTTP\/1\.1 \d)/).filter(text => text !== '');
    for (const [i, text] of bytes.entries()) {
      connection.send(text);
      await waitUntil('the answer', () => answers().length === i + 1 && isWhole(answers()[i] ?? ''));
    }
    // The same again without waiting: Traefik answers in order.
    connection.send(bytes.join(''));
    await waitUntil(
      'all answers',
      () => answers().length === 2 * people.length && isWhole(answers().at(-1) ?? ''),
    );
    expect(connection.closed).toBe(false);
    expect(answers().map(whose)).toEqual([...people, ...people]);
    connection.close();
  });

  it('64 requests at once of ten users, of nobody and of a wrong password', { timeout: 30_000 }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const people = ['ann', 'crowd', ...NAMES, undefined, 'wrong'];
    const results = await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const name = people[i % people.length];
        const password = name === 'wrong' ? 'ann:password of bea' : `${name}:password of ${name}`;
        const seen: string[] = [];
        // The first of each is a deferral, the later ones are hits.
        for (let round = 0; round < (name === 'wrong' ? 1 : 4); round++) {
          const answer = await stack.ask('app.test', `/${i}/${round}`, {
            agent,
            ...(name === undefined ? {} : { as: password }),
          });
          const { uri } = answer.status === 200 ? (JSON.parse(answer.text) as Received) : { uri: '' };
          if (answer.status === 200) expect(uri).toBe(`/${i}/${round}`);
          seen.push(answer.status === 200 ? (answer.received['remote-user'] ?? '') : String(answer.status));
        }
        return { name, seen: [...new Set(seen)] };
      }),
    );
    agent.destroy();
    for (const { name, seen } of results) {
      expect(seen).toEqual([name === undefined || name === 'wrong' ? '401' : name]);
    }
  });
});

/** Traefik chunks what the backend chunks, and gives the guest's own answers a length. */
function isWhole(text: string): boolean {
  const length = /^content-length: *(\d+)/im.exec(text)?.[1];
  const end = text.indexOf('\r\n\r\n') + 4;
  return end > 3 && (length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + Number(length));
}

/** Whom the backend was told, undefined for 401. */
function whose(text: string): string | undefined {
  const answer = parseAnswer(text);
  if (answer.status === 401) return undefined;
  const { headers } = JSON.parse(answer.body) as Received;
  return headers.find(([name]) => name === 'Remote-User')?.[1];
}
