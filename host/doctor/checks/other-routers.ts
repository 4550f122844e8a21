import { because, type Finding } from '../finding.ts';
import { hostsToTry, type Meeting, meeting, serviceOf, sharedEntryPoints } from '../hosts.ts';
import { forwardAuthOf, type GuardView, onlyRedirects, type PlacedRouter } from '../layout.ts';
import { local } from '../mend.ts';
import type { Check } from '../observation.ts';
import { leadsToHost } from '../portal-routers.ts';
import { matchersOf } from '../rule.ts';

const past = because(
  'Traefik gives a request to the router of highest priority alone, so this one goes round the guard.',
);
const open = because('nobody asks the policy about requests that this router takes.');
const fallback = because(
  'when the guard is gone (the plugin fails, a file has a mistake), this router serves its requests unguarded.',
);
const slow = because('without the plugin the host is asked about every request: as safe, but slower.');

/** How bad it is when `other` meets requests for a host. */
type Way = 'open' | 'past' | 'fallback' | 'none';

/** No router of a guarded host goes round its guard, above it or when it is gone. */
export const checkOtherRouters: Check = seen => {
  const { layout, domains, mend } = seen;
  if (layout === undefined) return [];
  const found = new Map<PlacedRouter, { way: Way; hosts: string[]; guard: GuardView | undefined }>();
  for (const host of hostsToTry(domains, layout)) {
    const guards = meeting(
      host,
      layout.guards.filter(({ status }) => status !== 'disabled'),
    );
    for (const { router } of meeting(host, layout.others)) {
      // The host judges by itself who may see what it answers.
      if (onlyRedirects(router) || leadsToHost(router, seen)) continue;
      const { way, guard } = worst(router, guards);
      const before = found.get(router);
      if (way === 'none') continue;
      if (before === undefined || rank(way) > rank(before.way))
        found.set(router, { way, hosts: [host], guard });
      else if (before.way === way) before.hosts.push(host);
    }
  }
  return [...found].map(([router, { way, hosts, guard }]): Finding => {
    const names = hosts.join(', ');
    if (router.chain.some(item => forwardAuthOf(item) !== undefined)) {
      return slow.ok('router.forward-auth', `${router.name} asks the host about every request for ${names}`);
    }
    const host = hosts[0] ?? 'app.example.com';
    const service = (guard && serviceOf(guard)) ?? withProvider(router);
    const lines = [
      `# remove the router ${router.name} (with Docker: the label traefik.enable=false), and let these serve ${host}`,
      mend.domain(host, service),
    ].join('\n');
    switch (way) {
      case 'past':
        return past.error(
          'router.past-guard',
          router.priority < (guard?.priority ?? 0)
            ? `${router.name} takes requests for ${names} that the rule of ${guard?.name} leaves`
            : `${router.name} (priority ${router.priority}) takes requests for ${names} before ${guard?.name} (priority ${guard?.priority})`,
          lines,
        );
      case 'open':
        return open.error(
          'router.unguarded',
          `${router.name} (${router.entryPoints.join(', ')}) serves ${names} without the plugin`,
          lines,
        );
      default:
        return fallback.warning(
          'router.behind-guard',
          `${router.name} (priority ${router.priority}) also matches ${names}, behind ${guard?.name}`,
          lines,
        );
    }
  });
};

const rank = (way: Way): number => ['none', 'fallback', 'open', 'past'].indexOf(way);

function worst(
  other: PlacedRouter,
  guards: readonly Meeting<GuardView>[],
): { way: Way; guard: GuardView | undefined } {
  const ways = other.entryPoints.map((entryPoint): { way: Way; guard: GuardView | undefined } => {
    const here = guards.filter(({ router }) => sharedEntryPoints(router, other).includes(entryPoint));
    const above = here.find(({ router, match }) => match === 'yes' && router.priority > other.priority);
    if (above !== undefined) {
      // One that names no host is for hosts that nobody else serves.
      return { way: namesHost(other) ? 'fallback' : 'none', guard: above.router };
    }
    const guard = here[0]?.router;
    return { way: guard === undefined ? 'open' : 'past', guard };
  });
  return ways.reduce((a, b) => (rank(b.way) > rank(a.way) ? b : a), { way: 'none', guard: undefined });
}

const namesHost = ({ parsed }: PlacedRouter): boolean =>
  parsed === undefined || matchersOf(parsed).some(({ name }) => name === 'host' || name === 'hostregexp');

/** The router's service as the file provider names it. */
function withProvider({ name, service = 'app' }: PlacedRouter): string {
  return local(service.includes('@') ? service : `${service}${name.slice(name.lastIndexOf('@'))}`);
}
