import type { Decision, Explanation, Target } from '../policy/engine.ts';
import type { PolicyView, RuleView } from './policy-view.ts';
import { proofOf, type Who } from './who.ts';
import { decidingRule } from './words.ts';

/** What somebody gets. */
export interface Answer {
  readonly who: Who;
  /** Why the service would not take the credential; rules then judge as nobody. */
  readonly refused: string | undefined;
  readonly decision: Decision;
  /** Undefined for a bad request. */
  readonly rule: RuleView | undefined;
}

/** And why. */
export interface Explained extends Answer {
  readonly explanation: Explanation;
}

/** Asks the engine for one request and one who asks. */
export function ask(policy: PolicyView, target: Target, who: Who): Answer {
  const refused = who.refusal(target.client);
  const decision = policy.decide(target, proofOf(who, refused !== undefined));
  return { who, refused, decision, rule: decidingRule(decision, policy) };
}

/** As `ask`, and looks at every rule: with many of them that takes its time. */
export function askWhy(policy: PolicyView, target: Target, who: Who): Explained {
  const refused = who.refusal(target.client);
  const explanation = policy.explain(target, proofOf(who, refused !== undefined));
  const { decision } = explanation;
  return { who, refused, decision, explanation, rule: decidingRule(decision, policy) };
}
