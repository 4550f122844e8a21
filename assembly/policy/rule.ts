import { readU8, readU16 } from '../bytes/bytes';
import { Target } from '../http/target';
import { contains } from '../net/network-set';
import { domainMatches } from './domain';
import {
  HAS_METHODS,
  HAS_NETWORKS,
  HAS_QUERY,
  HAS_RESOURCES,
  HAS_SUBJECT_LIST,
  RULE_DOMAINS,
  RULE_FLAGS,
  RULE_METHODS,
  RULE_NETWORKS,
  RULE_QUERY,
  RULE_RESOURCES,
  RULE_SUBJECTS,
  ruleField,
} from './layout';
import { methodBit } from './method';
import { queryMatches } from './query';
import { resourceMatches } from './resource';
import { Subject } from './subject';
import { subjectMatches } from './subjects';

// Criteria, for whoever asks about them one by one.
export const CRITERION_DOMAIN: i32 = 0;
export const CRITERION_METHODS: i32 = 1;
export const CRITERION_NETWORKS: i32 = 2;
export const CRITERION_SUBJECT: i32 = 3;
export const CRITERION_RESOURCES: i32 = 4;
export const CRITERION_QUERY: i32 = 5;
export const CRITERIA: i32 = 6;

/** True when one criterion of the rule at `rule` holds; an absent one always does. */
export function criterionMatches(
  buf: StaticArray<u8>,
  image: i32,
  rule: i32,
  criterion: i32,
  subject: Subject,
  target: Target,
): bool {
  let flags = readU8(buf, rule + RULE_FLAGS);
  switch (criterion) {
    case CRITERION_DOMAIN:
      return domainMatches(buf, image, ruleField(buf, image, rule, RULE_DOMAINS), subject, target);
    case CRITERION_METHODS:
      if ((flags & HAS_METHODS) == 0) return true;
      return (readU16(buf, rule + RULE_METHODS) & methodBit(target.method, 0, target.methodLength)) != 0;
    case CRITERION_NETWORKS:
      if ((flags & HAS_NETWORKS) == 0) return true;
      return (
        subject.hasAddress &&
        contains(buf, ruleField(buf, image, rule, RULE_NETWORKS), subject.addressHigh, subject.addressLow)
      );
    case CRITERION_SUBJECT:
      if ((flags & HAS_SUBJECT_LIST) == 0) return true;
      return subjectMatches(buf, image, ruleField(buf, image, rule, RULE_SUBJECTS), subject);
    case CRITERION_RESOURCES:
      if ((flags & HAS_RESOURCES) == 0) return true;
      return resourceMatches(buf, image, ruleField(buf, image, rule, RULE_RESOURCES), subject, target);
    case CRITERION_QUERY:
      if ((flags & HAS_QUERY) == 0) return true;
      return queryMatches(buf, image, ruleField(buf, image, rule, RULE_QUERY), target);
    default:
      return false;
  }
}

/** True when all criteria hold. They have no effects, so the cheap ones come first. */
export function ruleMatches(
  buf: StaticArray<u8>,
  image: i32,
  rule: i32,
  subject: Subject,
  target: Target,
): bool {
  for (let criterion = 0; criterion < CRITERIA; criterion++) {
    if (!criterionMatches(buf, image, rule, criterion, subject, target)) return false;
  }
  return true;
}
