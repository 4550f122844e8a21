import { exactReply } from '../../http/reply.ts';
import type { Request } from '../../http/router.ts';
import { basicChallenge } from '../answers.ts';
import { bad, ownHost, readOriginal, told } from '../forwarded.ts';
import type { SignIn } from '../sign-in.ts';
import { AUTHELIA_AUTH_REQUEST } from './authelia-auth-request.ts';
import { AUTHENTIK_PROXY } from './authentik-proxy.ts';
import type { Dialect, Told } from './dialect.ts';

/**
 * authentik's outpost for nginx and ingress-nginx: 200 or 401, and nginx itself
 * sends people to `start`.
 */
export function authentikNginx(signIn: SignIn): Dialect {
  return {
    ...AUTHENTIK_PROXY,
    // nginx reads an answer's headers into one small buffer.
    cleansCookies: false,
    hint: AUTHELIA_AUTH_REQUEST.hint,
    knowsHost: true,
    readTarget: request => readNginx(request, signIn),
    challenge: ({ signInUrl, realm }) => (signInUrl === undefined ? basicChallenge(realm) : exactReply(401)),
  };
}

/**
 * `X-Original-URL` where nginx is told to send it. The oldest configurations
 * send nothing but `Host`: path, method and client are not known then, and
 * whatever else tells them is the client's own word.
 */
function readNginx(request: Request, signIn: SignIn): Told {
  const { headers } = request;
  if (headers.one('x-original-url') === undefined) {
    const host = ownHost(request);
    const claim = headers.one('x-forwarded-host');
    if (host === undefined) return bad('host');
    if (claim !== undefined && claim !== '' && claim !== host) return bad('x-forwarded-host');
    return { ...told('', 'https', host, ''), unknownClient: true };
  }
  const method = headers.one('x-original-method') || headers.one('x-forwarded-method') || '';
  return readOriginal(request, method, host => signIn.isPortalHost(host));
}
