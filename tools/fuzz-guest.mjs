// The guest as a whole under hostile input: dist/plugin.wasm in the Node pool,
// on real files, against generated requests, records, pages, snapshots,
// configurations and key texts. A finding names its seed: the same seed and
// number of inputs show it again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreign, judgeOutcome } from './fuzz/guest-oracle.mjs';
import { makeRequest } from './fuzz/guest-requests.mjs';
import { createWorld, POLICY, POLICY_WITH_SESSIONS } from './fuzz/guest-world.mjs';
import { mutateJson, mutateText } from './fuzz/mutate.mjs';
import { randomFrom } from './fuzz-regexp.mjs';

/** Requests on one guest directory, with one secret. */
export const WORLD_REQUESTS = 4_000;
/** Requests on a fresh instance with a configuration of its own, and how many of these a world has. */
const CONFIG_REQUESTS = 20;
const CONFIGS = 20;
/** Longer than any request takes, whatever lies in the snapshot. */
const SLOW_MS = 2_000;
const BASE_TIME = 1_760_000_000_000;
const SHARED_MEMORY = '/dev/shm';

/** Documented in fuzz-guest.d.mts. */
export function fuzzGuest({ host, wasm, engineFile, seconds = Infinity, inputs = Infinity, seed, report }) {
  const result = { requests: 0, configurations: 0, findings: 0, outcomes: {}, worlds: 0 };
  const compiled = host.loadEngine(engineFile).compile(POLICY_WITH_SESSIONS);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const base = mkdtempSync(join(process.platform === 'linux' ? SHARED_MEMORY : tmpdir(), 'postern-fuzz-'));
  const stop = performance.now() + seconds * 1_000;
  const isOver = () => performance.now() >= stop || result.requests >= inputs;
  try {
    for (let world = seed; !isOver(); world++) {
      result.worlds++;
      const run = { host, wasm, image: compiled.image, base, seed: world, isOver, result, report };
      runWorld(run);
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return result;
}

function runWorld(run) {
  const { host, image, base, seed, isOver } = run;
  const random = randomFrom(Math.imul(seed, 0x9e3779b1));
  const world = createWorld({ host, image, random, directory: join(base, 'guest'), now: BASE_TIME });
  const guest = openGuest(run, world, { directory: '/guest' }, world.guestText);
  for (let step = 0; step < WORLD_REQUESTS && !isOver(); step++) {
    if (random.below(40) === 0) world.spoil();
    else if (random.below(4) === 0) world.now += random.below(50);
    guest.ask(random, world, step);
  }
  guest.close();
  for (let i = 0; i < CONFIGS && !isOver(); i++) runConfiguration(run, random, world, i);
}

/** A fresh instance: its configuration, its inline policy and its key are somebody's mistake. */
function runConfiguration(run, random, world, index) {
  const config = { directory: '/guest', key_file: '/key/guest.key', ...(random.below(2) && POLICY) };
  const key = random.below(3) === 0 ? mutateText(random, world.guestText) : world.guestText;
  const mutant = random.below(4) === 0 ? config : mutateJson(random, config);
  world.repair();
  world.openedAnew(mutant === config);
  world.hasSessions = !('access_control' in config);
  run.result.configurations++;
  const guest = openGuest(run, world, mutant, key, random.below(2) === 0);
  // Blanks around a key are taken for what an editor left; anything else is no key.
  const isKey = key.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '') === world.guestText;
  for (let i = 0; i < CONFIG_REQUESTS; i++)
    guest?.ask(random, world, `${index}.${i}`, isKey ? undefined : 503);
  guest?.close();
}

function openGuest({ host, wasm, base, seed, result, report }, world, config, key, byFile = false) {
  const lines = [];
  const find = (where, what) => {
    result.findings++;
    report(`seed ${seed}, request ${where}: ${what}`);
  };
  writeFileSync(join(base, 'guest.key'), key, 'latin1');
  let pool;
  try {
    pool = host.createGuestPool({
      wasm,
      config,
      env: byFile ? {} : { POSTERN_GUEST_KEY: key },
      mounts: { '/guest': world.directory, '/key': base },
      log: (_level, line) => lines.push(line),
      now: () => world.now,
    });
  } catch (error) {
    find('none', `does not start with ${JSON.stringify(config)}: ${error.message}`);
    return undefined;
  }
  return {
    ask(random, of, step, only) {
      const canary = `zq${result.requests.toString(16).padStart(8, '0')}zq`;
      const request = makeRequest(random, of, canary);
      const began = performance.now();
      const instance = pool.acquire();
      const outcome = instance.handle(request);
      if (outcome.next) instance.release({ headers: [] });
      else instance.release();
      const took = performance.now() - began;
      const said = lines.splice(0).join('\n');
      result.requests++;
      const status = outcome.next ? verdict(outcome) : String(outcome.response.status);
      result.outcomes[status] = (result.outcomes[status] ?? 0) + 1;
      const wrong =
        judgeOutcome(of, request, outcome, canary) ??
        (foreign(said, '') ? 'log shows a request' : undefined) ??
        (said.includes(of.guestText.slice(-40)) ? 'log shows the key' : undefined) ??
        (only !== undefined && status !== String(only) ? `${status} in place of ${only}` : undefined) ??
        (took > SLOW_MS ? `took ${Math.round(took)} ms` : undefined);
      if (wrong !== undefined) find(step, `${wrong}\n  ${JSON.stringify(request).slice(0, 2_000)}`);
    },
    close: () => pool.close(),
  };
}

function verdict(outcome) {
  const [, value = ''] = outcome.headers.find(([name]) => name === 'Postern-Verdict') ?? [];
  return value.slice(0, value.indexOf('-'));
}

/** One line for the terminal. */
export function describeGuestRun({ requests, configurations, worlds, findings, outcomes }) {
  const shares = Object.entries(outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${((100 * count) / requests).toFixed(1)}%`);
  return `guest: ${requests} requests, ${configurations} configurations, ${worlds} secrets, ${findings} findings (${shares.join(', ')})`;
}
