import {
  GRANT_DEFAULT_SLOTS,
  GRANT_MAX_LIFETIME_MS,
  GRANT_MAX_SLOT_SIZE,
  GRANT_MIN_SLOT_SIZE,
  GRANT_SLOT_SIZE,
  GRANT_WAYS,
} from '../../assembly/contract.ts';
import { DENIALS } from '../policy/engine.ts';
import { address, prefix } from './address.ts';
import { cachePrefix, redisHost, redisNodes, tlsVersion } from './cache-values.ts';
import { groupMappings, identityHeader, listenAddress, roleNames } from './elastic-values.ts';
import { goDuration } from './go-values.ts';
import { identityHeaders } from './identity-presets.ts';
import { IDENTITY_PROOF_KEYS } from './identity-proof.ts';
import { NOTIFIER_KEYS, NOTIFIER_SECRETS } from './notifier.ts';
import { PASSWORD_POLICY_KEYS } from './password-policy.ts';
import { REGULATION_KEYS } from './regulation.ts';
import { cookieName, rememberMe, sessionTime } from './session-values.ts';
import { TOTP_KEYS } from './totp.ts';
import {
  ambiguousPaths,
  boolean,
  duration,
  integer,
  oneOf,
  type Reader,
  text,
  textList,
  textOrEmpty,
  tokenHeader,
} from './values.ts';

/** 1 GiB of records at the default size: more would not fit a tmpfs anybody gives it. */
const MAX_SLOTS = 1_048_576;
/** Grants do not live longer, so a longer grace means nothing. */
const MAX_SECONDS = GRANT_MAX_LIFETIME_MS / 1_000;

/** A password that lives ten years does so for ever. */
const MAX_PASSWORD_SECONDS = 10 * 365 * MAX_SECONDS;

/** Every key with a value of its own, by path. `POSTERN_` and the path in capitals is its variable. */
export const VALUE_KEYS = {
  'server.address': address,
  'server.host': text,
  'server.port': integer(1, 65_535),
  'server.path': prefix,
  'server.tls.certificate': textOrEmpty,
  'server.tls.key': textOrEmpty,
  'log.level': oneOf('error', 'warn', 'info', 'debug', 'trace'),
  'log.format': oneOf('text', 'json'),
  'authentication_backend.file.path': text,
  'authentication_backend.file.watch': boolean,
  'authentication_backend.file.search.email': boolean,
  'authentication_backend.file.search.case_insensitive': boolean,
  'guest.directory': text,
  'guest.offline_grace': duration(0, MAX_SECONDS),
  'grants.lifetime': duration(1, MAX_SECONDS),
  'grants.slots': integer(GRANT_WAYS, MAX_SLOTS, GRANT_WAYS),
  'grants.slot_size': integer(GRANT_MIN_SLOT_SIZE, GRANT_MAX_SLOT_SIZE, 8),
  'tokens.file': text,
  'tokens.usage_file': text,
  'tokens.bearer': boolean,
  'tokens.header': tokenHeader,
  'elasticsearch.hosts': textList,
  'elasticsearch.username': text,
  'elasticsearch.ca_certificate': textOrEmpty,
  'elasticsearch.client_certificate': textOrEmpty,
  'elasticsearch.client_key': textOrEmpty,
  'elasticsearch.dry_run': boolean,
  'elasticsearch.listen': listenAddress,
  'elasticsearch.peers': textList,
  'elasticsearch.config_peers': textList,
  'elasticsearch.headers.username': identityHeader,
  'elasticsearch.headers.groups': identityHeader,
  'elasticsearch.headers.email': identityHeader,
  'elasticsearch.headers.name': identityHeader,
  'elasticsearch.group_whitelist': textList,
  'elasticsearch.password_lifetime': duration(60, MAX_PASSWORD_SECONDS),
  'elasticsearch.sync_interval': duration(1, MAX_SECONDS),
  'cache.type': oneOf('memory', 'redis'),
  'cache.expiration': goDuration(1, 30 * MAX_SECONDS),
  'cache.extend': boolean,
  'cache.prefix': cachePrefix,
  'cache.redis.host': redisHost,
  'cache.redis.port': integer(1, 65_535),
  'cache.redis.username': textOrEmpty,
  'cache.redis.database_index': integer(0, 9_999),
  'cache.redis.tls.server_name': textOrEmpty,
  'cache.redis.tls.minimum_version': tlsVersion,
  'cache.redis.tls.maximum_version': tlsVersion,
  'cache.redis.tls.ca_certificate': textOrEmpty,
  'cache.redis.high_availability.sentinel_name': textOrEmpty,
  'cache.redis.high_availability.sentinel_username': textOrEmpty,
  'cache.redis.high_availability.nodes': redisNodes,
  'cache.redis.cluster.nodes': redisNodes,
  'session.name': cookieName,
  'session.same_site': oneOf('lax', 'strict', 'none'),
  'session.expiration': sessionTime,
  'session.inactivity': sessionTime,
  'session.remember_me': rememberMe,
  ...TOTP_KEYS,
  ...IDENTITY_PROOF_KEYS,
  ...NOTIFIER_KEYS,
  ...PASSWORD_POLICY_KEYS,
  ...REGULATION_KEYS,
  default_roles: roleNames,
  group_mappings: groupMappings,
  trusted_proxies: textList,
  allow_http: textList,
  ambiguous_paths: ambiguousPaths,
  identity_headers: identityHeaders,
  denial: oneOf(...DENIALS),
  realm: text,
} as const satisfies Record<string, Reader<unknown>>;

export { DENIALS };

export type ValueKey = keyof typeof VALUE_KEYS;
export type ValueOf<K extends ValueKey> = (typeof VALUE_KEYS)[K] extends Reader<infer T> ? T : never;
/** The value of a key, wherever it is given; undefined when it is absent, or reported. */
export type GetValue = <K extends ValueKey>(path: K) => ValueOf<K> | undefined;

/** Passed on to the engine, which knows what may stand in them. */
export const POLICY_TREES: readonly string[] = ['access_control', 'definitions', 'domains'];

/** What may stand in a file of its own, beside what Elasticsearch needs. Authelia has keys and certificates as text, too. */
export const REDIS_SECRETS: readonly string[] = [
  'cache.redis.password',
  'cache.redis.high_availability.sentinel_password',
  'cache.redis.tls.private_key',
  'cache.redis.tls.certificate_chain',
];

/** Read in their own way, by `secrets.ts`, `secret-text.ts`, `endpoints.ts` and `session.ts`. */
export const SPECIAL_KEYS: readonly string[] = [
  'secret',
  'secret_file',
  'secret_previous',
  'secret_previous_file',
  'elasticsearch.password',
  'elasticsearch.password_file',
  'elasticsearch.api_key',
  'elasticsearch.api_key_file',
  ...REDIS_SECRETS.flatMap(path => [path, `${path}_file`]),
  ...NOTIFIER_SECRETS.flatMap(path => [path, `${path}_file`]),
  'storage.local',
  'storage.postgres',
  'storage.postgres.password',
  'storage.postgres.password_file',
  'server.endpoints',
  'session.redis',
  'session.cookies',
  'session.domain',
  'session.remember_me_duration',
  'default_redirection_url',
];

export const DEFAULTS = {
  host: '127.0.0.1',
  guestDirectory: '/run/postern',
  offlineGraceSeconds: 15 * 60,
  lifetimeSeconds: 60 * 60,
  slots: GRANT_DEFAULT_SLOTS,
  slotSize: GRANT_SLOT_SIZE,
} as const;

export function isValueKey(path: string): path is ValueKey {
  return Object.hasOwn(VALUE_KEYS, path);
}

/** `server.address` is `POSTERN_SERVER_ADDRESS`. */
export function variableOf(path: string): string {
  return `POSTERN_${path.replaceAll('.', '_').toUpperCase()}`;
}
