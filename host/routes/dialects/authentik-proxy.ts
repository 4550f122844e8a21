import { exactReply } from '../../http/reply.ts';
import { basicChallenge, redirectStatus, signInReply } from '../answers.ts';
import { readForwarded } from '../forwarded.ts';
import { DEFAULT_STRATEGIES } from '../strategies.ts';
import { readRepeated } from './authelia-ext-authz.ts';
import type { Denial, Dialect } from './dialect.ts';

/** authentik's outpost for Traefik and Caddy: whoever is not signed in is sent to the portal at once. */
export const AUTHENTIK_PROXY: Dialect = {
  name: 'authentik',
  anyMethod: true,
  badRequest: 400,
  hint: 'send X-Forwarded-Method, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Uri and X-Forwarded-For',
  identity: 'authentik',
  readTarget: request => readForwarded(request, { method: '', scheme: 'https', uri: '' }),
  strategies: () => DEFAULT_STRATEGIES,
  allow: ({ identity }) => exactReply(200, identity),
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
    hint: `path_prefix: '${base}' with Host and X-Forwarded-Proto`,
    readTarget: request => readRepeated(request, base),
  };
}
