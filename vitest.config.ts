import { defineConfig } from 'vitest/config';

/** Tests of the whole: real proxies before real hosts. */
const WHOLE = 'test/e2e/**/*.test.ts';
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
          exclude: [WHOLE],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          globalSetup,
          include: [WHOLE],
          // Two cores: one file at a time keeps the real servers from starving each other.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
