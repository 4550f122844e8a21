import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RE2JS } from 're2js';
import { inlineSmall } from '../tools/inline-small.mjs';
import { GoTasks, type Task, wasmTasks } from './regexp/engines.ts';
import { packOf } from './regexp/pack.ts';
import { type Compiled, readWorkload } from './regexp/workload.ts';
import { findGo } from './support/go.ts';
import { readOptions } from './support/options.ts';
import { machine, print, progress, revision, save, table } from './support/report.ts';
import { rounded, summary } from './support/statistics.ts';

/** Our regular expressions in wazero and in Node, beside Go's, Node's own and re2js. */

const ENGINES = ['wazero', 'node_wasm', 'go', 'node_regexp', 're2js'] as const;
const WITH_CAPTURES = ['wazero', 'node_wasm', 'go'] as const;
const TITLES: Record<string, string> = {
  wazero: 'ours in wazero',
  node_wasm: "ours in Node's WASM",
  go: "Go's regexp",
  node_regexp: "Node's RegExp",
  re2js: 're2js',
};

type Kind = 'match' | 'compile' | 'captures';

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    rounds: { value: 11, max: 99 },
    milliseconds: { value: 60, max: 10_000 },
  });
  const compiled = readWorkload();
  const { workload } = compiled;
  const wasm = await buildEngine();
  const node = wasmTasks(readFileSync(wasm));
  const pack = packOf(workload, node.programOf);
  node.load(pack);
  const go = findGo();
  const program = go.build('regexp', 'regexp-bench', ['build']);
  const goTasks = new GoTasks(program, wasm, workload, pack);
  const all: Record<string, Task> = {
    ...goTasks.tasks,
    'node_wasm.match': node.match,
    'node_wasm.compile': node.compile,
    'node_wasm.captures': node.captures,
    ...scriptTasks(compiled),
  };
  const before = machine();
  try {
    const figures = await measure(all, compiled, options.rounds, options.milliseconds);
    finish(figures, compiled, go.version, before, options.json);
  } finally {
    goTasks.stop();
  }
}

/** The engine alone, with the plugin's options, its second optimization and more memory. */
async function buildEngine(): Promise<string> {
  const output = join(process.cwd(), '.cache/bench/regexp.wasm');
  mkdirSync(dirname(output), { recursive: true });
  const require = createRequire(join(process.cwd(), 'package.json'));
  const asc = join(dirname(require.resolve('assemblyscript/package.json')), 'bin/asc.js');
  // The second one for the plugin's option `use`.
  const entries = ['assembly/regexp/bench.ts', 'assembly/abi/abort.ts'];
  const memory = ['--initialMemory', '64', '--maximumMemory', '256'];
  const texts = ['--transform', join(process.cwd(), 'tools/pack-text.mjs')];
  const options = ['--target', 'plugin', ...texts, ...memory, '-o', output];
  execFileSync(process.execPath, [asc, ...entries, ...options], {
    stdio: ['ignore', 2, 2],
  });
  writeFileSync(output, await inlineSmall(readFileSync(output)));
  return output;
}

function scriptTasks({ workload, ecma, re2js }: Compiled): Record<string, Task> {
  const pairs = workload.pairs.map(({ pattern, text }) => ({
    pattern,
    text: Buffer.from(text).toString('utf8'),
  }));
  const matching = (list: readonly { test(text: string): boolean }[]): Task => {
    const work = pairs.map(({ pattern, text }) => ({
      engine: list[pattern] as { test(text: string): boolean },
      text,
    }));
    return timed(() => {
      let found = 0;
      for (const { engine, text } of work) if (engine.test(text)) found++;
      return found;
    });
  };
  let fresh = 0;
  return {
    'node_regexp.match': matching(ecma),
    're2js.match': matching(re2js),
    // V8 keeps what it compiled and compiles at the first match, so each source is new and is run once.
    'node_regexp.compile': timed(() => {
      for (const { source, flags } of ecma) new RegExp(`${source}|\\ue000${fresh++}`, flags).test('');
      return 0;
    }),
    're2js.compile': timed(() => {
      for (const pattern of workload.patterns) RE2JS.compile(pattern);
      return 0;
    }),
  };
}

function timed(once: () => number): Task {
  return times => {
    let answer = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < times; i++) answer = (answer + once()) | 0;
    return Promise.resolve({ ns: Number(process.hrtime.bigint() - start), answer });
  };
}

const enginesOf = (kind: Kind): readonly string[] => (kind === 'captures' ? WITH_CAPTURES : ENGINES);

/** Nanoseconds for each of its items, by task and round. Every answer is checked. */
async function measure(
  all: Record<string, Task>,
  { workload }: Compiled,
  rounds: number,
  milliseconds: number,
): Promise<Record<string, number[]>> {
  const captures = (await (all['go.captures'] as Task)(1)).answer;
  const expected: Record<Kind, number> = {
    match: workload.pairs.filter(pair => pair.match).length,
    compile: 0,
    captures,
  };
  const items: Record<Kind, number> = {
    match: workload.pairs.length,
    compile: workload.patterns.length,
    captures: workload.captures.length,
  };
  const tasks = (['match', 'compile', 'captures'] as const).flatMap(kind =>
    enginesOf(kind).map(engine => ({ kind, name: `${engine}.${kind}` })),
  );
  const times: Record<string, number> = {};
  const figures: Record<string, number[]> = {};
  for (let round = -2; round < rounds; round++) {
    progress(`round ${Math.max(round + 1, 0)} of ${rounds}`);
    for (const { kind, name } of tasks) {
      const count = times[name] ?? 3;
      const { ns, answer } = await (all[name] as Task)(count);
      if (answer !== Math.imul(expected[kind], count))
        throw new Error(`${name} answers ${answer / count}, not ${expected[kind]}`);
      // Two rounds warm up and tell how often the work fits the time.
      if (round < 0) times[name] = Math.max(1, Math.round((milliseconds * 1e6) / (ns / count)));
      else figures[name] = [...(figures[name] ?? []), ns / count / items[kind]];
    }
  }
  progress('');
  return figures;
}

function finish(
  figures: Record<string, number[]>,
  { workload, leftOut }: Compiled,
  goVersion: string,
  before: ReturnType<typeof machine>,
  json: boolean,
): void {
  const median = (engine: string, kind: Kind) => summary(figures[`${engine}.${kind}`] ?? []).median;
  const cell = (engine: string, kind: Kind, unit = 1) => {
    const values = figures[`${engine}.${kind}`];
    if (values === undefined) return ['', ''];
    const { median: middle, spread } = summary(values);
    return [(middle / unit).toFixed(unit === 1 ? 0 : 1), `±${spread.toFixed(0)} %`];
  };
  print(
    `${workload.patterns.length} access-control patterns on ${workload.pairs.length} texts; ${leftOut.length} patterns ` +
      `left out that some engine cannot express; captures: ${workload.captures.length} texts\n\n`,
  );
  print(
    table(
      ['engine', 'ns per match', '', 'ns per captures', '', 'us per compilation', ''],
      ENGINES.map(engine => [
        TITLES[engine] ?? engine,
        ...cell(engine, 'match'),
        ...cell(engine, 'captures'),
        ...cell(engine, 'compile', 1_000),
      ]),
    ),
  );
  const medians = (engines: readonly string[], kind: Kind, unit: number, digits: number) =>
    Object.fromEntries(engines.map(engine => [engine, rounded(median(engine, kind) / unit, digits)]));
  const result = {
    suite: 'regexp',
    ns: medians(ENGINES, 'match', 1, 1),
    compile_us: medians(ENGINES, 'compile', 1_000, 2),
    captures_ns: medians(WITH_CAPTURES, 'captures', 1, 1),
  };
  save({
    suite: 'regexp',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: {
      postern: revision(),
      go: goVersion,
      wazero: 'v1.8.0',
      node: process.version,
      re2js: re2jsVersion(),
    },
    summary: result,
    rounds: {
      unit: 'ns per match, per captures, per compilation',
      ...Object.fromEntries(
        Object.entries(figures).map(([name, list]) => [name, list.map(ns => rounded(ns, 1))]),
      ),
    },
    notes: [
      `${workload.pairs.length} texts for ${workload.patterns.length} patterns; one pass goes through all of them in turn`,
      "compilation in Node's RegExp: of a source not seen before, with one match, since V8 compiles at the first",
      `left out, for all engines: ${leftOut.join('   ')}`,
    ],
  });
  if (json) print(`${JSON.stringify(result)}\n`);
}

function re2jsVersion(): string {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  return lock.packages['node_modules/re2js'].version;
}
