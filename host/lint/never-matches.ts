import type { LintRule } from './rules.ts';
import type { Shadowed } from './shadows.ts';
import { isSwallowed } from './swallowed-domain.ts';
import { enumerate, type Lint, type LintView, warning } from './warning.ts';

/** A rule of which earlier rules leave nothing. */
export const neverMatches: Lint = view =>
  view.shadowed.flatMap(found => (found.whole && !isToldElsewhere(found) ? [never(found, view)] : []));

function never({ rule, shadows }: Shadowed, view: LintView) {
  const earlier = [...new Set(shadows.map(shadow => shadow.rule))];
  const what = earlier.every(other => isSame(other, rule)) ? 'say' : 'match';
  const verb = `${what}${earlier.length === 1 ? (what === 'match' ? 'es' : 's') : ''}`;
  const all = what === 'say' ? 'the same' : 'everything that it could match';
  const first = earlier[0]?.position ?? rule.position;
  const better =
    what === 'say' && earlier.every(other => other.policy === rule.policy)
      ? 'remove it'
      : `move it above rule #${first}, or remove it`;
  return warning(
    'lint.never',
    rule.path,
    `rule #${rule.position} can never match, because ${enumerate(earlier.map(view.name))} ${verb} ${all}: ${better}`,
  );
}

/** One warning a mistake: domains that a wildcard swallows and hidden denials have their own. */
function isToldElsewhere({ rule, shadows }: Shadowed): boolean {
  return shadows.every(
    shadow => isSwallowed(shadow) || (rule.policy === 'deny' && shadow.rule.policy !== 'deny'),
  );
}

/** Whether two rules ask for the same, as they are written. */
function isSame(a: LintRule, b: LintRule): boolean {
  const asked = ({ domains, resources, methods, networks, subjects, query }: LintRule) =>
    JSON.stringify([domains.map(({ text }) => text), resources, methods, networks, subjects, query]);
  return asked(a) === asked(b);
}
