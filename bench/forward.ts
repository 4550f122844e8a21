import { execFileSync } from 'node:child_process';
import { hash } from '@node-rs/argon2';
import { findProgram } from '../test/support/program.ts';
import { tempDirectory } from '../test/support/temp.ts';
import { findTraefik, TRAEFIK_VERSION, traefikBinary } from '../test/support/traefik-binary.ts';
import { ACCOUNT, CASES, type Case, targetOf } from './forward/cases.ts';
import { flood } from './forward/flood.ts';
import { type Figures, floodLines, speedTable, summaryOf } from './forward/report.ts';
import { type Stage, startStage } from './forward/stage.ts';
import { findGo } from './support/go.ts';
import { findLoad, type Load, type Target } from './support/load.ts';
import { readOptions } from './support/options.ts';
import { passwordOf, principals, RULE_COUNT } from './support/policy.ts';
import { machine, print, progress, revision, save } from './support/report.ts';
import { askOnce } from './support/rounds.ts';
import { rounded } from './support/statistics.ts';

/** The host as a forward-auth service: asked directly and by proxies, and flooded with wrong passwords. */

/** Verified once; what hashing costs is not measured here. */
const CHEAP = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };

const WARM_REQUESTS = 20_000;
/** Seconds, on a busy machine. */
const MAX_WARM_UPS = 8;

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    rounds: { value: 7, max: 99 },
    seconds: { value: 4, max: 60 },
    'flood-seconds': { value: 10, max: 60 },
  });
  const source = findTraefik();
  if (source === undefined) throw new Error('this suite needs Go, or a Traefik named by TRAEFIK_BIN');
  const nginx = findProgram('nginx', 'NGINX_BIN');
  if (nginx === undefined) throw new Error('this suite needs nginx (apt-get install nginx)');
  const go = findGo();
  const traefik = await traefikBinary(source);
  const before = machine();
  const load = findLoad(tempDirectory());
  const stage = await startStage(go, traefik, nginx, await users());
  const speed = await measure(stage, load, options.rounds, options.seconds);
  await stage.stop();
  progress('wrong passwords');
  const figures: Figures = { ...speed, flood: await flood(options['flood-seconds']) };
  progress('');

  print(`${RULE_COUNT} rules, Traefik ${TRAEFIK_VERSION}, ${options.rounds} rounds\n\n`);
  print(speedTable(figures));
  print(floodLines(figures.flood));
  const result = summaryOf(figures);
  save({
    suite: 'forward',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: {
      postern: revision(),
      traefik: TRAEFIK_VERSION,
      nginx: versionOf(nginx),
      go: go.version,
      load: load.name,
      node: process.version,
    },
    summary: result,
    rounds: { rps: figures.rps, p99_ms: figures.p99, asked_cpu_us: figures.cpu, flood: figures.flood },
    notes: [
      `${RULE_COUNT} rules; 16 connections, ${options.seconds} s a round`,
      'host, bare server and do-nothing server on core 0; load, proxies and backend share the machine',
    ],
  });
  if (options.json) print(`${JSON.stringify(result)}\n`);
}

/** Interleaved rounds: each case once a round, in turn, so that all see the same noise. */
async function measure(
  stage: Stage,
  load: Load,
  rounds: number,
  seconds: number,
): Promise<Omit<Figures, 'flood'>> {
  const empty = (): Record<Case, number[]> => Object.fromEntries(CASES.map(name => [name, []])) as never;
  const figures = { rps: empty(), p99: empty(), cpu: empty() };
  for (const name of CASES) await askOnce(targetOf(name, stage.ports));
  for (const name of CASES) await warmUp(load, targetOf(name, stage.ports));
  const verified = await stage.metric('postern_password_verifications_total');
  for (let round = 0; round < rounds; round++) {
    for (const name of CASES) {
      progress(`round ${round + 1} of ${rounds}: ${name}`);
      const cpuBefore = stage.asked(name).cpuTimeMs();
      const { requests, rps, p99 } = await load.run(targetOf(name, stage.ports), seconds);
      figures.cpu[name].push(rounded(((stage.asked(name).cpuTimeMs() - cpuBefore) * 1_000) / requests, 1));
      figures.rps[name].push(rounded(rps));
      figures.p99[name].push(rounded(p99, 2));
    }
  }
  const late = (await stage.metric('postern_password_verifications_total')) - verified;
  if (late > 0) throw new Error(`${late} passwords were verified: the figures are not what they say`);
  return figures;
}

/** node compiles what runs often; half-compiled code would be measured otherwise. */
async function warmUp(load: Load, target: Target): Promise<void> {
  progress('warming up');
  let requests = 0;
  for (let run = 0; run < MAX_WARM_UPS && requests < WARM_REQUESTS; run++) {
    requests += (await load.run(target, 1)).requests;
  }
}

async function users(): Promise<string> {
  const [principal] = principals(1);
  if (principal === undefined) throw new Error('no principal');
  const { displayName, email, groups } = principal;
  const password = await hash(passwordOf(ACCOUNT), CHEAP);
  return JSON.stringify({ users: { [ACCOUNT]: { displayname: displayName, password, email, groups } } });
}

/** nginx says it on standard error. */
function versionOf(nginx: string): string {
  const said = execFileSync('sh', ['-c', '"$1" -v 2>&1', 'sh', nginx], { encoding: 'utf8' });
  return /nginx\/(\S+)/.exec(said)?.[1] ?? 'unknown';
}
