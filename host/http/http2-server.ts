import {
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';

/**
 * What a proxy may ask at a time on one connection. Go's open another one
 * beyond it; one that resets what it asked keeps its places until that is done.
 */
const MAX_STREAMS = 1_000;
/** More than we answer 431 to, so that it is we who answer: beyond it a request is only reset. */
const MAX_HEADER_PAIRS = 512;

/** What a TLS server is asked to offer, the best first. */
export const PROTOCOLS = ['h2', 'http/1.1'];

/** The connections of a server that speak HTTP/2. */
export interface Http2Connections {
  /** Takes no more requests, and ends each connection behind its last answer. */
  close(): void;
  /** Ends them now. */
  destroy(): void;
}

/**
 * Speaks HTTP/2 where a client of `server` has chosen it. A proxy needs one
 * connection then; of HTTP/1.1 Go's keep two and make a new one for nearly every
 * request beyond. All others are left to the server, with its limits.
 *
 * @param idleMs after how much of silence a connection is ended
 */
export function serveHttp2(
  server: Server,
  idleMs: number,
  onRequest: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Http2Connections {
  const sessions = new Set<Http2Session>();
  const settings = { maxConcurrentStreams: MAX_STREAMS, enablePush: false };
  const http2 = createServer({ settings, maxHeaderListPairs: MAX_HEADER_PAIRS }, onRequest);
  let closing = false;
  http2.on('session', session => {
    if (closing) session.close();
    sessions.add(session);
    session.setTimeout(idleMs, () => session.close());
    session.once('close', () => sessions.delete(session));
  });
  const others = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.emit('connection', socket);
    else for (const listener of others) listener.call(server, socket);
  });
  return {
    close() {
      closing = true;
      for (const session of sessions) session.close();
    },
    destroy() {
      for (const session of sessions) session.destroy();
    },
  };
}
