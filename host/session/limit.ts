import type { CookieConfig } from '../config/schema.ts';
import type { Crowd, Session } from '../store/store.ts';

/**
 * Of one user on one domain. Nobody has as many browsers; a script that signs in
 * for each of its calls would fill the database, and the list of devices with it.
 */
export const MAX_SESSIONS = 100;

/** Who has to make room for a session that has just begun. */
export function crowdOf(session: Session, { session: { inactivitySeconds } }: CookieConfig): Crowd {
  const { id, username, domain, createdAt: now } = session;
  return { username, domain, keep: id, most: MAX_SESSIONS, now, idleSince: now - inactivitySeconds * 1_000 };
}
