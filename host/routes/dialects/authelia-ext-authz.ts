import { urlText } from '../../http/go-url.ts';
import { REPEATED } from '../../http/request-headers.ts';
import type { Request } from '../../http/router.ts';
import { bad, ownHost, ownScheme, told } from '../forwarded.ts';
import { AUTHELIA_FORWARD_AUTH } from './authelia-forward-auth.ts';
import { addressedBy, headerAddress } from './authelia-sign-in.ts';
import type { Dialect, Told } from './dialect.ts';

/**
 * Authelia's `ExtAuthz`: Envoy repeats the client's request with a prefix in
 * front of its path.
 *
 * @param base path of the endpoint, without the slash that ends Envoy's `path_prefix`
 */
export function autheliaExtAuthz(base: string): Dialect {
  return {
    ...AUTHELIA_FORWARD_AUTH,
    name: 'ExtAuthz',
    anyMethod: true,
    deferrals: false,
    cleansCookies: false,
    hint: `path_prefix: '${base}/' with Host and X-Forwarded-Proto`,
    readTarget: request => readRepeated(request, `${base}/`),
    signInUrl: (request, cookies) => addressedBy(headerAddress(request), cookies),
  };
}

/** The rules see the query; the way back is without it, as Authelia has it. */
export function readRepeated(request: Request, prefix: string): Told {
  const scheme = request.headers.one('x-forwarded-proto') || ownScheme(request);
  const host = ownHost(request);
  if (host === undefined) return bad('host');
  if (scheme === undefined || scheme === REPEATED) return bad('x-forwarded-proto');
  const path = request.path.slice(prefix.length);
  const query = request.query === '' ? '' : `?${request.query}`;
  const target = told(request.method, scheme, host, path + query);
  return target.kind === 'target' ? { ...target, url: urlText(scheme, host.toLowerCase(), path) } : target;
}
