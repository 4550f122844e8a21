import { signInLocation } from '../http/sign-in-address.ts';
import type { Need, Proved } from './need.ts';
import type { OpenedReturn, ReturnAddresses } from './return-address.ts';
import type { Visit } from './visit.ts';

export interface DestinationDeps {
  readonly need: Need;
  readonly returns: Pick<ReturnAddresses, 'read'>;
}

/** Where people go from the portal, and whether what they proved is enough there. */
export class Destinations {
  readonly #deps: DestinationDeps;

  constructor(deps: DestinationDeps) {
    this.#deps = deps;
  }

  /** Where the visitor wanted to go, else where the domain sends people who came from nowhere. */
  of({ returnTo, site }: Visit): OpenedReturn | undefined {
    if (returnTo !== undefined) return returnTo.address;
    const landing = site.cookie.defaultRedirectionUrl;
    return landing === undefined ? undefined : this.#deps.returns.read(landing);
  }

  /** Our page that somebody needs next; undefined for none, and for whom wants to go nowhere. */
  missing(visit: Visit, to: OpenedReturn | undefined, proved: Proved): '/second-factor' | undefined {
    if (to === undefined || elsewhere(visit, to) !== undefined) return undefined;
    return this.#deps.need.isEnough(to, proved, visit.client) ? undefined : '/second-factor';
  }
}

/** The address to send a browser to that is signed in here. */
export function locationOf(visit: Visit, to: OpenedReturn): string {
  return elsewhere(visit, to) ?? to.location;
}

/** Another domain's portal, where that domain has one of its own: our cookie does not get there. */
export function elsewhere({ site }: Visit, to: OpenedReturn): string | undefined {
  const { cookie, url, method } = to;
  if (cookie.domain === site.cookie.domain || cookie.isHandoff === true) return undefined;
  return cookie.signInUrl === undefined ? undefined : signInLocation(cookie.signInUrl, url, method);
}
