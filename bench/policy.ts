import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestDirectory } from '../test/support/temp.ts';
import { type Prepared, prepare } from './policy/prepare.ts';
import { nodeSequence } from './policy/sequence.ts';
import { makeCase, REQUESTS, type RequestName, SHAPES, SIZES } from './policy/shapes.ts';
import { decisionTable, entryOf, type Measured, sizeTable, wantedTable } from './policy/tables.ts';
import { findGo } from './support/go.ts';
import { GoProgram, type Timed } from './support/go-program.ts';
import { readOptions } from './support/options.ts';
import { authorizationOf, PROGRAM_HEADERS, principals } from './support/policy.ts';
import { type Machine, machine, print, progress, revision, save } from './support/report.ts';
import { rounded, summary } from './support/statistics.ts';
import { assemble } from './support/wat.ts';

/**
 * Policies of many rules in the plugin, beside the same rules in sequence with
 * Go's regexp and Node's. A decision is a request through the whole middleware
 * in wazero; nothing is taken off for what it does besides deciding.
 */

const MOST_RULES = SIZES[SIZES.length - 1] as number;
/** Instances at a time: each lot begins with two collections of garbage. */
const MOST_STARTS = 32;

// Outcomes as bench/policy/stage.go counts them.
const ALLOWED = 1;
const DEFERRED = 2;
const FORBIDDEN = 1_403;

interface Task {
  /** Of the case, as in `Measured.figures`. */
  readonly figure: string;
  readonly case: string;
  readonly expected: number;
  readonly most: number;
  readonly run: (times: number) => Promise<Timed>;
}

export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    rounds: { value: 9, max: 99 },
    milliseconds: { value: 40, max: 10_000 },
    rules: { value: MOST_RULES, max: MOST_RULES },
  });
  const go = findGo();
  const binary = go.build('policy', 'policy-bench', ['build']);
  const before = machine();
  const home = guestDirectory();
  const [principal] = principals(1);
  if (principal === undefined) throw new Error('there is nobody to sign in');
  const sizes = SIZES.filter(size => size <= options.rules);
  const prepared = SHAPES.flatMap(shape =>
    sizes.map(size => {
      progress(`compiling ${shape} of ${size} rules`);
      return prepare(makeCase(shape, size), home, principal);
    }),
  );
  const program = new GoProgram(binary, [writeSetup(home, prepared, principal.username)], 'bench/policy');
  try {
    const { measured, noop } = await measure(program, prepared, principal.username, options);
    finish(measured, noop, before, go.version, options);
  } finally {
    program.stop();
    for (const { files } of prepared) files?.stop();
  }
}

function writeSetup(home: string, prepared: readonly Prepared[], user: string): string {
  const floor = join(home, 'floor.wasm');
  writeFileSync(floor, assemble('floor'));
  const path = join(home, 'setup.json');
  const setup = {
    plugin: join(process.cwd(), 'dist/plugin.wasm'),
    floor,
    headers: { ...PROGRAM_HEADERS, 'X-Forwarded-Proto': 'https' },
    user,
    cases: prepared.map(({ case: { rules, requests, isSignedIn }, name, files }) => ({
      name,
      directory: files?.directory ?? '',
      keyDirectory: files?.keyDirectory ?? '',
      rules: rules.map(({ domain, expression }) => ({ domain, expression })),
      requests,
      authorization: isSignedIn ? authorizationOf(user) : '',
    })),
  };
  writeFileSync(path, JSON.stringify(setup));
  return path;
}

/** What the guest must do with a request: only the last rule lets anybody in. */
const outcomeOf = (item: Prepared, which: RequestName): number =>
  item.case.requests[which].every(({ position }) => position === item.case.size) ? ALLOWED : FORBIDDEN;

/** Whether the guest leaves the case to the host; throws when it decides anything but what it must. */
async function isDeferred(program: GoProgram, item: Prepared): Promise<boolean> {
  const outcomes = [];
  for (const which of REQUESTS) {
    const count = item.case.requests[which].length;
    const outcome = (await program.ask(`decide ${item.name} ${which} ${count}`)).answer / count;
    if (outcome !== DEFERRED && outcome !== outcomeOf(item, which))
      throw new Error(`${item.name}: ${which} comes out as ${outcome}, not ${outcomeOf(item, which)}`);
    outcomes.push(outcome);
  }
  return outcomes.includes(DEFERRED);
}

function tasksOf(program: GoProgram, item: Prepared, decides: boolean, user: string): Task[] {
  const { name, case: measuredCase, files } = item;
  const most = Number.POSITIVE_INFINITY;
  const ask = (task: string, which: RequestName) => (times: number) =>
    program.ask(`${task} ${name} ${which} ${times}`);
  const position = measuredCase.size;
  const common = { case: name, most };
  const tasks: Task[] = [
    { ...common, figure: 'go', expected: position, run: ask('sequence', 'last') },
    { ...common, figure: 'node', expected: position, run: nodeTask(item, user) },
  ];
  if (files !== undefined)
    tasks.push({
      ...common,
      figure: 'instance',
      expected: 1,
      most: MOST_STARTS,
      run: ask('instantiate', 'last'),
    });
  if (!decides) return tasks;
  for (const which of REQUESTS)
    tasks.push({ ...common, figure: which, expected: outcomeOf(item, which), run: ask('decide', which) });
  tasks.push({ ...common, figure: 'start', expected: ALLOWED, most: MOST_STARTS, run: ask('first', 'last') });
  return tasks;
}

function nodeTask({ case: { rules, requests } }: Prepared, user: string): Task['run'] {
  const decide = nodeSequence(rules, user);
  const [last] = requests.last;
  if (last === undefined) throw new Error('no request');
  return times => {
    let answer = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < times; i++) answer += decide(last);
    return Promise.resolve({ ns: Number(process.hrtime.bigint() - start), answer });
  };
}

/** All tasks in turn, round after round. Every answer is checked. */
async function measure(
  program: GoProgram,
  prepared: readonly Prepared[],
  user: string,
  { rounds, milliseconds }: { rounds: number; milliseconds: number },
): Promise<{ measured: Measured[]; noop: number[] }> {
  const first = prepared[0]?.name ?? '';
  const tasks: Task[] = [
    {
      figure: 'noop',
      case: '',
      expected: 1,
      most: Number.POSITIVE_INFINITY,
      run: times => program.ask(`noop ${first} last ${times}`),
    },
  ];
  const deferred = new Set<string>();
  for (const item of prepared) {
    if (item.files !== undefined && (await isDeferred(program, item))) deferred.add(item.name);
    const decides = item.files !== undefined && !deferred.has(item.name);
    tasks.push(...tasksOf(program, item, decides, user));
  }
  const times = new Map<Task, number>();
  const figures: Record<string, Record<string, number[]>> = {};
  for (let round = -2; round < rounds; round++) {
    progress(`round ${Math.max(round + 1, 0)} of ${rounds}`);
    for (const task of tasks) {
      const count = times.get(task) ?? 3;
      const { ns, answer } = await task.run(count);
      if (answer !== task.expected * count)
        throw new Error(`${task.case} ${task.figure} answers ${answer / count}, not ${task.expected}`);
      // Two rounds warm up and tell how often the work fits the time.
      if (round < 0) {
        times.set(task, Math.min(task.most, Math.max(1, Math.round((milliseconds * 1e6 * count) / ns))));
        continue;
      }
      figures[task.case] ??= {};
      const ofCase = figures[task.case] as Record<string, number[]>;
      ofCase[task.figure] = [...(ofCase[task.figure] ?? []), ns / count];
    }
  }
  progress('');
  const measured: Measured[] = [];
  for (const item of prepared) {
    const pages = item.files && (await program.ask(`pages ${item.name} last 1`)).answer;
    measured.push({ ...item, deferred: deferred.has(item.name), figures: figures[item.name] ?? {}, pages });
  }
  return { measured, noop: figures['']?.noop ?? [] };
}

function finish(
  measured: readonly Measured[],
  noop: readonly number[],
  before: Machine,
  goVersion: string,
  { rounds, rules, json }: { rounds: number; rules: number; json: boolean },
): void {
  const noopNs = rounded(summary(noop).median);
  print(
    `${rounds} rounds; a request is the whole middleware in wazero, of which a no-op guest takes ${noopNs} ns; ` +
      'Go and Node try the rules in sequence, the last one matches\n\n',
  );
  print(decisionTable(measured));
  print(`\n${sizeTable(measured)}`);
  print(`\n${wantedTable(measured)}`);
  for (const { name, problem } of measured) if (problem !== '') print(`\n${name} is refused: ${problem}\n`);
  const result = { suite: 'policy', shapes: measured.map(entryOf) };
  // What is kept is a whole run.
  if (rules === MOST_RULES) {
    save({
      suite: 'policy',
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
      rounds: {
        unit: 'ns',
        noop: noop.map(ns => rounded(ns)),
        ...Object.fromEntries(
          measured.map(item => [
            item.name,
            Object.fromEntries(
              Object.entries(item.figures).map(([name, list]) => [name, list.map(ns => rounded(ns))]),
            ),
          ]),
        ),
      },
      notes: [
        'a request is the whole middleware; those of `hard` carry a credential with a grant, the others none',
        'instantiate_us: a new instance until it has decided its first request, state page and snapshot read',
        ...measured.flatMap(item => (item.deferred ? [`${item.name}: deferred to the host, not timed`] : [])),
        ...measured.flatMap(item => (item.problem === '' ? [] : [`${item.name}: ${item.problem}`])),
      ],
    });
  }
  if (json) print(`${JSON.stringify(result)}\n`);
}
