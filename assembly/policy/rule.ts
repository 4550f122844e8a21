import { readU8, readU16, readU32 } from '../bytes/bytes';
import { POLICY_DENY } from '../contract';
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
} from './layout';
import { methodBit } from './method';
import { queryMatches } from './query';
import { resourceMatches } from './resource';
import { Subject } from './subject';
import { subjectMatches } from './subjects';
import { bytes, locateRule, locateSet } from './view';

// Criteria, for whoever asks about them one by one.
export const CRITERION_DOMAIN: i32 = 0;
export const CRITERION_METHODS: i32 = 1;
export const CRITERION_NETWORKS: i32 = 2;
export const CRITERION_SUBJECT: i32 = 3;
export const CRITERION_RESOURCES: i32 = 4;
export const CRITERION_QUERY: i32 = 5;
export const CRITERIA: i32 = 6;

// The rule read last.
export let rulePolicy: u32 = 0;
export let ruleFlags: u32 = 0;
let methods: u32 = 0;
/** Offsets of its lists, and of its set of networks. */
export let ruleDomains: i32 = 0;
let networks: i32 = 0;
let subjects: i32 = 0;
export let ruleResources: i32 = 0;
export let ruleQuery: i32 = 0;

/** Reads rule `number`, from 0. One that cannot be read demands `deny`, and `fault` tells. */
export function readRule(number: i32): void {
  let at = locateRule(number);
  rulePolicy = readU8(bytes, at);
  ruleFlags = readU8(bytes, at + RULE_FLAGS);
  methods = readU16(bytes, at + RULE_METHODS);
  ruleDomains = <i32>readU32(bytes, at + RULE_DOMAINS);
  networks = <i32>readU32(bytes, at + RULE_NETWORKS);
  subjects = <i32>readU32(bytes, at + RULE_SUBJECTS);
  ruleResources = <i32>readU32(bytes, at + RULE_RESOURCES);
  ruleQuery = <i32>readU32(bytes, at + RULE_QUERY);
}

/** True when one criterion of the rule read last holds; an absent one always does. */
export function criterionMatches(criterion: i32, subject: Subject, target: Target): bool {
  switch (criterion) {
    case CRITERION_DOMAIN:
      return domainMatches(ruleDomains, subject, target);
    case CRITERION_METHODS:
      return onMethod(methodBit(target.method, 0, target.methodLength));
    case CRITERION_NETWORKS:
      return onNetwork(subject);
    case CRITERION_SUBJECT:
      return onSubject(subject);
    case CRITERION_RESOURCES:
      return (ruleFlags & HAS_RESOURCES) == 0 || resourceMatches(ruleResources, subject, target);
    case CRITERION_QUERY:
      return onQuery(target);
    default:
      return false;
  }
}

/** True when method, network and subject of the rule read last hold; `method` is the request's `methodBit`. */
export function askerMatches(method: u32, subject: Subject): bool {
  return onMethod(method) && onNetwork(subject) && onSubject(subject);
}

/**
 * True when all criteria but the domain of the rule read last hold. They have no
 * effects, so the cheap ones come first.
 */
export function restMatches(method: u32, subject: Subject, target: Target): bool {
  return (
    askerMatches(method, subject) &&
    ((ruleFlags & HAS_RESOURCES) == 0 || resourceMatches(ruleResources, subject, target)) &&
    onQuery(target)
  );
}

function onMethod(method: u32): bool {
  return (ruleFlags & HAS_METHODS) == 0 || (methods & method) != 0;
}

function onNetwork(subject: Subject): bool {
  if ((ruleFlags & HAS_NETWORKS) == 0) return true;
  if (!subject.hasAddress) {
    if (subject.addressPending) subject.addressWanted = true;
    // Whoever comes from nobody knows where lies in no network that opens, and in each that closes.
    return !subject.addressPending && rulePolicy == POLICY_DENY;
  }
  let set = locateSet(networks);
  return contains(bytes, set, subject.addressHigh, subject.addressLow);
}

function onSubject(subject: Subject): bool {
  return (ruleFlags & HAS_SUBJECT_LIST) == 0 || subjectMatches(subjects, subject);
}

/** `query` of the rule read last. */
export function onQuery(target: Target): bool {
  return (ruleFlags & HAS_QUERY) == 0 || queryMatches(ruleQuery, target);
}
