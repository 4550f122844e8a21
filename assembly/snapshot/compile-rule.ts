import { equalsAscii } from '../bytes/ascii';
import { ByteWriter } from '../bytes/writer';
import { POLICY_BYPASS, POLICY_DENY, POLICY_ONE_FACTOR, POLICY_TWO_FACTOR } from '../contract';
import {
  HAS_METHODS,
  HAS_NETWORKS,
  HAS_QUERY,
  HAS_RESOURCES,
  HAS_SUBJECT_LIST,
  NAMES_SUBJECTS,
  PROGRAM,
  PROGRAM_NAMED,
  RULE_SIZE,
} from '../policy/layout';
import { methodBit } from '../policy/method';
import { text } from '../policy/query';
import { namedGroups } from '../regexp/regexp';
import { addItem, beginList, endList, image, imageStart, internProgram } from './blocks';
import { compileDomains, domainsNameSubjects } from './compile-domains';
import { compileNetworks } from './compile-networks';
import { compileQuery } from './compile-query';
import { compileSubjects } from './compile-subjects';
import { firstEntry, isAbsent, nextEntry, readKeys, readText, reportText, values, words } from './document';
import {
  ACL_BYPASS_DOMAIN,
  ACL_BYPASS_REGEX,
  ACL_BYPASS_RESOURCE,
  ACL_BYPASS_SUBJECT,
  ACL_CRITERION_EMPTY,
  ACL_DOMAIN_MISSING,
  ACL_METHOD,
  ACL_METHOD_TWICE,
  ACL_POLICY,
  ACL_POLICY_MISSING,
  POLICY_RULES_LIMIT,
} from './problem-codes';
import { path, popPath, pushIndex, pushKey, report, reportNumber } from './problems';

/** Rules compiled so far, as the image will hold them. */
export const rules = new ByteWriter(new StaticArray<u8>(0));
/** Union of the rules' flags. */
export let rulesFlags: u32 = 0;

export function reserveRules(maxRules: i32): void {
  rules.buf = new StaticArray<u8>(maxRules * RULE_SIZE);
}

export function openRules(): void {
  rules.reset();
  rulesFlags = 0;
}

/** POLICY_… of the text read last, -1 when it names none. */
export function policyCode(): i32 {
  if (equalsAscii(text, 0, words.len, 'deny')) return POLICY_DENY;
  if (equalsAscii(text, 0, words.len, 'one_factor')) return POLICY_ONE_FACTOR;
  if (equalsAscii(text, 0, words.len, 'two_factor')) return POLICY_TWO_FACTOR;
  return equalsAscii(text, 0, words.len, 'bypass') ? POLICY_BYPASS : -1;
}

/** Compiles one rule, whose path is on the stack, and appends it to `rules`. */
export function compileRule(value: i32): void {
  if (rules.len + RULE_SIZE > rules.buf.length) {
    if (!rules.overflow) reportNumber(POLICY_RULES_LIMIT, rules.buf.length / RULE_SIZE);
    rules.overflow = true;
    return;
  }
  if (!readKeys(value, 'domain domain_regex policy subject networks methods resources query')) return;
  let domain = values[0];
  let regex = values[1];
  let policyValue = values[2];
  let subject = values[3];
  let networks = values[4];
  let methods = values[5];
  let resources = values[6];
  let query = values[7];

  let policy = rulePolicy(policyValue);
  let bypass = policy == POLICY_BYPASS;
  let flags: u32 = 0;

  beginList();
  let mark = path.len;
  if (!isAbsent(domain)) {
    pushKey('domain');
    compileDomains(domain, true);
    if (domainsNameSubjects) {
      flags |= NAMES_SUBJECTS;
      if (bypass) report(ACL_BYPASS_DOMAIN);
    }
    popPath(mark);
  }
  if (!isAbsent(regex)) {
    pushKey('domain_regex');
    if (compilePrograms(regex)) {
      flags |= NAMES_SUBJECTS;
      if (bypass) report(ACL_BYPASS_REGEX);
    }
    popPath(mark);
  }
  if (firstEntry(domain) < 0 && firstEntry(regex) < 0) report(ACL_DOMAIN_MISSING);
  let domains = endList();

  let subjectList = 0;
  if (hasEntries(subject, 'subject')) {
    flags |= HAS_SUBJECT_LIST | NAMES_SUBJECTS;
    pushKey('subject');
    if (bypass) report(ACL_BYPASS_SUBJECT);
    subjectList = compileSubjects(subject);
    popPath(mark);
  }
  let networkSet = 0;
  if (hasEntries(networks, 'networks')) {
    flags |= HAS_NETWORKS;
    pushKey('networks');
    networkSet = compileNetworks(networks, true);
    popPath(mark);
  }
  let methodBits: u32 = 0;
  if (hasEntries(methods, 'methods')) {
    flags |= HAS_METHODS;
    pushKey('methods');
    methodBits = compileMethods(methods);
    popPath(mark);
  }
  let resourceList = 0;
  if (hasEntries(resources, 'resources')) {
    flags |= HAS_RESOURCES;
    pushKey('resources');
    beginList();
    if (compilePrograms(resources)) {
      flags |= NAMES_SUBJECTS;
      if (bypass) report(ACL_BYPASS_RESOURCE);
    }
    resourceList = endList();
    popPath(mark);
  }
  let queryList = 0;
  if (hasEntries(query, 'query')) {
    flags |= HAS_QUERY;
    pushKey('query');
    queryList = compileQuery(query);
    popPath(mark);
  }

  rules.u8(max(policy, 0));
  rules.u8(flags);
  rules.u16(methodBits);
  rules.u32(domains);
  rules.u32(networkSet);
  rules.u32(subjectList);
  rules.u32(resourceList);
  rules.u32(queryList);
  rules.u64(0);
  rulesFlags |= flags;
}

/** POLICY_…; -1, and a problem reported, when there is none. */
function rulePolicy(value: i32): i32 {
  if (isAbsent(value)) {
    report(ACL_POLICY_MISSING);
    return -1;
  }
  let mark = path.len;
  pushKey('policy');
  let code = -1;
  if (readText(value)) {
    code = policyCode();
    if (code < 0) reportText(ACL_POLICY);
  }
  popPath(mark);
  return code;
}

/** True when a criterion has entries. One that is there and empty matches everything, which is worth a warning. */
function hasEntries(value: i32, key: string): bool {
  if (value < 0) return false;
  if (firstEntry(value) >= 0) return true;
  let mark = path.len;
  pushKey(key);
  report(ACL_CRITERION_EMPTY);
  popPath(mark);
  return false;
}

/** Adds the programs of a list of expressions; true when one captures `User` or `Group`. */
function compilePrograms(value: i32): bool {
  let named = false;
  let mark = path.len;
  let index = 0;
  for (let entry = firstEntry(value); entry >= 0; entry = nextEntry(value, entry)) {
    if (entry != value) pushIndex(index++);
    let program = internProgram(entry);
    if (program >= 0) {
      let groups = namedGroups(image.buf, imageStart + program);
      if (groups != 0) named = true;
      addItem(groups != 0 ? PROGRAM_NAMED : PROGRAM, 0, 0, program);
    }
    popPath(mark);
  }
  return named;
}

/** Bits of a list of methods. */
function compileMethods(value: i32): u32 {
  let bits: u32 = 0;
  let mark = path.len;
  let index = 0;
  for (let entry = firstEntry(value); entry >= 0; entry = nextEntry(value, entry)) {
    if (entry != value) pushIndex(index++);
    if (readText(entry)) {
      let bit = methodBit(text, 0, words.len);
      if (bit == 0) reportText(ACL_METHOD);
      else if ((bits & bit) != 0) reportText(ACL_METHOD_TWICE);
      bits |= bit;
    }
    popPath(mark);
  }
  return bits;
}
