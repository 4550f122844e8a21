import { within, writeU8 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { POLICY_BYPASS, POLICY_DENY } from '../contract';
import {
  FLAG_BEARER,
  FLAG_FOLD_NAMES,
  FLAG_METHODS,
  FLAG_NETWORKS,
  FLAG_PATHS,
  FLAG_SUBJECTS,
  HAS_METHODS,
  HAS_NETWORKS,
  HAS_QUERY,
  HAS_RESOURCES,
  IMAGE_DEFAULT_POLICY,
  IMAGE_FLAGS,
  IMAGE_HEADER,
  IMAGE_LENGTH,
  IMAGE_MAGIC,
  IMAGE_RULE_COUNT,
  IMAGE_RULES,
  IMAGE_VERSION,
  NAMES_SUBJECTS,
  RULE_SIZE,
} from '../policy/layout';
import { GUEST_COMPILER_BYTES, HOST_COMPILER_BYTES } from '../regexp/limits';
import { reserveCompiler } from '../regexp/regexp';
import { alignImage, closeImage, image, imageStart, openImage, reserveBlocks, setHeader } from './blocks';
import { compileSettings, reserveSettings } from './compile-domain-settings';
import { openNetworks, reserveNetworks } from './compile-networks';
import { compileRule, openRules, policyCode, reserveRules, rules, rulesFlags } from './compile-rule';
import {
  compileAllowHttp,
  compileRealm,
  compileTokens,
  compileTrusted,
  readFoldNames,
} from './compile-settings';
import {
  closeDocument,
  doc,
  docEnd,
  firstEntry,
  isAbsent,
  openDocument,
  readKeys,
  readText,
  reportText,
  values,
  words,
} from './document';
import { checkImage } from './image';
import { checkJson, firstItem, JSON_ARRAY, jsonErrorAt, kindOf, nextItem, rootValue } from './json';
import {
  ACL_NO_RULES,
  ACL_POLICY,
  POLICY_JSON,
  POLICY_LIST,
  POLICY_SIZE,
  POLICY_UNUSED,
} from './problem-codes';
import {
  beginProblem,
  beginProblems,
  endProblem,
  endProblems,
  errorCount,
  path,
  popPath,
  problems,
  problemWords,
  pushIndex,
  pushKey,
  report,
} from './problems';

// Limits of a policy compiled inside the guest, whose memory holds little else.
/** Text of an inline policy: what Traefik's configuration carries without pain. */
export const GUEST_POLICY_BYTES: i32 = 16_384;
export const GUEST_RULES: i32 = 64;
/** Entries of one list in a rule. */
const GUEST_ITEMS: i32 = 128;
/** Entries of `domains`. */
const GUEST_DOMAINS: i32 = 32;
/** Slots of the tables that find equal blocks; a power of two. */
const GUEST_BLOCKS: i32 = 128;
/** Slots of the table of networks' names; a power of two. */
const GUEST_NAMES: i32 = 32;
/** Room for problems as JSON text. */
const GUEST_PROBLEM_BYTES: i32 = 2_048;

// Limits in the host, where they only keep a mistake from taking all memory.
export const HOST_POLICY_BYTES: i32 = 4_194_304;
export const HOST_RULES: i32 = 65_536;
const HOST_ITEMS: i32 = 16_384;
const HOST_DOMAINS: i32 = 4_096;
const HOST_BLOCKS: i32 = 131_072;
const HOST_NAMES: i32 = 16_384;
const HOST_PROBLEM_BYTES: i32 = 262_144;

let maxPolicyBytes: i32 = 0;

/** Makes room for compiling inside the guest: about 32 KiB, which `releaseCompiler` gives back. */
export function reserveForGuest(): void {
  reserveCompiler(new StaticArray<u8>(GUEST_COMPILER_BYTES));
  reserve(
    GUEST_POLICY_BYTES,
    GUEST_RULES,
    GUEST_ITEMS,
    GUEST_DOMAINS,
    GUEST_BLOCKS,
    GUEST_NAMES,
    GUEST_PROBLEM_BYTES,
  );
}

let hostExpressions: StaticArray<u8> = new StaticArray<u8>(0);

/** Makes room for compiling in the host: about 11 MiB. */
export function reserveForHost(): void {
  if (hostExpressions.length == 0) hostExpressions = new StaticArray<u8>(HOST_COMPILER_BYTES);
  reserveCompiler(hostExpressions);
  reserve(
    HOST_POLICY_BYTES,
    HOST_RULES,
    HOST_ITEMS,
    HOST_DOMAINS,
    HOST_BLOCKS,
    HOST_NAMES,
    HOST_PROBLEM_BYTES,
  );
}

/** Gives the room back, for a guest that has compiled its inline policy; `__collect` then frees it. */
export function releaseCompiler(): void {
  reserveCompiler(new StaticArray<u8>(0));
  reserve(0, 0, 0, 0, 0, 0, 0);
}

function reserve(
  policyBytes: i32,
  ruleCount: i32,
  items: i32,
  domains: i32,
  blocks: i32,
  names: i32,
  problemBytes: i32,
): void {
  if (maxPolicyBytes == policyBytes) return;
  maxPolicyBytes = policyBytes;
  reserveRules(ruleCount);
  reserveBlocks(items, blocks);
  reserveSettings(domains);
  reserveNetworks(names);
  problems.buf = new StaticArray<u8>(problemBytes);
}

/**
 * Compiles the policy document in `buf[start, end)`, JSON as `PolicyDocument`
 * of host/policy/engine.ts, and appends its image to `out`. Answers the number
 * of errors; `problems` then lists these and the warnings. With an error `out`
 * is as it was. The room comes from `reserveForGuest` or `reserveForHost`.
 */
export function compilePolicy(buf: StaticArray<u8>, start: i32, end: i32, out: ByteWriter): i32 {
  let at = out.len;
  beginProblems();
  if (!within(buf, start, end - start) || end - start > maxPolicyBytes) {
    report(POLICY_SIZE);
  } else {
    let code = checkJson(buf, start, end);
    if (code != 0) {
      beginProblem(POLICY_JSON);
      problemWords(POLICY_JSON);
      problems.ascii(' at byte ');
      problems.decimal(max(jsonErrorAt - start, 0) + 1);
      endProblem();
    } else {
      let begins = onBeginning;
      if (begins !== null) begins();
      openDocument(buf, end);
      openImage(out);
      compileDocument(rootValue(buf, start, end));
      closeImage();
      closeDocument();
    }
  }
  if (errorCount > 0) {
    out.len = at;
    out.overflow = false;
  }
  endProblems();
  return errorCount;
}

function compileDocument(root: i32): void {
  if (image.reserve(IMAGE_HEADER) >= 0)
    memory.fill(changetype<usize>(image.buf) + imageStart, 0, IMAGE_HEADER);
  openRules();
  // Directory and key are the plugin's own: it hands in its whole configuration.
  let keys =
    'access_control definitions trusted_proxies allow_http ambiguous_paths realm fold_names tokens ' +
    'domains identity_headers denial directory key_file  sign_in';
  if (!readKeys(root, keys)) return;
  let control = values[0];
  let definitions = values[1];
  let trusted = values[2];
  let allowHttp = values[3];
  let ambiguous = values[4];
  let realm = values[5];
  let foldNames = values[6];
  let tokens = values[7];
  let domains = values[8];
  let identity = values[9];
  let denial = values[10];
  signIn = values[14];

  let networkDefinitions = readDefinitions(definitions);
  pushKey('access_control');
  let readable = readKeys(control, 'default_policy rules networks');
  let defaultPolicy = values[0];
  let ruleList = values[1];
  let networkList = values[2];
  popPath(0);
  if (!readable) return;
  openNetworks(networkDefinitions, networkList);
  compileAccessControl(defaultPolicy, ruleList);

  compileTrusted(trusted);
  compileAllowHttp(allowHttp);
  compileSettings(domains, identity, denial, ambiguous);
  let flags: u32 = 0;
  compileRealm(realm);
  if (readFoldNames(foldNames)) flags |= FLAG_FOLD_NAMES;
  if (compileTokens(tokens)) flags |= FLAG_BEARER;
  finish(flags);
}

/** `definitions`: only networks are ours. */
function readDefinitions(value: i32): i32 {
  pushKey('definitions');
  let network = -1;
  if (readKeys(value, 'network user_attributes')) {
    network = values[0];
    if (!isAbsent(values[1])) {
      pushKey('user_attributes');
      report(POLICY_UNUSED);
    }
  }
  popPath(0);
  return network;
}

function compileAccessControl(defaultPolicy: i32, ruleList: i32): void {
  pushKey('access_control');
  let mark = path.len;
  let policy = POLICY_DENY;
  if (!isAbsent(defaultPolicy)) {
    pushKey('default_policy');
    if (readText(defaultPolicy) && words.len > 0) {
      policy = policyCode();
      if (policy < 0) reportText(ACL_POLICY);
    }
    popPath(mark);
  }
  if (firstEntry(ruleList) < 0) {
    // Without rules the default policy is all there is, and these two make no sense.
    if (policy == POLICY_DENY || policy == POLICY_BYPASS) report(ACL_NO_RULES);
  } else {
    pushKey('rules');
    if (kindOf(doc, ruleList) != JSON_ARRAY) {
      report(POLICY_LIST);
    } else {
      let list = path.len;
      let index = 0;
      for (let rule = firstItem(doc, ruleList, docEnd); rule >= 0; rule = nextItem(doc, rule, docEnd)) {
        pushIndex(index++);
        compileRule(rule);
        popPath(list);
      }
    }
  }
  popPath(0);
  writeU8(image.buf, imageStart + IMAGE_DEFAULT_POLICY, max(policy, 0));
}

/** `sign_in` of the document at hand, for the index. */
export let signIn: i32 = -1;

/** Adds the index to the image, in the host; a guest has no room for making one. */
let indexer: (() => void) | null = null;

/** Called before a policy is compiled. */
let onBeginning: (() => void) | null = null;

export function watchBeginnings(watch: () => void): void {
  onBeginning = watch;
}

export function installIndexer(indexes: () => void): void {
  indexer = indexes;
}

/** Puts the rules behind the blocks and completes the header. */
function finish(flags: u32): void {
  if ((rulesFlags & HAS_NETWORKS) != 0) flags |= FLAG_NETWORKS;
  if ((rulesFlags & HAS_METHODS) != 0) flags |= FLAG_METHODS;
  if ((rulesFlags & (HAS_RESOURCES | HAS_QUERY)) != 0) flags |= FLAG_PATHS;
  if ((rulesFlags & NAMES_SUBJECTS) != 0) flags |= FLAG_SUBJECTS;
  alignImage(RULE_SIZE);
  setHeader(IMAGE_FLAGS, flags);
  setHeader(IMAGE_RULES, image.len - imageStart);
  setHeader(IMAGE_RULE_COUNT, rules.len / RULE_SIZE);
  image.bytes(rules.buf, 0, rules.len);
  setHeader(0, IMAGE_MAGIC);
  setHeader(4, IMAGE_VERSION);
  setHeader(IMAGE_LENGTH, image.len - imageStart);
  let index = indexer;
  if (errorCount == 0 && !image.overflow && index !== null) index();
  setHeader(IMAGE_LENGTH, image.len - imageStart);
  // What would not load must not be written.
  let fits = !image.overflow && checkImage(image.buf, imageStart, image.len - imageStart);
  if (!fits && errorCount == 0) report(POLICY_SIZE);
}
