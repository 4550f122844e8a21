import { readU8, readU16, readU32, sameBytes } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { IMAGE_ID } from '../contract';
import { Sha256 } from '../crypto/sha256';
import { NAME_SEED, nameHash, scramble } from '../policy/hashes';
import {
  CHECK_DOMAIN,
  DOMAIN_EXACT,
  DOMAIN_GROUP,
  DOMAIN_SUFFIX,
  DOMAIN_USER,
  ENTRY_BACKEND,
  ENTRY_DENIAL,
  ENTRY_IDENTITY,
  ENTRY_IDENTITY_LENGTH,
  ENTRY_PATHS,
  ENTRY_SIZE,
  FLAG_INDEX,
  FLAG_SETTINGS,
  HAS_QUERY,
  HAS_RESOURCES,
  IMAGE_ANY_GROUP,
  IMAGE_EXACT,
  IMAGE_EXACT_SLOTS,
  IMAGE_FLAGS,
  IMAGE_SETTINGS,
  IMAGE_SUFFIX,
  IMAGE_SUFFIX_BITS,
  IMAGE_SUFFIX_SLOTS,
  ITEM_ASCII,
  ITEM_FLAGS,
  ITEM_LENGTH,
  ITEM_OFFSET,
  ITEM_SIZE,
  LIST_ITEMS,
  RULE_DOMAINS,
  RULE_FLAGS,
  RULE_RESOURCES,
  RULE_SIZE,
  SETTINGS_ENTRIES,
  SLOT_SIZE,
  WHOLE_RULE,
} from '../policy/layout';
import { watchTrees } from '../regexp/regexp';
import { Node } from '../regexp/tree';
import { alignImage, image, imageStart, intern, setHeader, watchPrograms } from './blocks';
import { installIndexer, signIn, watchBeginnings } from './compile';
import { rules } from './compile-rule';
import { compileSignIn } from './compile-sign-in';
import { addTexts, countTexts, openFilter, putSlot, setBit, writeFilter } from './filter-builder';
import { writeLiterals } from './literals';

/**
 * Adds to a compiled image what is no part of what the policy is known by: what
 * lets guests skip the rules that cannot match (`policy/domain-index.ts`,
 * `policy/path-filter.ts`), and where people sign in. In the host only.
 */

/** Expressions of one domain that are known by a text. With fewer, trying them is cheaper than filtering. */
const MIN_FILTERED: i32 = 8;
/** Texts of all expressions of a policy. Those that do not fit are always tried. */
const TEXT_BYTES: i32 = 8_388_608;

export function enableIndex(): void {
  watchTrees(noteTree);
  watchPrograms(noteProgram);
  watchBeginnings(forget);
  installIndexer(makeIndex);
}

// --- Texts of expressions ---------------------------------------------------------------

const texts = new ByteWriter(new StaticArray<u8>(0));
/** Where the texts of the tree seen last lie, -1 when it has none. */
let lastTexts: i32 = -1;
/** Programs with texts, in the order of their offsets: offset, place in `texts`. */
let noted: StaticArray<i32> = new StaticArray<i32>(0);
let notedCount: i32 = 0;

function forget(): void {
  if (texts.buf.length == 0) texts.buf = new StaticArray<u8>(TEXT_BYTES);
  texts.reset();
  notedCount = 0;
}

function noteTree(tree: Node): void {
  let at = texts.len;
  lastTexts = -1;
  if (writeLiterals(tree, texts)) {
    lastTexts = at;
  } else {
    texts.len = at;
    texts.overflow = false;
  }
}

function noteProgram(program: i32): void {
  if (lastTexts < 0) return;
  // An equal program has been noted before.
  if (notedCount > 0 && noted[notedCount * 2 - 2] >= program) return;
  if (notedCount * 2 == noted.length) {
    let larger = new StaticArray<i32>(max(noted.length * 2, 8192));
    memory.copy(changetype<usize>(larger), changetype<usize>(noted), <usize>notedCount * 8);
    noted = larger;
  }
  noted[notedCount * 2] = program;
  noted[notedCount * 2 + 1] = lastTexts;
  notedCount++;
}

/** Place of the texts of the program at an offset; -1 when there are none. */
function textsOf(program: i32): i32 {
  let from = 0;
  let to = notedCount;
  while (from < to) {
    let middle = (from + to) >> 1;
    if (noted[middle * 2] < program) from = middle + 1;
    else to = middle;
  }
  return from < notedCount && noted[from * 2] == program ? noted[from * 2 + 1] : -1;
}

// --- Groups -----------------------------------------------------------------------------

const ANY: i32 = 0;
const EXACT: i32 = 1;
const SUFFIX: i32 = 2;

/** A group: kind, start and end of its name in the image's buffer, number of members. */
const GROUP: i32 = 4;
let groups: StaticArray<i32> = new StaticArray<i32>(0);
let groupCount: i32 = 0;
/** Groups by name: number + 1. */
let names: StaticArray<i32> = new StaticArray<i32>(0);

const sha256 = new Sha256();

function makeIndex(): void {
  sha256.reset();
  sha256.update(image.buf, imageStart, image.len);
  sha256.digest(image.buf, imageStart + IMAGE_ID);
  let count = rules.len / RULE_SIZE;
  let total = 0;
  for (let rule = 0; rule < count; rule++) total += <i32>readU32(image.buf, domainList(rule));
  let hosts = countSettings();
  groups = new StaticArray<i32>((total + hosts + 1) * GROUP);
  groupCount = 1; // the one for any host
  names = new StaticArray<i32>((total + hosts) * 2 + 1);
  let groupOf = new StaticArray<i32>(total);
  let memberOf = new StaticArray<u32>(total);
  let entry = 0;
  for (let rule = 0; rule < count; rule++) {
    let list = domainList(rule);
    let items = <i32>readU32(image.buf, list);
    for (let i = 0; i < items; i++, entry++) {
      let item = list + LIST_ITEMS + i * ITEM_SIZE;
      let kind = groupKind(item);
      let group = kind == ANY ? 0 : groupNamed(kind, item);
      groups[group * GROUP + 3]++;
      groupOf[entry] = group;
      memberOf[entry] = checksDomain(item) ? <u32>rule | CHECK_DOMAIN : <u32>rule;
    }
  }
  let settings = settingsOfGroups(hosts);
  // Sorted by group; the rules of one stay in order.
  let starts = new StaticArray<i32>(groupCount + 1);
  for (let group = 0; group < groupCount; group++)
    starts[group + 1] = starts[group] + groups[group * GROUP + 3];
  let next = new StaticArray<i32>(groupCount);
  for (let group = 0; group < groupCount; group++) next[group] = starts[group];
  let members = new StaticArray<u32>(total);
  for (let i = 0; i < total; i++) members[next[groupOf[i]]++] = memberOf[i];

  let offsets = new StaticArray<i32>(groupCount);
  for (let group = 0; group < groupCount; group++) {
    let end = withoutTwins(members, starts[group], starts[group + 1]);
    let entry = group < settings.length ? settings[group] : 0;
    if (end > starts[group] || entry != 0)
      offsets[group] = writeGroup(group, members, starts[group], end, entry);
  }
  setHeader(IMAGE_ANY_GROUP, offsets[0]);
  writeTable(EXACT, offsets, IMAGE_EXACT, IMAGE_EXACT_SLOTS);
  writeTable(SUFFIX, offsets, IMAGE_SUFFIX, IMAGE_SUFFIX_SLOTS);
  let flags = readU32(image.buf, imageStart + IMAGE_FLAGS) | FLAG_INDEX;
  setHeader(IMAGE_FLAGS, settingsAreNamed ? flags | FLAG_SETTINGS : flags);
  compileSignIn(signIn);
}

/** Where in the image's buffer the domains of a rule lie. */
function domainList(rule: i32): i32 {
  return imageStart + <i32>readU32(rules.buf, rule * RULE_SIZE + RULE_DOMAINS);
}

function groupKind(item: i32): i32 {
  let kind = readU8(image.buf, item);
  // A name that only folds to ASCII has no hash in common with it.
  if ((readU8(image.buf, item + ITEM_FLAGS) & ITEM_ASCII) == 0) return ANY;
  if (kind == DOMAIN_EXACT) return EXACT;
  if (kind != DOMAIN_SUFFIX && kind != DOMAIN_USER && kind != DOMAIN_GROUP) return ANY;
  return readU16(image.buf, item + ITEM_LENGTH) > 0 && readU8(image.buf, nameStart(item)) == 0x2e
    ? SUFFIX
    : ANY;
}

/** Whether being in its group does not yet say that a rule has the host. */
function checksDomain(item: i32): bool {
  let kind = readU8(image.buf, item);
  return groupKind(item) == ANY || (kind != DOMAIN_EXACT && kind != DOMAIN_SUFFIX);
}

function nameStart(item: i32): i32 {
  return imageStart + <i32>readU32(image.buf, item + ITEM_OFFSET);
}

function hashOfName(start: i32, end: i32): u32 {
  let hash = NAME_SEED;
  for (let i = end - 1; i >= start; i--) hash = nameHash(hash, readU8(image.buf, i));
  return scramble(hash);
}

function groupNamed(kind: i32, item: i32): i32 {
  let start = nameStart(item);
  let end = start + <i32>readU16(image.buf, item + ITEM_LENGTH);
  let slot = <i32>((hashOfName(start, end) + <u32>kind) % <u32>names.length);
  for (; names[slot] != 0; slot = slot + 1 == names.length ? 0 : slot + 1) {
    let at = (names[slot] - 1) * GROUP;
    if (groups[at] == kind && sameBytes(image.buf, groups[at + 1], groups[at + 2], image.buf, start, end))
      return names[slot] - 1;
  }
  let group = groupCount++;
  names[slot] = group + 1;
  groups[group * GROUP] = kind;
  groups[group * GROUP + 1] = start;
  groups[group * GROUP + 2] = end;
  return group;
}

// --- Settings of domains ------------------------------------------------------------------

/** Every domain of the settings has a group of its name; others only comparing can tell. */
let settingsAreNamed: bool = false;

/** Where in the image's buffer entry `index` of the settings lies. */
function settingsEntry(index: i32): i32 {
  let block = imageStart + <i32>readU32(image.buf, imageStart + IMAGE_SETTINGS);
  return block + SETTINGS_ENTRIES + index * ENTRY_SIZE;
}

function settingsCount(): i32 {
  return <i32>readU32(image.buf, settingsEntry(0) - SETTINGS_ENTRIES);
}

/** Where in the image's buffer the domains of an entry lie. */
function settingsList(index: i32): i32 {
  return imageStart + <i32>readU32(image.buf, settingsEntry(index));
}

/** Number of domains in all entries. */
function countSettings(): i32 {
  let hosts = 0;
  for (let i = 1; i < settingsCount(); i++) hosts += <i32>readU32(image.buf, settingsList(i));
  return hosts;
}

/**
 * For each group by its number: offset of what the entries say of it, put
 * together as `policy/settings.ts` does; 0 for nothing.
 */
function settingsOfGroups(hosts: i32): StaticArray<i32> {
  settingsAreNamed = true;
  let known = groupCount;
  let named = new StaticArray<bool>(groupCount + hosts);
  for (let i = 1; i < settingsCount(); i++) {
    let list = settingsList(i);
    let items = <i32>readU32(image.buf, list);
    for (let j = 0; j < items; j++) {
      let item = list + LIST_ITEMS + j * ITEM_SIZE;
      let kind = groupKind(item);
      if (kind == ANY) settingsAreNamed = false;
      else named[groupNamed(kind, item)] = true;
    }
  }
  let offsets = new StaticArray<i32>(known + hosts);
  for (let group = 1; group < groupCount; group++) {
    if (named[group]) offsets[group] = writeSettings(group);
  }
  return offsets;
}

function writeSettings(group: i32): i32 {
  let identity: u32 = 0;
  let length: u32 = 0;
  let denial: u32 = 0;
  let paths: u32 = 0;
  let backend: u32 = 0;
  for (let i = 1; i < settingsCount(); i++) {
    if (!listHasGroup(settingsList(i), group)) continue;
    let entry = settingsEntry(i);
    if (length == 0) {
      identity = readU32(image.buf, entry + ENTRY_IDENTITY);
      length = readU16(image.buf, entry + ENTRY_IDENTITY_LENGTH);
    }
    if (denial == 0) denial = readU8(image.buf, entry + ENTRY_DENIAL);
    if (paths == 0) paths = readU8(image.buf, entry + ENTRY_PATHS);
    if (backend == 0) backend = readU8(image.buf, entry + ENTRY_BACKEND);
  }
  alignImage(4);
  let at = image.len;
  image.u32(0);
  image.u32(identity);
  image.u16(length);
  image.u8(denial);
  image.u8(paths);
  image.u32(backend);
  return intern(at);
}

/** Whether the domains at `list` have every host of a group. */
function listHasGroup(list: i32, group: i32): bool {
  let start = groups[group * GROUP + 1];
  let end = groups[group * GROUP + 2];
  let items = <i32>readU32(image.buf, list);
  for (let i = 0; i < items; i++) {
    let item = list + LIST_ITEMS + i * ITEM_SIZE;
    let kind = groupKind(item);
    let name = nameStart(item);
    let len = <i32>readU16(image.buf, item + ITEM_LENGTH);
    if (kind == EXACT && groups[group * GROUP] != EXACT) continue;
    if (kind == ANY || len > end - start || (kind == EXACT && len != end - start)) continue;
    if (sameBytes(image.buf, end - len, end, image.buf, name, name + len)) return true;
  }
  return false;
}

// --- Members --------------------------------------------------------------------------------

/** Leaves one entry of each rule; that which says most. Answers the new end. */
function withoutTwins(members: StaticArray<u32>, start: i32, end: i32): i32 {
  let kept = start;
  for (let i = start; i < end; i++) {
    let member = members[i];
    if (kept > start && (members[kept - 1] & ~CHECK_DOMAIN) == (member & ~CHECK_DOMAIN)) {
      members[kept - 1] &= member;
    } else {
      members[kept++] = member;
    }
  }
  return kept;
}

// --- Writing ----------------------------------------------------------------------------

function writeGroup(group: i32, members: StaticArray<u32>, start: i32, end: i32, entry: i32): i32 {
  let criteria: u32 = 0;
  for (let i = start; i < end; i++) criteria |= flagsOf(members[i]) & (HAS_RESOURCES | HAS_QUERY);
  let memberList = writeMembers(members, start, end, 0);
  let pathList = criteria == 0 ? 0 : writeMembers(members, start, end, HAS_RESOURCES | HAS_QUERY);
  let filtered = countFiltered(members, start, end);
  let filter = filtered >= MIN_FILTERED ? makeFilter(members, start, end) : 0;

  let nameFrom = groups[group * GROUP + 1];
  let nameTo = groups[group * GROUP + 2];
  alignImage(4);
  let at = image.len - imageStart;
  image.u16(nameTo - nameFrom);
  image.u16(criteria);
  image.u32(memberList);
  image.u32(pathList);
  image.u32(filter);
  let countAt = image.len;
  image.u32(0);
  image.u32(entry);
  image.bytes(image.buf, nameFrom, nameTo);
  alignImage(4);
  let from = image.len;
  for (let i = start; i < end; i++) writeCandidates(members[i], filter != 0);
  if (!image.overflow) store<u32>(changetype<usize>(image.buf) + countAt, (image.len - from) / 8);
  return at;
}

function flagsOf(member: u32): u32 {
  return readU8(rules.buf, <i32>(member & ~CHECK_DOMAIN) * RULE_SIZE + RULE_FLAGS);
}

/** Writes the list of members that have one of the criteria, all for none. */
function writeMembers(members: StaticArray<u32>, start: i32, end: i32, criteria: u32): i32 {
  let count = 0;
  for (let i = start; i < end; i++) {
    if (criteria == 0 || (flagsOf(members[i]) & criteria) != 0) count++;
  }
  alignImage(4);
  let at = image.len;
  image.u32(count);
  for (let i = start; i < end; i++) {
    if (criteria == 0 || (flagsOf(members[i]) & criteria) != 0) image.u32(members[i]);
  }
  return intern(at);
}

/** Writes what must be looked at of a member whatever the path. */
function writeCandidates(member: u32, filtered: bool): void {
  if (!filtered || (flagsOf(member) & HAS_RESOURCES) == 0) {
    image.u32(member);
    image.u32(WHOLE_RULE);
    return;
  }
  let list = resourceList(member);
  let count = <i32>readU32(image.buf, list);
  for (let i = 0; i < count; i++) {
    if (textsOf(resourceProgram(list, i)) >= 0) continue;
    image.u32(member);
    image.u32(i);
  }
}

function resourceList(member: u32): i32 {
  return imageStart + <i32>readU32(rules.buf, <i32>(member & ~CHECK_DOMAIN) * RULE_SIZE + RULE_RESOURCES);
}

function resourceProgram(list: i32, index: i32): i32 {
  return <i32>readU32(image.buf, list + LIST_ITEMS + index * ITEM_SIZE + ITEM_OFFSET);
}

/** Number of expressions that are known by a text. */
function countFiltered(members: StaticArray<u32>, start: i32, end: i32): i32 {
  let filtered = 0;
  for (let i = start; i < end; i++) {
    if ((flagsOf(members[i]) & HAS_RESOURCES) == 0) continue;
    let list = resourceList(members[i]);
    let count = <i32>readU32(image.buf, list);
    for (let j = 0; j < count; j++) {
      if (textsOf(resourceProgram(list, j)) >= 0) filtered++;
    }
  }
  return filtered;
}

function makeFilter(members: StaticArray<u32>, start: i32, end: i32): i32 {
  openFilter();
  for (let pass = 0; pass < 2; pass++) {
    for (let i = start; i < end; i++) {
      if ((flagsOf(members[i]) & HAS_RESOURCES) == 0) continue;
      let list = resourceList(members[i]);
      let count = <i32>readU32(image.buf, list);
      for (let j = 0; j < count; j++) {
        let at = textsOf(resourceProgram(list, j));
        if (at < 0) continue;
        if (pass == 0) countTexts(texts.buf, at);
        else addTexts(texts.buf, at, members[i], j);
      }
    }
  }
  return writeFilter();
}

/** Writes the table of the groups of a kind and names it in the header. */
function writeTable(kind: i32, offsets: StaticArray<i32>, field: i32, slotsField: i32): void {
  let count = 0;
  for (let group = 1; group < groupCount; group++) {
    if (groups[group * GROUP] == kind) count++;
  }
  if (count == 0) return;
  let slots = count + count / 2 + 1;
  let table = new StaticArray<u8>(slots * SLOT_SIZE);
  let bits = new StaticArray<u8>(32);
  for (let group = 1; group < groupCount; group++) {
    if (groups[group * GROUP] != kind) continue;
    let key = hashOfName(groups[group * GROUP + 1], groups[group * GROUP + 2]);
    putSlot(table, slots, key, offsets[group]);
    setBit(bits, key & 0xff);
  }
  alignImage(SLOT_SIZE);
  setHeader(field, image.len - imageStart);
  setHeader(slotsField, slots);
  image.bytes(table, 0, table.length);
  if (kind != SUFFIX || image.overflow) return;
  memory.copy(changetype<usize>(image.buf) + imageStart + IMAGE_SUFFIX_BITS, changetype<usize>(bits), 32);
}
