// Builds dist/plugin.wasm, dist/embed.wasm and dist/postern.mjs; with
// --if-stale only what is older than its sources.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inlineSmall } from './inline-small.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const onlyStale = process.argv.includes('--if-stale');

/** Newest modification time below `path`, in milliseconds. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map(name => newest(join(path, name))));
}

function isStale(output, sources) {
  if (!onlyStale) return true;
  const path = join(root, output);
  return !existsSync(path) || statSync(path).mtimeMs < Math.max(...sources.map(s => newest(join(root, s))));
}

/** Compiles to a file beside `output`, changes that by `finish` and puts it in place: nobody reads half of it. */
async function asc(entry, target, output, finish = async bytes => bytes) {
  const require = createRequire(import.meta.url);
  const bin = join(dirname(require.resolve('assemblyscript/package.json')), 'bin', 'asc.js');
  const unfinished = `${output}.${process.pid}.wasm`;
  const transform = join(root, 'tools/pack-text.mjs');
  const flags = ['--target', target, '--transform', transform, '--outFile', unfinished];
  const compiler = spawn(process.execPath, [bin, entry, ...flags], { cwd: root, stdio: 'inherit' });
  const [status] = await once(compiler, 'exit');
  if (status !== 0) throw new Error(`${entry} could not be compiled`);
  const path = join(root, unfinished);
  writeFileSync(path, await finish(readFileSync(path)));
  renameSync(path, join(root, output));
}

async function build(name, output, sources, make) {
  const tools = [
    'tools/build.mjs',
    'tools/inline-small.mjs',
    'tools/join-segments.mjs',
    'tools/pack-text.mjs',
  ];
  if (!isStale(output, [...sources, 'package-lock.json', ...tools])) return;
  const start = performance.now();
  await make();
  process.stderr.write(`built ${output} in ${((performance.now() - start) / 1000).toFixed(1)} s (${name})\n`);
}

mkdirSync(join(root, 'dist'), { recursive: true });
const engine = ['assembly', 'asconfig.json'];
// Side by side: each compiler keeps one processor busy for half a minute. Neither is left behind when the other fails.
const compiled = await Promise.allSettled([
  build('guest', 'dist/plugin.wasm', engine, () =>
    asc('assembly/guest.ts', 'plugin', 'dist/plugin.wasm', inlineSmall),
  ),
  build('engine for the host', 'dist/embed.wasm', engine, () =>
    asc('assembly/embed.ts', 'embed', 'dist/embed.wasm'),
  ),
]);
const failed = compiled.filter(({ status }) => status === 'rejected');
for (const { reason } of failed) process.stderr.write(`${reason.message}\n`);
if (failed.length > 0) process.exit(1);
await build('host', 'dist/postern.mjs', ['host', 'assembly/contract.ts', 'package.json'], async () => {
  const esbuild = await import('esbuild');
  await esbuild.build({
    absWorkingDir: root,
    // A thread needs a file of its own.
    entryPoints: [
      { in: 'host/digests/sha2crypt-worker.ts', out: 'sha2crypt-worker' },
      { in: 'host/main.ts', out: 'postern' },
    ],
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // Packages stay packages: argon2 is a native module, and an operator's
    // `npm audit` sees what really runs.
    packages: 'external',
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'warning',
  });
});
