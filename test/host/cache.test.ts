import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { CacheError, type CacheKey, type Held, isHeld, type Lock } from '../../host/cache/cache.ts';
import { SharedFlight } from '../../host/cache/flight.ts';
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

it.each([
  ['result', { status: 'done', value: Uint8Array.from(Buffer.from('result')), ran: false }],
  ['failure', { status: 'failed', reason: 'it failed' }],
])('a %s that the store did not take at once reaches who waits for it', async (kind, told) => {
  /** Its first `leave` gets no answer. */
  class Hiccup extends MemoryCache {
    override async acquire(key: CacheKey, ttlMs: number): Promise<Lock | Held> {
      const lock = await super.acquire(key, ttlMs);
      if (isHeld(lock)) return lock;
      let isFirst = true;
      const leave: Lock['leave'] = async (result, ms) => {
        if (!isFirst) return lock.leave(result, ms);
        isFirst = false;
        throw new CacheError('ERR_CACHE_UNAVAILABLE', 'hiccup');
      };
      return { ...lock, leave };
    }
  }
  const deps = { clock: systemClock, random: randomBytes, log: silentLogger, space: new MemorySpace() };
  const [one, other] = [new Hiccup(deps), new MemoryCache(deps)].map(it => new SharedFlight(it, systemClock));
  const options = { waitMs: 20_000, runMs: 20_000, whenDown: 'alone' } as const;
  let waiting: ReturnType<SharedFlight['run']> | undefined;
  const own = one?.run(
    { kind: 'test', name: 'x' },
    async () => {
      waiting = other?.run({ kind: 'test', name: 'x' }, async () => Buffer.from('another'), options);
      if (kind === 'failure') throw new Error('no');
      return Buffer.from(kind);
    },
    options,
  );
  if (kind === 'failure') await expect(own).rejects.toThrow('no');
  else expect(await own).toMatchObject({ status: 'done', ran: true });
  expect(await waiting).toEqual(told);
});
