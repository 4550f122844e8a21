import { type Read, type Reader, shown } from './values.ts';

export interface Address {
  /** Empty means every interface. */
  readonly host: string;
  readonly port: number;
  /** Instead of these. */
  readonly socket?: { readonly path: string; readonly umask?: number | undefined };
  /** Path below which everything is served, too; empty without one. */
  readonly prefix: string;
}

/** Authelia's port. */
export const DEFAULT_PORT = 9091;
const DEFAULT_HOST = '127.0.0.1';

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (message: string): Read<never> => ({ ok: false, message });

/** Segments of letters, digits, `.`, `_` and `-`: what needs no escaping anywhere. */
const PREFIX = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** `/authelia/`, `authelia` and `/authelia` are one prefix, `/` is none. */
export const prefix: Reader<string> = raw => {
  const path =
    typeof raw === 'string'
      ? raw
          .trim()
          .replace(/\/$/, '')
          .replace(/^(?=[^/])/, '/')
      : '?';
  return PREFIX.test(path) ? good(path) : bad(`must be a path like \`/authelia\`, got ${shown(raw)}`);
};

/**
 * Authelia's address: `tcp://127.0.0.1:9091/authelia`, also without the scheme,
 * or `unix:///run/postern.sock?umask=0007&path=authelia`.
 */
export const address: Reader<Address> = raw => {
  const form = 'must be `tcp://HOST:PORT` or `unix:///PATH`, for example `tcp://127.0.0.1:9091`';
  if (typeof raw !== 'string') return bad(`${form}, got ${shown(raw)}`);
  const text = raw.trim();
  if (text.startsWith('unix:')) return unixAddress(text);
  if (text.startsWith('fd:')) {
    return bad(`${form}; sockets handed over by another process are not supported, got ${shown(raw)}`);
  }
  const match = /^(?:tcp[46]?:\/\/)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*)(?::(\d{1,5}))?(\/.*)?$/.exec(text);
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (match === null || port > 65_535 || text === '') return bad(`${form}, got ${shown(raw)}`);
  const path = prefix(match[3] ?? '/');
  if (!path.ok) return bad(path.message.replace('must be a path', 'the path must look'));
  return good({ host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port, prefix: path.value });
};

/** Longest path of a Unix socket: `sun_path` of Linux, without its final NUL. */
const MAX_SOCKET_PATH = 107;

function unixAddress(text: string): Read<Address> {
  const form = 'must be `unix:///PATH?umask=0007`';
  const match = /^unix:\/\/(\/[^?#]+)(?:\?([^#]*))?$/.exec(text);
  if (match?.[1] === undefined || match[1].endsWith('/')) return bad(`${form}, got ${shown(text)}`);
  if (Buffer.byteLength(match[1]) > MAX_SOCKET_PATH) {
    return bad(`the path of a socket has at most ${MAX_SOCKET_PATH} bytes, got ${shown(text)}`);
  }
  let umask: number | undefined;
  let below = '';
  for (const [name, value] of new URLSearchParams(match[2] ?? '')) {
    if (name === 'umask' && /^0?[0-7]{3}$/.test(value)) {
      umask = Number.parseInt(value, 8);
      continue;
    }
    const path = name === 'path' ? prefix(value) : undefined;
    if (path?.ok !== true)
      return bad(`${form} and \`path=NAME\`, got \`${name}=${value}\` in ${shown(text)}`);
    below = path.value;
  }
  const socket = { path: match[1], ...(umask === undefined ? {} : { umask }) };
  return good({ host: DEFAULT_HOST, port: DEFAULT_PORT, socket, prefix: below });
}
