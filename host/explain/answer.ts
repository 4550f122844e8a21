import type { Explanation, Target } from '../policy/engine.ts';
import type { PolicyView, RuleView } from './policy-view.ts';
import { proofOf, type Who } from './who.ts';
import { decidingRule } from './words.ts';

/** What somebody gets, and why. */
export interface Answer {
  readonly who: Who;
  /** Why the service would not take the credential; rules then judge as nobody. */
  readonly refused: string | undefined;
  readonly explanation: Explanation;
  /** Undefined for a bad request. */
  readonly rule: RuleView | undefined;
}

/** Asks the engine for one request and one who asks. */
export function ask(policy: PolicyView, target: Target, who: Who): Answer {
  const refused = who.refusal(target.client);
  const explanation = policy.explain(target, proofOf(who, refused !== undefined));
  return { who, refused, explanation, rule: decidingRule(explanation.decision, policy) };
}
