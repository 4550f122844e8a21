// `npm run bench -- <suite> [options]`: bundles bench/<suite>.ts and runs it.
// One file is one suite; `run(args)` is what it exports.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBundled } from '../tools/run-bundled.mjs';

const bench = fileURLToPath(new URL('.', import.meta.url));
const [suite = '', ...args] = process.argv.slice(2);
const entry = join(bench, `${suite}.ts`);
if (!/^[a-z-]+$/.test(suite) || !existsSync(entry)) {
  const suites = readdirSync(bench).flatMap(name => /^([a-z-]+)\.ts$/.exec(name)?.[1] ?? []);
  process.stderr.write(`usage: npm run bench -- SUITE [--json] [options]; suites: ${suites.join(', ')}\n`);
  process.exit(2);
}
await runBundled(entry, 'bench', args);
