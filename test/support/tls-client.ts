import { connect as connectHttp2, constants } from 'node:http2';
import { request } from 'node:https';
import { connect } from 'node:tls';
import WebSocket, { type ClientOptions } from 'ws';
import { parseAnswer, type RawAnswer } from './raw-http.ts';
import { waitUntil } from './wait.ts';

export interface TlsAsk {
  readonly method?: string;
  /** `user:password` for Basic. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Sends the body without saying how long it is. */
  readonly chunked?: boolean;
}

export interface TlsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Answers what is in flight for longer is a fault: a wrong password takes two seconds. */
const PATIENCE_MS = 20_000;

/** `Basic …` of `user:password`. */
export function basicCredential(credential: string): string {
  return `Basic ${Buffer.from(credential, 'utf8').toString('base64')}`;
}

/** One HTTPS request to a loopback port, as if it were `domain`; any certificate does. */
export function askTls(port: number, domain: string, path: string, ask: TlsAsk = {}): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const length = ask.body === undefined || ask.chunked ? {} : { 'content-length': ask.body.length };
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: ask.method ?? 'GET',
        servername: domain,
        rejectUnauthorized: false,
        agent: false,
        headers: {
          host: domain,
          ...(ask.as === undefined ? {} : { authorization: basicCredential(ask.as) }),
          ...length,
          ...ask.headers,
        },
        timeout: PATIENCE_MS,
      },
      incoming => {
        const parts: Buffer[] = [];
        incoming.on('data', part => parts.push(part));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(parts).toString('utf8'),
          }),
        );
        outgoing.off('error', reject).on('error', () => {});
      },
    );
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
    outgoing.end(ask.body);
  });
}

/** Status of a GET over HTTP/2. */
export function askHttp2(
  port: number,
  domain: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      servername: domain,
      rejectUnauthorized: false,
    });
    session.on('error', reject);
    const stream = session.request({
      ...headers,
      [constants.HTTP2_HEADER_AUTHORITY]: domain,
      [constants.HTTP2_HEADER_PATH]: path,
    });
    let status = 0;
    stream.on('response', answer => {
      status = Number(answer[constants.HTTP2_HEADER_STATUS]);
    });
    stream.on('error', reject);
    stream.on('end', () => {
      session.close();
      resolve(status);
    });
    stream.setTimeout(PATIENCE_MS, () => session.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
    stream.resume().end();
  });
}

/** Exact bytes over TLS; the request must say `Connection: close`. A connection cut without an answer has status 0. */
export async function sendTls(port: number, domain: string, bytes: string): Promise<RawAnswer> {
  const socket = connect({ host: '127.0.0.1', port, servername: domain, rejectUnauthorized: false });
  let received = '';
  let closed = false;
  socket.on('data', part => {
    received += part.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  socket.write(Buffer.from(bytes, 'latin1'));
  try {
    await waitUntil('an answer', () => closed, PATIENCE_MS);
    return parseAnswer(received);
  } finally {
    socket.destroy();
  }
}

/** What comes of opening a WebSocket: the first message of the backend and the echo of `text`, or the refusal. */
export function askWebSocket(
  port: number,
  domain: string,
  path: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; messages: string[] }> {
  return new Promise((resolve, reject) => {
    // The options of node's `https`, too, which the types do not know of.
    const options: ClientOptions & { servername: string } = {
      servername: domain,
      rejectUnauthorized: false,
      headers: { host: domain, ...headers },
      handshakeTimeout: PATIENCE_MS,
    };
    const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, options);
    const messages: string[] = [];
    socket.on('message', data => {
      messages.push(data.toString());
      if (messages.length === 1) socket.send(text);
      else socket.close();
    });
    socket.on('close', () => resolve({ status: 101, messages }));
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, messages });
    });
    socket.on('error', reject);
  });
}
