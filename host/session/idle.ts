import type { CookieConfig } from '../config/schema.ts';
import type { Session } from '../store/store.ts';

/** When it ends if nobody is active any more: infinity where nobody minds, 0 of a domain that is configured no more. */
export function idleAt(session: Session, cookies: readonly CookieConfig[]): number {
  const cookie = cookies.find(({ domain }) => domain === session.domain);
  if (cookie === undefined) return 0;
  if (session.remember) return Number.POSITIVE_INFINITY;
  return session.activeAt + cookie.session.inactivitySeconds * 1_000;
}

/** When a grant of it must end. */
export function endOf(session: Session, cookies: readonly CookieConfig[]): number {
  return Math.min(session.expiresAt, idleAt(session, cookies));
}
