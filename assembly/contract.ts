/**
 * What guest and host must agree on: names, codes and byte layouts. Only
 * `export const`, so that asc and tsc both compile it. Integers in all layouts
 * are little-endian; times are milliseconds since 1970 as u64.
 */

/** Bumped whenever a layout below changes: a guest refuses what another version wrote. */
export const FORMAT_VERSION = 1;

// What a rule demands. Zero refuses.
export const POLICY_DENY = 0;
export const POLICY_ONE_FACTOR = 1;
export const POLICY_TWO_FACTOR = 2;
export const POLICY_BYPASS = 3;

// What a principal has proved.
export const LEVEL_NONE = 0;
export const LEVEL_ONE_FACTOR = 1;
export const LEVEL_TWO_FACTORS = 2;

// Final answers about access. Zero refuses.
export const VERDICT_FORBID = 0;
export const VERDICT_CHALLENGE = 1;
export const VERDICT_ALLOW = 2;

// Outcomes of reading `Authorization`. Zero refuses.
export const AUTHORIZATION_MALFORMED = 0;
/** No header, or a scheme that is known and not enabled. */
export const AUTHORIZATION_NONE = 1;
/** Over a limit: 431. */
export const AUTHORIZATION_TOO_LARGE = 2;
export const AUTHORIZATION_BASIC = 3;
/** An API token: `Bearer`, or the configured token header. */
export const AUTHORIZATION_TOKEN = 4;
/** `Bearer` with what cannot be a token: malformed where the scheme is enabled, else no credential. */
export const AUTHORIZATION_BEARER_MALFORMED = 5;
/** No header, but the cookie of a session. */
export const AUTHORIZATION_SESSION = 6;

// Kinds of credential. A kind is part of what a grant's tag is made of, so none stands in for another.
export const KIND_BASIC = 1;
/** API token in `Authorization: Bearer` or the token header; its scope is empty, the credential the token's text. */
export const KIND_TOKEN = 2;
/** Session: its scope is the cookie's domain, the credential the cookie's value. */
export const KIND_SESSION = 3;

// --- Keys -------------------------------------------------------------------

/** Prefix of the root secret's text; 32 random bytes and a checksum follow, base64url. */
export const SECRET_PREFIX = 'postern_secret_';
/** Prefix of the guest key's text, same shape. */
export const GUEST_KEY_PREFIX = 'postern_guest_';
/** Prefix of an API token made by `postern token`, same shape: secret scanners know it, and so do we. */
export const TOKEN_PREFIX = 'postern_token_';
/** Bytes of a root secret, guest key or made token. */
export const KEY_LENGTH = 32;
/** First bytes of SHA-256(prefix ‖ key), appended to the key before base64url. */
export const CHECKSUM_LENGTH = 4;

/**
 * HKDF-SHA256 (RFC 5869) without salt; info is u32 length ‖ HKDF_DOMAIN ‖ u32
 * length ‖ label. The guest key is derived from the root secret with
 * LABEL_GUEST and LABEL_TOKEN, everything else here from the guest key.
 */
export const HKDF_DOMAIN = 'postern/1';
export const LABEL_GUEST = 'guest';
/** Keys the digests of imported API tokens; derived from the root secret, so that their file alone allows no guessing. */
export const LABEL_TOKEN = 'token';
/** Makes T, of which a grant's lookup tag is the beginning. */
export const LABEL_INDEX = 'index';
/** Keys the ChaCha20 block that gives each record its own key. */
export const LABEL_RECORD = 'record';
/** Names a user in a record's clear header without telling who it is. */
export const LABEL_USER = 'user';
export const LABEL_STATE = 'state';
export const LABEL_SNAPSHOT = 'snapshot';
export const LABEL_REQUEST = 'request';
export const LABEL_VERDICT = 'verdict';

// --- Headers ----------------------------------------------------------------

export const HEADER_VERDICT = 'Postern-Verdict';
export const HEADER_REQUEST = 'Postern-Request';
/** Header values are `allow-<tag>` and `defer-<tag>`. */
export const VERDICT_ALLOW_PREFIX = 'allow-';
export const VERDICT_DEFER_PREFIX = 'defer-';
/** Bytes of HKDF(guest key, "verdict") shown as lower-case hexadecimal in the verdict's tag. */
export const VERDICT_TAG_LENGTH = 16;

export const HEADER_USER = 'Remote-User';
export const HEADER_GROUPS = 'Remote-Groups';
export const HEADER_NAME = 'Remote-Name';
export const HEADER_EMAIL = 'Remote-Email';

// What a refusal looks like (`denial`). Zero is what suits whoever answers it.
export const DENIAL_AUTHELIA = 1;
export const DENIAL_ADAPTIVE = 2;
export const DENIAL_REDIRECT = 3;
export const DENIAL_JSON = 4;
export const DENIAL_BASIC = 5;
export const DENIAL_STATUS = 6;

/** Realm of the Basic challenge unless configured (Authelia's value). */
export const DEFAULT_REALM = 'Authorization Required';

// --- Postern-Request --------------------------------------------------------

/**
 * u64 time, then method, scheme, host, URI, client address and inline-policy
 * id (32 bytes or none), each behind its u32 length; then HMAC-SHA256 of all
 * that by the request key; the whole in base64url without padding.
 */
export const REQUEST_FIELDS = 6;
/**
 * Client address of a guest that has no policy and so does not know the trusted
 * proxies: the host resolves it from X-Forwarded-For, to which the proxy has
 * appended the socket peer. Empty means that it cannot be told.
 */
export const REQUEST_CLIENT_UNRESOLVED = '?';
export const REQUEST_MAC_LENGTH = 32;
/** A deferral older than this is refused: it bounds what a captured one is worth. */
export const REQUEST_MAX_AGE_MS = 10_000;
/** Clocks of guest and host are the same machine's; this forgives a step between two readings. */
export const CLOCK_SKEW_MS = 2_000;

// --- Guest directory --------------------------------------------------------

export const STATE_FILE = 'state';
/** Followed by the id in hexadecimal. */
export const POLICY_FILE_PREFIX = 'policy-';
export const GRANTS_FILE_PREFIX = 'grants-';
/** Bytes of boot, snapshot and table ids. */
export const ID_LENGTH = 16;

// State page: authenticated by the first 16 bytes of HMAC-SHA256(state key, bytes 0..STATE_MAC).
export const STATE_MAGIC = 0x3154_5350; // "PST1"
export const STATE_VERSION = 4; // u32 FORMAT_VERSION
export const STATE_BOOT_ID = 8; // 16 random bytes per start of the host
export const STATE_WALL_TIME = 24; // u64: when this page was written, the heartbeat
export const STATE_SEQUENCE = 32; // u64: revocations and new policies so far; never less under one boot id
export const STATE_NOT_BEFORE = 40; // u64: grants issued earlier are void
export const STATE_STORE_CONTACT = 48; // u64: last contact with the shared store
export const STATE_TABLE_ID = 56;
export const STATE_SNAPSHOT_ID = 72;
export const STATE_SLOT_SIZE = 88; // u32 bytes per record
export const STATE_SLOT_COUNT = 92; // u32 records in the table
export const STATE_FLAGS = 96; // u32, STATE_STOPPED
export const STATE_OFFLINE_GRACE = 100; // u32 seconds that grants outlive the heartbeat
export const STATE_MAC = 112;
export const STATE_MAC_LENGTH = 16;
export const STATE_LENGTH = 128;
/** Flag: the host has stopped, its heartbeat is stale at once. */
export const STATE_STOPPED = 1;

/** The host writes the page this often. */
export const HEARTBEAT_MS = 1_000;
/** A heartbeat older than this is stale. */
export const HEARTBEAT_STALE_MS = 5_000;
/** No decision of the guest uses a page it read longer ago. */
export const STATE_MAX_READ_AGE_MS = 500;

/**
 * Policy snapshot: a header and its tag, then the image in units, each with its
 * tag behind it; the last unit is filled up with zeros.
 *
 *     u32 magic │ u32 version │ 16-byte id │ u32 length of the image │ 4 × 0 │ 16-byte tag
 *     (SNAPSHOT_UNIT bytes │ 16-byte tag) …
 *
 * A tag is AEAD_CHACHA20_POLY1305 of no text, the bytes being the additional
 * data, under HMAC-SHA256(snapshot key, id); the nonce is the unit's number
 * (u32, the header's is SNAPSHOT_HEADER_NONCE), then zeros. So a unit stands for
 * one place of one snapshot.
 */
export const SNAPSHOT_MAGIC = 0x3250_5350; // "PSP2"
export const SNAPSHOT_VERSION = 4; // u32 SNAPSHOT_FORMAT
/** Bumped whenever the file or the image in it changes: another version is refused. */
export const SNAPSHOT_FORMAT = 5;
export const SNAPSHOT_ID = 8; // as in the file's name and the state page
export const SNAPSHOT_IMAGE_LENGTH = 24; // u32
export const SNAPSHOT_HEADER_LENGTH = 32;
export const SNAPSHOT_HEADER_NONCE = 0xffff_ffff;
export const SNAPSHOT_TAG_LENGTH = 16;
/** Where the units begin. */
export const SNAPSHOT_UNITS = 48;
/**
 * Where in an image that has an index the policy's id stands: SHA-256 of the
 * image without the index, as a guest compiles the same policy.
 */
export const IMAGE_ID = 112;
export const IMAGE_ID_LENGTH = 32;
/** Bytes read at once: what a rule and its lists take, at little more than the cost of a read. */
export const SNAPSHOT_UNIT = 1_024;

// --- Grant table ------------------------------------------------------------

/** Slots of a set; a record lies in the set its tag names, so one look reads at most these. */
export const GRANT_WAYS = 8;
/** Default bytes of a slot. */
export const GRANT_SLOT_SIZE = 1_024;
export const GRANT_MIN_SLOT_SIZE = 512;
/** The guest reads one slot into a buffer of this size. */
export const GRANT_MAX_SLOT_SIZE = 4_096;
export const GRANT_DEFAULT_SLOTS = 16_384;
/** Live grants of one principal: one account with many spellings cannot flush the others. */
export const GRANTS_PER_PRINCIPAL = 8;
/** A record living longer than this is a miss, whatever it says. */
export const GRANT_MAX_LIFETIME_MS = 86_400_000;

// T = HMAC-SHA256(index key, u8 FORMAT_VERSION ‖ u8 kind ‖ u32 length ‖ scope ‖ u32 length ‖ credential)
export const GRANT_TAG_LENGTH = 16; // T[0..16), the lookup tag
export const GRANT_KEY_NONCE = 16; // T[16..28): nonce of the ChaCha20 block whose first 32 bytes are the record's key

// Record: clear header, 12-byte nonce, ciphertext of the claims, 16-byte Poly1305 tag.
// AAD: u32 FORMAT_VERSION ‖ 16-byte table id ‖ clear header.
export const RECORD_TAG = 0;
export const RECORD_USER_TAG = 16; // first 16 bytes of HMAC-SHA256(user key, user name)
export const RECORD_EPOCH = 32; // 16 bytes derived from what the user's record said
export const RECORD_KIND = 48; // u8
export const RECORD_LEVEL = 49; // u8
export const RECORD_SEALED_LENGTH = 50; // u16: ciphertext with its tag
export const RECORD_REFRESH = 52; // u32: milliseconds after its issue from which the host wants to be asked, 0 for never
export const RECORD_ISSUED = 56; // u64
export const RECORD_EXPIRY = 64; // u64
export const RECORD_CLEAR_LENGTH = 72;
export const RECORD_NONCE_LENGTH = 12;
export const RECORD_SEALED = 84;
export const RECORD_AEAD_TAG_LENGTH = 16;

// Claims inside a record: u16 length ‖ bytes for each of user name, display
// name, mail and backend `Authorization`; then u16 count and the groups, each
// u16 length ‖ bytes. Behind them, for a principal that may ask from some networks
// only, the set of these as in `net/network-set.ts`: from elsewhere the grant is none.

// --- Limits on what clients send ----------------------------------------------

/** nginx and Apache refuse request lines beyond 8 KiB; nothing behind them needs more. */
export const MAX_URI = 8_192;
/** A token with long group lists reaches 6 KiB; nginx reads header lines up to 8 KiB. */
export const MAX_AUTHORIZATION = 8_192;
/** Elasticsearch, LDAP and Authelia users stay far below. */
export const MAX_USERNAME = 255;
/** Longer than any generated token; bounds what is hashed. */
export const MAX_PASSWORD = 1_024;
/** As a password, which a token may be. */
export const MAX_TOKEN = MAX_PASSWORD;
/** RFC 1035 section 2.3.4, and a port. */
export const MAX_HOST = 261;
/** Longest method of the IANA registry is 17 letters. */
export const MAX_METHOD = 32;
/** About 80 proxies in a row. */
export const MAX_FORWARDED_FOR = 2_048;
/** Bytes of a session's cookie: 32 random ones and 16 of a MAC, base64url. */
export const SESSION_TOKEN_LENGTH = 64;
/** Cookies that only a secure origin can set carry this in their names; ours all do. */
export const SESSION_COOKIE_PREFIX = '__Secure-';
/** Longest name of a session's cookie; the usual one has 24 characters. */
export const MAX_COOKIE_NAME = 64;
/** All `Cookie` lines of a request together: nginx takes no longer ones, and node no more headers in all. */
export const MAX_COOKIE = 16_384;
/** All header names of a request, each with a byte behind it. */
export const MAX_HEADER_NAMES = 4_096;
