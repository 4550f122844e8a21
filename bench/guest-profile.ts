import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inlineSmall } from '../tools/inline-small.mjs';
import { findGo } from './support/go.ts';
import { type GuestSetup, guestSetup } from './support/guest-setup.ts';
import { readOptions } from './support/options.ts';
import { sample } from './support/perf.ts';
import { machine, print, progress, revision, save, table } from './support/report.ts';
import { rounded, summary } from './support/statistics.ts';
import { assemble } from './support/wat.ts';

/**
 * Where the time of a hit goes: what each host call costs, by leaving it out of
 * `calls.wat`, and what the plugin's own parts and the proxy's cost, by samples.
 */

/** Lines of `calls.wat` to leave out, and how many calls that are. Without a verdict nothing passes. */
const CALLS: readonly (readonly [title: string, line: RegExp, count: number])[] = [
  ['clock_time_get', /call \$clock/, 1],
  ['get_header_names', /call \$names/, 1],
  ['get_method', /call \$method/, 1],
  ['get_uri', /call \$uri/, 1],
  ['get_header_values, three', /call \$values/, 3],
  ['set_header_value, four of five', /call \$set .*const (64|80|96|112)\) \(i32/, 4],
];

/** The first that matches a function's name has its time. */
const PARTS: readonly (readonly [part: string, name: RegExp])[] = [
  ['plugin: SHA-256, the credential under its key', /wasm:.*crypto\/(sha256|hmac)/],
  ['plugin: ChaCha20-Poly1305, the record', /wasm:.*crypto\//],
  ['plugin: rules and expressions', /wasm:.*(policy|regexp|snapshot|net)\//],
  ['plugin: target', /wasm:.*(http\/(path|target|host)|request-reader)/],
  ['plugin: credential', /wasm:.*(http\/|bytes\/(base64|utf8))/],
  ['plugin: names of headers', /wasm:.*gate\/header-scan/],
  ['plugin: grants, identity', /wasm:.*(grant\/|header-edits)/],
  ['plugin: gate', /wasm:.*(gate\/|guest|abi\/)/],
  ['plugin: bytes', /wasm:/],
  ['proxy: calls between wazero and Go', /wazero/],
  [
    'proxy: memory',
    /malloc|newobject|gcmark|scan|span|findObject|wbBuf|gcWrite|memclr|greyobject|runtime\.gc|bgsweep|sweep/,
  ],
  ['proxy: names of headers', /ToLower|Sort|sort|cmpbody|HeaderNames|maps\.\(\*Iter\)/],
  ['proxy: http-wasm, net/http, maps', /http|textproto|maps|runtime\.map|aeshash|strings|bytes\.|context/],
  ['proxy: other', /\[\.\]/],
  ['kernel', /\[k\]/],
];
/** Compiling, which comes before what is measured. */
const NOT_MEASURED =
  /wazevo\/(ssa|frontend|backend)(?!.*(afterGoFunctionCall|entrypoint))|regalloc|internal\/wasm\/binary/i;
const CASES = ['Hit', 'HitFromFile'] as const;
const TITLES = { Hit: 'just seen', HitFromFile: 'from file' } as const;

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, { rounds: { value: 7, max: 99 } });
  const go = findGo();
  const before = machine();
  const stage = guestSetup();
  const binary = go.build('guest', 'guest.test', ['test', '-c']);
  const calls = await costOfCalls(binary, stage, options.rounds);
  progress('samples');
  const mapped = go.build('guest', 'guest-perfmap.test', ['test', '-c', '-tags', 'perfmap']);
  const setup = stage.variant('named', { plugin: await namedPlugin(stage.home) });
  const parts: Record<string, Record<string, number>> = {};
  for (const name of CASES) parts[name] = await shareOfParts(stage.home, mapped, setup, name);
  stage.stop();
  progress('');

  print(
    table(
      ['host call', 'ns', 'of them'],
      calls.map(({ title, ns, count }) => [title, ns.toFixed(0), String(count)]),
    ),
  );
  const rows = [...PARTS.map(([part]) => part)].map(part => [
    part,
    ...CASES.map(name => (parts[name]?.[part] ?? 0).toFixed(0)),
  ]);
  print(`\n${table(['part of a hit, ns by samples', ...CASES.map(name => TITLES[name])], rows)}`);
  const result = {
    suite: 'guest-profile',
    calls_ns: Object.fromEntries(calls.map(({ title, ns }) => [title, ns])),
    parts_ns: parts,
  };
  save({
    suite: 'guest-profile',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: { postern: revision(), go: go.version, 'http-wasm-host-go': 'v0.7.0', wazero: 'v1.8.0' },
    summary: result,
    rounds: Object.fromEntries(calls.map(({ title, rounds }) => [title, rounds])),
    notes: [
      'samples lengthen what they measure by about a tenth; parts are scaled to the time measured without them',
    ],
  });
  if (options.json) print(`${JSON.stringify(result)}\n`);
}

interface CallCost {
  readonly title: string;
  readonly ns: number;
  readonly count: number;
  readonly rounds: readonly number[];
}

async function costOfCalls(binary: string, stage: GuestSetup, rounds: number): Promise<CallCost[]> {
  const variants = CALLS.map(([title, line, count], i) => {
    const calls = join(stage.home, `calls-${i}.wasm`);
    writeFileSync(
      calls,
      assemble('calls', text => line.test(text)),
    );
    return { title, count, setup: stage.variant(`calls-${i}`, { calls }), rounds: [] as number[] };
  });
  const none: number[] = [];
  const all: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`host calls, round ${round + 1} of ${rounds}`);
    none.push(await measure(binary, stage.setup, 'Noop'));
    const whole = await measure(binary, stage.setup, 'Calls');
    all.push(whole);
    for (const variant of variants)
      variant.rounds.push(whole - (await measure(binary, variant.setup, 'Calls')));
  }
  const cost = (title: string, count: number, values: readonly number[]) => ({
    title,
    count,
    ns: rounded(summary(values).median),
    rounds: values.map(value => rounded(value)),
  });
  return [
    cost('no-op guest, nothing called', 0, none),
    ...variants.map(each => cost(each.title, each.count, each.rounds)),
    cost('no-op with all of these and the verdict', 12, all),
  ];
}

/** Processor time of one request in nanoseconds. */
async function measure(binary: string, setup: string, name: string): Promise<number> {
  const args = [`-test.bench=^Benchmark${name}$`, '-test.run=^$', '-test.benchtime=100ms'];
  const { stdout } = await promisify(execFile)(binary, args, {
    env: { PATH: process.env.PATH ?? '', POSTERN_BENCH_SETUP: setup },
  });
  return nanoseconds(stdout);
}

function nanoseconds(output: string): number {
  const ns = /([\d.]+) cpu-ns\/op/.exec(output)?.[1];
  if (ns === undefined) throw new Error(`the Go benchmark failed: ${output}`);
  return Number(ns);
}

/** The plugin as `tools/build.mjs` makes it, with the names of its functions. */
async function namedPlugin(folder: string): Promise<string> {
  const bin = join(
    dirname(createRequire(join(process.cwd(), 'package.json')).resolve('assemblyscript/package.json')),
    'bin/asc.js',
  );
  const path = join(folder, 'named.wasm');
  const asc = spawnSync(process.execPath, [
    bin,
    'assembly/guest.ts',
    '--target',
    'plugin',
    '--transform',
    join(process.cwd(), 'tools/pack-text.mjs'),
    '--debug',
    '--outFile',
    path,
  ]);
  if (asc.status !== 0) throw new Error(`asc: ${asc.stderr}`);
  writeFileSync(path, await inlineSmall(readFileSync(path), true));
  return path;
}

async function shareOfParts(
  folder: string,
  binary: string,
  setup: string,
  name: string,
): Promise<Record<string, number>> {
  const env = { POSTERN_BENCH_SETUP: setup };
  const args = [`-test.bench=^Benchmark${name}$`, '-test.run=^$', '-test.benchtime=4s'];
  const { shares } = await sample(folder, binary, args, env);
  const sums: Record<string, number> = {};
  let total = 0;
  for (const [symbol, share] of shares) {
    const part = NOT_MEASURED.test(symbol)
      ? undefined
      : PARTS.find(([, pattern]) => pattern.test(symbol))?.[0];
    if (part === undefined) continue;
    sums[part] = (sums[part] ?? 0) + share;
    total += share;
  }
  const whole = await measure(binary, setup, name);
  return Object.fromEntries(
    Object.entries(sums).map(([part, share]) => [part, rounded((share / total) * whole)]),
  );
}
