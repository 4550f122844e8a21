import type { Clock } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import type { SharedStore } from './cache.ts';
import { LEASE_MARGIN_MS } from './limits.ts';
import { MemoryCache } from './memory-cache.ts';
import { RedisCache } from './redis-cache.ts';
import { Sealer } from './seal.ts';

export interface SharedStoreDeps {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Seconds that guests go on without their host; it may change. */
  readonly offlineGrace: () => number;
}

/** What the configuration names; a memory where it names nothing. */
export function createSharedStore(
  { cache, secret, previousSecret }: Pick<Config, 'cache' | 'secret' | 'previousSecret'>,
  { clock, random, log, offlineGrace }: SharedStoreDeps,
): SharedStore {
  if (cache?.redis === undefined) return new MemoryCache({ clock, random, log });
  const secrets = previousSecret === undefined ? [secret] : [secret, previousSecret];
  return new RedisCache({
    settings: cache.redis,
    prefix: cache.prefix,
    sealer: new Sealer(secrets, random),
    leaseMs: () => offlineGrace() * 1_000 + LEASE_MARGIN_MS,
    clock,
    random,
    log,
  });
}
