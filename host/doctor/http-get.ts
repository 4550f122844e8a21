import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ClockOffset } from './traefik-view.ts';

/** An answer that takes longer is as good as none. */
const TIMEOUT_MS = 10_000;
/** rawdata of a thousand routers has half a megabyte. */
const MAX_BODY = 64 * 1024 * 1024;

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Our address on the connection. */
  readonly localAddress: string;
  /** What its `Date` header tells. */
  readonly clock: ClockOffset | undefined;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Where to connect in place of the URL's host. */
  readonly connect?: { readonly host: string; readonly port: number } | undefined;
}

/** One GET without following redirections. Rejects with the system's word for what failed, e.g. `ECONNREFUSED`. */
export function get(address: string, { headers = {}, connect }: GetOptions = {}): Promise<Got> {
  const url = new URL(address);
  const secure = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const sent = Date.now();
    const options = {
      host: connect?.host ?? hostname,
      port: connect?.port ?? (url.port || (secure ? 443 : 80)),
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, connection: 'close', ...headers },
      agent: false,
      ...(secure ? { servername: hostname } : {}),
    } as const;
    const outgoing = (secure ? httpsRequest : httpRequest)(options, incoming => {
      const localAddress = incoming.socket.localAddress ?? '';
      const received = Date.now();
      const parts: Buffer[] = [];
      let length = 0;
      incoming.on('data', (part: Buffer) => {
        length += part.length;
        if (length > MAX_BODY) outgoing.destroy(new Error('answer too large'));
        else parts.push(part);
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        clearTimeout(timer);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(parts),
          localAddress: localAddress.replace(/^::ffff:/, ''),
          clock: clockOffset(incoming.headers.date, sent, received),
        });
      });
    });
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS / 1_000} s`)),
      TIMEOUT_MS,
    );
    outgoing.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    outgoing.end();
  });
}

/** `Date` names a second in which the answer was written, between `sent` and `received` by our clock. */
export function clockOffset(
  date: string | undefined,
  sent: number,
  received: number,
): ClockOffset | undefined {
  const began = Date.parse(date ?? '');
  if (Number.isNaN(began)) return undefined;
  // Servers keep the header's text for up to a second more.
  return { atLeast: began - received, atMost: began + 2_000 - sent };
}
