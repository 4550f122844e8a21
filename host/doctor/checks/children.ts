import { HEADER_VERDICT, VERDICT_ALLOW_PREFIX, VERDICT_DEFER_PREFIX } from '../../../assembly/contract.ts';
import { because, type Finding } from '../finding.ts';
import { serviceOf } from '../hosts.ts';
import { forwardAuthOf, type GuardView, type PlacedRouter } from '../layout.ts';
import type { Check, Observation } from '../observation.ts';
import { headerValuesOf, type Match, matchRule } from '../rule-match.ts';

const layers = because(
  'behind the plugin one router must take what it allowed, and another ask the host about what it deferred.',
);
const tagged = because(
  'without the tag of the key any client can write the verdict itself when the parent loses its plugin.',
);
const stale = because('the plugin sets the tag of its own key, and a router with another tag never matches.');
const unreachable = because(
  'Traefik refuses a child with entry points, and makes a router of its own of it when its parent is gone.',
);
const asks = because('what the plugin deferred nobody has decided yet.');

const verdict = (child: PlacedRouter, value: string): Match =>
  matchRule(child.parsed, { header: { name: HEADER_VERDICT, value } });

/** The two routers behind each guard. */
export const checkChildren: Check = seen => {
  const { layout, mend } = seen;
  if (layout === undefined) return [];
  return [
    ...layout.guards.flatMap(guard => checkLayers(guard, seen)),
    ...layout.strays.map(({ name, parentRefs }) =>
      tagged.error(
        'child.stray',
        `${name} goes by our verdict, but ${
          parentRefs.length === 0 ? 'has no parent' : `no router ${parentRefs.join(', ')} runs the plugin`
        }`,
        `# remove ${name}, or let its parent run the plugin\n${mend.domain('app.example.com', 'app')}`,
      ),
    ),
  ];
};

function checkLayers(guard: GuardView, seen: Observation): Finding[] {
  const { mend, tag, previousTag } = seen;
  const lines = mend.children(guard.name, serviceOf(guard) ?? guard.service ?? 'app');
  if (guard.children.length === 0) {
    const chained = guard.chain.some(item => forwardAuthOf(item) !== undefined);
    return [
      chained
        ? layers.warning('child.missing', `${guard.name} asks the host about every request`, lines)
        : layers.error('child.missing', `${guard.name} has no children (parentRefs)`, lines),
    ];
  }
  const findings = guard.children.flatMap(child => checkChild(child, lines, seen));
  for (const [what, prefix] of [
    ['allowed', VERDICT_ALLOW_PREFIX],
    ['deferred', VERDICT_DEFER_PREFIX],
  ] as const) {
    const takes = (value: string) =>
      guard.children.some(child => child.entryPoints.length === 0 && verdict(child, value) !== 'no');
    if (!takes(`${prefix}${tag}`)) {
      findings.push(
        stale.error(
          'child.tag',
          `behind ${guard.name} no router takes what is ${what} with this secret's key`,
          lines,
        ),
      );
    } else if (previousTag !== undefined && !takes(`${prefix}${previousTag}`)) {
      findings.push(
        stale.warning(
          'child.previous-tag',
          `behind ${guard.name} no router takes what is ${what} with the previous secret's key, while POSTERN_SECRET_PREVIOUS is set`,
          lines,
        ),
      );
    }
  }
  return findings.length > 0
    ? findings
    : [layers.ok('child.layers', `${guard.name} has routers for what is allowed and deferred`)];
}

function checkChild(child: PlacedRouter, lines: string, { tag, previousTag }: Observation): Finding[] {
  const findings: Finding[] = [];
  if (child.entryPoints.length > 0) {
    findings.push(
      unreachable.error(
        'child.entry-points',
        `${child.name} has entryPoints: ${child.entryPoints.join(', ')}`,
        lines,
      ),
    );
  } else if (child.status !== 'enabled') {
    findings.push(
      layers.error(
        'child.broken',
        `${child.name} is ${child.status ?? 'without status'}: ${(child.error ?? []).join('; ') || 'Traefik does not say why'}`,
        lines,
      ),
    );
  }
  // What a client could think of: none, the bare words, other tags.
  const guesses = ['', 'allow', 'defer', `${VERDICT_ALLOW_PREFIX}0`, `${VERDICT_DEFER_PREFIX}0`];
  if (guesses.some(value => verdict(child, value) !== 'no')) {
    findings.push(
      tagged.error('child.untagged', `${child.name} also matches without the tag: ${child.rule}`, lines),
    );
    return findings;
  }
  const tags = [tag, ...(previousTag === undefined ? [] : [previousTag])];
  const values = headerValuesOf(child.parsed, HEADER_VERDICT);
  const known = new Set(tags.flatMap(item => [VERDICT_ALLOW_PREFIX + item, VERDICT_DEFER_PREFIX + item]));
  if (values.some(value => known.has(value)) && values.some(value => !known.has(value))) {
    findings.push(
      stale.warning(
        'child.old-tag',
        `${child.name} still matches the tag of a secret that is not in use`,
        lines,
      ),
    );
  }
  const defers = tags.some(item => verdict(child, VERDICT_DEFER_PREFIX + item) !== 'no');
  if (defers && !child.chain.some(item => forwardAuthOf(item) !== undefined)) {
    findings.push(
      asks.error('child.unasked', `${child.name} passes what is deferred without asking the host`, lines),
    );
  }
  return findings;
}
