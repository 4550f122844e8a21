export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/**
 * Asks `probe` until it answers something other than undefined or false, and
 * answers that. A probe that throws is asked again; what it threw last is in
 * the error after `timeoutMs`.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last = '';
  for (let pause = 1; Date.now() < end; pause = Math.min(2 * pause, 20)) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    await sleep(pause);
  }
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}${last}`);
}
