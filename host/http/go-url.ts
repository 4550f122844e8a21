/**
 * The two forms in which Go's net/url writes what Authelia puts into a
 * `Location`, so that an address means the same to whoever reads it behind us.
 * Texts hold one byte a character, as node gives headers.
 */

/** Bytes that stay in a path (`shouldEscape`, encodePath). */
const PATH_PLAIN = /^[A-Za-z0-9\-_.~$&+,/:;=@]$/;
/** Bytes that, escapes aside, a path may hold and still be written as it came (`validEncoded`). */
const PATH_VALID = /^(?:[A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]]|%[0-9A-Fa-f]{2})*$/;
const QUERY_PLAIN = /[^A-Za-z0-9\-_.~]/g;

/** `url.QueryEscape` */
export function queryEscape(text: string): string {
  return text.replace(QUERY_PLAIN, byte => (byte === ' ' ? '+' : percent(byte.charCodeAt(0))));
}

/** `URL.String()` of what `url.ParseRequestURI` reads. @param uri escaped path and raw query, may be empty */
export function urlText(scheme: string, host: string, uri: string): string {
  const mark = uri.indexOf('?');
  const path = mark < 0 ? uri : uri.slice(0, mark);
  const query = mark < 0 ? '' : uri.slice(mark);
  return `${scheme.toLowerCase()}://${host}${PATH_VALID.test(path) ? path : escapedPath(path)}${query}`;
}

function escapedPath(path: string): string {
  const bytes = path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  let out = '';
  for (const byte of bytes) out += PATH_PLAIN.test(byte) ? byte : percent(byte.charCodeAt(0));
  return out;
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
