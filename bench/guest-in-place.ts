import { startChild } from '../test/support/child.ts';
import { findGo } from './support/go.ts';
import { guestSetup } from './support/guest-setup.ts';
import { findLoad } from './support/load.ts';
import { readOptions } from './support/options.ts';
import {
  authorizationOf,
  BROWSER_HEADERS,
  DOMAIN,
  PATH,
  PROXY_HEADERS,
  principals,
} from './support/policy.ts';
import { machine, print, progress, revision, save, table } from './support/report.ts';
import { rounded, summary } from './support/statistics.ts';

/**
 * What a hit takes between a proxy's other work, beside the host calls that it
 * needs and a guest that does nothing. `guest` runs it in a loop, which keeps
 * the plugin's code and data in the processor's caches: a proxy does not.
 */

/** Names that `bench/guest/in_place_test.go` prints. */
const TITLES = {
  noop: 'no-op guest',
  calls: 'host calls of a hit, nothing else',
  hit: 'hit, just seen',
} as const;
type Guest = keyof typeof TITLES;
const GUESTS = Object.keys(TITLES) as Guest[];
/** Seconds for the load to start and to end. */
const MARGIN = 3;

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    rounds: { value: 5, max: 99 },
    seconds: { value: 4, max: 60 },
  });
  const go = findGo();
  const binary = go.build('guest', 'guest.test', ['test', '-c']);
  const stage = guestSetup();
  const load = findLoad(stage.home);
  const before = machine();
  const figures: Record<Guest, number[]> = { noop: [], calls: [], hit: [] };
  const first: Record<Guest, number[]> = { noop: [], calls: [], hit: [] };
  for (let round = 0; round < options.rounds; round++) {
    progress(`round ${round + 1} of ${options.rounds}`);
    const child = startChild(binary, ['-test.run=^TestInPlace$', '-test.v'], {
      env: { POSTERN_BENCH_SETUP: stage.setup, POSTERN_BENCH_IN_PLACE: String(options.seconds + MARGIN) },
    });
    const port = Number((await child.waitFor(/^listening (\d+)$/m))[1]);
    await load.run(
      {
        port,
        path: PATH,
        headers: { Host: DOMAIN, ...BROWSER_HEADERS, ...PROXY_HEADERS },
        authorizations: principals(1).map(({ username }) => authorizationOf(username)),
      },
      options.seconds,
    );
    for (const name of GUESTS) {
      const [, , tenth, , median] = (
        await child.waitFor(new RegExp(`^${name}( \\d+)( \\d+)( \\d+)( \\d+)( \\d+)$`, 'm'), 30_000)
      ).map(Number);
      first[name].push(tenth ?? Number.NaN);
      figures[name].push(median ?? Number.NaN);
    }
    await child.exit;
  }
  progress('');
  stage.stop();

  const rows = GUESTS.map(name => [
    TITLES[name],
    summary(figures[name]).median.toFixed(0),
    summary(first[name]).median.toFixed(0),
  ]);
  print(table(['in a proxy under load', 'median ns', 'fastest tenth'], rows));
  const result = {
    suite: 'guest-in-place',
    ...Object.fromEntries(GUESTS.map(name => [`${name}_ns`, rounded(summary(figures[name]).median)])),
  };
  save({
    suite: 'guest-in-place',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: { postern: revision(), go: go.version, wazero: 'v1.8.0', load: load.name },
    summary: result,
    rounds: { unit: 'ns', median: figures, fastest_tenth: first },
    notes: ['time on the wall from the proxy to the backend; 16 connections; the guests take turns'],
  });
  if (options.json) print(`${JSON.stringify(result)}\n`);
}
