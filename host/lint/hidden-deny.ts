import type { Shadowed } from './shadows.ts';
import { isSwallowed } from './swallowed-domain.ts';
import { enumerate, type Lint, warning } from './warning.ts';

/** A rule that lets in (`bypass`, `one_factor`, `two_factor`) what a later rule is to refuse. */
export const hiddenDeny: Lint = ({ shadowed, name }) =>
  shadowed.flatMap(found => {
    const { rule, whole } = found;
    const hiding = allowing(found);
    const first = hiding[0]?.rule;
    if (first === undefined) return [];
    const names = enumerate([...new Set(hiding.map(({ entry }) => `\`${entry.text}\``))]);
    const what = whole ? 'refuses nothing' : `does not refuse ${names}`;
    const message = `rule #${rule.position} ${what}: ${name(first)} lets the same requests in before it (\`${first.policy}\`); move rule #${rule.position} above rule #${first.position}`;
    return [warning('lint.hidden-deny', rule.path, message)];
  });

/** Shadows of a deny by rules that let in, but for those that `swallowedDomain` tells. */
function allowing({ rule, shadows }: Shadowed): Shadowed['shadows'] {
  if (rule.policy !== 'deny') return [];
  return shadows.filter(shadow => shadow.rule.policy !== 'deny' && !isSwallowed(shadow));
}
