import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisSetup } from '../config/schema.ts';
import { COMMAND_MS, CONNECT_MS, RECONNECT_MAX_MS, RECONNECT_MIN_MS, SENTINEL_RETRY_MS } from './limits.ts';

/** Answers in the shape of RESP2, whatever the protocol. */
interface Legacy {
  replyMapping?: 'legacy';
}

/** For logs and `/health`: no user, no password. */
export function shownAddress(settings: RedisSetup): string {
  if (settings.socket !== undefined) return `unix:${settings.socket}`;
  const nodes = settings.nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const { sentinel } = settings;
  return sentinel === undefined ? nodes.join(',') : `${sentinel.name} of sentinels ${nodes.join(',')}`;
}

/** First quickly, then rarely; the jitter keeps hosts from coming back all at once. */
export function reconnectAfter(attempt: number): number {
  const wait = Math.min(RECONNECT_MIN_MS * 2 ** Math.min(attempt, 16), RECONNECT_MAX_MS);
  return Math.round(wait * (0.75 + Math.random() / 4));
}

/** For one server, a socket, or Sentinel. @param commandMs how long a command may take */
export function redisOptions(settings: RedisSetup, commandMs: number): RedisOptions & Legacy {
  const { socket, nodes, tls, sentinel } = settings;
  const [first] = nodes;
  const secured = tls === undefined ? undefined : tlsOptions(tls);
  return {
    ...common(settings, commandMs),
    db: settings.database,
    lazyConnect: true,
    retryStrategy: reconnectAfter,
    // A server that was made a replica refuses writes: look for the new one.
    reconnectOnError: error => error.message.startsWith('READONLY'),
    ...(sentinel === undefined
      ? socket === undefined
        ? { host: first?.host ?? 'localhost', port: first?.port ?? 6_379 }
        : { path: socket }
      : {
          sentinels: nodes.map(node => ({ ...node })),
          name: sentinel.name,
          failoverDetector: true,
          sentinelRetryStrategy: reconnectAfter,
          sentinelReconnectStrategy: () => SENTINEL_RETRY_MS,
          sentinelCommandTimeout: COMMAND_MS,
          ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
          ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
          ...(secured === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: secured }),
        }),
    ...(secured === undefined ? {} : { tls: secured }),
  };
}

/** For a Cluster. @param commandMs how long a command may take */
export function clusterOptions(
  settings: RedisSetup,
  commandMs: number,
): ClusterOptions & { redisOptions: Legacy } {
  const { tls } = settings;
  return {
    redisOptions: {
      ...common(settings, commandMs),
      ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
    },
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectAfter,
    slotsRefreshTimeout: CONNECT_MS,
    maxRedirections: 4,
    // Addresses that nodes tell of each other; names stay names, for their certificates.
    dnsLookup: (address, callback) => callback(null, address),
  };
}

function common({ username, password }: RedisSetup, commandMs: number): RedisOptions & Legacy {
  return {
    // Compatible servers and Redis 5 do not speak the third version.
    protocol: 2,
    connectTimeout: CONNECT_MS,
    commandTimeout: commandMs,
    // Nothing waits for a store that is not there, and nothing is sent twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The time of writing tells whether it is loading its data; `INFO` may be forbidden.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectionName: 'postern',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function tlsOptions(tls: NonNullable<RedisSetup['tls']>): NonNullable<RedisOptions['tls']> {
  return {
    rejectUnauthorized: true,
    minVersion: tls.minVersion,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls.ca === undefined ? {} : { ca: Buffer.from(tls.ca) }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}
