import { readU8, readU16, readU32, within } from '../bytes/bytes';
import { networkSetSize } from '../net/network-set';
import {
  ENTRY_IDENTITY,
  ENTRY_IDENTITY_LENGTH,
  ENTRY_SIZE,
  HAS_NETWORKS,
  HAS_QUERY,
  HAS_RESOURCES,
  HAS_SUBJECT_LIST,
  IMAGE_ALLOW_HTTP,
  IMAGE_COOKIES,
  IMAGE_COOKIES_LENGTH,
  IMAGE_HEADER,
  IMAGE_LENGTH,
  IMAGE_MAGIC,
  IMAGE_REALM,
  IMAGE_REALM_LENGTH,
  IMAGE_RULE_COUNT,
  IMAGE_RULES,
  IMAGE_SETTINGS,
  IMAGE_SIGN_IN,
  IMAGE_TOKEN_HEADER,
  IMAGE_TOKEN_HEADER_LENGTH,
  IMAGE_TRUSTED,
  IMAGE_VERSION,
  ITEM_LENGTH,
  ITEM_OFFSET,
  ITEM_SIZE,
  LIST_ITEMS,
  MAX_COOKIES,
  MAX_KIND,
  MAX_TOKEN_HEADER,
  NAMES_FIRST,
  PROGRAM,
  PROGRAM_NAMED,
  RULE_DOMAINS,
  RULE_FLAGS,
  RULE_NETWORKS,
  RULE_QUERY,
  RULE_RESOURCES,
  RULE_SIZE,
  RULE_SUBJECTS,
  SETTINGS_ENTRIES,
  SETTINGS_NAMES,
} from '../policy/layout';
import { programSize } from '../regexp/regexp';

/**
 * Loading an image (its drawing: `policy/layout.ts`). An image comes from our
 * own compiler, under a MAC when it comes from a file; this check is for the
 * day one of these fails. Everything is read in bounds whatever the bytes are;
 * here it is proved that they say something, so that a damaged image refuses
 * instead of letting rules vanish. The index is not looked at: the host makes it
 * of an image that passed, and guests read it under MACs.
 */

/**
 * Most list items looked at, counting a list once for each rule that has it: a
 * damaged image asks for no more work than this, some 100 ms, and a policy
 * beyond would judge as slowly.
 */
const MAX_CHECKED_ITEMS: i32 = 16_777_216;

let budget: i32 = 0;

/** True when `[at, at + len)` of `buf` is a policy image that can be judged by. */
export function checkImage(buf: StaticArray<u8>, at: i32, len: i32): bool {
  if (len < IMAGE_HEADER || !within(buf, at, len)) return false;
  if (readU32(buf, at) != IMAGE_MAGIC || readU32(buf, at + 4) != IMAGE_VERSION) return false;
  if (readU32(buf, at + IMAGE_LENGTH) != <u32>len) return false;
  budget = MAX_CHECKED_ITEMS;
  if (!isRange(len, readU32(buf, at + IMAGE_REALM), readU32(buf, at + IMAGE_REALM_LENGTH))) return false;
  let tokenHeader = readU32(buf, at + IMAGE_TOKEN_HEADER_LENGTH);
  if (tokenHeader > <u32>MAX_TOKEN_HEADER) return false;
  if (!isRange(len, readU32(buf, at + IMAGE_TOKEN_HEADER), tokenHeader)) return false;
  if (!isSet(buf, at, len, readU32(buf, at + IMAGE_TRUSTED))) return false;
  if (!isList(buf, at, len, readU32(buf, at + IMAGE_ALLOW_HTTP))) return false;
  if (!areSettings(buf, at, len, readU32(buf, at + IMAGE_SETTINGS))) return false;
  let cookies = readU32(buf, at + IMAGE_COOKIES_LENGTH);
  if (cookies > <u32>MAX_COOKIES || !isRange(len, readU32(buf, at + IMAGE_COOKIES), cookies)) return false;
  let signIn = readU32(buf, at + IMAGE_SIGN_IN);
  if (signIn != 0 && !isList(buf, at, len, signIn)) return false;
  let rules = readU32(buf, at + IMAGE_RULES);
  let count = readU32(buf, at + IMAGE_RULE_COUNT);
  if (rules < <u32>IMAGE_HEADER || <u64>rules + <u64>count * RULE_SIZE > <u64>len) return false;
  for (let i: u32 = 0; i < count; i++) {
    if (!isRule(buf, at, len, at + rules + i * RULE_SIZE)) return false;
  }
  return true;
}

function isRule(buf: StaticArray<u8>, image: i32, len: i32, rule: i32): bool {
  let flags = readU8(buf, rule + RULE_FLAGS);
  if (!isList(buf, image, len, readU32(buf, rule + RULE_DOMAINS))) return false;
  if ((flags & HAS_NETWORKS) != 0 && !isSet(buf, image, len, readU32(buf, rule + RULE_NETWORKS)))
    return false;
  if ((flags & HAS_SUBJECT_LIST) != 0 && !isList(buf, image, len, readU32(buf, rule + RULE_SUBJECTS)))
    return false;
  if ((flags & HAS_RESOURCES) != 0 && !isList(buf, image, len, readU32(buf, rule + RULE_RESOURCES)))
    return false;
  return (flags & HAS_QUERY) == 0 || isList(buf, image, len, readU32(buf, rule + RULE_QUERY));
}

function areSettings(buf: StaticArray<u8>, image: i32, len: i32, offset: u32): bool {
  if (!isRange(len, offset, SETTINGS_ENTRIES)) return false;
  let count = readU32(buf, image + offset);
  if (count == 0 || count > <u32>budget) return false;
  if (<u64>offset + SETTINGS_ENTRIES + <u64>count * ENTRY_SIZE > <u64>len) return false;
  let names = readU32(buf, image + offset + SETTINGS_NAMES);
  if (names != 0 && !isRange(len, names, max(readU32(buf, image + names), NAMES_FIRST))) return false;
  for (let i: u32 = 0; i < count; i++) {
    let entry = image + offset + SETTINGS_ENTRIES + i * ENTRY_SIZE;
    if (i > 0 && !isList(buf, image, len, readU32(buf, entry))) return false;
    let identity = readU32(buf, entry + ENTRY_IDENTITY);
    if (!isRange(len, identity, readU16(buf, entry + ENTRY_IDENTITY_LENGTH))) return false;
  }
  return true;
}

function isRange(len: i32, offset: u32, size: u32): bool {
  return <u64>offset + size <= <u64>len;
}

function isSet(buf: StaticArray<u8>, image: i32, len: i32, offset: u32): bool {
  return isRange(len, offset, 0) && networkSetSize(buf, image + offset, image + len) >= 0;
}

function isList(buf: StaticArray<u8>, image: i32, len: i32, offset: u32): bool {
  if (!isRange(len, offset, LIST_ITEMS)) return false;
  let count = readU32(buf, image + offset);
  if (<u64>offset + LIST_ITEMS + <u64>count * ITEM_SIZE > <u64>len) return false;
  if (count > <u32>budget) return false;
  budget -= count;
  let item = image + offset + LIST_ITEMS;
  for (let i: u32 = 0; i < count; i++, item += ITEM_SIZE) {
    let kind = readU8(buf, item);
    let target = readU32(buf, item + ITEM_OFFSET);
    if (kind == 0 || kind > MAX_KIND) return false;
    if (!isRange(len, target, readU16(buf, item + ITEM_LENGTH))) return false;
    if (kind != PROGRAM && kind != PROGRAM_NAMED) continue;
    let size = programSize(buf, image + target);
    if (size <= 0 || !isRange(len, target, size)) return false;
  }
  return true;
}
