import type { Route } from '../http/router.ts';
import { rateLimited } from '../log/rate-limit.ts';
import type { Engine } from '../policy/engine.ts';
import type { Sessions } from '../session/sessions.ts';
import { Destinations } from './destination.ts';
import { createDispatch, type DispatchDeps } from './dispatch.ts';
import { FirstFactor, type FirstFactorDeps } from './first-factor.ts';
import type { Need } from './need.ts';
import { createContinue, createSignIn } from './sign-in.ts';
import { createSignOut } from './sign-out.ts';
import type { PortalRoute } from './visit.ts';

export interface PortalDeps extends Omit<DispatchDeps, 'sessions' | 'clock'>, FirstFactorDeps {
  readonly sessions: Pick<Sessions, 'begin' | 'find' | 'end' | 'endAll'>;
  readonly engine: Pick<Engine, 'clientAddress' | 'isTrustedProxy'>;
  readonly need: Need;
  /** Pages of other rooms: second factors, handoff. */
  readonly more: readonly PortalRoute[];
}

/** The portal: one route, which has everything that no other has. It must be the last. */
export function createPortalRoutes(deps: PortalDeps): Route[] {
  const { need, returns, sessions, log } = deps;
  const destinations = new Destinations({ need, returns });
  const firstFactor = new FirstFactor(deps);
  const pages: readonly PortalRoute[] = [
    createSignIn({ firstFactor, sessions, destinations }),
    createContinue(destinations),
    createSignOut({ sessions, log }),
    ...deps.more,
  ];
  // What anybody can cause at will.
  const handler = createDispatch(pages, { ...deps, log: rateLimited(log, deps.clock) });
  return [{ path: '/', kind: 'portal', below: true, anyMethod: true, handler }];
}
