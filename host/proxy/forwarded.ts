import { hostname } from 'node:os';
import { canonicalName, type HeaderMap, tokens } from './header-map.ts';

/** The headers that an entry point takes from nobody but trusted peers. */
const MANAGED = new Set([
  'X-Forwarded-Proto',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Server',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
  'X-Forwarded-Prefix',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'X-Real-Ip',
]);

const isManaged = (name: string): boolean => MANAGED.has(canonicalName(name.replaceAll('_', '-')));

/** What the entry point knows about the client's connection. */
export interface Peer {
  /** Address without port. */
  readonly ip: string;
  /** `ip:port`, with IPv6 in brackets. */
  readonly address: string;
}

/** RFC 6455 section 4.2.1: by `Connection` and `Upgrade`. */
export function isWebSocket(headers: HeaderMap): boolean {
  return headers.hasToken('Connection', 'upgrade') && headers.hasToken('Upgrade', 'websocket');
}

/**
 * Makes a client's headers what Traefik's entry point makes them for an
 * untrusted peer: its forwarding headers gone in every spelling, ours in their
 * place, and what `Connection` names removed (RFC 9110 section 7.6.1).
 */
export function rewriteAtEntry(headers: HeaderMap, host: string, peer: Peer): void {
  for (const name of headers.names()) if (isManaged(name)) headers.delete(name);
  headers.set('X-Real-Ip', peer.ip);
  headers.set('X-Forwarded-Proto', isWebSocket(headers) ? 'ws' : 'http');
  headers.set('X-Forwarded-Port', /:(\d+)$/.exec(host)?.[1] ?? '80');
  headers.set('X-Forwarded-Host', host);
  headers.set('X-Forwarded-Server', hostname());

  const upgrade = headers.hasToken('Connection', 'upgrade') ? headers.get('Upgrade') : undefined;
  for (const name of tokens(headers.values('Connection'))) if (!isManaged(name)) headers.delete(name);
  headers.delete('Connection');
  // Go's server keeps these two out of the headers.
  headers.delete('Transfer-Encoding');
  headers.delete('Trailer');
  if (upgrade === undefined || upgrade === '') return;
  headers.set('Connection', 'Upgrade');
  headers.set('Upgrade', upgrade);
}

/** Adds the peer behind the addresses that are there already. */
export function appendForwardedFor(headers: HeaderMap, peer: Peer): void {
  headers.set('X-Forwarded-For', [...headers.values('X-Forwarded-For'), peer.ip].join(', '));
}

/** RFC 9110 section 7.6.1, and what Go's reverse proxy adds to it. */
const HOP_BY_HOP = [
  'Connection',
  'Proxy-Connection',
  'Keep-Alive',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Te',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
];

/** RFC 9110 section 7.6.1: also those that `Connection` names. */
export function removeHopByHop(headers: HeaderMap): void {
  for (const name of tokens(headers.values('Connection'))) headers.delete(name);
  for (const name of HOP_BY_HOP) headers.delete(name);
}
