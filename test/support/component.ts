import { describe, it } from 'vitest';

/**
 * `describe` where a foreign program is needed: `found` is what was found of
 * it. Without it the block is skipped with one loud line, or fails when
 * POSTERN_REQUIRE_E2E=1, so that a machine that should have all cannot pass
 * by skipping.
 */
export function describeWith<T>(
  component: string,
  howToGet: string,
  found: T | undefined,
  title: string,
  body: (component: T) => void,
): void {
  if (found !== undefined) {
    describe(title, () => body(found));
    return;
  }
  const message = `${component} is not here, so "${title}" cannot run. ${howToGet}`;
  if (process.env.POSTERN_REQUIRE_E2E === '1') throw new Error(message);
  process.stderr.write(`SKIPPED: ${message}\n`);
  describe(title, () => it.skip(`needs ${component}`, () => {}));
}
