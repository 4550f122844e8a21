import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { flatHeaders, type Reply } from './reply.ts';

/**
 * HTTP/2, which proxies speak where there is TLS: what is different from
 * HTTP/1.1 in what requests and answers are made of. RFC 9113.
 */

/**
 * The headers as HTTP/1.1 would bring them. What `:authority` says is `Host`
 * (section 8.3.1); who sends both has a repeated one, which counts as none.
 *
 * @param raw node's `rawHeaders`
 */
export function withHost(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name === ':authority') headers.push('host', raw[i + 1] ?? '');
    else if (!name.startsWith(':')) headers.push(name, raw[i + 1] ?? '');
  }
  return headers;
}

/** Address of the socket's peer, empty when the connection is gone. */
export function peerOf({ stream }: Http2ServerRequest): string {
  const { session } = stream;
  return session === undefined || session.destroyed ? '' : (session.socket.remoteAddress ?? '');
}

/** As `send` of `reply.ts`. @param options.last the rest of a body that may still come is not wanted */
export function sendHttp2(
  response: Http2ServerResponse,
  reply: Reply,
  options: { head: boolean; last: boolean },
): void {
  const { stream } = response;
  // The client has given up.
  if (stream === undefined || stream.destroyed) return;
  const flat = flatHeaders(reply, options.head);
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase();
    const value = flat[i + 1] ?? '';
    const before = headers[name];
    // A name that stands twice (two cookies, say) is sent twice.
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  response.writeHead(reply.status, headers);
  if (options.last) stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
  if (options.head || reply.body === '') response.end();
  else response.end(reply.body);
}
