import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Builds what is older than its sources, once before all tests. */
export default function setup(): void {
  execFileSync(process.execPath, [join(import.meta.dirname, '../../tools/build.mjs'), '--if-stale'], {
    stdio: 'inherit',
  });
}
