import type { Shadow } from './shadows.ts';
import { type Lint, warning } from './warning.ts';

/** A wildcard (`*.example.com`), or an expression, before the exact domain (`admin.example.com`) that it swallows. */
export const swallowedDomain: Lint = ({ shadowed, name }) =>
  shadowed.flatMap(({ rule, shadows }) =>
    shadows.filter(isSwallowed).map(({ entry, rule: first, by }) => {
      const effect =
        rule.policy === 'deny' && first.policy !== 'deny'
          ? `so rule #${first.position} lets in (\`${first.policy}\`) what rule #${rule.position} is to refuse`
          : `so rule #${rule.position} never sees it`;
      return warning(
        'lint.wildcard',
        entry.path,
        `\`${by.text}\` of ${name(first)} matches \`${entry.text}\` first, ${effect}: move rule #${rule.position} above rule #${first.position}`,
      );
    }),
  );

export function isSwallowed({ entry, by }: Shadow): boolean {
  return entry.kind === 'exact' && by.kind !== 'exact';
}
