/**
 * The policy image: what rules look like once compiled. Read in place, nothing
 * is translated or allocated when it is loaded. Integers are little-endian and
 * unaligned; every offset counts from the image's first byte, and what lies
 * there is read through `view.ts`, because a guest holds only parts of it.
 *
 *     ┌────────┬──────────────────────────────────────────────┬─────────────────┬───────────────┐
 *     │ header │ blocks: strings, programs, lists, networks   │ rules, in order │ index         │
 *     │ 152    │ any size, each stored once                   │ 32 each         │ when FLAG_INDEX │
 *     └────────┴──────────────────────────────────────────────┴─────────────────┴───────────────┘
 *
 *     header  u32 magic │ u32 version │ u32 length │ u8 default policy, 3 × 0 │ u32 flags
 *             u32 rules │ u32 rule count │ u32 realm │ u32 realm length
 *             u32 trusted proxies (network set) │ u32 allow_http (list) │ u32 settings
 *             u32 token header (name) │ u32 token header length, 0 for none
 *             u32 exact hosts (table) │ u32 its slots │ u32 suffixes (table) │ u32 its slots
 *             u32 group of rules for any host │ u8[32] bits of the suffixes' hashes │ u32 sign-in addresses (list), 0 for none
 *             u8[32] id of the policy │ u32 cookies of sessions (block) │ u32 bytes of that
 *     settings  u32 entries │ u32 names (block), 0 for none │ entries, the first for every host
 *     entry     u32 domains (list) │ u32 identity (block) │ u16 bytes of that │ u8 denial │ u8 paths
 *     rule    u8 policy │ u8 flags │ u16 methods (bits) │ u32 domains (list) │ u32 networks (set)
 *             u32 subjects (list) │ u32 resources (list) │ u32 query (list) │ 8 × 0
 *     list    u32 count │ items
 *     item    u8 kind │ u8 flags │ u16 length │ u32 offset of the string or program
 *
 * The index only tells which rules need not be looked at (`domain-index.ts`,
 * `path-filter.ts`); without one, as in a policy inside the plugin's
 * configuration, all are. A rule's number is its position.
 */
export const IMAGE_MAGIC: u32 = 0x3149_5350; // "PSI1"
/** Bumped with any change of the layout; another version is refused. */
export const IMAGE_VERSION: u32 = 5;

export const IMAGE_LENGTH: i32 = 8;
export const IMAGE_DEFAULT_POLICY: i32 = 12;
export const IMAGE_FLAGS: i32 = 16;
export const IMAGE_RULES: i32 = 20;
export const IMAGE_RULE_COUNT: i32 = 24;
export const IMAGE_REALM: i32 = 28;
export const IMAGE_REALM_LENGTH: i32 = 32;
export const IMAGE_TRUSTED: i32 = 36;
export const IMAGE_ALLOW_HTTP: i32 = 40;
export const IMAGE_SETTINGS: i32 = 44;
export const IMAGE_TOKEN_HEADER: i32 = 48;
export const IMAGE_TOKEN_HEADER_LENGTH: i32 = 52;
export const IMAGE_EXACT: i32 = 56;
export const IMAGE_EXACT_SLOTS: i32 = 60;
export const IMAGE_SUFFIX: i32 = 64;
export const IMAGE_SUFFIX_SLOTS: i32 = 68;
export const IMAGE_ANY_GROUP: i32 = 72;
export const IMAGE_SUFFIX_BITS: i32 = 76;
/** Written behind the id, as the index is. */
export const IMAGE_SIGN_IN: i32 = 108;
// From 112 on IMAGE_ID of `contract.ts`.
/** Which cookies are sessions (`http/cookie.ts`), written with the sign-in addresses; of no length without sessions. */
export const IMAGE_COOKIES: i32 = 144;
export const IMAGE_COOKIES_LENGTH: i32 = 148;
export const IMAGE_HEADER: i32 = 152;

/** Some rule has `networks`: the client address matters. */
export const FLAG_NETWORKS: u32 = 1;
/** Some rule has `methods`. */
export const FLAG_METHODS: u32 = 2;
/** Some rule has `resources` or `query`: path and query matter. */
export const FLAG_PATHS: u32 = 4;
/** Some rule names subjects. */
export const FLAG_SUBJECTS: u32 = 16;
/** `fold_names`: user names are told apart without their case. */
export const FLAG_FOLD_NAMES: u32 = 32;
/** `tokens.bearer`: `Authorization: Bearer` is a credential. */
export const FLAG_BEARER: u32 = 64;
/** The index has the settings of `domains`, too. */
export const FLAG_SETTINGS: u32 = 1 << 30;
/** Rules are indexed by domain. */
export const FLAG_INDEX: u32 = 1 << 31;

/** All cookies of sessions: some two hundred domains, in half of what a guest holds of its policy. */
export const MAX_COOKIES: i32 = 8_192;
/** Longest name of the token header: those in use are half as long. */
export const MAX_TOKEN_HEADER: i32 = 64;

/** A divisor of the unit a snapshot is read by, so that a rule lies in one. */
export const RULE_SIZE: i32 = 32;
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
// Of the sign-in addresses, in turns (`sign-in.ts`).
export const SIGN_IN_DOMAIN: u32 = 17;
export const SIGN_IN_ADDRESS: u32 = 18;
/** The last of the kinds. */
export const MAX_KIND: u32 = 18;

// Flags of an item.
/** The last of its AND list; the next begins an alternative. */
export const ITEM_LAST: u32 = 1;
/** A domain in ASCII: what is longer or shorter cannot be equal to it. */
export const ITEM_ASCII: u32 = 2;

// --- Settings of domains ------------------------------------------------------------------

/**
 * What of the configuration a host may have for itself. Zero is "not said here",
 * and then the next entry that has the host is asked, the first at last.
 */
export const SETTINGS_NAMES: i32 = 4;
export const SETTINGS_ENTRIES: i32 = 8;
export const ENTRY_SIZE: i32 = 16;
export const ENTRY_IDENTITY: i32 = 4;
export const ENTRY_IDENTITY_LENGTH: i32 = 8;
export const ENTRY_DENIAL: i32 = 10;
export const ENTRY_PATHS: i32 = 11;
/** Then three zeros. */
export const ENTRY_BACKEND: i32 = 12;

// `denial` and `ambiguous_paths`: the place of the word in the compiler's list, from 1.
export const PATHS_REFUSE: u32 = 1;
export const PATHS_CLEAN: u32 = 2;

// `elasticsearch`: what stands behind the host.
export const BACKEND_OTHER: u32 = 1;
/** The next number: it is given the `Authorization` of the grant, and never the client's. */
export const BACKEND_ELASTICSEARCH: u32 = 2;

/**
 * Identity headers, one block so that it is brought at once:
 *
 *     u8 headers │ u8 bytes of the separator │ separator, 4 bytes │ headers
 *     header  u8 bytes of the name │ u8 bytes of the template │ name │ template
 *
 * In a template the bytes FIELD_… stand for what is known of a principal; all
 * others, from 0x20 on, for themselves. A header without a template is never set,
 * only removed from what clients send.
 */
export const IDENTITY_SEPARATOR: i32 = 2;
export const IDENTITY_HEADERS: i32 = 6;
export const FIELD_USER: u32 = 1;
export const FIELD_GROUPS: u32 = 2;
export const FIELD_NAME: u32 = 3;
export const FIELD_EMAIL: u32 = 4;

/** Longest name of an identity header; those in use have half of it. */
export const MAX_IDENTITY_NAME: i32 = 64;
/** Longest template, and longest separator of groups. */
export const MAX_IDENTITY_TEMPLATE: i32 = 128;
export const MAX_IDENTITY_SEPARATOR: i32 = 4;
/** Headers of one host: authentik's preset has most, 17, and each that is set costs a call into the proxy. */
export const MAX_IDENTITY_HEADERS: i32 = 24;

/**
 * Names of all identity headers of a policy in lower case, those of `Remote-…`
 * excepted, which every guest knows:
 *
 *     u32 bytes of the block │ u64 lengths of the names (bits) │ names: u8 length │ name
 */
export const NAMES_LENGTHS: i32 = 4;
export const NAMES_FIRST: i32 = 12;
/** Different names in one policy; more presets than there are. */
export const MAX_IDENTITY_NAMES: i32 = 64;

// --- The index --------------------------------------------------------------------------

/**
 * Rules that share a domain, or, as the group for any host, those whose domain
 * only an expression or a placeholder tells:
 *
 *     u16 name length │ u16 criteria (union of HAS_RESOURCES and HAS_QUERY)
 *     u32 members (list of u32) │ u32 members with paths (the same) │ u32 filter │ u32 candidate count
 *     u32 settings (entry), 0 for none │ name, padded to 4 │ candidates
 *
 *     member     rule number │ CHECK_DOMAIN where the domain must be looked at
 *     candidate  u32 member │ u32 item of the rule's resources, or WHOLE_RULE
 *
 * With a filter the candidates are those that are always looked at; the filter's
 * table leads to lists of the others.
 */
export const GROUP_CRITERIA: i32 = 2;
export const GROUP_MEMBERS: i32 = 4;
export const GROUP_PATHS: i32 = 8;
export const GROUP_FILTER: i32 = 12;
export const GROUP_CANDIDATES: i32 = 16;
/** What `domains` say of hosts of that name or with that ending, put together; the longest name counts. */
export const GROUP_SETTINGS: i32 = 20;
export const GROUP_NAME: i32 = 24;

export const CHECK_DOMAIN: u32 = 1 << 31;
export const WHOLE_RULE: u32 = 0xffff_ffff;
export const MEMBER_SIZE: i32 = 4;
export const CANDIDATE_SIZE: i32 = 8;

/** Slot of a table: u32 hash │ u32 offset of the group, or of a filter's list of candidates; offset 0 is free. */
export const SLOT_SIZE: i32 = 8;

/**
 * A filter: literal texts without which an expression cannot match.
 *
 *     u8[32] lengths of beginnings (bits) │ u32 lengths of windows (bits of WINDOW_LENGTHS)
 *     u32 bits - 1 │ u32 bits │ u32 table │ u32 its slots
 */
export const FILTER_WINDOWS: i32 = 32;
export const FILTER_MASK: i32 = 36;
export const FILTER_BITS: i32 = 40;
export const FILTER_TABLE: i32 = 44;
export const FILTER_SLOTS: i32 = 48;
export const FILTER_SIZE: i32 = 52;
