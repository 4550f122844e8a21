import { exactReply } from '../../http/reply.ts';
import { basicChallenge, redirectStatus, signInReply } from '../answers.ts';
import { acceptsHtml, isXhr } from '../client-kind.ts';
import { ownScheme, readForwarded } from '../forwarded.ts';
import { DEFAULT_STRATEGIES } from '../strategies.ts';
import { addressedBy, queryAddress } from './authelia-sign-in.ts';
import type { Denial, Dialect } from './dialect.ts';

/** Authelia's `ForwardAuth`: Traefik, Caddy, Skipper, and the guest's deferrals. */
export const AUTHELIA_FORWARD_AUTH: Dialect = {
  name: 'ForwardAuth',
  badRequest: 400,
  deferrals: true,
  adapts: true,
  cleansCookies: true,
  cookieDomainsOnly: true,
  hint: 'send X-Forwarded-Method, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Uri and X-Forwarded-For',
  readTarget: request => readForwarded(request, { scheme: ownScheme(request), uri: '' }),
  strategies: () => DEFAULT_STRATEGIES,
  signInUrl: (request, cookies) => addressedBy(queryAddress(request, 'authelia_url'), cookies),
  allow: ({ identity }) => exactReply(200, identity),
  challenge: challengeBrowsers,
};

/** Pages are sent to the portal, everything else gets 401 with the same address; without a portal a password is asked for. */
export function challengeBrowsers(denial: Denial): ReturnType<Dialect['challenge']> {
  const { request, asked, signInUrl, realm } = denial;
  if (signInUrl === undefined) return basicChallenge(realm);
  const isPage = !isXhr(request.headers) && acceptsHtml(request.headers);
  return signInReply(denial, signInUrl, isPage ? redirectStatus(asked.method) : 401);
}
