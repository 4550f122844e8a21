import { because, type Finding } from '../finding.ts';
import { meeting } from '../hosts.ts';
import type { Check, Observation } from '../observation.ts';
import { leadsToHost } from '../portal-routers.ts';

const reached = because('people are sent there to sign in: what does not lead to the host lets nobody in.');

/** Each portal has a router that leads to the host, before any guard. */
export const checkPortal: Check = seen =>
  seen.layout === undefined ? [] : (seen.people?.portals ?? []).flatMap(address => check(address, seen));

function check(address: string, seen: Observation): Finding[] {
  const { layout, mend } = seen;
  if (layout === undefined) return [];
  const { hostname, pathname } = new URL(address);
  const routers = meeting(hostname, layout.others).filter(({ router }) => leadsToHost(router, seen));
  const best = routers.toSorted((a, b) => b.router.priority - a.router.priority)[0]?.router;
  if (best === undefined) {
    return [
      reached.error('portal.no-router', `no router leads from ${address} to the host`, mend.portal(address)),
    ];
  }
  const isWhole = pathname === '/';
  const before = meeting(hostname, layout.guards).find(
    ({ router, match }) => router.priority > best.priority && (match === 'yes' || isWhole),
  );
  if (before !== undefined) {
    const { name, priority } = before.router;
    return [
      reached.error(
        'portal.guarded',
        `${name} (priority ${priority}) takes requests for ${hostname} before ${best.name} (priority ${best.priority}): nobody can sign in who is not signed in`,
        `# in the place of ${best.name}\n${mend.portal(address)}`,
      ),
    ];
  }
  return [reached.ok('portal.router', `${best.name} leads from ${address} to the host`)];
}
