import type { Cache } from '../cache/cache.ts';
import type { CookieConfig } from '../config/schema.ts';
import type { Request, Route } from '../http/router.ts';
import { rateLimited } from '../log/rate-limit.ts';
import type { Engine } from '../policy/engine.ts';
import { createIsPortal } from '../routes/own-address.ts';
import type { SignIn } from '../routes/sign-in.ts';
import type { Sessions } from '../session/sessions.ts';
import { FormTokens } from './csrf.ts';
import { clientOf } from './dispatch.ts';
import type { FirstFactorDeps } from './first-factor.ts';
import { Handoffs } from './handoff.ts';
import { HandoffDoor } from './handoff-door.ts';
import { createHandoffRoutes } from './handoff-routes.ts';
import { Need } from './need.ts';
import { ReturnAddresses } from './return-address.ts';
import { createPortalRoutes } from './routes.ts';
import { Sites } from './sites.ts';
import type { PortalRoute } from './visit.ts';

export interface CreatePortalDeps extends FirstFactorDeps {
  readonly cookies: readonly CookieConfig[];
  readonly secret: Uint8Array;
  readonly previousSecret?: Uint8Array | undefined;
  readonly signIn: SignIn;
  readonly engine: Pick<Engine, 'decide' | 'sessionCookie' | 'clientAddress' | 'isTrustedProxy'>;
  readonly sessions: Sessions;
  /** What hosts share. */
  readonly cache: Cache;
  /** Pages of second factors. */
  readonly more: readonly PortalRoute[];
}

export interface Portal {
  /** To be the last ones. */
  readonly routes: readonly Route[];
  /** On the hosts of applications that the portal's cookie does not reach. */
  readonly door: HandoffDoor;
}

/** The portal with everything that belongs to it alone. */
export function createPortal(deps: CreatePortalDeps): Portal {
  const { cookies, secret, previousSecret, signIn, engine, sessions, cache, clock, random, log } = deps;
  const keys = { secret, previousSecret };
  const returns = new ReturnAddresses({ cookies, ...keys, clock });
  const need = new Need(engine);
  const handoffs = new Handoffs(cache, random);
  const handoff = createHandoffRoutes({
    handoffs,
    returns,
    isEnough: (visit, { user, session }, address) =>
      need.isEnough(address, { principal: user.principal, level: session.level }, visit.client),
    log,
  });
  const tokenOf = (request: Request, { domain }: CookieConfig): string | undefined => {
    const { headers } = request;
    const host = headers.one('host');
    const read = engine.sessionCookie(typeof host === 'string' ? host : '', headers.values('cookie'));
    return read.kind === 'session' && read.domain === domain ? read.token : undefined;
  };
  const routes = createPortalRoutes({
    ...deps,
    sites: new Sites(cookies),
    sessionToken: (request, { cookie }) => tokenOf(request, cookie),
    returns,
    tokens: new FormTokens({ ...keys, clock, random }),
    isPortal: createIsPortal(signIn, engine),
    need,
    more: [...handoff, ...deps.more],
  });
  const detailsOf = (request: Request) => {
    const agent = request.headers.one('user-agent');
    return { address: clientOf(request, engine), agent: typeof agent === 'string' ? agent : '' };
  };
  // Anybody can come with a code that is none.
  const limited = rateLimited(log, clock, ['error', 'warn', 'info']);
  const own = { handoffs, sessions, returns, tokenOf, detailsOf };
  const door = new HandoffDoor({ ...own, cookies, random, log: limited });
  return { routes, door };
}
