import type { PolicyView, RuleView } from '../explain/policy-view.ts';
import type { FileResult } from './run.ts';

/** Which rules of a policy decided some request of the tests. */
export interface Coverage {
  readonly policy: PolicyView;
  readonly reached: number;
  readonly missed: readonly RuleView[];
  /** Whether the default policy decided one; it is no rule and does not count. */
  readonly fallbackReached: boolean;
  /** Rules reached in percent, 100 for a policy without rules. */
  readonly percent: number;
}

/** Of all files together, by policy. */
export function coverageOf(files: readonly FileResult[]): Coverage[] {
  const reached = new Map<PolicyView, Set<number>>();
  for (const { policy, tests } of files) {
    const positions = reached.get(policy) ?? new Set<number>();
    reached.set(policy, positions);
    for (const { answer } of tests.flatMap(test => test.cases)) {
      const { decision } = answer;
      if (decision.verdict !== 'bad-request') positions.add(decision.position);
    }
  }
  return [...reached].map(([policy, positions]) => {
    const missed = policy.rules.filter(rule => !positions.has(rule.position));
    const count = policy.rules.length - missed.length;
    return {
      policy,
      reached: count,
      missed,
      fallbackReached: positions.has(0),
      percent: policy.rules.length === 0 ? 100 : (100 * count) / policy.rules.length,
    };
  });
}
