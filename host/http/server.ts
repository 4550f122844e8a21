import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from '../log/logger.ts';
import { answerUnreadable } from './client-error.ts';
import { Form, type FormProblem, readForm } from './form.ts';
import { type Endpoint, listen } from './listen.ts';
import { type Reply, send, statusReply } from './reply.ts';
import { RequestHeaders } from './request-headers.ts';
import type { Handler, Request } from './router.ts';

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

/** A TLS handshake that takes longer is given up. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A Unix socket has no addresses; whoever may open it is on this machine. */
const LOCAL_PEER = '127.0.0.1';

/** What `node:tls` takes, in PEM. */
export interface Certificate {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface HttpServer {
  /** Where it listens, e.g. `http://127.0.0.1:9091` or `unix:///run/postern.sock`. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Takes another certificate for connections from now on; throws on one that cannot be used. Only with TLS. */
  replaceCertificate(certificate: Certificate): void;
  /** Takes no new requests, answers those that are there, ends. */
  close(): Promise<void>;
}

export async function startHttpServer(
  endpoint: Endpoint & { readonly certificate?: Certificate },
  handler: Handler,
  log: Logger,
): Promise<HttpServer> {
  let closing = false;
  const options = { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS };
  const { certificate } = endpoint;
  const local = endpoint.socket !== undefined;
  // How much each connection waits for: node counts one that never asked anything as busy, and would wait for it at the end.
  const waiting = new Map<Socket, number>();
  /** Also when the connection was lost before the answer. One function for all: a closure for each request costs. */
  function answered(this: ServerResponse): void {
    const { socket } = this.req;
    const count = waiting.get(socket);
    if (count !== undefined) waiting.set(socket, count - 1);
  }
  const context = { closing: () => closing, secure: certificate !== undefined, local };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    waiting.set(request.socket, (waiting.get(request.socket) ?? 0) + 1);
    response.on('close', answered);
    answer(request, response, handler, log, context);
  };
  const server: Server | TlsServer =
    certificate === undefined
      ? createServer(options, onRequest)
      : createTlsServer(
          { ...options, ...pem(certificate), handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
          onRequest,
        );
  server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    waiting.set(socket, 0);
    socket.once('close', () => waiting.delete(socket));
  });
  server.on('clientError', answerUnreadable);
  server.maxHeadersCount = 0;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  const { address, port } = await listen(server, endpoint);
  // Out of descriptors, say: this connection is lost, the service is not.
  server.on('error', error => log.error('a connection could not be accepted', { error: String(error) }));
  return {
    address: local
      ? `unix://${address}`
      : `${certificate === undefined ? 'http' : 'https'}://${address}:${port}`,
    port,
    replaceCertificate(next) {
      if (!('setSecureContext' in server)) throw new TypeError('not a TLS server');
      server.setSecureContext(pem(next));
    },
    close() {
      closing = true;
      return drain(server, waiting);
    },
  };
}

function pem({ cert, key }: Certificate): { cert: Buffer; key: Buffer } {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

interface Context {
  readonly closing: () => boolean;
  readonly secure: boolean;
  readonly local: boolean;
}

/** At once where the handler answers at once: most requests wait for nothing. */
function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
  log: Logger,
  { closing, secure, local }: Context,
): void {
  const headers = new RequestHeaders(request.rawHeaders);
  const method = request.method ?? '';
  // Most routes read no body; what follows one that was not read is not taken for a request.
  let isUnread =
    headers.one('transfer-encoding') !== undefined ||
    headers.values('content-length').some(length => length !== '0');
  const finish = (reply: Reply): void => {
    try {
      send(response, reply, { head: method === 'HEAD', last: closing() || isUnread });
    } catch (error) {
      log.error('an answer could not be sent', { error: String(error) });
      response.destroy();
    }
  };
  const fail = (error: unknown): void => {
    log.error('a request failed', { path: request.url?.split('?', 1)[0] ?? '', error: String(error) });
    finish(statusReply(500));
  };
  if (headers.count > MAX_HEADERS) {
    finish(statusReply(431));
    return;
  }
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? '' : url.slice(mark + 1);
  const peer = local ? LOCAL_PEER : (request.socket.remoteAddress ?? '');
  const received: Request = { method, path, query, headers, peer, secure };
  const withForm = (): Request => ({
    ...received,
    form: async (): Promise<Form | FormProblem> => {
      const outcome = await readForm(request, headers);
      if (outcome instanceof Form) isUnread = false;
      return outcome;
    },
  });
  let reply: Reply | Promise<Reply>;
  try {
    reply = handler(method === 'POST' ? withForm() : received);
  } catch (error) {
    fail(error);
    return;
  }
  if (reply instanceof Promise) reply.then(finish, fail);
  else finish(reply);
}

function drain(server: Server, waiting: ReadonlyMap<Socket, number>): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const [socket, count] of waiting) if (count === 0) socket.destroy();
  });
}
