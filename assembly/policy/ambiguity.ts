import { readU8, readU32 } from '../bytes/bytes';
import { REASON_QUERY_ESCAPE, REASON_QUERY_REPEATED } from '../http/reason';
import { Target } from '../http/target';
import { domainCouldMatch } from './domain';
import {
  FLAG_CLEAN,
  FLAG_PATHS,
  HAS_QUERY,
  HAS_RESOURCES,
  IMAGE_CLEAN_DOMAINS,
  IMAGE_FLAGS,
  IMAGE_RULE_COUNT,
  IMAGE_RULES,
  itemAt,
  itemCount,
  itemKind,
  itemLength,
  itemStart,
  QUERY_NOT_PATTERN,
  QUERY_PRESENT,
  RULE_DOMAINS,
  RULE_FLAGS,
  RULE_QUERY,
  RULE_SIZE,
  ruleField,
} from './layout';
import { decodedEquals, isPair, keyPartEnd, pairEnd } from './query';

/**
 * One path for policy and backend: 0, or the REASON_… why a backend could read
 * this target differently than the rules do, on a domain where the decision can
 * depend on it. A path, and a `;` in the query, count where some rule that could
 * match the domain has `resources` or `query`; a query's keys where a `query`
 * rule asks for them.
 */
export function targetAmbiguity(buf: StaticArray<u8>, image: i32, target: Target): i32 {
  let flags = readU32(buf, image + IMAGE_FLAGS);
  if ((flags & FLAG_PATHS) == 0 || (flags & FLAG_CLEAN) != 0) return 0;
  // Nothing odd in the path and no query: the usual request ends here.
  if (target.ambiguity == 0 && target.queryStart == target.objectLength) return 0;
  if (domainCouldMatch(buf, image, ruleField(buf, image, image, IMAGE_CLEAN_DOMAINS), target)) return 0;
  let rule = ruleField(buf, image, image, IMAGE_RULES);
  if (rule < image || rule > buf.length) return 0;
  let count: i32 = min(readU32(buf, image + IMAGE_RULE_COUNT), (buf.length - rule) / RULE_SIZE);
  // Traefik makes `&` of it behind the guest, other proxies do not.
  let semicolon = holdsSemicolon(target);
  let odd = target.ambiguity != 0 || semicolon;
  for (let i = 0; i < count; i++, rule += RULE_SIZE) {
    let criteria = readU8(buf, rule + RULE_FLAGS);
    if ((criteria & (odd ? HAS_RESOURCES | HAS_QUERY : HAS_QUERY)) == 0) continue;
    if (!domainCouldMatch(buf, image, ruleField(buf, image, rule, RULE_DOMAINS), target)) continue;
    if (target.ambiguity != 0) return target.ambiguity;
    if (semicolon) return REASON_QUERY_ESCAPE;
    let reason = queryAmbiguity(buf, image, ruleField(buf, image, rule, RULE_QUERY), target);
    if (reason != 0) return reason;
  }
  return 0;
}

function holdsSemicolon(target: Target): bool {
  for (let i = target.queryStart; i < target.objectLength; i++) {
    if (readU8(target.object, i) == 0x3b) return true;
  }
  return false;
}

/** Pairs that Go drops and others read, and keys asked for that stand there more than once. */
function queryAmbiguity(buf: StaticArray<u8>, image: i32, list: i32, target: Target): i32 {
  let query = target.object;
  let end = target.objectLength;
  for (let at = target.queryStart; at < end; ) {
    let stop = pairEnd(query, at, end);
    if (at < stop && !isPair(query, at, stop)) return REASON_QUERY_ESCAPE;
    at = stop + 1;
  }
  let count = itemCount(buf, list);
  for (let i = 0; i < count; i++) {
    let item = itemAt(list, i);
    let kind = itemKind(buf, item);
    if (kind < QUERY_PRESENT || kind > QUERY_NOT_PATTERN) continue; // the value of the item before
    let key = itemStart(buf, image, item);
    let found = 0;
    for (let at = target.queryStart; at < end; ) {
      let stop = pairEnd(query, at, end);
      if (
        at < stop &&
        decodedEquals(query, at, keyPartEnd(query, at, stop), buf, key, key + itemLength(buf, item))
      ) {
        if (++found > 1) return REASON_QUERY_REPEATED;
      }
      at = stop + 1;
    }
  }
  return 0;
}
