import { readU8, readU32 } from '../bytes/bytes';
import { POLICY_BYPASS, POLICY_DENY } from '../contract';
import { REASON_PLAIN_HTTP } from '../http/reason';
import { Target } from '../http/target';
import { targetAmbiguity } from './ambiguity';
import { domainCouldMatch, domainMatches } from './domain';
import {
  IMAGE_ALLOW_HTTP,
  IMAGE_DEFAULT_POLICY,
  IMAGE_MAGIC,
  IMAGE_RULE_COUNT,
  IMAGE_RULES,
  NAMES_SUBJECTS,
  RULE_DOMAINS,
  RULE_FLAGS,
  RULE_SIZE,
  ruleField,
} from './layout';
import { methodBit } from './method';
import { restMatches } from './rule';
import { Subject } from './subject';

/** Position of the rule that decided last, from 1; 0 for the default policy. */
export let position: i32 = 0;
/** Whether that rule names subjects: who asks again as somebody else may get another answer. */
export let hasSubjects: bool = false;

/** Known policies as they are, everything else denies. */
function knownPolicy(policy: u32): i32 {
  return policy <= <u32>POLICY_BYPASS ? policy : POLICY_DENY;
}

/**
 * What the first rule that matches demands, POLICY_…; the default policy when
 * none does. Sets `position` and `hasSubjects`. `image` is the offset of the
 * policy image in `buf`.
 */
export function authorize(buf: StaticArray<u8>, image: i32, subject: Subject, target: Target): i32 {
  position = 0;
  hasSubjects = false;
  if (readU32(buf, image) != IMAGE_MAGIC) return POLICY_DENY;
  let rule = ruleField(buf, image, image, IMAGE_RULES);
  if (rule < image || rule > buf.length) return POLICY_DENY;
  let count: i32 = min(readU32(buf, image + IMAGE_RULE_COUNT), (buf.length - rule) / RULE_SIZE);
  let method = methodBit(target.method, 0, target.methodLength);
  let domains = -1;
  let onDomain = false;
  for (let i = 0; i < count; i++, rule += RULE_SIZE) {
    // Equal lists are stored once, and rules for one domain stand together.
    let list = ruleField(buf, image, rule, RULE_DOMAINS);
    if (list != domains) {
      domains = list;
      onDomain = domainMatches(buf, image, list, subject, target);
    }
    if (!onDomain || !restMatches(buf, image, rule, method, subject, target)) continue;
    position = i + 1;
    hasSubjects = (readU8(buf, rule + RULE_FLAGS) & NAMES_SUBJECTS) != 0;
    return knownPolicy(readU8(buf, rule));
  }
  return knownPolicy(readU8(buf, image + IMAGE_DEFAULT_POLICY));
}

/**
 * Whether the policy lets this target be judged at all: 0, or the REASON_… for
 * a 400. Plain http needs `allow_http`; what a backend could read differently
 * is refused where a decision could depend on it (see `ambiguity.ts`).
 */
export function admission(buf: StaticArray<u8>, image: i32, target: Target): i32 {
  if (
    target.isPlain() &&
    !domainCouldMatch(buf, image, ruleField(buf, image, image, IMAGE_ALLOW_HTTP), target)
  ) {
    return REASON_PLAIN_HTTP;
  }
  return targetAmbiguity(buf, image, target);
}
