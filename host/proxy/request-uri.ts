import { posix } from 'node:path';

/**
 * The request target as Traefik's entry point hands it on (Go's `net/url`, then
 * normalised and sanitised): the path with unreserved characters decoded,
 * escapes in upper case, dot segments and double slashes removed, and `;` in
 * the query made `&`. Guest and backend both see the result. Bytes over 127 do
 * not come here: Node's parser answers them with 400.
 */

export interface RequestUri {
  /** Authority of an absolute-form target, which then counts instead of `Host`. */
  readonly authority?: string;
  /** Escaped path and raw query; starts with `/` or is `*`. */
  readonly uri: string;
}

/** Undefined for what is answered with 400. `target` is latin-1, one character per byte. */
export function parseRequestTarget(target: string): RequestUri | undefined {
  // The asterisk form reaches the guest in Traefik too, and a backend if the guest lets it.
  if (target === '*') return { uri: target };
  // RFC 9112 section 3.2.2.
  const absolute = /^https?:\/\/([^/?#@]+)(?=[/?]|$)/i.exec(target);
  const origin = absolute === null ? target : target.slice(absolute[0].length) || '/';
  const mark = origin.indexOf('?');
  const rawPath = mark === -1 ? origin : origin.slice(0, mark);
  const query = mark === -1 ? '' : origin.slice(mark).replaceAll(';', '&');
  if (rawPath !== '' && !rawPath.startsWith('/')) return undefined;
  if (rawPath.includes('#') || hasControls(target)) return undefined;
  const path = escapedPath(rawPath || '/');
  if (path === undefined) return undefined;
  const uri = posix.normalize(path) + query;
  return absolute?.[1] === undefined ? { uri } : { authority: absolute[1], uri };
}

/** `\x00-\x20` and `\x7f`, without a regular expression of control characters. */
function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return true;
  }
  return false;
}

const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** What Go leaves alone in a path that is escaped already, besides escapes. */
const VALID_ENCODED = /^[A-Za-z0-9\-._~!$&'()*+,;=:@[\]/%]*$/;
/** What Go leaves alone when it escapes a path itself. */
const UNESCAPED = /[A-Za-z0-9\-._~$&+,/:;=@]/;

/**
 * Go keeps the escapes of the client as long as all the rest of the path is
 * validly encoded; otherwise it decodes the whole path and escapes it anew.
 */
function escapedPath(raw: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) return undefined;
  const decoded = raw.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const byDefault = escapeBytes(decoded);
  if (raw === byDefault || !VALID_ENCODED.test(raw)) return byDefault;
  return raw.replace(/%(..)/g, (escaped, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : escaped.toUpperCase();
  });
}

function escapeBytes(text: string): string {
  let result = '';
  for (const character of text) {
    const hex = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
    result += UNESCAPED.test(character) ? character : `%${hex}`;
  }
  return result;
}
