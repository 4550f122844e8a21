import type { PlacedRouter } from './layout.ts';
import { hasFailed, type Observation } from './observation.ts';
import { qualified } from './traefik-view.ts';

/** Whether a router's requests end at the host itself, by the address that we or forwardAuth have of it. */
export function leadsToHost({ name, service }: PlacedRouter, seen: Observation): boolean {
  const { traefik, hostAddress, authHosts } = seen;
  if (service === undefined || hasFailed(traefik)) return false;
  const servers = traefik.services.get(qualified(service, name)) ?? [];
  const ours = new Set([originOf(hostAddress), ...[...authHosts.keys()].map(originOf)]);
  return servers.length > 0 && servers.every(url => ours.has(originOf(url)));
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
