import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '../log/logger.ts';
import { send, statusReply } from './reply.ts';
import { RequestHeaders } from './request-headers.ts';
import type { Handler } from './router.ts';

/** `Postern-Request` may be 12 KiB, beside what the client sent. */
const MAX_HEADER_BYTES = 65_536;
/**
 * More than any browser and three proxies send. Checked by us: node's own limit
 * drops what is over it, and what it drops could be `Postern-Request`.
 */
const MAX_HEADERS = 256;
/** A proxy next door sends its request at once. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 20_000;
/** Longer than Go's proxies keep an idle connection (90 s): who ends it last loses a request. */
const KEEP_ALIVE_MS = 100_000;
/** A failed login takes two seconds; what is not answered by then is cut. */
const DRAIN_MS = 10_000;

export interface HttpServer {
  /** Where it listens, e.g. `http://127.0.0.1:9091`. */
  readonly address: string;
  readonly port: number;
  /** Takes no new requests, answers those that are there, ends. */
  close(): Promise<void>;
}

export async function startHttpServer(
  /** An empty host is every interface, port 0 any free one. */
  options: { readonly host: string; readonly port: number },
  handler: Handler,
  log: Logger,
): Promise<HttpServer> {
  let closing = false;
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => void answer(request, response, handler, log, () => closing),
  );
  // node counts a connection that never asked anything as busy, and would wait for it at the end.
  const idle = new Set<Socket>();
  server.on('connection', socket => {
    idle.add(socket);
    socket.once('close', () => idle.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
  server.maxHeadersCount = 0;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  const { address, port } = await listen(server, options.host, options.port);
  // Out of descriptors, say: this connection is lost, the service is not.
  server.on('error', error => log.error('a connection could not be accepted', { error: String(error) }));
  return {
    address: `http://${address.includes(':') ? `[${address}]` : address}:${port}`,
    port,
    close() {
      closing = true;
      return drain(server, idle);
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
  log: Logger,
  closing: () => boolean,
): Promise<void> {
  const headers = new RequestHeaders(request.rawHeaders);
  const method = request.method ?? '';
  // Nothing here reads a body; what follows one is not taken for a request.
  const hasBody =
    headers.values('transfer-encoding').length > 0 ||
    headers.values('content-length').some(length => length !== '0');
  let reply = statusReply(500);
  try {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    reply =
      headers.count > MAX_HEADERS
        ? statusReply(431)
        : await handler({ method, path, headers, peer: request.socket.remoteAddress ?? '' });
  } catch (error) {
    log.error('a request failed', { path: request.url?.split('?', 1)[0] ?? '', error: String(error) });
  }
  try {
    send(response, reply, { head: method === 'HEAD', last: closing() || hasBody });
  } catch (error) {
    log.error('an answer could not be sent', { error: String(error) });
    response.destroy();
  }
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

function drain(server: Server, idle: ReadonlySet<Socket>): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const socket of idle) socket.destroy();
  });
}
