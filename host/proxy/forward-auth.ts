import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { appendForwardedFor, type Peer } from './forwarded.ts';
import { HeaderMap, tokens } from './header-map.ts';
import type { GuestResponse } from './response-writer.ts';

/** Traefik gives the endpoint this long. */
const TIMEOUT_MS = 30_000;
/** A sign-in page is smaller by far; Traefik's own default is no limit at all, which it warns of. */
const DEFAULT_MAX_RESPONSE_BODY = 1_048_576;

export interface ForwardAuthOptions {
  /** Address of the host's endpoint, an `http:` URL. */
  readonly address: string;
  /** Headers taken from the answer, and from nobody else. */
  readonly authResponseHeaders: readonly string[];
  /** Bytes; over it is 401. Default 1 MiB. */
  readonly maxResponseBodySize?: number;
}

export type AuthResult =
  | { readonly allow: true; readonly headers: HeaderMap }
  | { readonly allow: false; readonly answer: GuestResponse };

export interface ForwardAuth {
  /** Asks about a request; `headers` are left as they are. Never rejects: a failure is the answer 500. */
  ask(method: string, uri: string, host: string, headers: HeaderMap, peer: Peer): Promise<AuthResult>;
  close(): void;
}

/** Not to be sent to the endpoint, nor from it to the client. `Proxy-Authorization` is (RFC 9110 section 11.7.2). */
const HOP_BY_HOP = ['Connection', 'Keep-Alive', 'Te', 'Trailers', 'Transfer-Encoding', 'Upgrade'];

const plainAnswer = (status: number): AuthResult => ({
  allow: false,
  answer: { status, headers: [], body: new Uint8Array(0) },
});

/** Traefik's forwardAuth middleware with `trustForwardHeader: true`. */
export function createForwardAuth(
  options: ForwardAuthOptions,
  log: (level: number, message: string) => void,
): ForwardAuth {
  const agent = new Agent({ keepAlive: true });
  const limit = options.maxResponseBodySize ?? DEFAULT_MAX_RESPONSE_BODY;

  function questionHeaders(
    method: string,
    uri: string,
    host: string,
    headers: HeaderMap,
    peer: Peer,
  ): HeaderMap {
    const question = headers.clone();
    for (const name of tokens(question.values('Connection'))) question.delete(name);
    for (const name of [...HOP_BY_HOP, 'Content-Length', 'Expect']) question.delete(name);
    question.set('Host', new URL(options.address).host);
    appendForwardedFor(question, peer);
    const defaults = { Method: method, Proto: 'http', Port: '80', Host: host, Uri: uri };
    for (const [name, value] of Object.entries(defaults)) {
      if (!question.has(`X-Forwarded-${name}`)) question.set(`X-Forwarded-${name}`, value);
    }
    return question;
  }

  function call(headers: HeaderMap): Promise<{ message: IncomingMessage; body: Buffer | undefined }> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const request = httpRequest(options.address, { agent, signal, headers: headers.pairs().flat() });
      request.on('error', reject);
      request.on('response', message => {
        readBody(message, limit).then(body => resolve({ message, body }), reject);
      });
      request.end();
    });
  }

  return {
    async ask(method, uri, host, headers, peer) {
      let reply: Awaited<ReturnType<typeof call>>;
      try {
        reply = await call(questionHeaders(method, uri, host, headers, peer));
      } catch (error) {
        log(2, `forward-auth endpoint ${options.address}: ${error instanceof Error ? error.message : error}`);
        return plainAnswer(500);
      }
      const { message, body } = reply;
      if (body === undefined) return plainAnswer(401);
      const answered = headersOf(message);
      const status = message.statusCode ?? 500;
      if (status < 200 || status > 299) {
        for (const name of HOP_BY_HOP) answered.delete(name);
        answered.delete('Content-Length');
        const location = answered.get('Location');
        if (location !== undefined && !URL.canParse(location)) {
          answered.set('Location', new URL(location, options.address).href);
        }
        return { allow: false, answer: { status, headers: answered.pairs(), body } };
      }
      const edited = headers.clone();
      for (const name of options.authResponseHeaders) {
        edited.delete(name);
        const values = answered.values(name);
        if (values.length > 0) edited.set(name, ...values);
      }
      return { allow: true, headers: edited };
    },
    close: () => agent.destroy(),
  };
}

export function headersOf(message: IncomingMessage): HeaderMap {
  const headers = new HeaderMap();
  const { rawHeaders } = message;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    headers.add(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
  return headers;
}

/** The whole body; undefined when it is longer than `limit` bytes. */
async function readBody(message: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) {
      message.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
