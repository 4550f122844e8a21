import type { Traefik } from '../test/support/traefik.ts';
import { findTraefik, TRAEFIK_VERSION, traefikBinary } from '../test/support/traefik-binary.ts';
import { findGo } from './support/go.ts';
import { findLoad, type Target } from './support/load.ts';
import { memoryPerRequest } from './support/memory.ts';
import { readOptions } from './support/options.ts';
import { authorizationOf, BROWSER_HEADERS, PATH, RULE_COUNT } from './support/policy.ts';
import { QUOTED } from './support/quoted.ts';
import { machine, print, progress, revision, save, table } from './support/report.ts';
import { ratio, rounded, summary } from './support/statistics.ts';
import { authorizations, CASES, type Case, DOMAINS, TITLES } from './support/traefik-cases.ts';
import { type Stage, startStage } from './support/traefik-stage.ts';

/** The whole of Traefik: requests per second behind each kind of door, and memory. */

/** The plugin that is loaded; Traefik does not start with an empty list of plugins. */
const MEMORY = { plain: ['noop'], noop: ['noop'], hit: ['postern'] } as const;
type MemoryCase = keyof typeof MEMORY;
const MEMORY_CASES = Object.keys(MEMORY) as MemoryCase[];

type Rounds<Name extends string> = Record<Name, number[]>;

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
  const stage = await startStage(go);
  const load = findLoad(stage.folder);
  const speed = await measureSpeed(stage, binary, load, options.rounds, options.seconds);
  const memory = await measureMemory(stage, binary, options['memory-runs']);
  await stage.stop();
  progress('');

  printSpeed(speed);
  printMemory(memory);
  const medians = (rounds: Readonly<Record<string, readonly number[]>>) =>
    Object.fromEntries(
      Object.entries(rounds).map(([name, values]) => [name, rounded(summary(values).median)]),
    );
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

interface Speed {
  readonly rps: Rounds<Case>;
  /** 99th percentile in milliseconds. */
  readonly p99: Rounds<Case>;
  /** Microseconds of processor time that Traefik alone spends on a request: what else runs disturbs it less. */
  readonly cpu: Rounds<Case>;
}

/** Interleaved rounds: each case once a round, in turn, so that all see the same noise. */
async function measureSpeed(
  stage: Stage,
  binary: string,
  load: ReturnType<typeof findLoad>,
  rounds: number,
  seconds: number,
): Promise<Speed> {
  const traefik = await stage.startTraefik(binary, ['noop', 'postern']);
  const empty = (): Rounds<Case> => Object.fromEntries(CASES.map(name => [name, []])) as never;
  const rps = empty();
  const p99 = empty();
  const cpu = empty();
  for (const name of CASES) await warmUp(target(name, traefik.port));
  const deferred = await stage.deferrals();
  for (let round = 0; round < rounds; round++) {
    for (const name of CASES) {
      progress(`round ${round + 1} of ${rounds}: ${TITLES[name]}`);
      const cpuBefore = traefik.child.cpuTimeMs();
      const figures = await load.run(target(name, traefik.port), seconds).catch((error: Error) => {
        throw new Error(`${TITLES[name]}: ${error.message}; Traefik's log:\n${traefik.log.slice(-2_000)}`);
      });
      cpu[name].push(rounded(((traefik.child.cpuTimeMs() - cpuBefore) * 1_000) / figures.requests, 1));
      rps[name].push(rounded(figures.rps));
      p99[name].push(rounded(figures.p99, 2));
    }
  }
  const late = (await stage.deferrals()) - deferred;
  await traefik.stop();
  if (late > 0) throw new Error(`${late} hits were deferred to the host: the figures are not what they say`);
  return { rps, p99, cpu };
}

/** One request with each credential: the host verifies it and writes the grant. */
async function warmUp({ port, path, headers, authorizations: values }: Target): Promise<void> {
  const { request } = await import('node:http');
  for (const authorization of values) {
    const status = await new Promise<number>((resolve, reject) => {
      const all = { ...headers, Authorization: authorization };
      request({ host: '127.0.0.1', port, path, headers: all, timeout: 10_000 }, incoming => {
        incoming.resume().once('end', () => resolve(incoming.statusCode ?? 0));
      })
        .once('error', reject)
        .end();
    });
    if (status !== 200) throw new Error(`${headers.Host}: ${status} in place of 200`);
  }
}

/** A fresh Traefik for each figure, with the plugin in question alone. */
async function measureMemory(stage: Stage, binary: string, runs: number): Promise<Rounds<MemoryCase>> {
  const kib: Rounds<MemoryCase> = { plain: [], noop: [], hit: [] };
  for (let turn = 0; turn < runs; turn++) {
    for (const name of MEMORY_CASES) {
      progress(`memory, run ${turn + 1} of ${runs}: ${TITLES[name]}`);
      const traefik: Traefik = await stage.startTraefik(binary, MEMORY[name]);
      await warmUp(target(name, traefik.port));
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

function printSpeed({ rps, p99, cpu }: Speed): void {
  const rows = CASES.map(name => {
    const { median, spread } = summary(rps[name]);
    return [
      TITLES[name],
      median.toFixed(0),
      `±${spread.toFixed(1)} %`,
      ratio(rps[name], rps.native).toFixed(3),
      summary(p99[name]).median.toFixed(1),
      summary(cpu[name]).median.toFixed(0),
    ];
  });
  print(`${RULE_COUNT} rules, Traefik ${TRAEFIK_VERSION}, ${rps.plain.length} rounds\n\n`);
  print(table(['door', 'requests/s', 'spread', 'of native', 'p99 ms', "Traefik's CPU us"], rows));
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
