import { queryValues } from '../http/query.ts';
import type { Reply } from '../http/reply.ts';
import type { Logger } from '../log/logger.ts';
import type { LiveSession } from '../session/sessions.ts';
import { CODE, type Handoffs } from './handoff.ts';
import { DOORS, HANDOFF_PATH, startAddress } from './handoff-address.ts';
import { withoutReferrer } from './handoff-page.ts';
import { redirect } from './page.ts';
import type { OpenedReturn, ReturnAddresses } from './return-address.ts';
import { HANDOFF_TEXTS } from './texts/handoff.ts';
import type { PortalRoute, Visit } from './visit.ts';

export interface HandoffRouteDeps {
  readonly handoffs: Handoffs;
  readonly returns: Pick<ReturnAddresses, 'read'>;
  /** Whether somebody need not prove more to open a page. */
  readonly isEnough: (visit: Visit, live: LiveSession, address: OpenedReturn) => boolean;
  readonly log: Logger;
}

/** Where the portal signs somebody in at an application: makes a code and sends the browser back with it. */
export function createHandoffRoutes(deps: HandoffRouteDeps): PortalRoute[] {
  return [{ path: HANDOFF_PATH, get: visit => handOff(visit, deps) }];
}

async function handOff(visit: Visit, { handoffs, returns, isEnough, log }: HandoffRouteDeps): Promise<Reply> {
  const { site, live } = visit;
  const address = visit.returnTo?.address;
  // Whoever only looks is given no code.
  if (address === undefined || visit.request.method !== 'GET') return visit.go('/');
  if (address.cookie.isHandoff !== true) return away(address.location);
  const state = only(visit, 'state');
  if (state === undefined || !CODE.test(state)) {
    // Nobody has been at that host's door yet. Whoever is signed in here was sent to it in vain.
    return live === undefined ? visit.go('/') : unreachable(visit, address, log);
  }
  const page = new URL(address.url);
  const shownDoor = only(visit, 'door');
  const door = DOORS.find(known => known === shownDoor) ?? DOORS[0];
  const portal = new URL(address.cookie.signInUrl ?? site.origin);
  const isHere = portal.origin === site.origin && portal.pathname.replace(/\/$/, '') === site.base;
  if (!isHere) return away(startAddress(page, door));
  if (live === undefined || !isEnough(visit, live, address)) {
    // The way through the door that is known to be open, unless that makes the address too long.
    const way = startAddress(page, door);
    const rd = returns.read(way) === undefined ? address.url : way;
    return away(`${site.origin}${site.base}/?rd=${encodeURIComponent(rd)}`);
  }
  const code = await handoffs.issue({
    username: live.session.username,
    level: live.session.level >= 2 ? 2 : 1,
    remember: live.session.remember,
    parent: live.session.id,
    host: address.host,
    url: address.url,
    state,
    isRetry: only(visit, 'retry') === '1',
  });
  if (code === undefined) return visit.message(429, visit.texts.error.tooMany);
  return away(`${page.origin}${door}/callback?code=${code}`);
}

/** The application's host sends people back here instead of leading them to us. */
function unreachable(visit: Visit, address: OpenedReturn, log: Logger): Reply {
  log.error(
    'nobody can be signed in at `host`: its proxy must lead one of these paths to Postern, without a guard in front',
    { host: address.host, key: DOORS.map(door => `${door}/`).join(', ') },
  );
  return visit.message(502, HANDOFF_TEXTS[visit.texts.lang].unconnected(address.host));
}

/** As the portal's other redirections, and without telling anybody where it came from. */
function away(location: string): Reply {
  return withoutReferrer(redirect(location));
}

function only({ request }: Visit, key: string): string | undefined {
  const values = queryValues(request.query, key);
  return values.length === 1 ? values[0] : undefined;
}
