import { type Paint, painter } from '../explain/paint.ts';
import { nameOf } from '../explain/who.ts';
import { failedCriteria, ruleName, whatItTakes, written } from '../explain/words.ts';
import { printable } from '../log/printable.ts';
import { explainCommandLine } from './command-line.ts';
import type { Coverage } from './coverage.ts';
import { type CaseResult, type FileResult, gotOf, type TestResult } from './run.ts';
import type { SessionResult } from './session.ts';

/** A test of many requests that fails as a whole tells so many of them. */
const MAX_FAILED_CASES = 5;
/** Rules above the deciding one that nearly matched: the nearest to it are told. */
const MAX_NEAR_RULES = 3;

export interface ReportOptions {
  readonly colour: boolean;
  readonly coverage: boolean;
}

/** Each test in a line, what failed with its reason, coverage when asked for, and a line of counts. */
export function textReport(result: SessionResult, options: ReportOptions): string {
  const paint = painter(options.colour);
  const lines = result.files.flatMap(file => [...fileLines(file, paint), '']);
  if (options.coverage) lines.push(...result.coverage.flatMap(one => coverageLines(one, paint)), '');
  lines.push(summary(result, paint));
  return `${lines.join('\n')}\n`;
}

function fileLines(file: FileResult, paint: Paint): string[] {
  return [
    printable(`${file.file} (${file.policy.file})`),
    ...file.tests.flatMap(test => testLines(test, file, paint)),
  ];
}

function testLines(test: TestResult, file: FileResult, paint: Paint): string[] {
  const { spec, cases, passed } = test;
  const count = cases.length === 1 ? '' : paint('dim', ` (${cases.length} requests)`);
  const mark = passed ? paint('green', '✓') : paint('red', '✗');
  const head = `  ${mark} ${printable(spec.name)}${count}`;
  if (passed) return [head];
  const failed = cases.filter(result => !result.passed);
  const more = failed.length - MAX_FAILED_CASES;
  return [
    head,
    ...failed.slice(0, MAX_FAILED_CASES).flatMap(result => caseLines(result, test, file, paint)),
    ...(more > 0 ? [`      and ${more} more`] : []),
  ];
}

function caseLines(result: CaseResult, { spec }: TestResult, file: FileResult, paint: Paint): string[] {
  const { request, answer } = result;
  const { decision } = answer;
  const from = request.ip === '' ? '' : ` from ${request.ip}`;
  const at = spec.line === undefined ? file.file : `${file.file}:${spec.line}`;
  const rule =
    spec.rule === undefined ? '' : spec.rule === 0 ? ' by default_policy' : ` by rule ${spec.rule}`;
  const by = answer.rule === undefined ? '' : ` by ${ruleName(answer.rule)}`;
  return [
    `      ${request.method} ${request.url} as ${nameOf(answer.who)}${from}`,
    `        expected ${spec.expect}${rule} (${at})`,
    `        got ${gotOf(decision, spec.expect)}${by}: ${whatItTakes(answer)}`,
    ...nearRules(result, spec.rule, file).map(line => `        ${line}`),
    `        ${explainCommandLine(file.policy.file, request, answer)}`,
  ].map((line, i) => (i < 3 ? printable(line) : paint('dim', printable(line))));
}

/** Why the expected rule did not match, else the last ones of the domain above the one that decided. */
function nearRules(result: CaseResult, expected: number | undefined, { policy }: FileResult): string[] {
  const { decision, rules } = result.why().explanation;
  if (decision.verdict === 'bad-request') return [];
  const end = decision.position === 0 ? rules.length : decision.position - 1;
  const near: number[] = [];
  for (let i = end - 1; i >= 0 && near.length < MAX_NEAR_RULES; i--) {
    if (rules[i]?.domain !== false) near.unshift(i);
  }
  if (expected !== undefined && expected > 0 && !near.includes(expected - 1)) near.push(expected - 1);
  return near.flatMap(i => {
    const rule = policy.rules[i];
    const match = rules[i];
    if (rule === undefined || match === undefined || i + 1 === decision.position) return [];
    const failed = failedCriteria(match).map(name => `${name}: ${written(rule.written[name])}`);
    if (failed.length > 0) return [`${ruleName(rule)} does not match by ${failed.join('; ')}`];
    return [`${ruleName(rule)} would match, too, but stands below`];
  });
}

function coverageLines({ policy, reached, missed, fallbackReached }: Coverage, paint: Paint): string[] {
  const all = missed.length === 0;
  const rules = `${reached} of ${policy.rules.length} rules reached`;
  return [
    `${paint(all ? 'green' : 'yellow', all ? '✓' : '✗')} ${printable(policy.file)}: ${rules}`,
    ...missed.map(rule =>
      printable(`    never reached: ${ruleName(rule)}: ${rule.policy} for ${written(rule.written.domain)}`),
    ),
    ...(fallbackReached ? [] : [paint('dim', '    default_policy was not reached')]),
  ];
}

function summary({ passed, failed, requests, problems }: SessionResult, paint: Paint): string {
  const counts = `${many(passed + failed, 'test')}, ${many(requests, 'request')}: ${passed} passed, ${failed} failed`;
  if (problems.length > 0) return paint('red', `${counts}; ${many(problems.length, 'problem')} in the files`);
  return paint(failed > 0 ? 'red' : 'green', counts);
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
