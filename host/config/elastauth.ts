import type { Environment } from './environment.ts';
import type { ForeignKey } from './foreign-keys.ts';
import { goBoolean, noBoolean } from './go-values.ts';
import { isValueKey, variableOf } from './keys.ts';
import { SECRET_TEXTS } from './secret-text.ts';
import { didYouMean } from './suggest.ts';
import type { Report } from './tree.ts';

/** Keys of elastauth, flat ones of its version 1 and those below a section of version 2, and what they are called here. */
export const ELASTAUTH_NAMES: Readonly<Record<string, string>> = {
  listen: 'elasticsearch.listen',
  log_level: 'log.level',
  log_format: 'log.format',
  elasticsearch_host: 'elasticsearch.hosts',
  'elasticsearch.host': 'elasticsearch.hosts',
  elasticsearch_username: 'elasticsearch.username',
  elasticsearch_password: 'elasticsearch.password',
  elasticsearch_dry_run: 'elasticsearch.dry_run',
  'elasticsearch.ca_cert': 'elasticsearch.ca_certificate',
  headers_username: 'elasticsearch.headers.username',
  headers_groups: 'elasticsearch.headers.groups',
  headers_email: 'elasticsearch.headers.email',
  headers_name: 'elasticsearch.headers.name',
  'headers.username': 'elasticsearch.headers.username',
  'headers.groups': 'elasticsearch.headers.groups',
  'headers.email': 'elasticsearch.headers.email',
  'headers.name': 'elasticsearch.headers.name',
  'authelia.header_username': 'elasticsearch.headers.username',
  'authelia.header_groups': 'elasticsearch.headers.groups',
  'authelia.header_email': 'elasticsearch.headers.email',
  'authelia.header_name': 'elasticsearch.headers.name',
  group_whitelist: 'elasticsearch.group_whitelist',
  cache_type: 'cache.type',
  cache_expire: 'cache.expiration',
  extend_cache: 'cache.extend',
  'cache.extend_cache': 'cache.extend',
  redis_host: 'cache.redis.host',
  redis_db: 'cache.redis.database_index',
  'cache.redis_host': 'cache.redis.host',
  'cache.redis_db': 'cache.redis.database_index',
};

const moved = (to: string): ForeignKey => ({
  kind: 'moved',
  to,
  message: `is elastauth's form: write \`${to}\``,
});
const unused = (message: string): ForeignKey => ({ kind: 'unused', message });
const refused = (message: string): ForeignKey => ({ kind: 'refused', message });
const noVerification = refused(
  'must be removed: the certificate of Elasticsearch is always checked; name its CA in `elasticsearch.ca_certificate`',
);
const metrics = unused('not used: metrics are served at `/metrics`; the key may stay');

/** What elastauth knows and Postern does otherwise or not at all. */
export const ELASTAUTH_KEYS: Readonly<Record<string, ForeignKey>> = {
  ...Object.fromEntries(Object.entries(ELASTAUTH_NAMES).map(([from, to]) => [from, moved(to)])),
  secret_key: unused(
    'not used: the secret of another program never stands in for POSTERN_SECRET; remove it from here',
  ),
  insecure_skip_verify: noVerification,
  'elasticsearch.insecure_skip_verify': noVerification,
  enable_group_whitelist: unused(
    "is elastauth's switch: here a list in `elasticsearch.group_whitelist` counts by itself; remove the key, and the list where it is `false`",
  ),
  'proxy.enabled': refused(
    'must be `false`: Postern is no proxy in front of Elasticsearch; leave that to Traefik, whose plugin or forwardAuth asks Postern, and which sends the `Authorization` it answers',
  ),
  proxy: unused('not used: Traefik is the proxy; the key may stay'),
  auth_provider: unused(
    'not used: identity comes from the headers of `elasticsearch.peers`, or from Postern itself; the key may stay',
  ),
  oidc: refused(
    'must be removed: identity comes from the headers of `elasticsearch.peers`, or from Postern itself',
  ),
  'cache.path': unused('not used: nothing is kept in files; the key may stay'),
  enable_metrics: metrics,
  enableOtel: metrics,
  enableOtelHostMetrics: metrics,
  enableOtelRuntimeMetrics: metrics,
  debug: unused('not used: write `log.level: debug` for more lines; the key may stay'),
};

/** What Kubernetes and Docker links set for a service that is named `elastauth…`. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;
/** Variables of its command line. */
const COMMAND_LINE = ['ELASTAUTH_CONFIG', 'ELASTAUTH_GENERATEKEY'];
/** Of keys below these none has a meaning of its own: `ELASTAUTH_PROXY_TIMEOUT`, `ELASTAUTH_OIDC_ISSUER`. */
const SECTIONS = ['proxy', 'oidc'] as const;
/** viper separates by blanks what the file has as a list. */
const LISTS = ['default_roles', 'elasticsearch.group_whitelist', 'elasticsearch.hosts'];

/** Its switches are Go's. */
const SWITCHES = ['elasticsearch.dry_run', 'cache.extend'];

function asElastauth(path: string, raw: unknown): unknown {
  return SWITCHES.includes(path) ? (goBoolean(raw) ?? raw) : raw;
}

export interface Adopted {
  /** Values under their new path, from old keys and variables. */
  readonly values: ReadonlyMap<string, unknown>;
  /** The key or variable each of them stands in. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Takes over what stands in keys and variables of elastauth. A variable of ours
 * wins over one of elastauth, which wins over the file; in the file the new key
 * and the old one must not both stand.
 *
 * @param values of the file; old keys are moved to their new path in it
 */
export function adoptElastauth(values: Map<string, unknown>, env: Environment, report: Report): Adopted {
  const adopted = new Map<string, unknown>();
  const names = new Map<string, string>();
  for (const [from, to] of Object.entries(ELASTAUTH_NAMES)) {
    if (!values.has(from)) continue;
    const raw = values.get(from);
    values.delete(from);
    if (values.has(to)) {
      report('config.twice', from, `must be removed: \`${to}\` says it already`);
      continue;
    }
    report('config.old', from, `is elastauth's form: write \`${to}\``, 'warning');
    values.set(to, asElastauth(to, raw));
    names.set(to, from);
  }
  for (const [path, name, text] of variables(env, report)) {
    const own = [variableOf(path), `${variableOf(path)}_FILE`].find(variable => env[variable]);
    if (own !== undefined) {
      report('config.unused', name, `not used: \`${own}\` says it already; unset it`, 'warning');
      continue;
    }
    const other = names.get(path);
    if (adopted.has(path) && other !== undefined && env[other] !== text) {
      report('config.twice', name, `must be unset, or \`${other}\`: both say \`${path}\`, and not the same`);
      continue;
    }
    report('config.old', name, `is elastauth's variable: write \`${variableOf(path)}\``, 'warning');
    const isList = LISTS.includes(path);
    const value = isList ? text.split(/[\s,]+/).filter(item => item !== '') : asElastauth(path, text);
    // A file of the secret in postern.yml gives way to the variable.
    values.delete(`${path}_file`);
    names.set(path, name);
    adopted.set(path, value);
  }
  return { values: adopted, names };
}

/** `[path here, variable, text]` of each variable of elastauth that has a meaning here. */
function* variables(env: Environment, report: Report): Iterable<[string, string, string]> {
  const known = new Map<string, string>();
  const keys = [...Object.keys(ELASTAUTH_KEYS), ...OWN_PATHS];
  for (const key of keys) known.set(`ELASTAUTH_${key.replaceAll('.', '_').toUpperCase()}`, key);
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('ELASTAUTH_') || text === undefined || text === '') continue;
    const key = known.get(name) ?? SECTIONS.find(it => name.startsWith(`ELASTAUTH_${it.toUpperCase()}_`));
    if (key === undefined) {
      if (!COMMAND_LINE.includes(name) && !SERVICE_LINK.test(name)) {
        const advice = didYouMean(name, known.keys()) || ': unset it';
        report('config.unknown-variable', name, `unknown environment variable${advice}`);
      }
      continue;
    }
    const foreign = Object.hasOwn(ELASTAUTH_KEYS, key) ? ELASTAUTH_KEYS[key] : undefined;
    const path = foreign?.kind === 'moved' ? foreign.to : foreign === undefined ? key : undefined;
    if (path === undefined) {
      if (foreign?.kind === 'unused') report('config.unused', name, foreign.message, 'warning');
      else if (!/^(false|0|)$/i.test(text)) report('config.refused', name, foreign?.message ?? '');
    } else if (isValueKey(path) || SECRET_TEXTS.includes(path)) {
      yield [path, name, text];
    }
  }
}

/** Paths that are called the same in both: `ELASTAUTH_ELASTICSEARCH_HOSTS`, `ELASTAUTH_CACHE_TYPE`. */
const OWN_PATHS: readonly string[] = [
  'elasticsearch.hosts',
  'elasticsearch.username',
  'elasticsearch.password',
  'elasticsearch.dry_run',
  'default_roles',
  'group_mappings',
  'cache.type',
  'cache.expiration',
];

/**
 * elastauth's `enable_group_whitelist`; undefined when it is not set.
 *
 * @param inFile what the file says of it
 */
export function whitelistSwitch(inFile: unknown, env: Environment, report: Report): boolean | undefined {
  const variable = 'ELASTAUTH_ENABLE_GROUP_WHITELIST';
  const raw = env[variable] || inFile;
  if (raw === undefined || raw === null) return undefined;
  const isOn = goBoolean(raw);
  if (isOn === undefined)
    report('config.value', env[variable] ? variable : 'enable_group_whitelist', noBoolean(raw));
  return isOn;
}

/**
 * Whoever has elastauth check tokens of a provider must not believe that it is done here.
 *
 * @param inFile what the file says of `auth_provider`
 */
export function refuseProvider(inFile: unknown, env: Environment, report: Report): void {
  const variable = 'ELASTAUTH_AUTH_PROVIDER';
  const raw = env[variable] || inFile;
  if (raw === undefined || raw === null || raw === '' || /^authelia$/i.test(String(raw))) return;
  report(
    'config.refused',
    env[variable] ? variable : 'auth_provider',
    'must be `authelia` or absent: no tokens of a provider are checked here; identity comes from the headers of `elasticsearch.peers`, or from Postern itself',
  );
}
