import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Builds what is older than its sources, once before all tests. */
export default function setup(): void {
  // For working on one part while another does not compile.
  if (process.env.POSTERN_TEST_NO_BUILD === '1') return;
  execFileSync(process.execPath, [join(import.meta.dirname, '../../tools/build.mjs'), '--if-stale'], {
    stdio: 'inherit',
  });
}
