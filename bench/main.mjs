// `npm run bench -- <suite> [options]`: bundles bench/<suite>.ts and runs it.
// One file is one suite; `run(args)` is what it exports.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [suite = '', ...args] = process.argv.slice(2);
const entry = join(root, 'bench', `${suite}.ts`);
if (!/^[a-z-]+$/.test(suite) || !existsSync(entry)) {
  const suites = readdirSync(join(root, 'bench')).flatMap(name => /^([a-z-]+)\.ts$/.exec(name)?.[1] ?? []);
  process.stderr.write(`usage: npm run bench -- SUITE [--json] [options]; suites: ${suites.join(', ')}\n`);
  process.exit(2);
}
// As deep below the root as test/support is, whose files find the root by their own place.
// Those below it do not lie where the bundle lies, and are told where they were.
const ownPlace = {
  name: 'own-place',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[/\\]test[/\\]support[/\\].*[/\\][^/\\]+\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: 'ts',
    })),
};
const outfile = join(root, '.cache/bench', `${suite}.mjs`);
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
// Programs that a failed suite has left running would keep this one alive; they end with it.
process.exit();
