import {
  LEVEL_ONE_FACTOR,
  LEVEL_TWO_FACTORS,
  POLICY_BYPASS,
  POLICY_ONE_FACTOR,
  POLICY_TWO_FACTOR,
  VERDICT_ALLOW,
  VERDICT_CHALLENGE,
  VERDICT_FORBID,
} from '../contract';

/**
 * From what a rule demands to the answer (Authelia's authz handlers).
 * `failed`: a credential was sent and is no good; whoever sent it counts as
 * nobody and is asked again, even where the rule denies. A rule that denies
 * some subjects asks nobody to sign in first: they may turn out to be another.
 * Zero and unknown values refuse.
 */
export function verdict(policy: i32, hasSubjects: bool, level: i32, failed: bool): i32 {
  if (policy == POLICY_BYPASS) return VERDICT_ALLOW;
  if (failed) return VERDICT_CHALLENGE;
  let proved = level == LEVEL_ONE_FACTOR || level == LEVEL_TWO_FACTORS ? level : 0;
  if (policy == POLICY_ONE_FACTOR) return proved > 0 ? VERDICT_ALLOW : VERDICT_CHALLENGE;
  if (policy == POLICY_TWO_FACTOR) return proved == LEVEL_TWO_FACTORS ? VERDICT_ALLOW : VERDICT_CHALLENGE;
  return proved == 0 && hasSubjects ? VERDICT_CHALLENGE : VERDICT_FORBID;
}
