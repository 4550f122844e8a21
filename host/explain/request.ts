import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Target } from '../policy/engine.ts';

/** A request that somebody wrote down, or what to write instead. */
export type WrittenRequest =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly message: string };

/**
 * Takes a URL apart as a client sends it, and changes as little as clients do:
 * the fragment stays behind, what is beyond ASCII is encoded, and no path is
 * `/`. Dots, slashes and escapes are for the engine to judge.
 */
export function readUrl(url: string, method: string, client: string): WrittenRequest {
  const [, scheme, authority, rest] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) {
    return bad('must be a whole URL, for example https://app.example.com/path');
  }
  if (!/^(https?|wss?)$/i.test(scheme)) return bad('must begin with https://, wss://, http:// or ws://');
  if (authority.includes('@')) return bad('must not hold a user name: say who asks beside it');
  if (authority === '') return bad('has no host: write https://app.example.com/path');
  if (client !== '' && isIP(client) === 0) return bad('the client address must be an IP address', client);
  const uri = rest.startsWith('/') ? rest : `/${rest}`;
  return { ok: true, target: { method, scheme, host: asciiHost(authority), uri: asciiUri(uri), client } };
}

/** Whether a text is a client address. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

function bad(message: string, got?: string): WrittenRequest {
  return { ok: false, message: got === undefined ? message : `${message}, got ${JSON.stringify(got)}` };
}

function asciiHost(authority: string): string {
  if (isAscii(authority)) return authority;
  const [, name = '', port = ''] = /^(.*?)(:\d+)?$/.exec(authority) ?? [];
  // A name that no client could look up stays as it is; the engine refuses it.
  return (domainToASCII(name) || Buffer.from(name, 'utf8').toString('latin1')) + port;
}

function asciiUri(uri: string): string {
  return isAscii(uri)
    ? uri
    : [...Buffer.from(uri, 'utf8')]
        .map(byte =>
          byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
        )
        .join('');
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(text);
}
