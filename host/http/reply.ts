import { type ServerResponse, STATUS_CODES } from 'node:http';

/** An answer before it is sent. Header values are latin1, as node takes them. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Empty for an answer without a body's type. */
  readonly type: string;
  readonly body: string;
  /** Sent as it is, without the headers that every other answer gets: decisions answer as their dialect does. */
  readonly exact?: boolean;
}

export type ReplyHeaders = Reply['headers'];

const TEXT = 'text/plain; charset=utf-8';

/** Authelia's bodies: `403 Forbidden`, and nothing about the inside. */
export function statusReply(status: number, headers: ReplyHeaders = []): Reply {
  return { status, headers, type: TEXT, body: statusText(status) };
}

/** `statusReply` for decisions: nothing but what is said here is sent. */
export function exactReply(status: number, headers: ReplyHeaders = []): Reply {
  return { status, headers, type: TEXT, body: statusText(status), exact: true };
}

const STATUS_TEXTS = new Map(
  Object.entries(STATUS_CODES).map(([status, text]) => [Number(status), `${status} ${text}`]),
);

function statusText(status: number): string {
  return STATUS_TEXTS.get(status) ?? `${status} Unknown`;
}

export function jsonReply(status: number, value: unknown): Reply {
  return { status, headers: [], type: 'application/json; charset=utf-8', body: JSON.stringify(value) };
}

/** Text of any kind as a header value: its UTF-8 bytes, which node writes as latin1. */
export function headerValue(text: string): string {
  // ASCII is its own UTF-8.
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Name, value, name, value, … of all that an answer is sent with. @param head to HEAD */
export function flatHeaders(reply: Reply, head: boolean): string[] {
  // RFC 9110 section 8.6: 204 has none; to HEAD it would be that of GET, which an empty body is not.
  const isLeftOut = reply.status === 204 || (head && reply.body === '');
  const headers = isLeftOut ? [] : ['Content-Length', String(Buffer.byteLength(reply.body))];
  if (reply.type !== '') headers.push('Content-Type', reply.type);
  if (reply.exact !== true) headers.push('Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff');
  for (const [name, value] of reply.headers) headers.push(name, value);
  return headers;
}

/** Sends a reply; HEAD is given the same headers and no body. @param options.last nothing more is read from this connection */
export function send(
  response: ServerResponse,
  reply: Reply,
  options: { head: boolean; last: boolean },
): void {
  const headers = flatHeaders(reply, options.head);
  if (options.last) headers.push('Connection', 'close');
  response.writeHead(reply.status, headers);
  if (options.head || reply.body === '') response.end();
  // ASCII: node sends it with the headers, in one piece.
  else if (Buffer.byteLength(reply.body) === reply.body.length) response.end(reply.body, 'latin1');
  // As bytes: node would glue a string to the headers and encode both as UTF-8, the headers' bytes a second time.
  else response.end(Buffer.from(reply.body));
}
