import { connect } from 'node:net';
import { waitUntil } from './wait.ts';

/** One HTTP/1.1 answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** As latin-1, without the chunks' framing. */
  readonly body: string;
  /** First value of a header, in any case. */
  header(name: string): string | undefined;
}

export interface RawConnection {
  /** All bytes so far as latin-1. */
  readonly received: string;
  readonly closed: boolean;
  /** Bytes that the operating system has taken so far. */
  readonly bytesSent: number;
  send(bytes: string | Uint8Array): void;
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  close(): void;
}

/** Opens a TCP connection to a loopback port, to write exact bytes. Strings are sent as latin-1. */
export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', part => {
    received += part.toString('latin1');
  });
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  // From here on an error only means that the other side closed.
  socket.on('error', () => {});
  return {
    get received() {
      return received;
    },
    get closed() {
      return closed;
    },
    get bytesSent() {
      return socket.bytesWritten - socket.writableLength;
    },
    send: bytes => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    waitFor: (pattern, timeoutMs) =>
      waitUntil(String(pattern), () => received.match(pattern) ?? undefined, timeoutMs),
    close: () => void socket.destroy(),
  };
}

/**
 * Sends exact bytes and answers what comes back. The request should say
 * `Connection: close`; without it the answer is taken once its headers and a
 * body that is chunked or of announced length are there.
 */
export async function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  timeoutMs = 30_000,
): Promise<RawAnswer> {
  const connection = await openRaw(port);
  connection.send(bytes);
  try {
    await waitUntil('an answer', () => connection.closed || isComplete(connection.received), timeoutMs);
    return parseAnswer(connection.received);
  } finally {
    connection.close();
  }
}

/** A request's bytes with CRLF line ends, closing the connection: `lines` are the request line and headers. */
export function rawRequest(lines: readonly string[], body = ''): string {
  return `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`;
}

function isComplete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  const length = text.slice(0, end).match(/^content-length: *(\d+)/im)?.[1];
  if (end === -1) return false;
  if (/^HTTP\/1\.1 101 /.test(text)) return true;
  if (/^transfer-encoding: *chunked/im.test(text.slice(0, end))) return text.endsWith('\r\n0\r\n\r\n');
  return length !== undefined && text.length >= end + 4 + Number(length);
}

export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end === -1 ? undefined : end).split('\r\n');
  const headers = lines.map(line => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const header = (name: string): string | undefined =>
    headers.find(([found]) => found.toLowerCase() === name.toLowerCase())?.[1];
  const body = end === -1 ? '' : text.slice(end + 4);
  return {
    status: Number(statusLine.split(' ')[1] ?? 0),
    headers,
    body: header('transfer-encoding')?.toLowerCase() === 'chunked' ? joinChunks(body) : body,
    header,
  };
}

/** RFC 9112 section 7.1, as far as the text goes. */
function joinChunks(text: string): string {
  let joined = '';
  for (let at = 0; at < text.length; ) {
    const line = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, line), 16);
    if (line === -1 || !(length > 0)) break;
    joined += text.slice(line + 2, line + 2 + length);
    at = line + 2 + length + 2;
  }
  return joined;
}
