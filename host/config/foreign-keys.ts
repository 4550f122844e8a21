import { REDIS_KEYS } from './cache-values.ts';
import { ELASTAUTH_KEYS } from './elastauth.ts';
import { NOTIFIER_FOREIGN } from './notifier.ts';
import { TOTP_FOREIGN } from './totp.ts';

/**
 * Keys of Authelia and elastauth that this version does not act on. A key that
 * would guard something (or say who gets in) is refused, so that nobody believes
 * in a guard that is not there; the others load with a warning each.
 */
export interface ForeignKey {
  /** `unused` loads with one warning, `refused` does not load, `moved` counts as the key `to` with a warning. */
  readonly kind: 'unused' | 'refused' | 'moved';
  readonly message: string;
  readonly to?: string;
}

const unused = (message: string): ForeignKey => ({ kind: 'unused', message });
const refused = (message: string): ForeignKey => ({ kind: 'refused', message });

const later = (what: string): ForeignKey => unused(`not supported yet: ${what}; the key may stay`);
const noReset = 'nobody changes a password at the portal';
const noSecondFactor = 'of second factors this version knows time-based codes (`totp`)';
const portal = unused('not used: the portal has no such setting; the key may stay');
const reset = later(noReset);
const secret = unused(
  'not used: the secret of another program never stands in for POSTERN_SECRET; remove it from here',
);
const old = (form: string): ForeignKey =>
  unused(`is Authelia's old form of ${form}; not supported yet: ${noReset}; the key may stay`);
const limits = unused('not used: limits are fixed; the key may stay');
const standardError = unused('not used: the log goes to standard error; the key may stay');
const moved = (whose: string, form: string): ForeignKey => refused(`is ${whose} form: write ${form}`);
const AUTHELIA = "Authelia's old";

/** By path; a path covers everything below it that has no line of its own. */
export const FOREIGN_KEYS: Readonly<Record<string, ForeignKey>> = {
  theme: portal,
  certificates_directory: unused(
    'not used: name authorities in the `ca_certificate` of the server they are for; the key may stay',
  ),
  default_redirection_url: unused(
    "is Authelia's old form of `session.cookies[].default_redirection_url`: write that",
  ),
  'session.domain': unused(
    "is Authelia's old form of `session.cookies` with `domain` and `authelia_url`; it names no portal, so nobody can sign in here: write that",
  ),
  'session.lifetime': refused("is no key of Authelia's: write `session.expiration`"),
  'session.secret': secret,
  ...TOTP_FOREIGN,
  webauthn: later(noSecondFactor),
  u2f_api: later(noSecondFactor),
  privacy_policy: portal,
  'identity_validation.reset_password': reset,
  'identity_validation.reset_password.jwt_secret': secret,
  ...NOTIFIER_FOREIGN,
  'storage.mysql': unused(
    'not used: Postern keeps what must last in SQLite (`storage.local`) or PostgreSQL (`storage.postgres`); the key may stay',
  ),
  'storage.encryption_key': secret,
  jwt_secret: secret,
  google_analytics: portal,
  'authentication_backend.password_reset': reset,
  'authentication_backend.password_change': reset,
  'authentication_backend.disable_reset_password': old('`authentication_backend.password_reset.disable`'),
  ntp: unused('not used: keep the clock right by other means; the key may stay'),
  telemetry: unused('not used: metrics are served at `/metrics`; the key may stay'),
  'log.file_path': standardError,
  'log.keep_stdout': standardError,
  'server.asset_path': portal,
  'server.headers': portal,
  'server.buffers': limits,
  'server.timeouts': limits,
  'server.read_buffer_size': limits,
  'server.write_buffer_size': limits,
  'server.disable_healthcheck': unused('not used; the key may stay'),
  'server.enable_pprof': unused('not used; the key may stay'),
  'server.enable_expvars': unused('not used; the key may stay'),
  'server.path_prefix': refused(
    "is no key of Authelia's: write the path behind `server.address`, for example `server.address: 'tcp://0.0.0.0:9091/authelia'`",
  ),
  'server.tls.client_certificates': refused(
    'must be removed: certificates of clients are not looked at; `trusted_proxies` says whose requests count',
  ),
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

  // Top-level keys of Authelia before 4.30.
  host: moved(AUTHELIA, "`server.address: 'tcp://HOST:PORT'`"),
  port: moved(AUTHELIA, "`server.address: 'tcp://HOST:PORT'`"),
  tls_key: moved(AUTHELIA, '`server.tls.key`'),
  tls_cert: moved(AUTHELIA, '`server.tls.certificate`'),
  log_file_path: standardError,

  ...ELASTAUTH_KEYS,
  ...REDIS_KEYS,
};

const TLS = 'minimum_version maximum_version skip_verify server_name private_key certificate_chain';
const SESSION = 'name same_site expiration inactivity remember_me';

/**
 * Names that may stand below a key that is not used, so that a misspelt one is
 * told before it counts. `[]` is an entry of a list. Refused keys need none.
 */
export const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  'session.cookies[]': `${SESSION} domain authelia_url default_redirection_url`,
  'session.redis':
    'host port timeout max_retries username password database_index maximum_active_connections minimum_idle_connections tls high_availability',
  'session.redis.tls': TLS,
  'session.redis.high_availability':
    'sentinel_name sentinel_username sentinel_password nodes route_by_latency route_randomly',
  'session.redis.high_availability.nodes[]': 'host port',
  webauthn:
    'disable display_name attestation_conveyance_preference user_verification timeout enable_passkey_login experimental_enable_passkey_uv_two_factors experimental_enable_passkey_upgrade selection_criteria filtering metadata',
  'webauthn.selection_criteria': 'attachment discoverability user_verification',
  'webauthn.filtering': 'prohibit_backup_eligibility permitted_aaguids prohibited_aaguids',
  'webauthn.metadata':
    'enabled cache_policy validate_trust_anchor validate_entry validate_entry_permit_zero_aaguid validate_status validate_status_permitted validate_status_prohibited',
  privacy_policy: 'enabled require_user_acceptance policy_url',
  'identity_validation.reset_password': 'jwt_secret jwt_lifespan jwt_algorithm',
  'storage.local': 'path',
  'storage.mysql': 'address host port database username password timeout tls',
  'storage.mysql.tls': TLS,
  'storage.postgres':
    'address servers host port database schema username password password_file timeout tls ssl sslmode',
  'storage.postgres.servers[]': 'address tls',
  'storage.postgres.servers[].tls': TLS,
  'storage.postgres.tls': `${TLS} ca_certificate`,
  'storage.postgres.ssl': 'mode root_certificate certificate key',
  'authentication_backend.password_reset': 'disable custom_url',
  'authentication_backend.password_change': 'disable',
  ntp: 'address version max_desync disable_startup_check disable_failure',
  telemetry: 'metrics',
  'telemetry.metrics': 'enabled address buffers timeouts',
  'telemetry.metrics.buffers': 'read write',
  'telemetry.metrics.timeouts': 'read write idle',
  'server.headers': 'csp_template',
  'server.buffers': 'read write',
  'server.timeouts': 'read write idle',
  'authentication_backend.file.password':
    'algorithm argon2 sha2crypt pbkdf2 bcrypt scrypt iterations memory parallelism key_length salt_length',
  'authentication_backend.file.password.argon2':
    'variant iterations memory parallelism key_length salt_length',
  'authentication_backend.file.password.sha2crypt': 'variant iterations salt_length',
  'authentication_backend.file.password.pbkdf2': 'variant iterations salt_length key_length',
  'authentication_backend.file.password.bcrypt': 'variant cost',
  'authentication_backend.file.password.scrypt':
    'variant iterations block_size parallelism key_length salt_length',
};
