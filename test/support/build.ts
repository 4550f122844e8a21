import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../tools/build.mjs', import.meta.url));

/** Builds what is older than its sources, once before all tests. */
export default function setup(): void {
  // For working on one part while another does not compile.
  if (process.env.POSTERN_TEST_NO_BUILD === '1') return;
  execFileSync(process.execPath, [script, '--if-stale'], { stdio: 'inherit' });
}
