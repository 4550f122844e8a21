import { timingSafeEqual } from 'node:crypto';
import { CacheError } from '../cache/cache.ts';
import type { CookieConfig } from '../config/schema.ts';
import { cookieValue } from '../http/cookies.ts';
import { queryValues } from '../http/query.ts';
import { type Reply, type ReplyHeaders, statusReply } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import { closestDomain } from '../http/web-address.ts';
import type { Logger } from '../log/logger.ts';
import { clearedCookie, sessionCookie } from '../session/cookie.ts';
import type { SessionDetails, Sessions } from '../session/sessions.ts';
import { StoreError } from '../store/store.ts';
import { CODE, type Handoffs, stateOf, type Ticket } from './handoff.ts';
import { doorOf, handoffAddress } from './handoff-address.ts';
import { refusedPage, unavailablePage } from './handoff-page.ts';
import type { ReturnAddresses } from './return-address.ts';

/** Proves that this browser began here: without it a link with somebody's code would sign others in as them. */
export const PROOF_COOKIE = '__Host-postern_handoff';
/** As long as an address to return to is good. */
const PROOF_SECONDS = 15 * 60;
const PROOF_LENGTH = 32;

export interface HandoffDoorDeps {
  readonly cookies: readonly CookieConfig[];
  readonly handoffs: Handoffs;
  readonly sessions: Sessions;
  readonly returns: ReturnAddresses;
  readonly random: (bytes: number) => Uint8Array;
  /** The session's token in a request to this domain; undefined for none, and for several. */
  readonly tokenOf: (request: Request, cookie: CookieConfig) => string | undefined;
  readonly detailsOf: (request: Request) => SessionDetails;
  readonly log: Logger;
}

/**
 * The paths of ours on an application's own host, where its domain is not the
 * portal's: `start` → the portal's `/handoff` → `callback` → the page. Never 2xx.
 */
export class HandoffDoor {
  readonly #deps: HandoffDoorDeps;

  constructor(deps: HandoffDoorDeps) {
    this.#deps = deps;
  }

  /** The domain of a host where people are signed in by a code. @param host as received */
  cookieOf(host: string | undefined): CookieConfig | undefined {
    const cookie = closestDomain(bare(host), this.#deps.cookies);
    return cookie?.isHandoff === true ? cookie : undefined;
  }

  /** Undefined for an address that the portal is asked about as for any other. */
  start(request: Request, host: string | undefined, rd: string): Reply | undefined {
    const address = this.#deps.returns.read(rd);
    const cookie = this.cookieOf(host);
    if (cookie === undefined || address === undefined || address.host !== bare(host)) return undefined;
    // The same one for every page that a browser opens at once.
    const shown = cookieValue(request.headers, PROOF_COOKIE);
    const proof =
      shown !== undefined && CODE.test(shown)
        ? shown
        : Buffer.from(this.#deps.random(PROOF_LENGTH)).toString('base64url');
    const location = handoffAddress(cookie.signInUrl, address.url, {
      state: stateOf(proof),
      door: doorOf(request.path, 'start') ?? '',
      ...(queryValues(request.query, 'retry').length > 0 ? { retry: '1' } : {}),
    });
    return redirect(302, location, [
      ['Set-Cookie', `${PROOF_COOKIE}=${proof}; Path=/; Max-Age=${PROOF_SECONDS}; ${ATTRIBUTES}`],
    ]);
  }

  async callback(request: Request, host: string | undefined): Promise<Reply> {
    const { log } = this.#deps;
    const cookie = this.cookieOf(host);
    if (cookie === undefined || host === undefined) return statusReply(404);
    // Whoever only looks must not use up a code.
    if (request.method !== 'GET') return statusReply(405, [['Allow', 'GET']]);
    try {
      const [code, ...others] = queryValues(request.query, 'code');
      const ticket =
        code === undefined || others.length > 0 ? undefined : await this.#deps.handoffs.redeem(code);
      if (ticket === undefined || ticket.host !== bare(host)) {
        log.info('sign-in at an application refused: the code is unknown, used, too old or of another host', {
          host: bare(host),
          peer: request.peer,
        });
        return refusedPage(request, cookie, bare(host));
      }
      return await this.#admit(request, cookie, ticket);
    } catch (error) {
      if (!(error instanceof CacheError) && !(error instanceof StoreError)) throw error;
      log.error('nobody can be signed in at an application: what hosts share cannot be asked', {
        code: error.code,
        error: error.message,
      });
      return unavailablePage(request, cookie, bare(host));
    }
  }

  /** Ends the session of an application. Answers what is to be sent with the redirection to the portal. */
  async signOut(request: Request, host: string | undefined): Promise<ReplyHeaders> {
    const cookie = this.cookieOf(host);
    if (cookie === undefined || request.method !== 'GET' || !isOwnAct(request)) return [];
    const token = this.#deps.tokenOf(request, cookie);
    try {
      if (token !== undefined) await this.#deps.sessions.end(cookie.domain, token);
      return [['Set-Cookie', clearedCookie(cookie)]];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // The portal is asked next, and says that it cannot do it.
      this.#deps.log.error('a session at an application could not be ended', {
        host: cookie.domain,
        code: error.code,
        error: error.message,
      });
      return [];
    }
  }

  /** Whether this browser has a session of the application already, from the same sign-in at the portal. */
  async #isSignedIn(request: Request, cookie: CookieConfig, ticket: Ticket): Promise<boolean> {
    const token = this.#deps.tokenOf(request, cookie);
    const live = token === undefined ? undefined : await this.#deps.sessions.find(cookie.domain, token);
    return live !== undefined && live.session.parent === ticket.parent && live.session.level >= ticket.level;
  }

  async #admit(request: Request, cookie: CookieConfig, ticket: Ticket): Promise<Reply> {
    const { sessions, log } = this.#deps;
    // Another page opened at the same time was quicker, and used the proof up: what this one came for is there.
    if (await this.#isSignedIn(request, cookie, ticket)) return redirect(303, ticket.url, [USED_UP]);
    const proof = cookieValue(request.headers, PROOF_COOKIE);
    if (proof === undefined || !CODE.test(proof) || !isSame(stateOf(proof), ticket.state)) {
      log.info('sign-in at an application not finished: this browser did not begin it', {
        host: ticket.host,
        user: ticket.username,
        peer: request.peer,
      });
      // It may have begun twice at once. By the way back it signs in whom it is of, not whose code this was.
      return ticket.isRetry ? refusedPage(request, cookie, ticket.host) : again(request, ticket);
    }
    const begun = await sessions.begin({
      username: ticket.username,
      domain: cookie.domain,
      level: ticket.level,
      remember: ticket.remember,
      details: this.#deps.detailsOf(request),
      replaces: this.#deps.tokenOf(request, cookie),
      parent: ticket.parent,
    });
    // Signed out in between, or disabled: the portal says so.
    if (begun === undefined)
      return ticket.isRetry ? refusedPage(request, cookie, ticket.host) : again(request, ticket);
    return redirect(303, ticket.url, [
      ['Set-Cookie', sessionCookie(cookie, begun.token, begun.session)],
      USED_UP,
    ]);
  }
}

/**
 * Whether the application, or its user, asks. Another site's link may lead to the
 * portal, which asks; it ends nothing by itself. Neither does a picture that
 * somebody else put on a page of the application.
 */
function isOwnAct({ headers }: Request): boolean {
  return OWN_SITES.has(headers.one('sec-fetch-site')) && OWN_ACTS.has(headers.one('sec-fetch-dest'));
}

const OWN_SITES = new Set<unknown>([undefined, 'same-origin', 'none']);
/** A link or an address, a script of the application's, and a frame, by which some sign out of several at once. */
const OWN_ACTS = new Set<unknown>([undefined, 'document', 'empty', 'iframe']);
const ATTRIBUTES = 'Secure; HttpOnly; SameSite=Lax';
const USED_UP = ['Set-Cookie', `${PROOF_COOKIE}=; Path=/; Max-Age=0; ${ATTRIBUTES}`] as const;

function again(request: Request, ticket: Ticket): Reply {
  const door = doorOf(request.path, 'callback') ?? '';
  const { origin } = new URL(ticket.url);
  return redirect(303, `${origin}${door}/start?retry=1&rd=${encodeURIComponent(ticket.url)}`);
}

/** No address of ours goes on to anybody: one of them has a code in it. */
function redirect(status: 302 | 303, location: string, headers: ReplyHeaders = []): Reply {
  return statusReply(status, [['Location', location], ['Referrer-Policy', 'no-referrer'], ...headers]);
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function bare(host: string | undefined): string {
  return (host ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
}
