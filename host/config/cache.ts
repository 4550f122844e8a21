import type { RedisAddress } from './cache-values.ts';
import { REDIS_SECRETS, VALUE_KEYS, type ValueKey, type ValueOf } from './keys.ts';
import type { ReadPem } from './pem.ts';
import type { CacheSetup, RedisSetup } from './schema.ts';
import { isMapping, type Report } from './tree.ts';

/** Redis', and the sentinels'. */
const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;
/** elastauth's. */
export const EXPIRATION_SECONDS = 60 * 60;

export interface CacheInput {
  get<K extends ValueKey>(path: K): ValueOf<K> | undefined;
  isSet(path: string): boolean;
  /** One of `SECRET_TEXTS`. */
  secret(path: string): string | undefined;
  /** A file in PEM that a key names: undefined without one, null when it is no good. */
  pem: ReadPem;
  readonly report: Report;
  /** `tls: {}` is TLS without a key below it. */
  readonly hasTls: boolean;
}

/**
 * Moves what stands below Authelia's `session.redis` to `cache.redis`, and says so
 * once. Answers the old name of each path.
 */
export function adoptSessionRedis(values: Map<string, unknown>, report: Report): Map<string, string> {
  const names = new Map<string, string>();
  const raw = values.get('session.redis');
  if (raw === undefined) return names;
  if (!isMapping(raw)) {
    report('config.shape', 'session.redis', 'must be a mapping with `host` and `port`');
    return names;
  }
  const taken = [...values.keys()].find(path => path.startsWith('cache.redis'));
  if (taken !== undefined) {
    report('config.twice', 'session.redis', `must be removed: \`${taken}\` says already where Redis is`);
    return names;
  }
  report(
    'config.old',
    'session.redis',
    "is Authelia's form: write these keys below `cache.redis`",
    'warning',
  );
  const move = (mapping: Readonly<Record<string, unknown>>, below: string): void => {
    for (const [key, value] of Object.entries(mapping)) {
      const path = `${below}.${key}`;
      if (Object.hasOwn(VALUE_KEYS, path) || REDIS_SECRETS.includes(path)) {
        if (value === null) continue;
        values.set(path, value);
        names.set(path, path.replace('cache.', 'session.'));
      } else if (path === 'cache.redis.tls.skip_verify' && value === true) {
        report(
          'config.refused',
          'session.redis.tls.skip_verify',
          "must be removed: the server's certificate is always checked; name its CA in `cache.redis.tls.ca_certificate`",
        );
      } else if (isMapping(value)) move(value, path);
    }
  };
  move(raw, 'cache.redis');
  return names;
}

/** The section `cache`. */
export function readCache(input: CacheInput): CacheSetup {
  const { get, isSet, report } = input;
  const type = get('cache.type');
  const firstKey = [
    ...Object.keys(VALUE_KEYS),
    ...REDIS_SECRETS.flatMap(path => [path, `${path}_file`]),
  ].find(path => path.startsWith('cache.redis.') && isSet(path));
  const redis = firstKey !== undefined || type === 'redis' ? readRedis(input) : undefined;
  if (type === 'memory' && firstKey !== undefined) {
    report(
      'config.unused',
      'cache.type',
      'is `memory`, so the Redis that is configured is not used: write `redis`, or remove the key',
      'warning',
    );
  }
  return {
    expirationSeconds: get('cache.expiration') ?? EXPIRATION_SECONDS,
    extend: get('cache.extend') ?? false,
    prefix: get('cache.prefix') ?? 'postern',
    redis: type === 'memory' ? undefined : redis,
  };
}

function readRedis(input: CacheInput): RedisSetup | undefined {
  const { get, isSet, report } = input;
  const sentinels = get('cache.redis.high_availability.nodes');
  const sentinelName = get('cache.redis.high_availability.sentinel_name') || undefined;
  const cluster = get('cache.redis.cluster.nodes');
  const own = readServer(input);
  const database = get('cache.redis.database_index') ?? 0;
  const access = {
    database,
    username: get('cache.redis.username') || undefined,
    password: input.secret('cache.redis.password'),
    tls: readTls(input),
  };
  const sentinelPassword = input.secret('cache.redis.high_availability.sentinel_password');
  if (isSet('cache.redis.cluster.nodes')) {
    for (const path of ['cache.redis.host', 'cache.redis.high_availability.sentinel_name'] as const) {
      if (isSet(path))
        report('config.twice', path, 'stands beside `cache.redis.cluster.nodes`: keep one of them');
    }
    if (database !== 0)
      report('config.value', 'cache.redis.database_index', 'must be 0 or absent: a cluster has one database');
    if (cluster?.length === 0)
      report('config.value', 'cache.redis.cluster.nodes', 'must name at least one node of the cluster');
    return { ...access, mode: 'cluster', nodes: withPorts(cluster ?? [], REDIS_PORT) };
  }
  if (sentinelName !== undefined || isSet('cache.redis.high_availability.nodes')) {
    if (sentinelName === undefined) {
      report(
        'config.missing',
        'cache.redis.high_availability.sentinel_name',
        'missing: write the name that the sentinels know the master by, for example `mymaster`',
      );
    }
    // Authelia takes the host itself for a sentinel, too.
    const nodes = [
      ...(isSet('cache.redis.host') && own.socket === undefined ? [own] : []),
      ...(sentinels ?? []),
    ];
    if (nodes.length === 0) {
      report(
        'config.missing',
        'cache.redis.high_availability.nodes',
        'missing: name at least one sentinel, for example `- { host: sentinel-1, port: 26379 }`',
      );
    }
    const username = get('cache.redis.high_availability.sentinel_username') || undefined;
    return {
      ...access,
      mode: 'sentinel',
      nodes: withPorts(nodes, SENTINEL_PORT),
      sentinel: { name: sentinelName ?? '', username, password: sentinelPassword },
    };
  }
  if (own.socket !== undefined) return { ...access, mode: 'single', nodes: [], socket: own.socket };
  return { ...access, mode: 'single', nodes: withPorts([own], REDIS_PORT) };
}

/** elastauth's default is a Redis on the same machine. */
function readServer({ get, isSet, report }: CacheInput): RedisAddress {
  const server = get('cache.redis.host') ?? { host: 'localhost', port: undefined };
  const port = get('cache.redis.port');
  if (port !== undefined && server.port !== undefined && server.port !== port) {
    report(
      'config.twice',
      'cache.redis.port',
      `must be removed: \`cache.redis.host\` names port ${server.port}`,
    );
  }
  if (isSet('cache.redis.port') && server.socket !== undefined && port !== REDIS_PORT) {
    report('config.twice', 'cache.redis.port', 'must be removed: `cache.redis.host` is a socket');
  }
  return { ...server, port: server.port ?? port };
}

function withPorts(nodes: readonly RedisAddress[], port: number): RedisSetup['nodes'] {
  return nodes.map(node => ({ host: node.host, port: node.port ?? port }));
}

function readTls(input: CacheInput): RedisSetup['tls'] {
  const { get, isSet, report } = input;
  const ca = input.pem('cache.redis.tls.ca_certificate');
  const certificate = input.secret('cache.redis.tls.certificate_chain');
  const key = input.secret('cache.redis.tls.private_key');
  const serverName = get('cache.redis.tls.server_name') || undefined;
  const least = get('cache.redis.tls.minimum_version');
  const most = get('cache.redis.tls.maximum_version');
  const keys = Object.keys(VALUE_KEYS).filter(path => path.startsWith('cache.redis.tls.'));
  if (!input.hasTls && !keys.some(isSet) && certificate === undefined && key === undefined) return undefined;
  if (most === 'TLSv1.2' && least === 'TLSv1.3')
    report('config.value', 'cache.redis.tls.maximum_version', 'is below `minimum_version`: remove it');
  for (const [path, one, other, value] of [
    ['cache.redis.tls.private_key', certificate, key, 'cache.redis.tls.certificate_chain'],
    ['cache.redis.tls.certificate_chain', key, certificate, 'cache.redis.tls.private_key'],
  ] as const) {
    if (one !== undefined && other === undefined && !isSet(path) && !isSet(`${path}_file`))
      report('config.missing', path, `missing: \`${value}\` is nothing without it`);
  }
  for (const [path, text] of [
    ['cache.redis.tls.private_key', key],
    ['cache.redis.tls.certificate_chain', certificate],
  ] as const) {
    if (text !== undefined && !text.includes('-----BEGIN '))
      report(
        'config.value',
        path,
        'is no PEM text (`-----BEGIN …`): name a file in the key with `_file` behind',
      );
  }
  return { serverName, ca: ca ?? undefined, certificate, key, minVersion: least ?? 'TLSv1.2' };
}
