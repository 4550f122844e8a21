import { isSwitchedOff } from './authelia.ts';
import { tlsVersion } from './cache-values.ts';
import type { StorageSetup } from './schema.ts';
import { isMapping, type Report } from './tree.ts';
import { duration, shown } from './values.ts';

const POSTGRES_PORT = 5_432;
/** Seconds. A request waits so long for a database that is not there; a minute is more than proxies wait. */
const readTimeout = duration(1, 60);
const NAME = /^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/;

/** What the environment may say; passwords and their files are in `secret-text.ts`. */
export const STORAGE_VALUES: readonly string[] = [
  'storage.local.path',
  'storage.postgres.address',
  'storage.postgres.database',
  'storage.postgres.schema',
  'storage.postgres.username',
  'storage.postgres.timeout',
  'storage.postgres.tls.ca_certificate',
  'storage.postgres.tls.server_name',
  'storage.postgres.tls.minimum_version',
  'storage.postgres.tls.maximum_version',
];

/** What stands below a key of the file, with what the environment says over it. */
export function withEnvironment(raw: unknown, path: string, env: ReadonlyMap<string, unknown>): unknown {
  let section = raw;
  for (const key of STORAGE_VALUES) {
    if (!env.has(key) || !key.startsWith(`${path}.`)) continue;
    const own = isMapping(section) ? section : {};
    const [name = '', below] = key.slice(path.length + 1).split('.');
    const value = env.get(key);
    if (below === undefined) section = { ...own, [name]: value };
    else section = { ...own, [name]: { ...(isMapping(own[name]) ? own[name] : {}), [below]: value } };
  }
  return section;
}

export interface StorageInput {
  /** What stands below `storage.local` and `storage.postgres`. */
  readonly local: unknown;
  readonly postgres: unknown;
  /** `storage.postgres.password`, from wherever it is given. */
  password(): string | undefined;
  resolve(path: string): string;
  /** A file in PEM; undefined when it is no good, which has been reported. */
  pem(file: string, path: string): Uint8Array | undefined;
  readonly report: Report;
}

/** Authelia's `storage`, as far as commands need it; undefined without, or when something is reported. */
export function readStorage(input: StorageInput): StorageSetup | undefined {
  const { local, postgres, report } = input;
  if (local !== undefined && postgres !== undefined) {
    report('config.twice', 'storage.local', 'stands beside `storage.postgres`: keep one of them');
    return undefined;
  }
  if (postgres !== undefined) return readPostgres(input);
  const path = isMapping(local) ? local.path : undefined;
  if (typeof path === 'string' && path.trim() !== '') return { kind: 'sqlite', path: input.resolve(path) };
  const message =
    "missing: write the path of a database file, for example `path: '/var/lib/postern/postern.sqlite3'`, or `storage.postgres`";
  report('config.missing', 'storage.local.path', message);
  return undefined;
}

function readPostgres(input: StorageInput): StorageSetup | undefined {
  const { postgres, report } = input;
  if (!isMapping(postgres)) {
    report('config.shape', 'storage.postgres', 'must be a mapping with `address`, `database` and `username`');
    return undefined;
  }
  let good = true;
  const refuse = (key: string, message: string, code = 'config.value'): undefined => {
    good = false;
    report(code, `storage.postgres.${key}`, message);
  };
  const name = (key: string, fallback: string | undefined): string => {
    const raw = postgres[key] ?? fallback;
    if (typeof raw === 'string' && NAME.test(raw)) return raw;
    if (raw === undefined)
      refuse(key, 'missing: write the name that PostgreSQL knows it by', 'config.missing');
    else refuse(key, `must be a name of letters, digits and \`_\`, got ${shown(raw)}`);
    return '';
  };
  const at = readAddress(postgres, refuse);
  for (const key of ['servers', 'ssl', 'sslmode']) {
    if (postgres[key] !== undefined && !isSwitchedOff(postgres[key]) && !isWithoutTls(postgres[key]))
      refuse(key, 'must be removed: write `address`, and `tls` with `ca_certificate`', 'config.refused');
  }
  for (const key of ['certificate_chain', 'private_key']) {
    const value = isMapping(postgres.tls) ? (postgres.tls[key] ?? '') : '';
    if (value === '') continue;
    const why = 'PostgreSQL is signed in to with a password, not with a certificate';
    report('config.unused', `storage.postgres.tls.${key}`, `not used: ${why}; the key may stay`, 'warning');
  }
  // A key without a value says nothing.
  const raw = postgres.timeout ?? '';
  const timeout = raw === '' ? undefined : readTimeout(raw);
  if (timeout?.ok === false) refuse('timeout', timeout.message);
  const setup = {
    kind: 'postgres',
    host: at?.host ?? '',
    port: at?.port ?? POSTGRES_PORT,
    database: name('database', undefined),
    schema: name('schema', 'public'),
    username: name('username', undefined),
    password: input.password(),
    tls: readTls(input, postgres.tls, refuse),
    connectSeconds: timeout?.ok ? timeout.value : undefined,
  } as const;
  return good ? setup : undefined;
}

/** Authelia's old way to say that there is no TLS, as without `tls`. */
function isWithoutTls(value: unknown): boolean {
  return value === 'disable' || (isMapping(value) && value.mode === 'disable');
}

type Refuse = (key: string, message: string, code?: string) => undefined;
type Postgres = Extract<StorageSetup, { kind: 'postgres' }>;

/** `tcp://db:5432` as Authelia writes it, `db:5432`, `db`; its old `host` and `port`. */
function readAddress(
  postgres: Readonly<Record<string, unknown>>,
  refuse: Refuse,
): { host: string; port: number } | undefined {
  const key = postgres.address === undefined ? 'host' : 'address';
  const raw = postgres[key];
  const match =
    typeof raw === 'string'
      ? /^(?:tcp[46]?:\/\/)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(raw.trim())
      : null;
  const port = Number(match?.[2] ?? postgres.port ?? POSTGRES_PORT);
  if (match === null || !Number.isInteger(port) || port < 1 || port > 65_535) {
    const form = 'must be `tcp://HOST:PORT`, for example `tcp://postgres:5432`';
    // A URL may hold a password.
    return refuse('address', typeof raw === 'string' ? form : `${form}, got ${shown(raw ?? null)}`);
  }
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

function readTls(input: StorageInput, tls: unknown, refuse: Refuse): Postgres['tls'] {
  if (tls === undefined || tls === null) return undefined;
  // Nobody shall believe in encryption that is not there.
  if (!isMapping(tls))
    return refuse('tls', 'must be a mapping, for example with `ca_certificate`; `{}` is TLS', 'config.shape');
  if (tls.skip_verify === true)
    refuse(
      'tls.skip_verify',
      'must be removed: the certificate is always checked; name its CA in `ca_certificate`',
    );
  const version = (key: 'minimum_version' | 'maximum_version') => {
    const raw = tls[key];
    if (raw === undefined || raw === null || raw === '') return undefined;
    const read = tlsVersion(raw);
    return read.ok ? read.value : refuse(`tls.${key}`, read.message);
  };
  const [minVersion, maxVersion] = [version('minimum_version'), version('maximum_version')];
  if (minVersion === 'TLSv1.3' && maxVersion === 'TLSv1.2')
    refuse('tls.maximum_version', 'is below `minimum_version`: remove it');
  const { ca_certificate: file, server_name: serverName } = tls;
  const ca =
    typeof file === 'string' && file !== ''
      ? input.pem(input.resolve(file), 'storage.postgres.tls.ca_certificate')
      : undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(typeof serverName === 'string' && serverName !== '' ? { serverName } : {}),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  };
}
