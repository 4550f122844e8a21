import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from '../log/logger.ts';
import { answerUnreadable } from './client-error.ts';
import { createListener } from './exchange.ts';
import { type Http2Connections, PROTOCOLS, serveHttp2 } from './http2-server.ts';
import { type Endpoint, listen } from './listen.ts';
import type { Handler } from './router.ts';

/** `Postern-Request` may be 12 KiB, beside what the client sent. */
const MAX_HEADER_BYTES = 65_536;
/** A proxy next door sends its request at once. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 20_000;
/** Longer than Go's proxies keep an idle connection (90 s): who ends it last loses a request. */
const KEEP_ALIVE_MS = 100_000;
/** A failed login takes two seconds; what is not answered by then is cut. */
const DRAIN_MS = 10_000;

/** A TLS handshake that takes longer is given up. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
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

/** Listens, with TLS where there is a certificate. Rejects with the system's error (`EADDRINUSE`, …) where it cannot. */
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
  const take = createListener({
    handler,
    log,
    closing: () => closing,
    secure: certificate !== undefined,
    local,
  });
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    waiting.set(request.socket, (waiting.get(request.socket) ?? 0) + 1);
    response.on('close', answered);
    take(request, response);
  };
  const server: Server | TlsServer =
    certificate === undefined
      ? createServer(options, onRequest)
      : createTlsServer(
          {
            ...options,
            ...pem(certificate),
            ALPNProtocols: PROTOCOLS,
            handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
          },
          onRequest,
        );
  server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    waiting.set(socket, 0);
    socket.once('close', () => waiting.delete(socket));
  });
  const http2 = 'setSecureContext' in server ? serveHttp2(server, KEEP_ALIVE_MS, take) : undefined;
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
      return drain(server, waiting, http2);
    },
  };
}

function pem({ cert, key }: Certificate): { cert: Buffer; key: Buffer } {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

function drain(
  server: Server,
  waiting: ReadonlyMap<Socket, number>,
  http2: Http2Connections | undefined,
): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
      http2?.destroy();
    }, DRAIN_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const [socket, count] of waiting) if (count === 0) socket.destroy();
    http2?.close();
  });
}
