import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';

/** What the backend received, also its JSON answer on every path without a meaning below. */
export interface Received {
  readonly method: string;
  readonly uri: string;
  /** Names and values as they came over the wire, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bodyBytes: number;
  /** SHA-256 of the body in hexadecimal. */
  readonly bodySha256: string;
}

/**
 * A service to guard. It answers every request with what it received, and
 *
 * - `/ws` echoes WebSocket messages; its first message is the JSON of `Received`,
 * - `/events?count=3` streams server-sent events, `data: 1` at once and each other one by `sendEvent`,
 * - `/slow?ms=500` answers late, `/hold` not before `release`,
 * - `/download?bytes=1000` answers that many zero bytes, chunked,
 * - `/status?code=500` answers that status.
 *
 * An `h2c` upgrade or a CONNECT that reaches it gets a raw tunnel, which is
 * counted: there should never be one.
 */
export interface Backend {
  readonly port: number;
  readonly url: string;
  /** All requests since `clear`, uploads when they are complete. */
  readonly received: readonly Received[];
  /** Raw tunnels opened since `clear`. */
  readonly tunnels: number;
  /** Requests being answered, streams and WebSockets included. */
  readonly open: number;
  /** The next event of every stream: proof that the one before was not held back for it. */
  sendEvent(): void;
  /** Answers every request for `/hold` that is there. */
  release(): void;
  clear(): void;
  /** Whether a request for exactly this target ever came, `clear` or not. */
  hasSeen(uri: string): boolean;
  close(): Promise<void>;
}

function describe(request: IncomingMessage, bodyBytes: number, bodySha256: string): Received {
  const headers: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? '']);
  }
  return { method: request.method ?? '', uri: request.url ?? '', headers, bodyBytes, bodySha256 };
}

async function readBody(request: IncomingMessage): Promise<Received> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    length += chunk.length;
  }
  return describe(request, length, hash.digest('hex'));
}

/** Begins a stream of events; answers what sends the next one. */
function answerEvents(query: URLSearchParams, response: ServerResponse): () => void {
  const count = Number(query.get('count') ?? 3);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  let sent = 0;
  const send = (): void => {
    sent++;
    response.write(`data: ${sent}\n\n`);
    if (sent === count) response.end();
  };
  send();
  return send;
}

async function answerDownload(query: URLSearchParams, response: ServerResponse): Promise<void> {
  const block = Buffer.alloc(65_536);
  const left = new AbortController();
  response.once('close', () => left.abort());
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  for (let bytes = Number(query.get('bytes') ?? 0); bytes > 0; bytes -= block.length) {
    const more = response.write(block.subarray(0, Math.min(bytes, block.length)));
    // A client that leaves ends the answer, and with it this loop.
    if (!more) await once(response, 'drain', { signal: left.signal });
  }
  response.end();
}

/** Starts a backend on a free loopback port, or on `port`. */
export async function startBackend(port = 0): Promise<Backend> {
  const received: Received[] = [];
  const seen = new Set<string>();
  const sockets = new Set<Socket | Duplex>();
  const streams = new Set<() => void>();
  const held = new Set<() => void>();
  let tunnels = 0;
  let open = 0;
  const webSockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  server.requestTimeout = 0;
  server.on('connection', socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });

  server.on('request', (request, response) => {
    seen.add(request.url ?? '');
    open++;
    response.on('close', () => open--);
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const what = await readBody(request);
    received.push(what);
    const { pathname, searchParams } = new URL(what.uri, 'http://backend.invalid');
    if (pathname === '/events') {
      const next = answerEvents(searchParams, response);
      streams.add(next);
      response.on('close', () => streams.delete(next));
      return;
    }
    if (pathname === '/download') return answerDownload(searchParams, response);
    if (pathname === '/slow') {
      await new Promise(resolve => setTimeout(resolve, Number(searchParams.get('ms') ?? 500)));
    }
    if (pathname === '/hold') await new Promise<void>(resolve => held.add(resolve));
    const status = pathname === '/status' ? Number(searchParams.get('code')) : 200;
    response.writeHead(status, { 'content-type': 'application/json', 'x-backend': 'yes' });
    response.end(JSON.stringify(what));
  }

  function tunnel(socket: Duplex, greeting: string): void {
    tunnels++;
    socket.on('error', () => {});
    socket.write(greeting);
    socket.pipe(socket);
  }

  server.on('upgrade', (request, socket, head) => {
    seen.add(request.url ?? '');
    const what = describe(request, 0, createHash('sha256').digest('hex'));
    received.push(what);
    if (request.headers.upgrade !== 'websocket') {
      const greeting = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`;
      return tunnel(socket, greeting);
    }
    webSockets.handleUpgrade(request, socket, head, client => {
      open++;
      client.on('close', () => open--).on('error', () => {});
      client.on('message', (data, binary) => client.send(data, { binary }));
      client.send(JSON.stringify(what));
    });
  });
  server.on('connect', (request, socket) => {
    seen.add(request.url ?? '');
    received.push(describe(request, 0, ''));
    tunnel(socket, 'HTTP/1.1 200 Connection Established\r\n\r\n');
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    received,
    get tunnels() {
      return tunnels;
    },
    get open() {
      return open;
    },
    sendEvent() {
      for (const next of streams) next();
    },
    release() {
      for (const answerNow of held) answerNow();
      held.clear();
    },
    clear() {
      received.length = 0;
      tunnels = 0;
    },
    hasSeen: uri => seen.has(uri),
    async close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
