import { isWildcard, liesUnder, sampleOf } from '../domains.ts';
import { because, type Finding } from '../finding.ts';
import { meeting, serviceOf } from '../hosts.ts';
import type { GuardView } from '../layout.ts';
import { local } from '../mend.ts';
import type { Check, Observation } from '../observation.ts';
import { hostsOf } from '../rule-match.ts';

const domain = because("the policy's rules hold only for requests that pass a router with the plugin.");
const working = because('a router that Traefik does not serve guards nothing.');
const target = because(
  'Go reads `GET a:http://host/admin` as a URL without a path: without this middleware in front, the plugin judges `/` while the service gets `/admin`.',
);

/** Every domain of the policy has a guard, and every guard works. */
export const checkGuards: Check = seen => {
  const { layout, domains } = seen;
  if (layout === undefined) return [];
  return [
    ...domains.flatMap(name => checkDomain(name, seen)),
    ...layout.guards.flatMap(guard => checkGuard(guard, seen)),
  ];
};

function checkDomain(name: string, { layout, mend }: Observation): Finding[] {
  if (layout === undefined) return [];
  const host = sampleOf(name);
  const guarded =
    meeting(host, layout.guards).length > 0 ||
    // For a wildcard, guards of names below it do.
    (isWildcard(name) && layout.guards.some(({ parsed }) => hostsOf(parsed).some(h => liesUnder(h, name))));
  if (guarded) return [domain.ok('guard.domain', `${name} has a router with the plugin`)];
  // Said by the check of other routers, with the service that is open.
  if (meeting(host, layout.others).length > 0) return [];
  const service = name.replace('*.', '').split('.')[0] ?? name;
  return [
    domain.warning(
      'guard.missing',
      `${name} is in the policy and has no router`,
      `# put the right service's name\n${mend.domain(name, service)}`,
    ),
  ];
}

function checkGuard(guard: GuardView, { layout, mend }: Observation): Finding[] {
  const ours = new Set(layout?.plugins.map(({ middleware }) => middleware.name));
  const findings: Finding[] = [];
  if (guard.status !== 'enabled') {
    findings.push(
      working.error(
        'guard.broken',
        `${guard.name} is ${guard.status ?? 'without status'}: ${(guard.error ?? []).join('; ') || 'Traefik does not say why'}`,
        mend.domain(
          hostsOf(guard.parsed)[0] ?? 'app.example.com',
          serviceOf(guard) ?? guard.service ?? 'app',
        ),
      ),
    );
  }
  const at = guard.chain.findIndex(({ name }) => ours.has(name));
  const renews = guard.chain
    .slice(0, Math.max(at, 0))
    .some(({ settings }) => JSON.stringify(settings.redirectRegex) === mend.targetRegex);
  if (at >= 0 && !renews) {
    findings.push(
      target.error(
        'guard.target',
        `${guard.name}: postern-target does not run before the plugin`,
        `${mend.router(guard.name, {
          ...(({ rule, priority }) => ({ rule, priority }))(guard),
          middlewares: ['postern-target', ...guard.middlewares.map(local)],
        })}\n${indented(mend.middlewares('postern-target'))}`,
      ),
    );
  }
  return findings.length > 0 ? findings : [working.ok('guard.works', `${guard.name} is enabled`)];
}

/** The block below `http:` of lines that begin with it, to stand in one document with others. */
const indented = (lines: string): string => lines.replace(/^http:\n/, '');
