import { type Reply, type ReplyHeaders, statusReply } from '../http/reply.ts';
import type { Handler, Request } from '../http/router.ts';
import { signInLocation } from '../http/sign-in-address.ts';
import type { Logger } from '../log/logger.ts';
import { ownHost } from './forwarded.ts';
import type { SignIn } from './sign-in.ts';

/**
 * Applications whose domain is not the portal's: their own hosts have a part in
 * signing in and out (`portal/handoff-door.ts`).
 */
export interface Door {
  /** Undefined for an address that the portal is asked about as for any other. */
  start(request: Request, host: string | undefined, rd: string): Reply | undefined;
  callback(request: Request, host: string | undefined): Promise<Reply>;
  /** Ends the application's session where there is one; answers what goes with the redirection to the portal. */
  signOut(request: Request, host: string | undefined): Promise<ReplyHeaders>;
}

/** `start?rd=`: sends a browser to the portal of the domain it wants to return to. Never 2xx. */
export function createStart(signIn: SignIn, log: Logger, door?: Door): Handler {
  return request => {
    const returnTo = returnAddress(request) ?? '';
    const handedOff = door?.start(request, ownHost(request), returnTo);
    if (handedOff !== undefined) return handedOff;
    const cookies = signIn.domainOfReturn(returnTo);
    if (cookies === undefined && signIn.isConfigured) return statusReply(400);
    if (cookies?.signInUrl === undefined) return noPortal(request, log);
    return redirect(signInLocation(cookies.signInUrl, returnTo, 'GET'));
  };
}

/** `sign_out`: sends a browser to where the portal signs out, and back to `rd` where that is one of ours. Never 2xx. */
export function createSignOut(signIn: SignIn, log: Logger, door?: Door): Handler {
  return async request => {
    if (isAhead(request)) return statusReply(503);
    const cookies = signIn.domainOf(ownHost(request) ?? '');
    if (cookies?.signInUrl === undefined) return noPortal(request, log);
    const headers = (await door?.signOut(request, ownHost(request))) ?? [];
    const url = new URL(cookies.signInUrl);
    const logout = `${url.origin}${url.pathname.replace(/\/$/, '')}/logout`;
    const returnTo = rawRedirect(request.query) === undefined ? undefined : returnAddress(request);
    if (returnTo === undefined || signIn.domainOfReturn(returnTo) === undefined)
      return redirect(logout, headers);
    return redirect(signInLocation(logout, returnTo, ''), headers);
  };
}

/**
 * Whether a browser asks ahead for what somebody may click on: nobody has signed
 * out by that. An error makes it ask once more when they do.
 */
function isAhead({ headers }: Request): boolean {
  return ['sec-purpose', 'purpose', 'x-moz'].some(name =>
    headers.values(name).some(value => /^\s*(?:prefetch|prerender)\b/i.test(value)),
  );
}

/** `rd` as an absolute address; a relative one is of the host that was asked. */
function returnAddress(request: Request): string | undefined {
  const raw = rawRedirect(request.query) ?? '/';
  if (!raw.startsWith('/')) return raw;
  const host = ownHost(request);
  return host === undefined || raw.startsWith('//') ? undefined : `https://${host}${raw}`;
}

/**
 * The value of `rd`. nginx writes `rd=$request_uri` without escaping it, so a
 * value that is plainly an address or a path goes on to the end of the query.
 */
function rawRedirect(query: string): string | undefined {
  const at = /(?:^|&)rd=/.exec(query);
  if (at === null) return undefined;
  const rest = query.slice(at.index + at[0].length);
  if (/^(?:\/|https?:\/\/)/i.test(rest)) return rest;
  try {
    return decodeURIComponent((rest.split('&', 1)[0] ?? '').replaceAll('+', ' '));
  } catch {
    return '';
  }
}

function redirect(location: string, headers: ReplyHeaders = []): Reply {
  return statusReply(302, [['Location', location], ...headers]);
}

/** `callback?code=`: signs in at an application. Never 2xx. */
export function createCallback(door: Door): Handler {
  return request => door.callback(request, ownHost(request));
}

function noPortal({ peer, path }: Request, log: Logger): Reply {
  log.warn('there is no address to sign in at: set `authelia_url` in `session.cookies` for this domain', {
    peer,
    path,
    key: 'session.cookies',
  });
  return statusReply(404);
}
