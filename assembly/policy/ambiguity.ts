import { readU16, readU32 } from '../bytes/bytes';
import { REASON_QUERY_ESCAPE, REASON_QUERY_REPEATED } from '../http/reason';
import { Target } from '../http/target';
import { domainCouldMatch } from './domain';
import { findGroups, groupCount, groups } from './domain-index';
import {
  CHECK_DOMAIN,
  FLAG_PATHS,
  GROUP_CRITERIA,
  GROUP_NAME,
  GROUP_PATHS,
  HAS_QUERY,
  HAS_RESOURCES,
  IMAGE_FLAGS,
  LIST_ITEMS,
  MEMBER_SIZE,
  PATHS_CLEAN,
  QUERY_NOT_PATTERN,
  QUERY_PRESENT,
} from './layout';
import { decodedEquals, isPair, keyPartEnd, pairEnd } from './query';
import { readRule, ruleDomains, ruleFlags, ruleQuery } from './rule';
import { findSettings, paths } from './settings';
import {
  bytes,
  fault,
  headerField,
  itemCount,
  itemKind,
  itemLength,
  locate,
  locateString,
  numberAt,
  readItem,
  ruleCount,
} from './view';

/**
 * One path for policy and backend: 0, or the REASON_… why a backend could read
 * this target differently than the rules do, on a domain where the decision can
 * depend on it. A path, and a `;` in the query, count where some rule that could
 * match the domain has `resources` or `query`; a query's keys where a `query`
 * rule asks for them.
 */
export function targetAmbiguity(target: Target): i32 {
  if ((headerField(IMAGE_FLAGS) & FLAG_PATHS) == 0) return 0;
  // Nothing odd in the path and no query: the usual request ends here.
  if (target.ambiguity == 0 && target.queryStart == target.objectLength) return 0;
  findSettings(target);
  if (paths == PATHS_CLEAN) return 0;
  // Traefik makes `&` of it behind the guest, other proxies do not.
  let semicolon = target.querySemicolon;
  let asking = target.ambiguity != 0 || semicolon ? HAS_RESOURCES | HAS_QUERY : HAS_QUERY;
  if (!findGroups(target)) return amongRules(asking, semicolon, target);
  for (let i = 0; i < groupCount; i++) {
    let reason = amongGroup(unchecked(groups[i]), asking, semicolon, target);
    if (reason != 0) return reason;
  }
  return 0;
}

/**
 * Whether the target has two readings that are both judged, with the parameters
 * of its path and without: an application may take `/admin;x` for `/admin`. Not
 * where `clean` asks for Authelia's way.
 */
export function hasTwoReadings(target: Target): bool {
  if (!target.pathParameters || (headerField(IMAGE_FLAGS) & FLAG_PATHS) == 0) return false;
  findSettings(target);
  return paths != PATHS_CLEAN || fault != 0;
}

function amongRules(asking: u32, semicolon: bool, target: Target): i32 {
  let count = ruleCount();
  for (let i = 0; i < count && fault == 0; i++) {
    let reason = ofRule(i, true, asking, semicolon, target);
    if (reason != 0) return reason;
  }
  return 0;
}

function amongGroup(group: i32, asking: u32, semicolon: bool, target: Target): i32 {
  let at = locate(group, GROUP_NAME);
  if ((readU16(bytes, at + GROUP_CRITERIA) & asking) == 0) return 0;
  let list = <i32>readU32(bytes, at + GROUP_PATHS);
  let count = <i32>numberAt(list);
  for (let i = 0; i < count && fault == 0; i++) {
    let member = numberAt(list + LIST_ITEMS + i * MEMBER_SIZE);
    let rule = <i32>(member & ~CHECK_DOMAIN);
    let reason = ofRule(rule, (member & CHECK_DOMAIN) != 0, asking, semicolon, target);
    if (reason != 0) return reason;
  }
  return 0;
}

/** Why the target is refused because of a rule; 0 when it is not. */
function ofRule(rule: i32, checksDomain: bool, asking: u32, semicolon: bool, target: Target): i32 {
  readRule(rule);
  if ((ruleFlags & asking) == 0) return 0;
  if (checksDomain && !domainCouldMatch(ruleDomains, target)) return 0;
  if (target.ambiguity != 0) return target.ambiguity;
  return semicolon ? REASON_QUERY_ESCAPE : queryAmbiguity(ruleQuery, target);
}

/** Pairs that Go drops and others read, and keys asked for that stand there more than once. */
function queryAmbiguity(list: i32, target: Target): i32 {
  let query = target.object;
  let end = target.objectLength;
  for (let at = target.queryStart; at < end; ) {
    let stop = pairEnd(query, at, end);
    if (at < stop && !isPair(query, at, stop)) return REASON_QUERY_ESCAPE;
    at = stop + 1;
  }
  let count = itemCount(list);
  for (let i = 0; i < count; i++) {
    readItem(list, i);
    if (itemKind < QUERY_PRESENT || itemKind > QUERY_NOT_PATTERN) continue; // the value of the item before
    let key = locateString();
    let found = 0;
    for (let at = target.queryStart; at < end; ) {
      let stop = pairEnd(query, at, end);
      if (at < stop && decodedEquals(query, at, keyPartEnd(query, at, stop), bytes, key, key + itemLength)) {
        if (++found > 1) return REASON_QUERY_REPEATED;
      }
      at = stop + 1;
    }
  }
  return 0;
}
