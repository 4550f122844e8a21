import { coversCriteria } from './cover.ts';
import { type Covering, type DomainIndex, indexDomains } from './domains.ts';
import type { Probe } from './probe.ts';
import type { DomainEntry, LintRule } from './rules.ts';

/** Comparisons of two rules: some seconds at most, however many rules stand on one domain. */
const MAX_COMPARISONS = 2_000_000;

/** An entry of a rule that an earlier rule leaves nothing of. */
export interface Shadow extends Covering {
  readonly entry: DomainEntry;
}

/** What earlier rules leave nothing of. */
export interface Shadowed {
  readonly rule: LintRule;
  /** By entry, in their order, each with the first rule that covers it. */
  readonly shadows: readonly Shadow[];
  /** No entry is left: the rule never matches. */
  readonly whole: boolean;
}

/** For each rule the entries that earlier rules cover with all they ask for. */
export function findShadows(rules: readonly LintRule[], probe: Probe): Shadowed[] {
  const index = indexDomains(rules, probe);
  const budget = { comparisons: MAX_COMPARISONS };
  return rules.flatMap(rule => {
    const shadows = rule.domains.flatMap(entry => {
      const found = firstCover(rule, entry, index, probe, budget);
      return found === undefined ? [] : [{ entry, ...found }];
    });
    return shadows.length === 0 ? [] : [{ rule, shadows, whole: shadows.length === rule.domains.length }];
  });
}

function firstCover(
  rule: LintRule,
  entry: DomainEntry,
  index: DomainIndex,
  probe: Probe,
  budget: { comparisons: number },
): Covering | undefined {
  for (const covering of index.covering(entry)) {
    if (covering.rule.position >= rule.position || budget.comparisons-- <= 0) return undefined;
    if (coversCriteria(covering.rule, rule, probe)) return covering;
  }
  return undefined;
}
