import { readU8, readU32 } from '../bytes/bytes';
import { Target } from '../http/target';
import { domainCouldMatch } from './domain';
import {
  HAS_METHODS,
  HAS_QUERY,
  HAS_RESOURCES,
  IMAGE_RULE_COUNT,
  IMAGE_RULES,
  RULE_DOMAINS,
  RULE_FLAGS,
  RULE_SIZE,
  ruleField,
} from './layout';

// What the decision needs and the proxy did not tell. Only the host meets such
// targets: some proxies tell forward-auth services no path or no method, and no
// guest ever asks so.
export const MISSING_PATH: i32 = 1;
export const MISSING_METHOD: i32 = 2;

/**
 * 0, or the MISSING_… without which a target cannot be judged: some rule that
 * could match the domain asks for it, and must not count as "no match".
 */
export function missing(buf: StaticArray<u8>, image: i32, target: Target, noPath: bool, noMethod: bool): i32 {
  let asked = (noPath ? HAS_RESOURCES | HAS_QUERY : 0) | (noMethod ? HAS_METHODS : 0);
  if (asked == 0) return 0;
  let rule = ruleField(buf, image, image, IMAGE_RULES);
  if (rule < image || rule > buf.length) return MISSING_PATH;
  let count: i32 = min(readU32(buf, image + IMAGE_RULE_COUNT), (buf.length - rule) / RULE_SIZE);
  for (let i = 0; i < count; i++, rule += RULE_SIZE) {
    let criteria = readU8(buf, rule + RULE_FLAGS) & asked;
    if (criteria == 0) continue;
    if (!domainCouldMatch(buf, image, ruleField(buf, image, rule, RULE_DOMAINS), target)) continue;
    return (criteria & HAS_METHODS) != 0 ? MISSING_METHOD : MISSING_PATH;
  }
  return 0;
}
