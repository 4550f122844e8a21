import {
  DEFAULT_REALM,
  GRANT_MAX_LIFETIME_MS,
  GRANT_MAX_SLOT_SIZE,
  GRANT_MIN_SLOT_SIZE,
  GRANT_WAYS,
} from '../../assembly/contract.ts';
import { formatDuration } from '../config/duration.ts';
import { IDENTITY_PRESETS } from '../config/identity-presets.ts';
import { DEFAULTS, DENIALS } from '../config/keys.ts';
import { FACTOR_DOCS, FACTOR_SPECIAL_DOCS } from './factor-docs.ts';
import { regulationDocs } from './regulation-docs.ts';

/** As much of JSON Schema (draft 7) as is needed. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const TEXT: JsonSchema = { type: 'string', pattern: '\\S' };
const BOOLEAN: JsonSchema = { type: 'boolean' };
const TEXTS: JsonSchema = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] };
const SEGMENTS = '([A-Za-z0-9_-][A-Za-z0-9._-]*/)*([A-Za-z0-9_-][A-Za-z0-9._-]*)?';
const PREFIX: JsonSchema = { type: 'string', pattern: `^\\s*/?${SEGMENTS}\\s*$` };
const UNIT =
  '(y|M|w|d|h|m|s|ms|([Yy]ear|[Mm]onth|[Ww]eek|[Dd]ay|[Hh]our|[Mm]inute|[Ss]econd|[Mm]illisecond)s?)';
const DURATION_PATTERN = `^\\s*\\d{1,9}\\s*${UNIT}(\\s*(and\\s+)?\\d{1,9}\\s*${UNIT})*\\s*$`;
/** The longest duration is the reader's to know. */
const DURATION: JsonSchema = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', pattern: DURATION_PATTERN },
  ],
};
/** Headers that mean something else, written as people do. */
const TAKEN =
  '^([Pp]roxy-)?[Aa]uthorization$|^([Cc]ookie|[Hh]ost|[Cc]onnection|[Uu]pgrade|[Cc]ontent-([Ll]ength|[Tt]ype)|[Tt]ransfer-[Ee]ncoding|[Tt][Ee]|[Tt]railer|[Ff]orwarded|[Xx]-[Rr]eal-[Ii][Pp]|[Xx]-([Oo]riginal|[Rr]ewrite)-(URL|[Uu]rl))$';
const IDENTITY_HEADER: JsonSchema = {
  description: 'Name of the header that says it.',
  type: 'string',
  pattern: '^[A-Za-z0-9-]{1,64}$',
  not: {
    pattern: `^([Pp]ostern|[Ss]ec)-|^[Xx]-[Ff]orwarded-([Ff]or|[Hh]ost|[Pp]roto|[Pp]ort|URI|[Uu]ri|[Mm]ethod|[Pp]refix|[Ss]erver|[Ss]sl|[Ss]cheme|[Tt]ls-.*)$|${TAKEN}`,
  },
};
const ROLE: JsonSchema = { type: 'string', pattern: '^[!-~]([ -~]*[!-~])?$', maxLength: 507 };
const ROLES: JsonSchema = { anyOf: [ROLE, { type: 'array', items: ROLE }] };
/** Empty is as good as absent. */
const FILE: JsonSchema = { type: 'string', pattern: '^(|.*\\S.*)$' };
const REDIS_NAME =
  '(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|[A-Za-z0-9._-]+)(:\\d{1,5})?';
const REDIS_HOST = `^(/.+|${REDIS_NAME})$`;
const NODE_LIST: JsonSchema = {
  type: 'array',
  items: {
    anyOf: [
      { type: 'string', pattern: `^${REDIS_NAME}$` },
      {
        type: 'object',
        properties: {
          host: { type: 'string', pattern: `^${REDIS_NAME}$` },
          port: { type: 'integer', minimum: 1, maximum: 65_535 },
        },
        required: ['host'],
        additionalProperties: false,
      },
    ],
  },
};
const NODES: JsonSchema = {
  anyOf: [{ type: 'string', pattern: `^\\s*${REDIS_NAME}(\\s*,\\s*${REDIS_NAME})*\\s*$` }, NODE_LIST],
  examples: [[{ host: 'redis-1', port: 6_379 }]],
};
const integer = (minimum: number, maximum: number, multipleOf = 1): JsonSchema => ({
  type: 'integer',
  minimum,
  maximum,
  ...(multipleOf === 1 ? {} : { multipleOf }),
});

const LONGEST = formatDuration(GRANT_MAX_LIFETIME_MS / 1_000);

/**
 * What editors tell of each key of `keys.ts`: a test compares the two and what
 * schema and reader make of the same values.
 */
export const KEY_DOCS: Readonly<Record<string, JsonSchema>> = {
  'server.address': {
    description:
      'Where to listen: `tcp://HOST:PORT`, or `unix:///PATH?umask=0007`; a path behind it is a prefix.',
    type: 'string',
    pattern: `^(unix:///[^?#]+(\\?[^#]*)?|(tcp[46]?://)?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]*)(:\\d{1,5})?(/${SEGMENTS})?)$`,
    minLength: 1,
    default: 'tcp://127.0.0.1:9091',
    examples: ['tcp://127.0.0.1:9091', 'tcp://:9091/authelia', 'unix:///run/postern/host.sock?umask=0007'],
  },
  'server.host': { description: "Authelia's old form: write `server.address`.", deprecated: true, ...TEXT },
  'server.port': {
    description: "Authelia's old form: write `server.address`.",
    deprecated: true,
    ...integer(1, 65_535),
  },
  'server.path': {
    description: "Authelia's old form: write the path behind `server.address`.",
    deprecated: true,
    ...PREFIX,
  },
  'server.tls.certificate': {
    description: 'File with the certificate and its chain (PEM); then TLS is served.',
    type: 'string',
    pattern: '^(|.*\\S.*)$',
  },
  'server.tls.key': {
    description: "File with the certificate's private key (PEM).",
    type: 'string',
    pattern: '^(|.*\\S.*)$',
  },
  'log.level': {
    description: 'Which lines are written to standard error; `trace` is `debug`.',
    enum: ['error', 'warn', 'info', 'debug', 'trace'],
    default: 'info',
  },
  'log.format': {
    description: 'Default: `text` on a terminal, `json` in a pipe.',
    enum: ['text', 'json'],
  },
  'authentication_backend.file.path': {
    description: "The users file, as Authelia's; relative to this file.",
    ...TEXT,
    examples: ['users.yml'],
  },
  'authentication_backend.file.watch': {
    description: 'Follow changes of the users file; without it revocation waits for a restart.',
    ...BOOLEAN,
    default: true,
  },
  'authentication_backend.file.search.email': {
    description: 'Find users also by their mail address.',
    ...BOOLEAN,
    default: false,
  },
  'authentication_backend.file.search.case_insensitive': {
    description: 'Find users in any case of A-Z; user names are written in lower case then.',
    ...BOOLEAN,
    default: false,
  },
  'guest.directory': {
    description: 'What host and Traefik share: policy, grants and state. Best on tmpfs, 0750.',
    ...TEXT,
    default: DEFAULTS.guestDirectory,
  },
  'guest.offline_grace': {
    description: `How long grants work without the host, at most ${LONGEST}.`,
    anyOf: [{ type: 'integer', minimum: 0 }, ...(DURATION.anyOf as unknown[]).slice(1)],
    default: formatDuration(DEFAULTS.offlineGraceSeconds),
    examples: ['15m', '1h 30m'],
  },
  'grants.lifetime': {
    description: `How long a verified credential counts without the host being asked, at most ${LONGEST}.`,
    ...DURATION,
    default: formatDuration(DEFAULTS.lifetimeSeconds),
    examples: ['1h', '5 minutes'],
  },
  'grants.slots': {
    description: 'Records in the grant table: credentials that work at the same time.',
    ...integer(GRANT_WAYS, 1_048_576, GRANT_WAYS),
    default: DEFAULTS.slots,
  },
  'grants.slot_size': {
    description: 'Bytes of a record; more for users with very many groups.',
    ...integer(GRANT_MIN_SLOT_SIZE, GRANT_MAX_SLOT_SIZE, 8),
    default: DEFAULTS.slotSize,
  },
  'tokens.file': {
    description: 'File of service accounts and the digests of their API tokens.',
    ...TEXT,
    examples: ['tokens.yml'],
  },
  'tokens.usage_file': {
    description:
      'Where it is written when tokens were used last; default: the tokens file with `.used` behind.',
    ...TEXT,
  },
  'tokens.bearer': {
    description: 'Take tokens as `Authorization: Bearer …`, too.',
    ...BOOLEAN,
    default: true,
  },
  'tokens.header': {
    description: 'Take tokens in a header of this name, too.',
    type: 'string',
    pattern: '^[A-Za-z0-9-]{1,64}$',
    not: {
      pattern: `^([Pp]ostern|[Rr]emote|[Xx]-[Ff]orwarded|[Ss]ec)-|${TAKEN}`,
    },
    examples: ['X-Api-Key'],
  },
  'elasticsearch.hosts': {
    description:
      'Addresses of the hosts of one Elasticsearch cluster; the next is asked when one does not answer.',
    ...TEXTS,
    examples: [['https://elasticsearch:9200']],
  },
  'elasticsearch.username': {
    description: 'Our own account in Elasticsearch; it needs the privilege `manage_security`.',
    ...TEXT,
  },
  'elasticsearch.ca_certificate': {
    description: 'File with the CA of the certificate of Elasticsearch (PEM).',
    type: 'string',
    pattern: '^(|.*\\S.*)$',
  },
  'elasticsearch.client_certificate': {
    description: 'File with a certificate that we show to Elasticsearch (PEM).',
    type: 'string',
    pattern: '^(|.*\\S.*)$',
  },
  'elasticsearch.client_key': {
    description: 'File with the private key of that certificate (PEM).',
    type: 'string',
    pattern: '^(|.*\\S.*)$',
  },
  'elasticsearch.dry_run': {
    description: 'Answer as if users were made, and ask Elasticsearch nothing.',
    ...BOOLEAN,
    default: false,
  },
  'elasticsearch.listen': {
    description:
      "Where the endpoint listens that takes elastauth's place; it is off until `peers` are named.",
    type: 'string',
    pattern: '^(tcp://)?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]*):\\d{1,5}$',
    default: '127.0.0.1:5000',
  },
  'elasticsearch.peers': {
    description: 'Addresses and networks that may say by headers who somebody is: those of the proxy.',
    ...TEXTS,
    examples: [['127.0.0.1'], ['172.18.0.0/16']],
  },
  'elasticsearch.config_peers': {
    description: 'Addresses and networks that may read `/config` there.',
    ...TEXTS,
    default: ['127.0.0.1', '::1'],
  },
  'elasticsearch.headers.username': { ...IDENTITY_HEADER, default: 'Remote-User' },
  'elasticsearch.headers.groups': { ...IDENTITY_HEADER, default: 'Remote-Groups' },
  'elasticsearch.headers.email': { ...IDENTITY_HEADER, default: 'Remote-Email' },
  'elasticsearch.headers.name': { ...IDENTITY_HEADER, default: 'Remote-Name' },
  'elasticsearch.group_whitelist': {
    description: 'Groups that users may have; with any other one they are refused. Default: all.',
    ...TEXTS,
  },
  'elasticsearch.password_lifetime': {
    description: 'How old the derived password of an Elasticsearch user becomes. Default: any age.',
    ...DURATION,
    examples: ['30d'],
  },
  'elasticsearch.sync_interval': {
    description: 'How often users that have gone are looked for and disabled.',
    ...DURATION,
    default: '10m',
  },
  'cache.type': {
    description: 'Where hosts keep what they share: `memory` for one host, `redis` for several.',
    enum: ['memory', 'redis'],
  },
  'cache.expiration': {
    description: 'How long it is remembered that a user of Elasticsearch is as it should be.',
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: DURATION_PATTERN },
      // elastauth's, which are Go's: `1.5h`.
      { type: 'string', pattern: '^\\+?((\\d+\\.?\\d*|\\.\\d+)(h|ms|m|s|us|µs|μs|ns))+$' },
    ],
    default: '1h',
  },
  'cache.extend': { description: 'That time begins anew with each use.', ...BOOLEAN, default: false },
  'cache.prefix': {
    description: 'Begins every name in Redis: one for each installation that shares the server.',
    type: 'string',
    pattern: '^[A-Za-z0-9_-]{1,32}$',
    default: 'postern',
  },
  'session.name': {
    description:
      'Name of the session cookie; `__Secure-` is put in front where it is not there. Default `postern_session`.',
    type: 'string',
    pattern: '^(?!__[Hh][Oo][Ss][Tt]-)(__[Ss][Ee][Cc][Uu][Rr][Ee]-)?[A-Za-z0-9_.-]{1,55}$',
  },
  'session.same_site': {
    description: 'Whether requests that another site makes carry the session: `lax` is for links alone.',
    enum: ['lax', 'strict', 'none'],
    default: 'lax',
  },
  'session.expiration': {
    description: 'When a session ends, from its beginning, whatever its user does.',
    ...DURATION,
    default: '1h',
  },
  'session.inactivity': {
    description: 'After how long without a request a session ends; not one that is to be remembered.',
    ...DURATION,
    default: '5m',
  },
  'session.remember_me': {
    description:
      'When a session ends that is to be remembered after the browser was closed; -1 does not offer it.',
    anyOf: [{ type: 'integer', minimum: -1 }, { const: '-1' }, { type: 'string', pattern: DURATION_PATTERN }],
    default: '1M',
  },
  'cache.redis.host': {
    description: 'Name or address of the server, also with its port, or the path of its socket.',
    type: 'string',
    pattern: REDIS_HOST,
    default: 'localhost',
    examples: ['redis', 'redis:6379', '/run/redis/redis.sock'],
  },
  'cache.redis.port': { description: 'Port of the server.', ...integer(1, 65_535), default: 6_379 },
  'cache.redis.username': { description: 'User of the server (ACL); none for its default user.', ...FILE },
  'cache.redis.database_index': {
    description: 'Database of the server; 0 in a cluster.',
    ...integer(0, 9_999),
    default: 0,
  },
  'cache.redis.tls.server_name': {
    description: "Name in the server's certificate, where that is not its host.",
    ...FILE,
  },
  'cache.redis.tls.minimum_version': {
    description: 'Oldest version of TLS.',
    enum: ['TLS1.2', 'TLS1.3'],
    default: 'TLS1.2',
  },
  'cache.redis.tls.maximum_version': {
    description: "Authelia's key; the newest version is taken.",
    enum: ['TLS1.2', 'TLS1.3'],
  },
  'cache.redis.tls.ca_certificate': {
    description: "File with the CA of the server's certificate (PEM).",
    ...FILE,
  },
  'cache.redis.high_availability.sentinel_name': {
    description: 'What the sentinels call the master; then `nodes` are sentinels.',
    ...FILE,
  },
  'cache.redis.high_availability.sentinel_username': {
    description: 'User of the sentinels; none for their default user.',
    ...FILE,
  },
  'cache.redis.high_availability.nodes': { description: 'The sentinels.', ...NODES },
  'cache.redis.cluster.nodes': {
    description: 'Some nodes of a Redis cluster, in place of a host; the others are found by them.',
    ...NODES,
  },
  ...FACTOR_DOCS,
  ...regulationDocs(DURATION),
  default_roles: {
    description: 'Roles in Elasticsearch of users of whose groups none is mapped.',
    ...ROLES,
    examples: [['kibana_user']],
  },
  group_mappings: {
    description:
      'Groups and the roles in Elasticsearch that they give; the case of a group counts for nothing.',
    type: 'object',
    propertyNames: { pattern: '\\S' },
    additionalProperties: ROLES,
    examples: [{ admins: ['superuser'] }],
  },
  trusted_proxies: {
    description: 'Addresses and networks whose forwarding headers count.',
    ...TEXTS,
    default: ['127.0.0.0/8', '::1'],
  },
  allow_http: {
    description: 'Domains that may be asked for without encryption.',
    ...TEXTS,
    default: ['localhost', '*.localhost'],
  },
  ambiguous_paths: {
    description:
      'Paths that a service could read differently than the rules: refused with 400, or cleaned as Authelia does, everywhere or for the domains under `clean`.',
    anyOf: [
      { enum: ['refuse', 'clean'] },
      {
        type: 'object',
        properties: { clean: TEXTS },
        required: ['clean'],
        additionalProperties: false,
      },
    ],
    default: 'refuse',
  },
  identity_headers: {
    description:
      'What services are told of who asks: a preset, or names of headers with templates of `{username}`, `{groups}`, `{name}` and `{email}`; `separator` stands between groups.',
    anyOf: [
      { enum: Object.keys(IDENTITY_PRESETS) },
      {
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$' },
        additionalProperties: { type: 'string', minLength: 1 },
      },
    ],
    default: 'authelia',
    examples: ['authentik', { 'X-User-ID': '{username}', 'X-User-Roles': '{groups}' }],
  },
  denial: {
    description:
      'What a refusal looks like: `adaptive`, which suits page, script, tool and WebSocket; `authelia`; or one form for everybody: `redirect` to the sign-in address, `json`, `basic` (asks for a password), or the bare `status`. Default: `adaptive` in the plugin, else what the endpoint that is asked does.',
    enum: [...DENIALS],
    examples: ['adaptive', 'json'],
  },
  realm: {
    description: 'Name that browsers show when they ask for a password.',
    type: 'string',
    pattern: '^(?=.*\\S)[^"\\\\\\u0000-\\u001f\\u007f-\\uffff]{1,128}$',
    default: DEFAULT_REALM,
  },
};

const SECRET = 'made by `postern secret`; better in POSTERN_SECRET_FILE, outside of this file';

/** Keys that are read in their own way (`SPECIAL_KEYS`). */
export const SPECIAL_DOCS: Readonly<Record<string, JsonSchema>> = {
  secret: { description: `The root secret, ${SECRET}.`, ...TEXT },
  secret_file: { description: `File with the root secret, ${SECRET}.`, ...TEXT },
  secret_previous: {
    description: 'The root secret before, while it is changed: it opens, never seals.',
    ...TEXT,
  },
  secret_previous_file: { description: 'File with the root secret before.', ...TEXT },
  'elasticsearch.password': {
    description:
      'Password of that account; better in `password_file` or POSTERN_ELASTICSEARCH_PASSWORD_FILE.',
    ...TEXT,
  },
  'elasticsearch.password_file': { description: 'File with the password of that account.', ...TEXT },
  'elasticsearch.api_key': {
    description:
      'Instead of account and password, an API key as Elasticsearch gives it (`encoded`); better in `api_key_file` or POSTERN_ELASTICSEARCH_API_KEY_FILE.',
    ...TEXT,
  },
  'elasticsearch.api_key_file': { description: 'File with that API key.', ...TEXT },
  'cache.redis.password': {
    description: 'Password of the server; better in `password_file` or POSTERN_CACHE_REDIS_PASSWORD_FILE.',
    ...TEXT,
  },
  'cache.redis.password_file': { description: 'File with that password.', ...TEXT },
  'cache.redis.high_availability.sentinel_password': {
    description: 'Password of the sentinels; better in `sentinel_password_file`.',
    ...TEXT,
  },
  'cache.redis.high_availability.sentinel_password_file': {
    description: 'File with the password of the sentinels.',
    ...TEXT,
  },
  'cache.redis.tls.private_key': {
    description:
      'Private key of a certificate that we show to the server (PEM); better in `private_key_file`.',
    ...TEXT,
  },
  'cache.redis.tls.private_key_file': { description: 'File with that private key.', ...TEXT },
  'cache.redis.tls.certificate_chain': {
    description: 'A certificate that we show to the server, with its chain (PEM).',
    ...TEXT,
  },
  'cache.redis.tls.certificate_chain_file': { description: 'File with that certificate.', ...TEXT },
  'session.remember_me_duration': {
    description: "Authelia's old form of `session.remember_me`.",
    anyOf: [{ type: 'integer', minimum: -1 }, { const: '-1' }, { type: 'string', pattern: DURATION_PATTERN }],
    deprecated: true,
  },
  ...FACTOR_SPECIAL_DOCS,
  'server.endpoints': {
    description:
      "Authelia's endpoints: below `authz` each with `implementation`; `scheme_basic_cache_lifespan` of a strategy is `grants.lifetime`.",
    type: ['object', 'null'],
  },
};
