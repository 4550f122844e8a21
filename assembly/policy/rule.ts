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
      return (
        (flags & HAS_METHODS) == 0 || onMethod(buf, rule, methodBit(target.method, 0, target.methodLength))
      );
    case CRITERION_NETWORKS:
      return (flags & HAS_NETWORKS) == 0 || onNetwork(buf, image, rule, subject);
    case CRITERION_SUBJECT:
      return (flags & HAS_SUBJECT_LIST) == 0 || onSubject(buf, image, rule, subject);
    case CRITERION_RESOURCES:
      return (flags & HAS_RESOURCES) == 0 || onResource(buf, image, rule, subject, target);
    case CRITERION_QUERY:
      return (flags & HAS_QUERY) == 0 || onQuery(buf, image, rule, target);
    default:
      return false;
  }
}

/**
 * True when all criteria but the domain hold; `method` is the request's
 * `methodBit`. They have no effects, so the cheap ones come first.
 */
export function restMatches(
  buf: StaticArray<u8>,
  image: i32,
  rule: i32,
  method: u32,
  subject: Subject,
  target: Target,
): bool {
  let flags = readU8(buf, rule + RULE_FLAGS);
  return (
    ((flags & HAS_METHODS) == 0 || onMethod(buf, rule, method)) &&
    ((flags & HAS_NETWORKS) == 0 || onNetwork(buf, image, rule, subject)) &&
    ((flags & HAS_SUBJECT_LIST) == 0 || onSubject(buf, image, rule, subject)) &&
    ((flags & HAS_RESOURCES) == 0 || onResource(buf, image, rule, subject, target)) &&
    ((flags & HAS_QUERY) == 0 || onQuery(buf, image, rule, target))
  );
}

function onMethod(buf: StaticArray<u8>, rule: i32, method: u32): bool {
  return (readU16(buf, rule + RULE_METHODS) & method) != 0;
}

function onNetwork(buf: StaticArray<u8>, image: i32, rule: i32, subject: Subject): bool {
  if (!subject.hasAddress) return false;
  return contains(buf, ruleField(buf, image, rule, RULE_NETWORKS), subject.addressHigh, subject.addressLow);
}

function onSubject(buf: StaticArray<u8>, image: i32, rule: i32, subject: Subject): bool {
  return subjectMatches(buf, image, ruleField(buf, image, rule, RULE_SUBJECTS), subject);
}

function onResource(buf: StaticArray<u8>, image: i32, rule: i32, subject: Subject, target: Target): bool {
  return resourceMatches(buf, image, ruleField(buf, image, rule, RULE_RESOURCES), subject, target);
}

function onQuery(buf: StaticArray<u8>, image: i32, rule: i32, target: Target): bool {
  return queryMatches(buf, image, ruleField(buf, image, rule, RULE_QUERY), target);
}
