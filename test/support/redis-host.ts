import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RedisCache } from '../../host/cache/redis-cache.ts';
import { Sealer } from '../../host/cache/seal.ts';
import { systemClock } from '../../host/clock.ts';
import type { RedisSetup } from '../../host/config/schema.ts';
import { silentLogger } from '../../host/log/logger.ts';
import type { CertificateFiles } from './elasticsearch/certificates.ts';

const SECRET = Buffer.alloc(32, 7);

/** The shared store of a host of its own, as the contract of shared stores takes it. */
export function cache(settings: Partial<RedisSetup>): RedisCache {
  return new RedisCache({
    settings: { mode: 'single', nodes: [], database: 0, ...settings },
    prefix: 'postern',
    sealer: new Sealer([SECRET], randomBytes),
    // Short, because each host that a test ends counts for so long.
    leaseMs: () => 1_500,
    clock: systemClock,
    random: randomBytes,
    log: silentLogger,
  });
}

export const local = (port: number) => [{ host: '127.0.0.1', port }];

export const secured = (files: CertificateFiles) =>
  ({
    ca: readFileSync(files.ca),
    certificate: readFileSync(files.certificate, 'utf8'),
    key: readFileSync(files.key, 'utf8'),
    minVersion: 'TLSv1.3',
  }) as const;
