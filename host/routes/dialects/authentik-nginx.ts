import { exactReply } from '../../http/reply.ts';
import type { Request } from '../../http/router.ts';
import { basicChallenge } from '../answers.ts';
import { bad, ownHost, readForwarded, readOriginal } from '../forwarded.ts';
import { bareHost, type SignIn } from '../sign-in.ts';
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
    hint: AUTHELIA_AUTH_REQUEST.hint,
    readTarget: request => readNginx(request, signIn),
    challenge: ({ signInUrl, realm }) => (signInUrl === undefined ? basicChallenge(realm) : exactReply(401)),
  };
}

/**
 * `X-Original-URL` where nginx is told to send it. The oldest configurations
 * send nothing but `Host`: path and method are not known then, and what a
 * client claims in `X-Original-URL` must at least be of that host.
 */
function readNginx(request: Request, signIn: SignIn): Told {
  const { headers } = request;
  if (headers.one('x-original-url') === undefined) {
    return readForwarded(request, { method: '', scheme: 'https', host: ownHost(request), uri: '' });
  }
  const isPortal = (host: string) => signIn.isPortalHost(host);
  const method = headers.one('x-original-method') || headers.one('x-forwarded-method') || '';
  const told = readOriginal(request, method, isPortal);
  const host = ownHost(request) ?? '';
  const isApplication = signIn.domainOf(host) !== undefined && !isPortal(host);
  if (told.kind === 'target' && isApplication && bareHost(host) !== bareHost(told.asked.host))
    return bad('host');
  return told;
}
