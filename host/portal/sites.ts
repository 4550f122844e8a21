import type { CookieConfig } from '../config/schema.ts';
import type { Request } from '../http/router.ts';
import { ownHost } from '../routes/forwarded.ts';
import { bareHost } from '../routes/sign-in.ts';
import type { Site } from './visit.ts';

/** The portals of all domains. Domains that hang on another one's portal have none of their own. */
export class Sites {
  readonly #sites: readonly Site[];

  constructor(cookies: readonly CookieConfig[]) {
    this.#sites = cookies.flatMap(cookie => {
      if (cookie.signInUrl === undefined || cookie.isHandoff === true) return [];
      const url = new URL(cookie.signInUrl);
      return [{ cookie, origin: url.origin, base: url.pathname.replace(/\/+$/, '') }];
    });
  }

  /** By `Host`; where two portals share one, by the longer path. */
  find(request: Request): Site | undefined {
    const host = bareHost(ownHost(request) ?? '');
    const here = this.#sites.filter(site => bareHost(new URL(site.origin).host) === host);
    const fitting = here.filter(({ base }) => below(request.path, base) !== undefined);
    return fitting.sort((a, b) => b.base.length - a.base.length)[0] ?? here[0];
  }

  /** The portal of a domain. */
  of(cookie: CookieConfig): Site | undefined {
    return this.#sites.find(site => site.cookie.domain === cookie.domain);
  }
}

/**
 * The path below the portal's address. A proxy, or `server.address`, may have
 * taken the address's own path away before.
 */
export function pathOf(request: Request, { base }: Site): string {
  return below(request.path, base) ?? request.path;
}

function below(path: string, base: string): string | undefined {
  if (path === base) return '/';
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined;
}
