import { readU32 } from '../bytes/bytes';
import { Target } from '../http/target';
import { domainCouldMatch } from './domain';
import { findGroups, groupCount, groups } from './domain-index';
import {
  CHECK_DOMAIN,
  GROUP_MEMBERS,
  GROUP_NAME,
  HAS_METHODS,
  HAS_QUERY,
  HAS_RESOURCES,
  LIST_ITEMS,
  MEMBER_SIZE,
} from './layout';
import { readRule, ruleDomains, ruleFlags } from './rule';
import { bytes, fault, locate, numberAt, ruleCount } from './view';

// What the decision needs and the proxy did not tell. Only the host meets such
// targets: some proxies tell forward-auth services no path or no method, and no
// guest ever asks so.
export const MISSING_PATH: i32 = 1;
export const MISSING_METHOD: i32 = 2;

/**
 * 0, or the MISSING_… without which a target cannot be judged: some rule that
 * could match the domain asks for it, and must not count as "no match".
 */
export function missing(target: Target, noPath: bool, noMethod: bool): i32 {
  let asked = (noPath ? HAS_RESOURCES | HAS_QUERY : 0) | (noMethod ? HAS_METHODS : 0);
  if (asked == 0) return 0;
  if (findGroups(target)) return amongGroups(asked, target);
  let count = ruleCount();
  for (let i = 0; i < count && fault == 0; i++) {
    let what = ofRule(i, true, asked, target);
    if (what != 0) return what;
  }
  return fault == 0 ? 0 : MISSING_PATH;
}

function amongGroups(asked: u32, target: Target): i32 {
  for (let i = 0; i < groupCount; i++) {
    let at = locate(unchecked(groups[i]), GROUP_NAME);
    let list = <i32>readU32(bytes, at + GROUP_MEMBERS);
    let count = <i32>numberAt(list);
    for (let j = 0; j < count && fault == 0; j++) {
      let member = numberAt(list + LIST_ITEMS + j * MEMBER_SIZE);
      let what = ofRule(<i32>(member & ~CHECK_DOMAIN), (member & CHECK_DOMAIN) != 0, asked, target);
      if (what != 0) return what;
    }
  }
  return fault == 0 ? 0 : MISSING_PATH;
}

function ofRule(rule: i32, checksDomain: bool, asked: u32, target: Target): i32 {
  readRule(rule);
  let criteria = ruleFlags & asked;
  if (criteria == 0 || (checksDomain && !domainCouldMatch(ruleDomains, target))) return 0;
  return (criteria & HAS_METHODS) != 0 ? MISSING_METHOD : MISSING_PATH;
}
