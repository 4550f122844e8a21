import { connect } from 'node:http2';
import { APP } from '../../support/world.ts';

/** Pseudo-headers and headers of one request, in HTTP/2 (RFC 9113 section 8.3). */
export type Http2Headers = Readonly<Record<string, string | readonly string[]>>;

/** Nothing here is answered late. */
const PATIENCE_MS = 20_000;

/** Status of the answer; 0 for a stream or connection that was ended without one. */
export function askHttp2(port: number, headers: Http2Headers): Promise<number> {
  return new Promise(resolve => {
    const session = connect(`https://127.0.0.1:${port}`, { servername: APP, rejectUnauthorized: false });
    let status = 0;
    const end = (): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(status);
    };
    const timer = setTimeout(end, PATIENCE_MS);
    session.on('error', end);
    const stream = session.request(headers as Record<string, string | string[]>);
    stream.on('response', answer => {
      status = Number(answer[':status']);
    });
    stream.on('error', end).on('close', end).resume();
    stream.end();
  });
}
