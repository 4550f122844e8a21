// Runs a program written in TypeScript, with what it needs of the tests' support, on a Node that
// does not read TypeScript: bundled into .cache, beside the installed packages.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The tests' files find others by their own place; in the bundle they are told where they were. */
const ownPlace = {
  name: 'own-place',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[/\\]test[/\\].*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: 'ts',
    })),
};

/**
 * Bundles `entry`, calls its `run(args)` in the project's folder, and ends the process.
 *
 * @param folder below .cache; as deep below the root as `host/cli` is, whose files look for dist
 */
export async function runBundled(entry, folder, args) {
  const outfile = join(root, '.cache', folder, `${basename(entry, '.ts')}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
    plugins: [ownPlace],
  });
  process.chdir(root);
  const { run } = await import(pathToFileURL(outfile).href);
  try {
    await run(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
  // Programs that a failure has left running would keep this one alive; they end with it.
  process.exit();
}
