/**
 * Below which paths an application's proxy leads people to us: authentik's two,
 * and oauth2-proxy's. Tried in this order where nobody knows yet which one it is.
 */
export const DOORS = ['/outpost.goauthentik.io', '/akprox', '/oauth2'] as const;
export type Door = (typeof DOORS)[number];

/** The door that a path lies below, when it is one of its own paths: `start`, `callback`. */
export function doorOf(path: string, name: string): Door | undefined {
  return DOORS.find(door => path === `${door}/${name}`);
}

/**
 * Where an application's host begins to sign somebody in (`handoff-door.ts`).
 *
 * @param attempt one-based number of the door that is tried; undefined where it is known to be led to us
 */
export function startAddress(page: URL, door: Door, attempt?: number): string {
  const tried = attempt === undefined ? '' : `try=${attempt}&`;
  return `${page.origin}${door}/start?${tried}rd=${encodeURIComponent(page.href)}`;
}

/** What `startAddress` wrote; undefined for other addresses. */
export function readStart(url: URL): { page: string; door: Door; attempt: number | undefined } | undefined {
  const door = doorOf(url.pathname, 'start');
  if (door === undefined) return undefined;
  const attempt = url.searchParams.get('try');
  return {
    page: url.searchParams.get('rd') ?? '/',
    door,
    attempt: attempt === null ? undefined : Number.parseInt(attempt, 10) || DOORS.length,
  };
}

/** The portal's page that signs in at an application, or says that this one cannot be reached. */
export function handoffAddress(
  signInUrl: string | undefined,
  page: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const portal = new URL(signInUrl ?? page);
  const query = new URLSearchParams({ rd: page, ...more });
  return `${portal.origin}${portal.pathname.replace(/\/$/, '')}${HANDOFF_PATH}?${query}`;
}

export const HANDOFF_PATH = '/handoff';
