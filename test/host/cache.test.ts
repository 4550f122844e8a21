import { randomBytes } from 'node:crypto';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { systemClock } from '../../host/clock.ts';
import { silentLogger } from '../../host/log/logger.ts';
import { describeCache } from '../contracts/cache.ts';

describeCache('memory', async () => {
  const space = new MemorySpace();
  return {
    host: () => new MemoryCache({ clock: systemClock, random: randomBytes, log: silentLogger, space }),
    stop: async () => {},
  };
});
