import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { headersOf } from './forward-auth.ts';
import { appendForwardedFor, isWebSocket, type Peer, removeHopByHop } from './forwarded.ts';
import type { HeaderMap, HeaderPair } from './header-map.ts';

/** One request on its way to a backend. Bodies are streamed, nothing is kept. */
export interface Relay {
  /** `http:` URL of the backend; only host and port count. */
  readonly backend: URL;
  readonly agent: Agent;
  readonly method: string;
  readonly uri: string;
  /** Headers to send, with `Host`; edited here. */
  readonly headers: HeaderMap;
  readonly peer: Peer;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client's connection and what it sent already, where it asked for a WebSocket. */
  readonly socket?: { readonly stream: Duplex; readonly head: Buffer };
  log(level: number, message: string): void;
}

/** Ends when the exchange has, a WebSocket when it is closed: the answer's headers, undefined when there was none. */
export function relay(exchange: Relay): Promise<{ readonly headers: readonly HeaderPair[] } | undefined> {
  const { backend, agent, method, uri, headers, request, response, socket, log } = exchange;
  const upgrades = socket !== undefined && isWebSocket(headers);
  frame(headers, request, method, upgrades);
  appendForwardedFor(headers, exchange.peer);

  return new Promise(resolve => {
    let answered: { headers: HeaderPair[] } | undefined;
    const upstream = httpRequest({
      agent: upgrades ? false : agent,
      hostname: backend.hostname.replace(/^\[|\]$/g, ''),
      port: backend.port || 80,
      method,
      path: uri,
      headers: headers.pairs().flat(),
    });

    function fail(reason: string): void {
      log(1, `backend ${backend.host}: ${reason}`);
      if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(502).end('Bad Gateway');
      resolve(answered);
    }
    upstream.on('error', error => fail(error.message));
    // A 101 that nobody asked for ends the connection without an error.
    upstream.on('close', () => {
      if (answered === undefined && !response.headersSent) fail('closed without an answer');
    });
    upstream.on('response', answer => {
      const given = headersOf(answer);
      removeHopByHop(given);
      answered = { headers: given.pairs() };
      response.sendDate = false;
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, given.pairs().flat());
      // Not only with the first byte of the body: an event stream may be silent for long.
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    if (socket !== undefined) {
      upstream.on('upgrade', (answer, stream, head) => {
        answered = { headers: headersOf(answer).pairs() };
        response.detachSocket(request.socket);
        splice(socket.stream, stream, statusAndHeaders(answer), socket.head, head, () => resolve(answered));
      });
    }
    response.on('close', () => {
      if (!response.writableFinished && !upgrades) upstream.destroy();
      // A spliced connection resolves when it ends.
      if (!upgrades || response.writableFinished) resolve(answered);
    });
    sendBody(request, upstream, socket !== undefined);
  });
}

/** Takes off what belongs to the client's connection and says how the body is framed on the backend's. */
function frame(headers: HeaderMap, request: IncomingMessage, method: string, upgrades: boolean): void {
  const upgrade = headers.get('Upgrade');
  removeHopByHop(headers);
  // Answered here, before the body was asked for.
  headers.delete('Expect');
  if (upgrades && upgrade !== undefined) {
    headers.set('Connection', 'Upgrade');
    headers.set('Upgrade', upgrade);
    return;
  }
  if (request.headers['transfer-encoding'] !== undefined) {
    headers.delete('Content-Length');
    headers.set('Transfer-Encoding', 'chunked');
  } else if (!headers.has('Content-Length') && /^(POST|PUT|PATCH)$/.test(method)) {
    // RFC 9110 section 8.6: without it Node would send an empty chunked body.
    headers.set('Content-Length', '0');
  }
}

function sendBody(request: IncomingMessage, upstream: ClientRequest, detached: boolean): void {
  // What follows the head of an upgrade is no body.
  if (detached) {
    upstream.end();
    return;
  }
  request.on('error', () => upstream.destroy());
  request.pipe(upstream);
}

function statusAndHeaders(answer: IncomingMessage): string {
  const lines = headersOf(answer)
    .pairs()
    .map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 101 ${answer.statusMessage ?? 'Switching Protocols'}`, ...lines, '', ''].join('\r\n');
}

/** Joins two connections byte for byte until either ends. */
function splice(
  client: Duplex,
  backend: Duplex,
  greeting: string,
  clientHead: Buffer,
  backendHead: Buffer,
  done: () => void,
): void {
  client.write(greeting, 'latin1');
  if (backendHead.length > 0) client.write(backendHead);
  if (clientHead.length > 0) backend.write(clientHead);
  const end = (): void => {
    client.destroy();
    backend.destroy();
    done();
  };
  for (const side of [client, backend]) side.on('error', end).on('close', end);
  client.pipe(backend);
  backend.pipe(client);
}
