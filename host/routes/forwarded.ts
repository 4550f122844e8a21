import type { Request } from '../http/router.ts';
import type { Engine, Target } from '../policy/engine.ts';

export type Forwarded =
  | { readonly kind: 'target'; readonly target: Target }
  /** Not from a proxy whose headers count: 403. */
  | { readonly kind: 'untrusted' }
  /** 400; `header` is the one that is missing, empty or repeated. */
  | { readonly kind: 'bad'; readonly header: string };

/**
 * The target of an ordinary forward-auth request, by a proxy without our
 * guest: Traefik's `X-Forwarded-*`. A missing URI is refused, where Authelia
 * takes it for an empty path: rules on paths would judge something else.
 */
export function readForwarded(
  request: Request,
  engine: Pick<Engine, 'isTrustedProxy' | 'clientAddress'>,
): Forwarded {
  const { headers, peer } = request;
  if (!engine.isTrustedProxy(peer)) return { kind: 'untrusted' };
  const found: string[] = [];
  for (const header of ['x-forwarded-method', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-uri']) {
    const values = headers.values(header);
    const [value] = values;
    if (value === undefined || value === '' || values.length !== 1) return { kind: 'bad', header };
    found.push(value);
  }
  const [method = '', scheme = '', host = '', uri = ''] = found;
  return { kind: 'target', target: { method, scheme, host, uri, client: resolveClient(request, engine) } };
}

/**
 * The client of a trusted peer's request. RFC 9110 section 5.3: several lines
 * of a list are one list.
 */
export function resolveClient({ headers, peer }: Request, engine: Pick<Engine, 'clientAddress'>): string {
  const forwardedFor = headers.values('x-forwarded-for');
  return engine.clientAddress(peer, forwardedFor.length === 0 ? undefined : forwardedFor.join(', '));
}
