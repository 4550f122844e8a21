import { Agent, createServer, type IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HEADER_VERDICT, VERDICT_ALLOW_PREFIX, VERDICT_DEFER_PREFIX } from '../../assembly/contract.ts';
import { createForwardAuth, type ForwardAuthOptions, headersOf } from './forward-auth.ts';
import { type Peer, rewriteAtEntry } from './forwarded.ts';
import { type Guest, type GuestOutcome, type GuestPool, LOG_ERROR } from './guest-pool.ts';
import { HeaderMap, tokens } from './header-map.ts';
import { parseRequestTarget } from './request-uri.ts';
import type { GuestResponse } from './response-writer.ts';
import { relay } from './upstream.ts';

/**
 * A small reverse proxy that does with `plugin.wasm` what a Traefik with the
 * routers of `postern traefik` does: the guest first, then by its verdict
 * straight to the backend, through the host's forward-auth, or nowhere.
 * HTTP/1.1 without TLS, all peers untrusted.
 */
export interface ProxyOptions {
  readonly guests: GuestPool;
  /** Host name in lower case, without port, to the `http:` URL of its backend. */
  readonly backends: Readonly<Record<string, string>>;
  readonly forwardAuth: ForwardAuthOptions;
  /** What stands behind `allow-` and `defer-` in a verdict. */
  readonly verdictTag: string;
  /** Levels as the guest's. */
  log(level: number, message: string): void;
}

export interface Proxy {
  /** Port 0 takes a free one. */
  listen(port: number, host: string): Promise<{ readonly port: number; readonly url: string }>;
  /** Stops, ending open connections. */
  close(): Promise<void>;
}

/** Go's default for all headers together; Node's is 16 KiB. The guest has narrower limits of its own. */
const MAX_HEADER_SIZE = 1_048_576;
const POSTERN_PREFIX = 'Postern-';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket?: { readonly stream: Duplex; readonly head: Buffer };
  /** The client waits for `100 Continue` before it sends the body. */
  readonly waits: boolean;
}

export function createProxy(options: ProxyOptions): Proxy {
  const { guests, verdictTag, log } = options;
  const backends = new Map(Object.entries(options.backends).map(([host, url]) => [host, new URL(url)]));
  const forwardAuth = createForwardAuth(options.forwardAuth, log);
  const agent = new Agent({ keepAlive: true });
  const server = createServer({ maxHeaderSize: MAX_HEADER_SIZE });
  // Uploads take as long as they take; a header that was dropped silently could be one that matters.
  server.requestTimeout = 0;
  server.maxHeadersCount = 0;
  const sockets = new Set<Socket>();

  async function handle(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    const target = parseRequestTarget(request.method === 'CONNECT' ? '/' : (request.url ?? ''));
    const headers = headersOf(request);
    const hosts = headers.values('Host');
    const host = target?.authority ?? hosts[0];
    if (target === undefined || host === undefined || hosts.length > 1) return end(response, 400);
    const backend = backends.get(canonicalHost(host));
    if (backend === undefined) return end(response, 404);

    const peer = peerOf(request.socket);
    rewriteAtEntry(headers, host, peer);
    headers.set('Host', host);
    const guest = guests.acquire();
    let answer: Parameters<Guest['release']>[0];
    try {
      const outcome = guest.handle({
        method: request.method ?? '',
        uri: target.uri,
        headers: headers.pairs(),
        sourceAddress: peer.address,
        protocol: `HTTP/${request.httpVersion}`,
      });
      answer = outcome.next ? await pass(exchange, outcome, host, backend, peer) : undefined;
      if (outcome.response !== undefined) give(response, outcome.response);
    } finally {
      guest.release(answer);
    }
  }

  /** What the two child routers do. */
  async function pass(
    exchange: Exchange,
    outcome: GuestOutcome,
    host: string,
    backend: URL,
    peer: Peer,
  ): Promise<Parameters<Guest['release']>[0]> {
    const { request, response, socket, waits } = exchange;
    const { method, uri } = outcome;
    let headers = HeaderMap.from(outcome.headers);
    const verdicts = headers.values(HEADER_VERDICT);
    if (verdicts.includes(VERDICT_DEFER_PREFIX + verdictTag)) {
      const result = await forwardAuth.ask(method, uri, host, headers, peer);
      if (!result.allow) {
        give(response, result.answer);
        return result.answer;
      }
      headers = result.headers;
    } else if (!verdicts.includes(VERDICT_ALLOW_PREFIX + verdictTag)) {
      end(response, 404);
      return undefined;
    }
    for (const name of headers.names()) if (name.startsWith(POSTERN_PREFIX)) headers.delete(name);
    if (method === 'CONNECT') {
      end(response, 501);
      return undefined;
    }
    if (waits) response.writeContinue();
    const common = { backend, agent, method, uri, headers, peer, request, response, log };
    return relay(socket === undefined ? common : { ...common, socket });
  }

  function serve(exchange: Exchange): void {
    handle(exchange).catch((error: unknown) => {
      log(LOG_ERROR, `proxy: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      if (exchange.response.headersSent) exchange.response.destroy();
      else end(exchange.response, 500);
    });
  }

  /** Requests that come with a connection of their own: no other will follow on it. */
  function serveDetached(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(stream as Socket);
    response.on('finish', () => stream.end());
    stream.on('error', () => stream.destroy());
    serve({ request, response, socket: { stream, head }, waits: false });
  }

  server.on('connection', socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => serve({ request, response, waits: false }));
  server.on('checkContinue', (request, response) => serve({ request, response, waits: true }));
  server.on('connect', serveDetached);
  server.on('upgrade', (request, stream, head) => {
    const wantsWebSocket = request.method === 'GET' && /^websocket$/i.test(request.headers.upgrade ?? '');
    const hasBody =
      Boolean(Number(request.headers['content-length'])) || request.headers['transfer-encoding'];
    if (wantsWebSocket && !hasBody) serveDetached(request, stream, head);
    else server.emit('connection', withoutUpgrade(request, stream, head));
  });

  return {
    async listen(port, host) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve());
      });
      const address = server.address() as AddressInfo;
      const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      return { port: address.port, url: `http://${name}:${address.port}` };
    },
    async close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      forwardAuth.close();
      await closed;
    },
  };
}

/**
 * Only WebSockets are upgraded. Any other wish is ignored (RFC 9110 section
 * 7.8), but the parser has let go of the connection: it gets the same request
 * once more, without the wish.
 */
function withoutUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Duplex {
  const headers = headersOf(request);
  const options = tokens(headers.values('Connection')).filter(option => !/^upgrade$/i.test(option));
  headers.delete('Upgrade');
  headers.delete('Connection');
  if (options.length > 0) headers.set('Connection', options.join(', '));
  const lines = headers.pairs().map(([name, value]) => `${name}: ${value}`);
  const text = [`${request.method} ${request.url} HTTP/${request.httpVersion}`, ...lines, '', ''].join(
    '\r\n',
  );
  stream.unshift(Buffer.concat([Buffer.from(text, 'latin1'), head]));
  return stream;
}

/** As Traefik compares it with a rule: lower case, without port and trailing dot. */
function canonicalHost(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

function peerOf(socket: Socket): Peer {
  const ip = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  const port = socket.remotePort ?? 0;
  return { ip, address: ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}` };
}

/** An answer of the proxy itself; no router matched is told in Traefik's words. */
function end(response: ServerResponse, status: number): void {
  if (status !== 404) return void response.writeHead(status, { 'Content-Length': 0 }).end();
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
  response.writeHead(404, headers).end('404 page not found\n');
}

/** An answer whose bytes are all there. */
function give(response: ServerResponse, answer: GuestResponse): void {
  const headers = HeaderMap.from(answer.headers);
  headers.delete('Transfer-Encoding');
  // RFC 9110 section 8.6.
  if (answer.status === 204 || answer.status === 304) headers.delete('Content-Length');
  else headers.set('Content-Length', String(answer.body.length));
  // A line end in a value would be a header of its own; Go writes a space, too.
  const pairs = headers.pairs().map(([name, value]) => [name, value.replace(/[\r\n]/g, ' ')]);
  response.writeHead(answer.status, pairs.flat()).end(answer.body);
}
