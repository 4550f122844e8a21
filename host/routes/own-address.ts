import { isIP } from 'node:net';
import { REPEATED } from '../http/request-headers.ts';
import type { Request } from '../http/router.ts';
import type { Engine } from '../policy/engine.ts';
import { ownHost } from './forwarded.ts';
import { bareHost, type SignIn } from './sign-in.ts';

/** Ends of names that only machines next door use: RFC 6761, 6762, 8375, ICANN's `internal`, Kubernetes. */
const INSIDE = /\.(?:localhost|local|internal|lan|home\.arpa|svc)$/;

/**
 * Whether `Host` contradicts the host that is told. nginx, as it is commonly
 * configured, tells the application by `Host` alone and passes on what clients
 * claim in `X-Forwarded-Host`; Traefik sends its own claim with the address of
 * this service as `Host`. An address of ours is a name of one label, an IP
 * address, a name of the inside, or the portal's; any other is an application's,
 * and the claim is a client's.
 */
export function contradictsHost(request: Request, told: string, signIn: SignIn): boolean {
  const own = bareHost(ownHost(request) ?? '');
  if (own === '') return request.headers.values('host').length > 0;
  return own !== bareHost(told) && !isOurs(own, signIn);
}

function isOurs(host: string, signIn: SignIn): boolean {
  const isAddress = isIP(host) !== 0 || host.startsWith('[');
  return isAddress || !host.includes('.') || INSIDE.test(host) || signIn.isPortalHost(host);
}

/**
 * Whether `Host` is an application's: in a domain of `session.cookies`, or one
 * that a rule names. nginx asks so when it is told nothing but `Host`. Of several
 * (RFC 9112 section 3.2 has one) nobody knows whose they are.
 */
export function createIsApplication(signIn: SignIn, engine: Pick<Engine, 'decide'>) {
  return (request: Request): boolean => {
    const host = ownHost(request);
    if (host === undefined) return request.headers.one('host') === REPEATED;
    if (isOurs(bareHost(host), signIn)) return false;
    if (signIn.domainOf(host) !== undefined) return true;
    const target = { method: '', scheme: 'https', host, uri: '', client: '' };
    const decision = engine.decide(target, { kind: 'none' });
    return decision.verdict !== 'bad-request' && (decision.position > 0 || decision.missing !== undefined);
  };
}

/**
 * Whether a request came to the portal's own address, through a proxy that may
 * say so: its `Host` and the forwarded one are both the portal's, as common
 * nginx configurations send them, and so is the path that is told. Where an
 * application has the same host, its proxy may have been given a wrong address.
 */
export function createIsPortal(signIn: SignIn, engine: Pick<Engine, 'isTrustedProxy'>) {
  return (request: Request): boolean => {
    const own = ownHost(request);
    if (own === undefined || !signIn.isPortalHost(own)) return false;
    const forwarded = request.headers.one('x-forwarded-host');
    const url = request.headers.one('x-original-url');
    const original = typeof url === 'string' ? (/^[a-z]+:\/\/([^/?#]+)/i.exec(url)?.[1] ?? REPEATED) : url;
    const told = [forwarded, original].filter(host => host !== undefined);
    return (
      told.length > 0 &&
      told.every(host => typeof host === 'string' && signIn.isPortalHost(host)) &&
      toldPaths(request).every(path => typeof path === 'string' && signIn.isPortalPath(own, path)) &&
      engine.isTrustedProxy(request.peer)
    );
  };
}

/** Paths of what was asked for, as proxies tell them. */
function toldPaths({ headers }: Request): (string | typeof REPEATED)[] {
  const paths: (string | typeof REPEATED)[] = [];
  for (const name of ['x-forwarded-uri', 'x-original-uri', 'x-original-url']) {
    const told = headers.one(name);
    if (told === REPEATED) paths.push(REPEATED);
    // An address begins with scheme and host, which are looked at above.
    else if (told) paths.push(told.replace(/^[a-z]+:\/\/[^/?#]+/i, '').split(/[?#]/, 1)[0] || '/');
  }
  return paths;
}
