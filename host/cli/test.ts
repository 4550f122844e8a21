import { Command } from 'commander';
import { formatProblem } from '../config/problem.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { jsonReport } from '../policy-test/json.ts';
import { textReport } from '../policy-test/report.ts';
import { runSession, type SessionResult } from '../policy-test/session.ts';
import { watchAndRun } from '../policy-test/watch.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_PROBLEM, type Io, wantsColour } from './io.ts';
import { fileName, wholeNumber } from './options.ts';

interface Options {
  readonly config?: string;
  readonly coverage?: boolean;
  readonly coverageMin?: number;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** `postern test`: the tests that stand beside a policy. */
export function testCommand(io: Io): Command {
  return new Command('test')
    .description('run policy tests: requests, who makes them, and what they should get')
    .argument('<file...>', 'files of policy tests')
    .option('-c, --config <file>', 'configuration to test in place of the one that the files name', fileName)
    .option('--coverage', 'also list the rules that no test reaches')
    .option(
      '--coverage-min <percent>',
      'fail when the tests reach fewer of the rules (implies --coverage)',
      wholeNumber(0, 100),
    )
    .option('-w, --watch', 'run again whenever the tests, the policy or its users change')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The shipped engine decides; no secret is needed and no service. A file of tests:

  config: postern.yml
  subjects:
    alice: { user: alice, groups: [admins] }
  tests:
    - name: the admin pages ask admins for two factors
      request: { url: ['https://app.example.com/admin', 'https://app.example.com/admin/x'] }
      as: [alice, { subject: alice, level: 2 }]
      expect: two_factor
      rule: 1
    - name: nobody else gets there
      request: https://app.example.com/admin
      as: { user: bob, groups: [] }
      expect: forbid

Exit codes: 0 all passed, 1 a test failed, a file could not be used or --coverage-min was not
reached, 2 called wrongly.

Examples:
  postern test policy.test.yml
  postern test tests/*.yml --coverage
  postern test policy.test.yml --coverage-min 100 --json > result.json
  postern test policy.test.yml --config /etc/postern/postern.yml --watch`,
    )
    .action((files: readonly string[], options: Options) => test(files, options, io));
}

async function test(files: readonly string[], options: Options, io: Io): Promise<void> {
  if (options.watch === true) {
    await watchAndRun({
      signal: io.signal,
      run: (readFile, changed) => {
        if (changed !== undefined && options.json !== true) io.stdout.write(`\nchanged: ${changed}\n\n`);
        runOnce(files, options, io, readFile);
        if (options.json !== true) io.stdout.write('waiting for changes, Ctrl-C ends\n');
      },
    });
    return;
  }
  const failures = runOnce(files, options, io);
  if (failures.length > 0) throw new CommandError(failures.join(', '), EXIT_PROBLEM);
}

/** Runs and prints; what makes the run a failure, in words. */
function runOnce(
  files: readonly string[],
  options: Options,
  io: Io,
  readFile?: (file: string) => Uint8Array,
): string[] {
  const result = runSession(files, {
    env: io.env,
    createEngine: () => loadEngine(engineFile()),
    config: options.config,
    ...(readFile === undefined ? {} : { readFile }),
  });
  const coverage = options.coverage === true || options.coverageMin !== undefined;
  io.stdout.write(
    options.json === true
      ? jsonReport(result)
      : textReport(result, { colour: wantsColour(io.stdout, io.env), coverage }),
  );
  for (const problem of result.problems) io.stderr.write(`error: ${formatProblem(problem)}\n`);
  return failuresOf(result, options.coverageMin ?? 0);
}

function failuresOf({ failed, problems, coverage }: SessionResult, minimum: number): string[] {
  const failures: string[] = [];
  if (failed > 0) failures.push(`${failed} ${failed === 1 ? 'test' : 'tests'} failed`);
  if (problems.length > 0) failures.push('not all files could be used');
  for (const { policy, percent } of coverage) {
    if (percent < minimum) {
      failures.push(`${policy.file}: ${Math.floor(percent)} % of the rules reached, ${minimum} % wanted`);
    }
  }
  return failures;
}
