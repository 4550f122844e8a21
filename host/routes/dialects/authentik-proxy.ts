import { exactReply } from '../../http/reply.ts';
import { basicChallenge, redirectStatus, signInReply, withEmpty } from '../answers.ts';
import { readForwarded } from '../forwarded.ts';
import { DEFAULT_STRATEGIES } from '../strategies.ts';
import { readRepeated } from './authelia-ext-authz.ts';
import type { Denial, Dialect } from './dialect.ts';

/** What authentik sends besides, which applications believe: empty, so that no proxy keeps a client's own. */
const NOT_OURS = [
  'X-authentik-entitlements',
  'X-authentik-jwt',
  'X-authentik-meta-jwks',
  'X-authentik-meta-outpost',
  'X-authentik-meta-provider',
  'X-authentik-meta-app',
  'X-authentik-meta-version',
];

/** authentik's outpost for Traefik and Caddy: whoever is not signed in is sent to the portal at once. */
export const AUTHENTIK_PROXY: Dialect = {
  name: 'authentik',
  anyMethod: true,
  badRequest: 400,
  hint: 'send X-Forwarded-Method, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Uri and X-Forwarded-For',
  identity: 'authentik',
  cleansCookies: true,
  readTarget: request => readForwarded(request, { method: '', scheme: 'https', uri: '' }),
  strategies: () => DEFAULT_STRATEGIES,
  allow: ({ identity }) => exactReply(200, withEmpty(identity, NOT_OURS)),
  challenge: sendToPortal,
};

function sendToPortal(denial: Denial): ReturnType<Dialect['challenge']> {
  const { asked, signInUrl, realm } = denial;
  if (signInUrl === undefined) return basicChallenge(realm);
  return signInReply(denial, signInUrl, redirectStatus(asked.method));
}

/** The same for Envoy, which repeats the client's request below `base`. */
export function authentikEnvoy(base: string): Dialect {
  return {
    ...AUTHENTIK_PROXY,
    cleansCookies: false,
    hint: `path_prefix: '${base}' with Host and X-Forwarded-Proto`,
    readTarget: request => readRepeated(request, base),
  };
}
