import type { Traefik } from '../test/support/traefik.ts';
import { findTraefik, TRAEFIK_VERSION, traefikBinary } from '../test/support/traefik-binary.ts';
import { findGo } from './support/go.ts';
import { findLoad, type Target } from './support/load.ts';
import { memoryPerRequest } from './support/memory.ts';
import { readOptions } from './support/options.ts';
import { authorizationOf, BROWSER_HEADERS, PATH, RULE_COUNT } from './support/policy.ts';
import { QUOTED } from './support/quoted.ts';
import { machine, print, progress, revision, save, table } from './support/report.ts';
import { askOnce, measureSpeed, type Rounds, type Speed } from './support/rounds.ts';
import { medians, speedTable } from './support/speed-table.ts';
import { ratio, rounded, summary } from './support/statistics.ts';
import {
  authorizations,
  type Case,
  caseSetup,
  DOMAINS,
  HOST_DOMAIN,
  PRINCIPALS,
  TITLES,
} from './support/traefik-cases.ts';
import { type Stage, startStage } from './support/traefik-stage.ts';

/** The whole of Traefik: requests per second behind each kind of door, and memory. */

/** The plugin that is loaded; Traefik does not start with an empty list of plugins. */
const MEMORY = { plain: ['noop'], noop: ['noop'], hit: ['postern'] } as const;
type MemoryCase = keyof typeof MEMORY;
const MEMORY_CASES = Object.keys(MEMORY) as MemoryCase[];

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    rounds: { value: 9, max: 99 },
    seconds: { value: 4, max: 60 },
    'memory-runs': { value: 3, max: 9 },
  });
  const source = findTraefik();
  if (source === undefined) throw new Error('this suite needs Go, or a Traefik named by TRAEFIK_BIN');
  const go = findGo();
  const binary = await traefikBinary(source);
  const before = machine();
  const stage = await startStage(go, { domains: [HOST_DOMAIN], setup: caseSetup, principals: PRINCIPALS });
  const load = findLoad(stage.folder);
  const traefik = await stage.startTraefik(binary, ['noop', 'postern']);
  const { rounds, seconds } = options;
  const speed = await measureSpeed({
    titles: TITLES,
    target: name => target(name, traefik.port),
    traefik,
    stage,
    load,
    rounds,
    seconds,
  });
  await traefik.stop();
  const memory = await measureMemory(stage, binary, options['memory-runs']);
  await stage.stop();
  progress('');

  printSpeed(speed);
  printMemory(memory);
  const result = { suite: 'traefik', rps: medians(speed.rps), rss_per_inflight_kib: medians(memory) };
  save({
    suite: 'traefik',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: {
      postern: revision(),
      traefik: TRAEFIK_VERSION,
      go: go.version,
      load: load.name,
      node: process.version,
    },
    summary: result,
    rounds: {
      rps: speed.rps,
      p99_ms: speed.p99,
      traefik_cpu_us: speed.cpu,
      rss_per_inflight_kib: memory,
    },
    notes: [
      `${RULE_COUNT} rules; 16 connections, ${options.seconds} s a round; ${Object.keys(BROWSER_HEADERS).length + 2} headers a request`,
      'load, Traefik, backend and forwardAuth servers share the machine',
    ],
  });
  if (options.json) print(`${JSON.stringify(result)}\n`);
}

function target(name: Case, port: number): Target {
  const headers = { Host: DOMAINS[name], ...BROWSER_HEADERS };
  return { port, path: PATH, headers, authorizations: authorizations(name) };
}

/** A fresh Traefik for each figure, with the plugin in question alone. */
async function measureMemory(stage: Stage, binary: string, runs: number): Promise<Rounds<MemoryCase>> {
  const kib: Rounds<MemoryCase> = { plain: [], noop: [], hit: [] };
  for (let turn = 0; turn < runs; turn++) {
    for (const name of MEMORY_CASES) {
      progress(`memory, run ${turn + 1} of ${runs}: ${TITLES[name]}`);
      const traefik: Traefik = await stage.startTraefik(binary, MEMORY[name]);
      await askOnce(target(name, traefik.port));
      const per = await memoryPerRequest({
        pid: traefik.child.pid,
        port: traefik.port,
        serverUrl: stage.serverUrl,
        path: '/api/push/hold',
        headers: {
          Host: DOMAINS[name],
          ...BROWSER_HEADERS,
          Authorization: authorizationOf('my-service-account'),
        },
      });
      await traefik.stop();
      kib[name].push(rounded(per, 1));
    }
  }
  return kib;
}

function printSpeed(speed: Speed<Case>): void {
  print(`${RULE_COUNT} rules, Traefik ${TRAEFIK_VERSION}, ${speed.rps.plain.length} rounds\n\n`);
  print(speedTable(TITLES, speed));
  print('\nquoted, measured elsewhere:\n');
  print(
    table(
      ['door', 'requests/s', 'of its own no-auth', 'when'],
      QUOTED.map(({ title, rps: figure, plain, when }) => [
        title,
        String(figure),
        (figure / plain).toFixed(3),
        when,
      ]),
    ),
  );
}

function printMemory(kib: Rounds<MemoryCase>): void {
  const rows = MEMORY_CASES.map(name => {
    const { median, min, max } = summary(kib[name]);
    return [
      TITLES[name],
      median.toFixed(0),
      `${min.toFixed(0)}-${max.toFixed(0)}`,
      ratio(kib[name], kib.noop).toFixed(2),
    ];
  });
  print(`\n${table(['1,000 slow requests', 'KiB each', 'range', 'of no-op'], rows)}`);
}
