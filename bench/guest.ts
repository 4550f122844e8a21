import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { findGo } from './support/go.ts';
import { guestSetup } from './support/guest-setup.ts';
import { readOptions } from './support/options.ts';
import { BROWSER_HEADERS, PROGRAM_HEADERS, PROXY_HEADERS, RULE_COUNT } from './support/policy.ts';
import { machine, print, progress, revision, save, table } from './support/report.ts';
import { ratio, rounded, summary } from './support/statistics.ts';

/**
 * The plugin in wazero as Traefik runs it, beside a guest that does nothing. The
 * request measured is that of a program, for which the policy's rule is meant;
 * a browser's, with twice as many headers, stands beside it. Requests are put back
 * to what they were off the clock, for the plugin and for the no-op alike.
 */

/** Go's names of the cases. */
const CASES = [
  'Noop',
  'Calls',
  'Hit',
  'HitFromFile',
  'CallsBrowser',
  'HitBrowser',
  'HitFromFileBrowser',
  'Bypass',
  'Challenge',
  'Deferral',
] as const;
/** Headers of a request, with `Host` and `Authorization`. */
const PROGRAM = Object.keys({ ...PROGRAM_HEADERS, ...PROXY_HEADERS }).length + 2;
const BROWSER = Object.keys({ ...BROWSER_HEADERS, ...PROXY_HEADERS }).length + 2;
const STARTS = ['InstantiateNoop', 'Instantiate', 'FirstHit'] as const;
const TITLES: Record<string, string> = {
  Noop: 'no-op guest',
  Calls: 'host calls of a hit, nothing else',
  Hit: 'hit, just seen',
  HitFromFile: 'hit, read from the table',
  CallsBrowser: "host calls of a hit, a browser's headers",
  HitBrowser: "hit, just seen, a browser's headers",
  HitFromFileBrowser: "hit, read from the table, a browser's headers",
  Bypass: 'anonymous, bypass',
  Challenge: 'anonymous, challenge',
  Deferral: 'unknown credential, deferral',
  InstantiateNoop: 'instantiate no-op guest',
  Instantiate: 'instantiate',
  FirstHit: 'instantiate and first hit',
};

type Figures = Record<string, number[]>;

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    rounds: { value: 9, max: 99 },
    milliseconds: { value: 200, max: 10_000 },
  });
  const go = findGo();
  const binary = go.build('guest', 'guest.test', ['test', '-c']);
  const stage = guestSetup();
  const before = machine();
  const figures: Figures = {};
  const allocations: Record<string, number> = {};
  for (let round = 0; round < options.rounds; round++) {
    progress(`round ${round + 1} of ${options.rounds}`);
    const output = await benchmark(binary, stage.setup, `${options.milliseconds}ms`);
    for (const [, name = '', ns, rest = ''] of output.matchAll(
      /^Benchmark(\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns\/op(.*)$/gm,
    )) {
      // Processor time where it is measured: other programs lengthen it less.
      const spent = /([\d.]+) cpu-ns\/op/.exec(rest)?.[1] ?? ns;
      figures[name] = [...(figures[name] ?? []), Number(spent)];
      const allocs = /(\d+) allocs\/op/.exec(rest)?.[1];
      if (allocs !== undefined) allocations[name] = Number(allocs);
    }
  }
  progress('');
  stage.stop();
  finish({
    figures,
    allocations,
    before,
    goVersion: go.version,
    image: stage.imageBytes,
    json: options.json,
  });
}

async function benchmark(binary: string, setup: string, time: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    binary,
    ['-test.bench=.', '-test.run=.', `-test.benchtime=${time}`],
    {
      env: { PATH: process.env.PATH ?? '', POSTERN_BENCH_SETUP: setup },
      timeout: 300_000,
    },
  ).catch((error: Error & { stdout?: string }) => {
    throw new Error(`the Go benchmark failed: ${error.stdout ?? error.message}`);
  });
  return stdout;
}

interface Measured {
  readonly figures: Figures;
  readonly allocations: Readonly<Record<string, number>>;
  readonly before: ReturnType<typeof machine>;
  readonly goVersion: string;
  readonly image: number;
  readonly json: boolean;
}

function finish({ figures, allocations, before, goVersion, image, json }: Measured): void {
  const of = (name: string) => figures[name] ?? [];
  const noop = of('Noop');
  const wasmBytes = readFileSync('dist/plugin.wasm').length;
  const rows = CASES.map(name => {
    const { median, spread } = summary(of(name));
    return [
      TITLES[name] ?? name,
      median.toFixed(0),
      `±${spread.toFixed(0)} %`,
      ratio(of(name), noop).toFixed(1),
      String(allocations[name] ?? ''),
    ];
  });
  const starts = STARTS.map(name => {
    const { median, spread } = summary(of(name).map(ns => ns / 1_000));
    return [TITLES[name] ?? name, median.toFixed(0), `±${spread.toFixed(0)} %`];
  });
  print(
    `${RULE_COUNT} rules, image of ${image} bytes, plugin.wasm of ${wasmBytes} bytes, ${noop.length} rounds\n\n`,
  );
  print(table(['request', 'ns', 'spread', 'no-ops', 'allocations'], rows));
  print(`\n${table(['new instance', 'us', 'spread'], starts)}`);
  const result = {
    suite: 'guest',
    noop_ns: rounded(summary(noop).median),
    hit_ns: rounded(summary(of('Hit')).median),
    hit_from_file_ns: rounded(summary(of('HitFromFile')).median),
    calls_ns: rounded(summary(of('Calls')).median),
    hit_browser_ns: rounded(summary(of('HitBrowser')).median),
    hit_from_file_browser_ns: rounded(summary(of('HitFromFileBrowser')).median),
    instantiate_us: rounded(summary(of('Instantiate')).median / 1_000),
  };
  save({
    suite: 'guest',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: {
      postern: revision(),
      go: goVersion,
      'http-wasm-host-go': 'v0.7.0',
      wazero: 'v1.8.0',
      node: process.version,
    },
    summary: result,
    rounds: { unit: 'ns', allocations, ...figures },
    notes: [
      `${RULE_COUNT} rules, policy image of ${image} bytes, plugin.wasm of ${wasmBytes} bytes`,
      'requests: processor time of the thread; new instances: time on the wall',
      `headers of a request: a program's ${PROGRAM}, a browser's ${BROWSER}`,
    ],
  });
  if (json) print(`${JSON.stringify(result)}\n`);
}
