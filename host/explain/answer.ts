import type { Explanation, Target } from '../policy/engine.ts';
import type { PolicyView, RuleView } from './policy-view.ts';
import { proofOf, type Who } from './who.ts';
import { decidingRule } from './words.ts';

/** What somebody gets, and why. */
export interface Answer {
  readonly who: Who;
  readonly explanation: Explanation;
  /** Undefined for a bad request. */
  readonly rule: RuleView | undefined;
}

/** Asks the engine for one request and one who asks. */
export function ask(policy: PolicyView, target: Target, who: Who): Answer {
  const explanation = policy.explain(target, proofOf(who));
  return { who, explanation, rule: decidingRule(explanation.decision, policy) };
}
