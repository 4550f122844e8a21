// npm run fuzz -- [--seconds N] [--only cookies|guest|parsers|regexp] [--seed N] [--inputs N]
// Looks for inputs that trap, answer wrongly or differ from Go's regexp. Ends
// with 1 when something was found.
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const KINDS = ['regexp', 'parsers', 'guest', 'cookies'];
const dist = name => join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', name);

const usage = `usage: npm run fuzz -- [--seconds N] [--only ${KINDS.join('|')}] [--seed N] [--inputs N]
Looks for inputs that trap, answer wrongly or differ from Go's regexp (needs Go), for N seconds
shared among the kinds (default 60). The seed printed first repeats a run. Exit code 1: something was found.
Example: npm run fuzz -- --seconds 600 --only guest`;

function options() {
  const types = {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string' },
    seed: { type: 'string' },
    inputs: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  };
  try {
    return parseArgs({ options: types }).values;
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

const values = options();
if (values.help === true) {
  console.log(usage);
  process.exit(0);
}
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
const inputs = values.inputs === undefined ? Infinity : Number(values.inputs);
const kinds = values.only === undefined ? KINDS : [values.only];
if (!(seconds > 0) || !(inputs > 0) || !Number.isInteger(seed) || kinds.some(kind => !KINDS.includes(kind))) {
  console.error(usage);
  process.exit(2);
}

/** The time is shared among the kinds. */
const share = seconds / kinds.length;
const report = line => console.log(line);

const runs = {
  async regexp() {
    const { buildOracle, fuzzRegexp } = await import('./fuzz-regexp.mjs');
    const { loadRegexpEngine } = await import('./regexp-engine.mjs');
    const oracle = buildOracle();
    try {
      const engine = loadRegexpEngine(dist('embed.wasm'));
      const result = await fuzzRegexp({ engine, seconds: share, seed, oracle, report });
      const { patterns, texts, findings } = result;
      return { line: `regexp: ${patterns} patterns, ${texts} texts, ${findings} findings`, findings };
    } finally {
      rmSync(oracle, { force: true });
    }
  },
  async parsers() {
    const { describeParserRun, fuzzParsers } = await import('./fuzz-parsers.mjs');
    const result = fuzzParsers({
      wasm: readFileSync(dist('embed.wasm')),
      seconds: share,
      inputs,
      seed,
      report,
    });
    return { line: describeParserRun(result), findings: result.findings };
  },
  async guest() {
    const { describeGuestRun, fuzzGuest } = await import('./fuzz-guest.mjs');
    const { loadHostModules } = await import('./fuzz/host-modules.mjs');
    const host = await loadHostModules();
    const [wasm, engineFile] = [readFileSync(dist('plugin.wasm')), dist('embed.wasm')];
    const result = fuzzGuest({ host, wasm, engineFile, seconds: share, inputs, seed, report });
    return { line: describeGuestRun(result), findings: result.findings };
  },
  async cookies() {
    const { describeCookieRun, fuzzCookies } = await import('./fuzz-cookies.mjs');
    const { loadHostModules } = await import('./fuzz/host-modules.mjs');
    const host = await loadHostModules();
    const [wasm, engineFile] = [readFileSync(dist('plugin.wasm')), dist('embed.wasm')];
    const result = fuzzCookies({ host, wasm, engineFile, seconds: share, inputs, seed, report });
    return { line: describeCookieRun(result), findings: result.findings };
  },
};

let found = 0;
console.log(`seed ${seed}`);
for (const kind of kinds) {
  const { line, findings } = await runs[kind]();
  found += findings;
  console.log(line);
}
process.exitCode = found > 0 ? 1 : 0;
