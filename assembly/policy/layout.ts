import { readU8, readU16, readU32 } from '../bytes/bytes';

/**
 * The policy image: what rules look like once compiled. Read in place, nothing
 * is translated or allocated when it is loaded. Integers are little-endian and
 * unaligned; every offset counts from the image's first byte.
 *
 *     ┌────────┬──────────────────────────────────────────────┬─────────────────┐
 *     │ header │ blocks: strings, programs, lists, networks   │ rules, in order │
 *     │ 56     │ any size, each stored once                   │ 24 each         │
 *     └────────┴──────────────────────────────────────────────┴─────────────────┘
 *
 *     header  u32 magic │ u32 version │ u32 length │ u8 default policy, 3 × 0 │ u32 flags
 *             u32 rules │ u32 rule count │ u32 realm │ u32 realm length
 *             u32 trusted proxies (network set) │ u32 allow_http (list) │ u32 clean domains (list)
 *             u32 token header (name) │ u32 token header length, 0 for none
 *     rule    u8 policy │ u8 flags │ u16 methods (bits) │ u32 domains (list) │ u32 networks (set)
 *             u32 subjects (list) │ u32 resources (list) │ u32 query (list)
 *     list    u32 count │ items
 *     item    u8 kind │ u8 flags │ u16 length │ u32 offset of the string or program
 *
 * A rule's number is its position, so an index by domain can be put beside the
 * rules later, and rules and blocks be moved into segments of their own,
 * without a change to either: what reads a rule asks for image and offset.
 */
export const IMAGE_MAGIC: u32 = 0x3149_5350; // "PSI1"
/** Bumped with any change of the layout; another version is refused. */
export const IMAGE_VERSION: u32 = 2;

export const IMAGE_LENGTH: i32 = 8;
export const IMAGE_DEFAULT_POLICY: i32 = 12;
export const IMAGE_FLAGS: i32 = 16;
export const IMAGE_RULES: i32 = 20;
export const IMAGE_RULE_COUNT: i32 = 24;
export const IMAGE_REALM: i32 = 28;
export const IMAGE_REALM_LENGTH: i32 = 32;
export const IMAGE_TRUSTED: i32 = 36;
export const IMAGE_ALLOW_HTTP: i32 = 40;
export const IMAGE_CLEAN_DOMAINS: i32 = 44;
export const IMAGE_TOKEN_HEADER: i32 = 48;
export const IMAGE_TOKEN_HEADER_LENGTH: i32 = 52;
export const IMAGE_HEADER: i32 = 56;

/** Some rule has `networks`: the client address matters. */
export const FLAG_NETWORKS: u32 = 1;
/** Some rule has `methods`. */
export const FLAG_METHODS: u32 = 2;
/** Some rule has `resources` or `query`: path and query matter. */
export const FLAG_PATHS: u32 = 4;
/** `ambiguous_paths: clean` for every domain. */
export const FLAG_CLEAN: u32 = 8;
/** Some rule names subjects. */
export const FLAG_SUBJECTS: u32 = 16;
/** `fold_names`: user names are told apart without their case. */
export const FLAG_FOLD_NAMES: u32 = 32;
/** `tokens.bearer`: `Authorization: Bearer` is a credential. */
export const FLAG_BEARER: u32 = 64;

/** Longest name of the token header: those in use are half as long. */
export const MAX_TOKEN_HEADER: i32 = 64;

export const RULE_SIZE: i32 = 24;
export const RULE_FLAGS: i32 = 1;
export const RULE_METHODS: i32 = 2;
export const RULE_DOMAINS: i32 = 4;
export const RULE_NETWORKS: i32 = 8;
export const RULE_SUBJECTS: i32 = 12;
export const RULE_RESOURCES: i32 = 16;
export const RULE_QUERY: i32 = 20;

// A rule's flags: which criteria it has. An absent criterion matches everything.
export const HAS_NETWORKS: u32 = 1;
export const HAS_METHODS: u32 = 2;
export const HAS_SUBJECT_LIST: u32 = 4;
export const HAS_RESOURCES: u32 = 8;
export const HAS_QUERY: u32 = 16;
/** The decision depends on who asks: a subject list, `{user}`, `{group}`, or a `User` or `Group` capture. */
export const NAMES_SUBJECTS: u32 = 32;

export const LIST_ITEMS: i32 = 4;
export const ITEM_SIZE: i32 = 8;
export const ITEM_FLAGS: i32 = 1;
export const ITEM_LENGTH: i32 = 2;
export const ITEM_OFFSET: i32 = 4;

// Kinds of item. Zero is none, so that zeroed bytes match nothing.
export const DOMAIN_EXACT: u32 = 1;
/** `*.example.com`; the string is `.example.com`. */
export const DOMAIN_SUFFIX: u32 = 2;
/** `{user}` and what follows. */
export const DOMAIN_USER: u32 = 3;
/** `{group}` and what follows, which begins with a dot. */
export const DOMAIN_GROUP: u32 = 4;
/** A program without captures that matter: domain_regex, resources, query patterns. */
export const PROGRAM: u32 = 5;
/** A program with `User` or `Group`; needs the captures. */
export const PROGRAM_NAMED: u32 = 6;
export const SUBJECT_USER: u32 = 7;
export const SUBJECT_GROUP: u32 = 8;
export const SUBJECT_CLIENT: u32 = 9;
// Query: an item holds operator and key; where the operator wants a value, the next item holds it.
export const QUERY_PRESENT: u32 = 10;
export const QUERY_ABSENT: u32 = 11;
export const QUERY_EQUAL: u32 = 12;
export const QUERY_NOT_EQUAL: u32 = 13;
export const QUERY_PATTERN: u32 = 14;
export const QUERY_NOT_PATTERN: u32 = 15;
/** The text that the query item before is compared with; a pattern is a PROGRAM. */
export const QUERY_VALUE: u32 = 16;

// Flags of an item.
/** The last of its AND list; the next begins an alternative. */
export const ITEM_LAST: u32 = 1;
/** A domain in ASCII: what is longer or shorter cannot be equal to it. */
export const ITEM_ASCII: u32 = 2;

/** Number of items of the list at `list` (absolute), never more than lie before `buf`'s end. */
export function itemCount(buf: StaticArray<u8>, list: i32): i32 {
  if (list < 0 || list > buf.length - LIST_ITEMS) return 0;
  return min(readU32(buf, list), (buf.length - list - LIST_ITEMS) / ITEM_SIZE);
}

/** Absolute offset of item `index`. */
export function itemAt(list: i32, index: i32): i32 {
  return list + LIST_ITEMS + index * ITEM_SIZE;
}

export function itemKind(buf: StaticArray<u8>, item: i32): u32 {
  return readU8(buf, item);
}

/** True when the AND list ends with this item. */
export function isLastItem(buf: StaticArray<u8>, item: i32): bool {
  return (readU8(buf, item + ITEM_FLAGS) & ITEM_LAST) != 0;
}

/** True for a domain in ASCII. */
export function isAsciiItem(buf: StaticArray<u8>, item: i32): bool {
  return (readU8(buf, item + ITEM_FLAGS) & ITEM_ASCII) != 0;
}

/** Absolute offset of an item's string or program. */
export function itemStart(buf: StaticArray<u8>, image: i32, item: i32): i32 {
  return image + readU32(buf, item + ITEM_OFFSET);
}

/** Length of an item's string. */
export function itemLength(buf: StaticArray<u8>, item: i32): i32 {
  return readU16(buf, item + ITEM_LENGTH);
}

/** Absolute offset of a rule's field that holds an offset. */
export function ruleField(buf: StaticArray<u8>, image: i32, rule: i32, field: i32): i32 {
  return image + readU32(buf, rule + field);
}
