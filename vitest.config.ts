import { defineConfig } from 'vitest/config';

/** Tests of the whole: real proxies before real hosts. */
const WHOLE = 'test/e2e/**/*.test.ts';
/**
 * Files of both kinds that wait most of their time: for a lease or a ban to end, a bound to pass, a refused
 * password's two seconds. Each uses a tenth to a half of one processor, so that three at a time leave room on two.
 */
const WAITING = [
  'test/host/cache-cluster.test.ts',
  'test/host/cache-hints.test.ts',
  'test/host/cache-outage.test.ts',
  'test/host/cache-redis.test.ts',
  'test/host/cache-sentinel.test.ts',
  'test/host/elastic-faults.test.ts',
  'test/host/listeners.test.ts',
  'test/host/reload.test.ts',
  'test/host/shared-store.test.ts',
  'test/host/store-outage.test.ts',
  'test/host/users-file-broken.test.ts',
  'test/e2e/damage.test.ts',
  'test/e2e/doctor.test.ts',
  'test/e2e/field/credentials.test.ts',
  'test/e2e/full-disk.test.ts',
  'test/e2e/outage.test.ts',
  'test/e2e/proxies/haproxy.test.ts',
  'test/e2e/regulation.test.ts',
  'test/e2e/revocation.test.ts',
  'test/e2e/search.test.ts',
  'test/e2e/service-account.test.ts',
  'test/e2e/session-hosts.test.ts',
  'test/e2e/session.test.ts',
  'test/e2e/tokens.test.ts',
];
const globalSetup = ['test/support/build.ts'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          globalSetup,
          include: ['test/**/*.test.ts'],
          exclude: [WHOLE, ...WAITING],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'waiting',
          globalSetup,
          include: WAITING,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          globalSetup,
          include: [WHOLE],
          exclude: WAITING,
          // Two cores: one file at a time keeps the real servers from starving each other.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
