import { POLICY_BYPASS, POLICY_DENY, POLICY_ONE_FACTOR, POLICY_TWO_FACTOR } from '../contract';
import { dropParameters } from '../http/path';
import { REASON_PLAIN_HTTP } from '../http/reason';
import { Target } from '../http/target';
import { targetAmbiguity } from './ambiguity';
import {
  candidateChecksDomain,
  candidateItem,
  candidateRule,
  nextCandidate,
  openCandidates,
} from './candidates';
import { domainCouldMatch, domainMatches } from './domain';
import { IMAGE_ALLOW_HTTP, IMAGE_DEFAULT_POLICY, NAMES_SUBJECTS, WHOLE_RULE } from './layout';
import { methodBit } from './method';
import { expressionMatches } from './resource';
import {
  askerMatches,
  onQuery,
  readRule,
  restMatches,
  ruleDomains,
  ruleFlags,
  rulePolicy,
  ruleResources,
} from './rule';
import { Subject } from './subject';
import { clearFault, fault, headerByte, headerField, isImageOpen, ruleCount } from './view';

/** Position of the rule that decided last, from 1; 0 for the default policy. */
export let position: i32 = 0;
/** Whether that rule names subjects: who asks again as somebody else may get another answer. */
export let hasSubjects: bool = false;

let indexed: bool = true;

/** Whether the index is used where the policy has one. Off, tests see every rule judged. */
export function useIndex(on: bool): void {
  indexed = on;
}

/** Known policies as they are, everything else denies. */
function knownPolicy(policy: u32): i32 {
  return policy <= <u32>POLICY_BYPASS ? policy : POLICY_DENY;
}

/**
 * What the first rule that matches demands, POLICY_…; the default policy when
 * none does. Sets `position` and `hasSubjects`. When a part of the policy could
 * not be had, `fault` says so and the answer is POLICY_DENY.
 */
export function authorize(subject: Subject, target: Target): i32 {
  position = 0;
  hasSubjects = false;
  clearFault();
  if (!isImageOpen()) return POLICY_DENY;
  let method = methodBit(target.method, 0, target.methodLength);
  let policy =
    indexed && openCandidates(target)
      ? firstCandidate(method, subject, target)
      : firstRule(method, subject, target);
  if (fault == 0) return knownPolicy(policy);
  position = 0;
  hasSubjects = false;
  return POLICY_DENY;
}

/**
 * The stricter of `policy`, which `authorize` has just answered, and of what it
 * answers for the target without the parameters of its path: see `hasTwoReadings`.
 * The target stays without them.
 */
export function stricterWithoutParameters(policy: i32, subject: Subject, target: Target): i32 {
  let byRule = position;
  let bySubjects = hasSubjects;
  dropParameters(target);
  let other = authorize(subject, target);
  if (strictness(other) > strictness(policy) || fault != 0) return other;
  position = byRule;
  hasSubjects = bySubjects;
  return policy;
}

function strictness(policy: i32): i32 {
  if (policy == POLICY_BYPASS) return 0;
  if (policy == POLICY_ONE_FACTOR) return 1;
  return policy == POLICY_TWO_FACTOR ? 2 : 3;
}

function firstRule(method: u32, subject: Subject, target: Target): u32 {
  let count = ruleCount();
  let domains = -1;
  let onDomain = false;
  for (let i = 0; i < count && fault == 0; i++) {
    readRule(i);
    // Equal lists are stored once, and rules for one domain stand together.
    if (ruleDomains != domains) {
      domains = ruleDomains;
      onDomain = domainMatches(domains, subject, target);
    }
    if (onDomain && restMatches(method, subject, target)) return decide(i);
  }
  return headerByte(IMAGE_DEFAULT_POLICY);
}

/** As `firstRule`, of the rules that can match. */
function firstCandidate(method: u32, subject: Subject, target: Target): u32 {
  let rule = -1;
  // Whether who asks, and from where, suits the rule; its expressions come one by one.
  let suits = false;
  while (fault == 0 && nextCandidate()) {
    let checksDomain = candidateChecksDomain;
    if (candidateItem == WHOLE_RULE) {
      rule = candidateRule;
      readRule(rule);
      suits = false;
      if (checksDomain && !domainMatches(ruleDomains, subject, target)) continue;
      if (restMatches(method, subject, target)) return decide(rule);
      continue;
    }
    if (candidateRule != rule) {
      rule = candidateRule;
      readRule(rule);
      suits = askerMatches(method, subject) && (!checksDomain || domainMatches(ruleDomains, subject, target));
    }
    if (suits && expressionMatches(ruleResources, <i32>candidateItem, subject, target) && onQuery(target))
      return decide(rule);
  }
  return headerByte(IMAGE_DEFAULT_POLICY);
}

/** What the rule read last, number `rule`, demands. */
function decide(rule: i32): u32 {
  position = rule + 1;
  hasSubjects = (ruleFlags & NAMES_SUBJECTS) != 0;
  return rulePolicy;
}

/**
 * Whether the policy lets this target be judged at all: 0, or the REASON_… for
 * a 400. Plain http needs `allow_http`; what a backend could read differently
 * is refused where a decision could depend on it (see `ambiguity.ts`). When a
 * part of the policy could not be had, `fault` says so.
 */
export function admission(target: Target): i32 {
  clearFault();
  if (target.isPlain() && !domainCouldMatch(<i32>headerField(IMAGE_ALLOW_HTTP), target))
    return REASON_PLAIN_HTTP;
  return targetAmbiguity(target);
}
