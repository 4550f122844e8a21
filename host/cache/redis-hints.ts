import { codeOf } from './redis-link.ts';

/** What mends a store that cannot be used, for the log, `/health` and `postern doctor`. */
export function hintFor(reason: string): string {
  for (const [said, hint] of HINTS) if (said.test(reason)) return hint;
  if (codeOf(reason) === 'ERR_CACHE_REFUSED') {
    return 'look at cache.redis.username and cache.redis.password, and at what the server lets this user do';
  }
  return 'look whether the server runs, at the address in cache.redis, and whether both ends speak TLS (cache.redis.tls)';
}

const SENTINELS = 'cache.redis.high_availability';

/** The first that fits. */
const HINTS: readonly (readonly [said: RegExp, hint: string])[] = [
  // The client's own words, with those of the last sentinel behind them.
  [
    /^All sentinels.*(NOAUTH|WRONGPASS|NOPERM)/,
    `look at ${SENTINELS}.sentinel_username and sentinel_password, which are for the sentinels themselves, and at what they let this user do`,
  ],
  [
    /^All sentinels.*No such master/,
    `look at ${SENTINELS}.sentinel_name: the name that the sentinels know the master by`,
  ],
  [
    /^All sentinels.*unknown command/,
    `what ${SENTINELS}.nodes names is no sentinel: those listen on port 26379 as a rule`,
  ],
  [/^All sentinels/, `look whether the sentinels run, and at their addresses in ${SENTINELS}.nodes`],
  [
    /^MOVED\b/,
    'the server is a node of a cluster: name it in cache.redis.cluster.nodes in the place of cache.redis.host',
  ],
  [
    /cluster support disabled/,
    'the server is no cluster: name it in cache.redis.host in the place of cache.redis.cluster.nodes',
  ],
  [/^CLUSTERDOWN\b/, 'nodes of the cluster are missing, or have no replica: look at `CLUSTER INFO` there'],
  [
    /^the answer is none of Redis|^Unknown RESP type/,
    'look what listens at the address in cache.redis: it does not answer as Redis does',
  ],
  [
    /^READONLY\b/,
    'the server is a replica, which takes no writes: name its master in cache.redis.host, or the sentinels that know it in cache.redis.high_availability',
  ],
  [/^LOADING\b/, 'the server has just been started and reads its data: wait until it is done'],
  [
    /^NOREPLICAS\b/,
    'the server takes no writes without its replicas: look at them, or at min-replicas-to-write',
  ],
  [
    /^DENIED\b/,
    'the server lets nobody in from another machine without a password (its protected mode): set one there and in cache.redis.password_file',
  ],
  [/max number of clients/, "raise the server's maxclients, or look who else connects to it"],
  [/^OOM\b/, "raise the server's maxmemory: values are few and small"],
  [/^MISCONF\b/, 'the server cannot save its data: look at its log and its disk'],
  [/^LATE\b/, "set the clocks of the store's nodes"],
  [
    /certificate|self.signed|altnames|SSL|TLS/i,
    'look at cache.redis.tls: ca_certificate names the authority, server_name the name in the certificate',
  ],
];
