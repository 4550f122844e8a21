import type { CookieConfig } from '../config/schema.ts';
import type { Session } from '../store/store.ts';

/** Value of `Set-Cookie`. Without "remember me" it goes with the browser, whatever is left of the session. */
export function sessionCookie(
  cookie: CookieConfig,
  token: string,
  session: Pick<Session, 'createdAt' | 'expiresAt' | 'remember'>,
): string {
  const seconds = Math.floor((session.expiresAt - session.createdAt) / 1_000);
  return setCookie(cookie, token, session.remember ? `; Max-Age=${seconds}` : '');
}

/** Makes the browser forget it. */
export function clearedCookie(cookie: CookieConfig): string {
  return setCookie(cookie, '', '; Max-Age=0');
}

const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const;

function setCookie({ domain, session }: CookieConfig, value: string, age: string): string {
  const site = SAME_SITE[session.sameSite];
  return `${session.cookieName}=${value}; Domain=${domain}; Path=/${age}; Secure; HttpOnly; SameSite=${site}`;
}
