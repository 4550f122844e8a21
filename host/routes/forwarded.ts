import { urlText } from '../http/go-url.ts';
import { REPEATED, type RequestHeaders } from '../http/request-headers.ts';
import type { Request } from '../http/router.ts';
import type { Engine } from '../policy/engine.ts';
import type { Told } from './dialects/dialect.ts';

/** What a dialect takes from elsewhere when a header does not tell it. */
export interface Defaults {
  readonly method?: string;
  readonly scheme?: string | undefined;
  readonly host?: string | undefined;
  /** Empty: the path may stay unknown. */
  readonly uri?: string;
}

/**
 * The target in `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`. A header
 * that is missing or empty counts as its default, and is bad without one; one
 * that stands twice is always bad.
 */
export function readForwarded(request: Request, defaults: Defaults): Told {
  const { headers } = request;
  const method = headers.one('x-forwarded-method') || defaults.method;
  const scheme = headers.one('x-forwarded-proto') || defaults.scheme;
  const host = headers.one('x-forwarded-host') || defaults.host;
  const uri = headers.one('x-forwarded-uri') || defaults.uri;
  if (host === undefined || host === REPEATED) return bad('x-forwarded-host');
  if (scheme === undefined || scheme === REPEATED) return bad('x-forwarded-proto');
  if (method === undefined || method === REPEATED) return bad('x-forwarded-method');
  if (uri === undefined || uri === REPEATED) return bad('x-forwarded-uri');
  return told(method, scheme, host, uri);
}

/** Scheme, authority, and the rest, which is escaped path and query or nothing. */
const ORIGINAL_URL = /^([A-Za-z]{2,5}):\/\/([^/?#]+)(.*)$/s;

/**
 * The target in `X-Original-URL`, as nginx is told to send it.
 *
 * @param isPortal whether `X-Forwarded-Host` may be this one: of a proxy in front of the portal that was asked in between
 */
export function readOriginal(
  request: Request,
  method: string | typeof REPEATED | undefined,
  isPortal: (host: string) => boolean = () => false,
): Told {
  const url = request.headers.one('x-original-url');
  const match = typeof url === 'string' ? ORIGINAL_URL.exec(url) : null;
  if (match === null) return bad('x-original-url');
  if (method === undefined || method === REPEATED) return bad('x-original-method');
  const [, scheme = '', host = '', uri = ''] = match;
  return contradiction(request, host, uri, method, isPortal) ?? told(method, scheme, host, uri);
}

/**
 * Proxies that tell the target in one way pass on what clients claim in
 * another. Where both stand there they must agree: what does not was not
 * written by the proxy.
 */
function contradiction(
  { headers }: Request,
  host: string,
  uri: string,
  method: string,
  isPortal: (host: string) => boolean,
): Told | undefined {
  const claims = [
    ['x-forwarded-host', host],
    ['x-forwarded-uri', uri],
    ['x-forwarded-method', method],
  ] as const;
  for (const [header, value] of claims) {
    const claim = headers.one(header);
    if (claim === undefined || claim === '' || value === '' || claim === value) continue;
    const isHop = header === 'x-forwarded-host' && typeof claim === 'string' && isPortal(claim);
    if (!isHop) return bad(header);
  }
  return undefined;
}

/** @param uri path and query, as the client sent them */
export function told(method: string, scheme: string, host: string, uri: string): ToldTarget {
  return { kind: 'target', asked: { method, scheme, host, uri }, url: urlText(scheme, host, uri) };
}

type ToldTarget = Extract<Told, { kind: 'target' }>;

/** @param header whose value cannot be taken, or contradicts another */
export function bad(header: string): Told {
  return { kind: 'bad', header };
}

/** The scheme of a request whose proxy does not tell it: only a TLS connection says something. */
export function ownScheme(request: Request): string | undefined {
  return request.secure ? 'https' : undefined;
}

/** A told host for the log: what stands before an `@` would be a name and a password. */
export function withoutUserInfo(host: string): string {
  return host.slice(host.lastIndexOf('@') + 1);
}

/** `Host`, undefined when it is missing or stands twice. */
export function ownHost(request: Request): string | undefined {
  const host = request.headers.one('host');
  return typeof host === 'string' && host !== '' ? host : undefined;
}

/**
 * The client of a trusted peer's request. RFC 9110 section 5.3: several lines
 * of a list are one list. Without one the proxy does not tell the client, which
 * then lies in no network: its own address would make everybody "internal".
 */
export function resolveClient({ headers, peer }: Request, engine: Pick<Engine, 'clientAddress'>): string {
  const forwardedFor = forwardedForOf(headers);
  return forwardedFor === '' ? '' : engine.clientAddress(peer, forwardedFor);
}

function forwardedForOf(headers: RequestHeaders): string {
  return headers.values('x-forwarded-for').join(', ');
}

/**
 * The same where the proxy may be an nginx that tells the client in `X-Real-IP`
 * alone, as oauth2-proxy's guide has it, and passes on what clients claim in
 * `X-Forwarded-For`: nobody is known by two headers that contradict each other.
 * Behind another proxy `X-Real-IP` is the client's or that proxy's.
 */
export function resolveAgreedClient(request: Request, engine: Pick<Engine, 'clientAddress'>): string {
  const client = resolveClient(request, engine);
  const realIp = request.headers.one('x-real-ip');
  if (realIp === undefined || realIp === '' || realIp === client) return client;
  const last = forwardedForOf(request.headers).split(',').at(-1)?.trim();
  return realIp === last ? client : '';
}
