import type { ForeignKey } from './foreign-keys.ts';
import { type Read, type Reader, shown } from './values.ts';

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (message: string): Read<never> => ({ ok: false, message });

export interface RedisAddress {
  readonly host: string;
  /** Undefined for the usual one. */
  readonly port: number | undefined;
  /** Instead of these. */
  readonly socket?: string;
}

/** `redis`, `redis:6379` (elastauth), `[::1]:6379`, `/run/redis.sock` (Authelia). */
export const redisHost: Reader<RedisAddress> = raw => {
  const form = 'must be a host like `redis` or `redis:6379`, or the path of a socket';
  if (typeof raw !== 'string') return bad(`${form}, got ${shown(raw)}`);
  if (/^\/[^\0]+$/.test(raw)) return good({ host: '', port: undefined, socket: raw });
  const match =
    /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(
      raw,
    );
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (match === null || port === 0 || (port ?? 1) > 65_535) {
    // A URL may hold a password.
    const url = raw.includes('//')
      ? '; user, password and database have keys of their own'
      : `, got ${shown(raw)}`;
    return bad(`${form}${url}`);
  }
  return good({ host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port });
};

/** `[{ host: redis-1, port: 6379 }]` as in Authelia, or `['redis-1:6379']`; in the environment separated by commas. */
export const redisNodes: Reader<readonly RedisAddress[]> = raw => {
  const form = 'must be a list like `- { host: redis-1, port: 6379 }` or `- redis-1:6379`';
  const list = typeof raw === 'string' ? raw.split(',').map(node => node.trim()) : raw;
  if (!Array.isArray(list)) return bad(`${form}, got ${shown(raw)}`);
  const nodes: RedisAddress[] = [];
  for (const node of list) {
    const isPlain = typeof node === 'object' && node !== null && !Array.isArray(node);
    const { host, port, ...rest } = isPlain ? node : { host: node, port: undefined };
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) return bad(`${form}; a node has no \`${unknown}\``);
    const read = redisHost(host);
    const isPort = port === undefined || (Number.isInteger(port) && port > 0 && port <= 65_535);
    if (!read.ok || read.value.socket !== undefined || !isPort) return bad(`${form}, got ${shown(node)}`);
    nodes.push({ host: read.value.host, port: port ?? read.value.port });
  }
  return good(nodes);
};

/** Begins the names of everything in Redis. */
export const cachePrefix: Reader<string> = raw =>
  typeof raw === 'string' && /^[A-Za-z0-9_-]{1,32}$/.test(raw)
    ? good(raw)
    : bad(`must be up to 32 letters, digits, \`-\` and \`_\`, got ${shown(raw)}`);

/** As Authelia writes it. */
export const tlsVersion: Reader<'TLSv1.2' | 'TLSv1.3'> = raw => {
  if (raw === 'TLS1.2') return good('TLSv1.2');
  if (raw === 'TLS1.3') return good('TLSv1.3');
  return bad(`must be \`TLS1.2\` or \`TLS1.3\`, got ${shown(raw)}`);
};

const limits: ForeignKey = { kind: 'unused', message: 'not used: limits are fixed; the key may stay' };

/** Keys of Authelia's for Redis that mean nothing here. */
export const REDIS_KEYS: Readonly<Record<string, ForeignKey>> = {
  'cache.redis.timeout': limits,
  'cache.redis.max_retries': limits,
  'cache.redis.maximum_active_connections': limits,
  'cache.redis.minimum_idle_connections': limits,
  'cache.redis.tls.skip_verify': {
    kind: 'refused',
    message:
      "must be removed: the server's certificate is always checked; name its CA in `cache.redis.tls.ca_certificate`",
  },
  'cache.redis.high_availability.route_by_latency': {
    kind: 'unused',
    message: 'not used: only the master is asked; the key may stay',
  },
  'cache.redis.high_availability.route_randomly': {
    kind: 'unused',
    message: 'not used: only the master is asked; the key may stay',
  },
};
