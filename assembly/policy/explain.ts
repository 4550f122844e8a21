import { ByteWriter } from '../bytes/writer';
import { Target } from '../http/target';
import { HAS_METHODS, HAS_NETWORKS, HAS_QUERY, HAS_RESOURCES, HAS_SUBJECT_LIST } from './layout';
import {
  CRITERIA,
  CRITERION_DOMAIN,
  CRITERION_METHODS,
  CRITERION_NETWORKS,
  CRITERION_QUERY,
  CRITERION_RESOURCES,
  CRITERION_SUBJECT,
  criterionMatches,
  readRule,
  ruleFlags,
} from './rule';
import { Subject } from './subject';
import { ruleCount } from './view';

/**
 * Why a rule matched or did not: appends two bytes for each rule, the criteria
 * it has and those that hold, bit CRITERION_… each. An absent one holds. For
 * people who ask; `authorize` decides.
 */
export function explain(subject: Subject, target: Target, out: ByteWriter): void {
  let count = ruleCount();
  for (let i = 0; i < count; i++) {
    readRule(i);
    let has = criteriaOf(ruleFlags);
    let holds = 0;
    for (let criterion = 0; criterion < CRITERIA; criterion++) {
      if (criterionMatches(criterion, subject, target)) holds |= 1 << criterion;
    }
    out.u8(has);
    out.u8(holds);
  }
}

/** A rule's flags as bits of criteria. */
function criteriaOf(flags: u32): u32 {
  let has: u32 = 1 << CRITERION_DOMAIN;
  if ((flags & HAS_METHODS) != 0) has |= 1 << CRITERION_METHODS;
  if ((flags & HAS_NETWORKS) != 0) has |= 1 << CRITERION_NETWORKS;
  if ((flags & HAS_SUBJECT_LIST) != 0) has |= 1 << CRITERION_SUBJECT;
  if ((flags & HAS_RESOURCES) != 0) has |= 1 << CRITERION_RESOURCES;
  if ((flags & HAS_QUERY) != 0) has |= 1 << CRITERION_QUERY;
  return has;
}
