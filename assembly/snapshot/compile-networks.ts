import { sameBytes } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { parseCidr } from '../net/cidr';
import { ipBits, ipHigh, ipLow, isIpv4, parseIp } from '../net/ip';
import { addNetwork, beginSet } from '../net/network-set';
import { text } from '../policy/query';
import { image, intern } from './blocks';
import { ByteMap } from './byte-map';
import {
  doc,
  docEnd,
  firstEntry,
  isAbsent,
  nextEntry,
  readKeys,
  readText,
  reportText,
  values,
  words,
} from './document';
import {
  findValue,
  firstItem,
  JSON_ARRAY,
  JSON_OBJECT,
  JSON_STRING,
  keyValue,
  kindOf,
  nextItem,
  readString,
  valueEnd,
} from './json';
import {
  ACL_NETWORK,
  ACL_NETWORK_MAPPED,
  ACL_NETWORK_NAME,
  ACL_NETWORK_TWICE,
  POLICY_EMPTY,
  POLICY_LIST,
  POLICY_OBJECT,
} from './problem-codes';
import { path, popPath, pushBytes, pushIndex, pushKey, report } from './problems';

/** Longest name of a network; a longer one is none. */
const MAX_NAME: i32 = 255;
const name = new ByteWriter(new StaticArray<u8>(MAX_NAME));

/** Lists by the name as the document spells it. */
const named = new ByteMap();
/** `definitions.network`, an object of lists, and `access_control.networks`, a list of objects with `name` and `networks`. */
let definitions: i32 = -1;
let namedList: i32 = -1;

/** Makes room for finding `maxNames` names (a power of two) without a search. */
export function reserveNetworks(maxNames: i32): void {
  named.reserve(maxNames);
}

/** Takes note of where networks are defined and reports what is wrong there. */
export function openNetworks(definitionsValue: i32, listValue: i32): void {
  named.clear();
  definitions = -1;
  namedList = -1;
  let mark = path.len;
  if (!isAbsent(definitionsValue)) {
    pushKey('definitions');
    pushKey('network');
    if (kindOf(doc, definitionsValue) != JSON_OBJECT) report(POLICY_OBJECT);
    else checkDefinitions(definitionsValue);
    popPath(mark);
  }
  if (!isAbsent(listValue)) {
    pushKey('access_control');
    pushKey('networks');
    if (kindOf(doc, listValue) != JSON_ARRAY) report(POLICY_LIST);
    else checkList(listValue);
    popPath(mark);
  }
}

function checkDefinitions(value: i32): void {
  let mark = path.len;
  definitions = value;
  for (let key = firstItem(doc, value, docEnd); key >= 0; ) {
    let list = keyValue(doc, key, docEnd);
    words.reset();
    readString(doc, key, docEnd, words);
    pushBytes(text, 0, words.len);
    checkNew(key, list);
    checkNetworks(list);
    popPath(mark);
    key = nextItem(doc, list, docEnd);
  }
}

function checkList(value: i32): void {
  let mark = path.len;
  let index = 0;
  namedList = value;
  for (let entry = firstItem(doc, value, docEnd); entry >= 0; entry = nextItem(doc, entry, docEnd)) {
    pushIndex(index++);
    if (readKeys(entry, 'name networks')) {
      let nameValue = values[0];
      let list = values[1];
      if (isAbsent(nameValue)) report(ACL_NETWORK_NAME);
      else if (readText(nameValue)) checkNew(nameValue, list);
      pushKey('networks');
      checkNetworks(list);
    }
    popPath(mark);
  }
}

/** Reports the name in `words`, which stands at `key`, when it is empty or taken; else notes its list. */
function checkNew(key: i32, list: i32): void {
  let end = valueEnd(doc, key, docEnd);
  if (words.len == 0) report(ACL_NETWORK_NAME);
  else if (named.find(doc, key, end) >= 0) reportText(ACL_NETWORK_TWICE);
  else named.put(doc, key, end, list);
}

/** Reports what is wrong in the list of a definition. */
function checkNetworks(list: i32): void {
  let at = image.len;
  if (firstEntry(list) < 0) report(POLICY_EMPTY);
  beginSet(image);
  addNetworks(list, false);
  image.len = at;
}

/** The list that the name in `words` stands for, however it is spelt; -1 when it names no network. A search. */
function findNetwork(): i32 {
  if (definitions >= 0) {
    for (let key = firstItem(doc, definitions, docEnd); key >= 0; ) {
      let list = keyValue(doc, key, docEnd);
      if (isName(key)) return list;
      key = nextItem(doc, list, docEnd);
    }
  }
  if (namedList >= 0) {
    for (let entry = firstItem(doc, namedList, docEnd); entry >= 0; entry = nextItem(doc, entry, docEnd)) {
      let key = findValue(doc, entry, docEnd, 'name');
      if (key >= 0 && isName(key)) return findValue(doc, entry, docEnd, 'networks');
    }
  }
  return -1;
}

function isName(value: i32): bool {
  if (kindOf(doc, value) != JSON_STRING) return false;
  name.reset();
  readString(doc, value, docEnd, name);
  return !name.overflow && sameBytes(name.buf, 0, name.len, text, 0, words.len);
}

/**
 * Offset in the image of the set of a list of addresses, CIDRs and names.
 * `forRules` reads them as Authelia does, to the letter.
 */
export function compileNetworks(value: i32, forRules: bool): i32 {
  let at = image.len;
  beginSet(image);
  literally = forRules;
  addNetworks(value, true);
  literally = true;
  return intern(at);
}

/** Read networks as Authelia does. */
let literally: bool = true;

/**
 * Reads the network in `words`. Authelia appends `/32` to every address that
 * has an IPv4 form, so the bare `::ffff:10.0.0.1` becomes `::/32`: the same
 * here, in rules, with a warning.
 */
function readNetwork(quiet: bool): bool {
  if (literally && parseIp(text, 0, words.len) && ipBits == 128 && isIpv4(ipHigh, ipLow)) {
    if (!quiet) reportText(ACL_NETWORK_MAPPED);
    words.ascii('/32');
  }
  return parseCidr(text, 0, words.len);
}

/** Adds a list's networks to the set being built; names stand for lists without names, so this nests once. */
function addNetworks(value: i32, names: bool): void {
  let mark = path.len;
  let index = 0;
  for (let entry = firstEntry(value); entry >= 0; entry = nextEntry(value, entry)) {
    if (entry != value) pushIndex(index++);
    if (readText(entry)) {
      let list = names ? named.find(doc, entry, valueEnd(doc, entry, docEnd)) : -1;
      if (list < 0 && readNetwork(false)) addNetwork(image);
      else addNamed(names && list < 0 ? findNetwork() : list);
    }
    popPath(mark);
  }
}

/** Adds the networks of a definition, whose mistakes have been reported; -1 is none. */
function addNamed(list: i32): void {
  if (list < 0) reportText(ACL_NETWORK);
  for (let entry = firstEntry(list); entry >= 0; entry = nextEntry(list, entry)) {
    if (kindOf(doc, entry) != JSON_STRING) continue;
    words.reset();
    readString(doc, entry, docEnd, words);
    if (readNetwork(true)) addNetwork(image);
  }
}
