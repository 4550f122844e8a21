import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/schema.ts';
import type { PolicyDocument } from '../policy/engine.ts';

/** Keys of what is called otherwise in the program, and of what lies below; everything else goes by its own path. */
const KEYS: Readonly<Record<string, string>> = {
  'server.host': 'server.address',
  'server.port': 'server.address',
  'server.socket': 'server.address',
  'server.prefix': 'server.address',
  cookies: 'session.cookies',
  storage: 'storage',
  usersFile: 'authentication_backend.file.path',
  usersWatch: 'authentication_backend.file.watch',
  'usersSearch.caseInsensitive': 'authentication_backend.file.search.case_insensitive',
  'usersSearch.email': 'authentication_backend.file.search.email',
  'grants.slotSize': 'grants.slot_size',
  tokens: 'tokens.file',
  'tokens.usageFile': 'tokens.usage_file',
  'elasticsearch.access': 'elasticsearch',
  'elasticsearch.dryRun': 'elasticsearch.dry_run',
  'elasticsearch.roles.groupMappings': 'group_mappings',
  'elasticsearch.roles.defaultRoles': 'default_roles',
  'elasticsearch.groupWhitelist': 'elasticsearch.group_whitelist',
  'elasticsearch.passwordSeconds': 'elasticsearch.password_lifetime',
  'elasticsearch.syncSeconds': 'elasticsearch.sync_interval',
  'elasticsearch.dropIn': 'elasticsearch.listen',
  'cache.expirationSeconds': 'cache.expiration',
  'cache.redis': 'cache.redis',
  'regulation.maxRetries': 'regulation.max_retries',
  'regulation.findSeconds': 'regulation.find_time',
  'regulation.banSeconds': 'regulation.ban_time',
  totp: 'totp',
  notifier: 'notifier',
  identityProof: 'identity_validation.elevated_session',
  previousSecret: 'secret_previous',
};

/**
 * What the service takes over from a configuration while it runs. Only what is
 * named here: a key that a later version adds waits for a restart until
 * somebody has thought about it.
 */
export function takeOver(running: Config, read: Config): Config {
  return {
    ...running,
    log: { ...running.log, level: read.log.level },
    guest: { ...running.guest, offlineGraceSeconds: read.guest.offlineGraceSeconds },
    grants: { ...running.grants, lifetimeSeconds: read.grants.lifetimeSeconds },
    // Commands read it for themselves.
    passwordPolicy: read.passwordPolicy,
    policy: livePolicy(running, read.policy),
  };
}

/**
 * The rules as they are read, for users as they are found now: `fold_names` is
 * made of `search.case_insensitive`, which waits for a restart as the users'
 * index does. Half of it would let guest and host know one user by two names.
 * `sign_in` is made of `session.cookies`, which waits, too.
 */
export function livePolicy(running: Config, read: PolicyDocument): PolicyDocument {
  const { fold_names: _, sign_in: __, tokens, ...rest } = read;
  const { fold_names, sign_in } = running.policy;
  return {
    ...rest,
    ...(fold_names === undefined ? {} : { fold_names }),
    ...(sign_in === undefined ? {} : { sign_in }),
    // Without a tokens file, which waits for a restart, there is nobody to ask about a token.
    ...(tokens === undefined || running.tokens === undefined ? {} : { tokens }),
  };
}

/** Keys whose value in `read` counts only after a restart; never their values, which may be secret. */
export function waitingKeys(inForce: Config, read: Config): string[] {
  // All of the policy was taken over but what is made of other keys, which are told.
  const paths = [...differences(inForce, read, '')].filter(path => !path.startsWith('policy'));
  return [...new Set(paths.map(keyOf))];
}

/** Also of what lies below a path that has a name. */
function keyOf(path: string): string {
  for (let above = path; above !== ''; above = above.slice(0, Math.max(0, above.lastIndexOf('.')))) {
    const key = KEYS[above];
    if (key !== undefined) return key;
  }
  return path;
}

/** Paths of leaves that differ. Bytes, lists and whatever else is no plain object are leaves. */
function* differences(a: unknown, b: unknown, path: string): Iterable<string> {
  if (isDeepStrictEqual(a, b)) return;
  if (!isPlain(a) || !isPlain(b)) {
    yield path;
    return;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    yield* differences(a[key], b[key], path === '' ? key : `${path}.${key}`);
  }
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
