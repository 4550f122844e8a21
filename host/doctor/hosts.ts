import { isWildcard, liesUnder, sampleOf } from './domains.ts';
import type { GuardView, Layout, PlacedRouter } from './layout.ts';
import { hostsOf, type Match, matchRule } from './rule-match.ts';
import type { RouterView } from './traefik-view.ts';

/**
 * The names to try routers with: what the policy names, what guards guard, and
 * what other routers ask for below a wildcard of the policy.
 */
export function hostsToTry(domains: readonly string[], { guards, others }: Layout): string[] {
  const wildcards = domains.filter(isWildcard);
  const asked = others.flatMap(({ parsed }) => hostsOf(parsed));
  const hosts = [
    ...domains.map(sampleOf),
    ...guards.flatMap(({ parsed }) => hostsOf(parsed)).map(sampleOf),
    ...asked.filter(host => !isWildcard(host) && wildcards.some(wildcard => liesUnder(host, wildcard))),
  ];
  return [...new Set(hosts)];
}

export interface Meeting<T> {
  readonly router: T;
  readonly match: Match;
}

/** The routers that may match requests for a host. */
export function meeting<T extends PlacedRouter>(host: string, routers: readonly T[]): Meeting<T>[] {
  return routers
    .map(router => ({ router, match: matchRule(router.parsed, { host }) }))
    .filter(({ match }) => match !== 'no');
}

/** Routers compete where they share an entry point and both have TLS or neither. */
export function sharedEntryPoints(a: RouterView, b: RouterView): string[] {
  return a.tls === b.tls ? a.entryPoints.filter(name => b.entryPoints.includes(name)) : [];
}

/** The service behind a guard, as its children name it. */
export function serviceOf(guard: GuardView): string | undefined {
  return guard.children.map(({ service }) => service).find(service => service !== undefined);
}
