import { parseDuration } from './duration.ts';

/**
 * Keys of Authelia and elastauth that this version does not act on. A path
 * covers everything below it.
 */
export interface ForeignKey {
  /** `unused` loads with one warning, `refused` does not load. */
  readonly kind: 'unused' | 'refused';
  readonly message: string;
}

const unused = (message: string): ForeignKey => ({ kind: 'unused', message });
const refused = (message: string): ForeignKey => ({ kind: 'refused', message });

const portal = unused('not used: this version has no sign-in portal yet; the key may stay');
const secret = unused(
  'not used: the secret of another program never stands in for POSTERN_SECRET; remove it from here',
);
const plainHttp =
  'must be removed: this version serves plain HTTP; keep it on loopback or in a network that only the proxy reaches';

export const FOREIGN_KEYS: Readonly<Record<string, ForeignKey>> = {
  theme: portal,
  certificates_directory: portal,
  default_redirection_url: portal,
  default_2fa_method: portal,
  session: portal,
  totp: portal,
  webauthn: portal,
  password_policy: portal,
  privacy_policy: portal,
  identity_validation: portal,
  notifier: portal,
  storage: portal,
  'authentication_backend.password_reset': portal,
  'authentication_backend.password_change': portal,
  regulation: unused(
    'not used: this version bans nobody after failed attempts, it only delays their answers; the key may stay',
  ),
  ntp: unused('not used: keep the clock right by other means; the key may stay'),
  telemetry: unused('not used: metrics are served at `/metrics`; the key may stay'),
  jwt_secret: secret,
  secret_key: secret,
  'session.secret': secret,
  'storage.encryption_key': secret,
  'identity_validation.reset_password.jwt_secret': secret,
  'log.file_path': unused('not used: the log goes to standard error; the key may stay'),
  'log.keep_stdout': unused('not used: the log goes to standard error; the key may stay'),
  'server.asset_path': portal,
  'server.headers': portal,
  'server.buffers': unused('not used: limits are fixed; the key may stay'),
  'server.timeouts': unused('not used: limits are fixed; the key may stay'),
  'server.read_buffer_size': unused('not used: limits are fixed; the key may stay'),
  'server.write_buffer_size': unused('not used: limits are fixed; the key may stay'),
  'server.disable_healthcheck': unused('not used; the key may stay'),
  'server.enable_pprof': unused('not used; the key may stay'),
  'server.enable_expvars': unused('not used; the key may stay'),
  'server.path_prefix': refused(
    "is no key of Authelia's, whose form is the path of `server.address`: remove it, this version serves at `/` only",
  ),
  'server.tls': refused(plainHttp),
  'session.lifetime': refused("is no key of Authelia's: write `session.expiration`"),
  'authentication_backend.refresh_interval': unused(
    'not used: changes of the users file count within two seconds; the key may stay',
  ),
  'authentication_backend.file.password': unused(
    'not used: it says how Authelia makes new digests, `postern hash` has options for it; the key may stay',
  ),
  'authentication_backend.file.extra_attributes': unused(
    'not used: grants carry name, mail and groups; the key may stay',
  ),
  'authentication_backend.ldap': refused(
    'must be removed: this version reads users from `authentication_backend.file` only',
  ),
  identity_providers: refused('must be removed: Postern is no OpenID Connect provider'),
  duo_api: refused('must be removed: Postern does not speak to Duo'),
  elasticsearch: refused('must be removed: this version does not provision Elasticsearch yet'),
  default_roles: refused('must be removed: this version does not provision Elasticsearch yet'),
  group_mappings: refused('must be removed: this version does not provision Elasticsearch yet'),
  cache: refused('must be removed: this version does not provision Elasticsearch yet'),
};

/** Refused keys that many files hold in an empty or switched-off form, which means nothing. */
export function isSwitchedOff(value: unknown): boolean {
  if (value === null || value === '' || value === false) return true;
  if (Array.isArray(value)) return value.every(isSwitchedOff);
  if (typeof value !== 'object') return false;
  if ('disable' in value && value.disable === true) return true;
  return Object.values(value).every(isSwitchedOff);
}

/** A problem of a key inside the policy, which the engine would only call unknown. */
export function* misusedRuleKeys(accessControl: unknown): Iterable<{ path: string; message: string }> {
  const rules = field(accessControl, 'rules');
  if (!Array.isArray(rules)) return;
  for (const [i, rule] of rules.entries()) {
    const path = field(rule, 'path');
    if (path === undefined) continue;
    const example = typeof path === 'string' && /^\/[\w./-]*$/.test(path) ? path : '/admin';
    const pattern = `^${example.replace(/\/$/, '').replaceAll('.', '\\.')}([/?].*)?$`;
    yield {
      path: `access_control.rules[${i}].path`,
      message: `is no key of a rule: write \`resources: ['${pattern}']\``,
    };
  }
}

/**
 * `scheme_basic_cache_lifespan` of the header strategies below
 * `server.endpoints.authz`, in seconds; the shortest, when several differ. Zero
 * is Authelia's "no cache", which says nothing about grants.
 */
export function basicCacheLifespan(
  endpoints: unknown,
): { path: string; value: unknown; seconds: number | undefined } | undefined {
  let found: { path: string; value: unknown; seconds: number | undefined } | undefined;
  const authz = field(endpoints, 'authz');
  if (typeof authz !== 'object' || authz === null) return undefined;
  for (const [name, endpoint] of Object.entries(authz)) {
    const strategies = field(endpoint, 'authn_strategies');
    if (!Array.isArray(strategies)) continue;
    for (const [i, strategy] of strategies.entries()) {
      const value = field(strategy, 'scheme_basic_cache_lifespan');
      if (value === undefined) continue;
      const seconds = parseDuration(value);
      if (seconds === 0) continue;
      const path = `server.endpoints.authz.${name}.authn_strategies[${i}].scheme_basic_cache_lifespan`;
      if (found === undefined || seconds === undefined || seconds < (found.seconds ?? 0)) {
        found = { path, value, seconds };
      }
    }
  }
  return found;
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
