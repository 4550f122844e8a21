// The host's own modules for tools in plain JavaScript, bundled on the fly.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What the fuzzing of the guest needs; a test that can import TypeScript gives the same from the sources. */
export const MODULES = [
  './host/proxy/guest-pool.ts',
  './host/grant/keys.ts',
  './host/grant/seal.ts',
  './host/policy/claims.ts',
  './host/policy/load-engine.ts',
  './host/secret/derive.ts',
  './host/secret/secret.ts',
  './host/snapshot/snapshot-file.ts',
  './host/snapshot/state-page.ts',
];

/** @returns {Promise<import('../fuzz-guest.d.mts').HostModules>} */
export async function loadHostModules() {
  const { build } = await import('esbuild');
  const directory = mkdtempSync(join(tmpdir(), 'postern-tool-'));
  const outfile = join(directory, 'host.mjs');
  try {
    await build({
      absWorkingDir: root,
      stdin: { contents: MODULES.map(path => `export * from '${path}';`).join('\n'), resolveDir: root },
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      logLevel: 'warning',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
