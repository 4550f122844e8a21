import { ConfigError, inOrder, type Problem } from '../config/problem.ts';
import { suggest } from '../config/suggest.ts';
import { type Answer, ask, askWhy, type Explained } from '../explain/answer.ts';
import type { PolicyView } from '../explain/policy-view.ts';
import { readUrl } from '../explain/request.ts';
import { findWho, NOBODY, type Who } from '../explain/who.ts';
import type { Decision, Target } from '../policy/engine.ts';
import {
  type AskerSpec,
  type Expectation,
  MAX_REQUESTS,
  type RequestSpec,
  type TestFile,
  type TestSpec,
  VERDICTS,
} from './test-file.ts';

/** One request as one who asks. */
export interface CaseResult {
  readonly request: RequestSpec;
  readonly answer: Answer;
  readonly passed: boolean;
  /** Looks at every rule, so only what is shown should ask. */
  why(): Explained;
}

export interface TestResult {
  readonly spec: TestSpec;
  readonly cases: readonly CaseResult[];
  readonly passed: boolean;
}

export interface FileResult {
  readonly file: string;
  readonly policy: PolicyView;
  readonly tests: readonly TestResult[];
}

/** Asks everything the file asks; throws `ConfigError` for what cannot be asked of this policy. */
export function runTests(file: TestFile, policy: PolicyView): FileResult {
  const problems: Problem[] = [];
  const report = (path: string, message: string): void => {
    if (problems.some(known => known.path === path && known.message === message)) return;
    const line = file.lineOf(path);
    problems.push({
      code: 'test.value',
      severity: 'error',
      path,
      message,
      file: file.file,
      ...(line === undefined ? {} : { line }),
    });
  };
  let count = 0;
  const tests = file.tests.map(spec => {
    if (spec.rule !== undefined && spec.rule > policy.rules.length) {
      report(`${spec.path}.rule`, `the policy has ${policy.rules.length} rules, got ${spec.rule}`);
    }
    const targets = spec.requests.flatMap(request => {
      const read = readUrl(request.url, request.method, request.ip);
      if (read.ok) return [{ request, target: read.target }];
      report(request.path, read.message);
      return [];
    });
    const everybody = spec.as.flatMap(asker => resolve(asker, file, policy, report) ?? []);
    count += targets.length * everybody.length;
    if (count > MAX_REQUESTS) {
      report(spec.path, `more than ${MAX_REQUESTS} requests in one file: shorten its lists`);
      throw new ConfigError(inOrder(problems));
    }
    return { spec, targets, everybody };
  });
  if (problems.length > 0) throw new ConfigError(inOrder(problems));
  return {
    file: file.file,
    policy,
    tests: tests.map(({ spec, targets, everybody }) => runTest(spec, targets, everybody, policy)),
  };
}

function runTest(
  spec: TestSpec,
  targets: readonly { request: RequestSpec; target: Target }[],
  everybody: readonly Who[],
  policy: PolicyView,
): TestResult {
  const cases = targets.flatMap(({ request, target }) =>
    everybody.map(who => {
      const answer = ask(policy, target, who);
      const passed = isExpected(answer.decision, spec.expect, spec.rule);
      return { request, answer, passed, why: () => askWhy(policy, target, who) };
    }),
  );
  return { spec, cases, passed: cases.every(result => result.passed) };
}

function isExpected(decision: Decision, expect: Expectation, rule: number | undefined): boolean {
  const got = gotOf(decision, expect);
  return (
    got === expect &&
    (rule === undefined || (decision.verdict !== 'bad-request' && decision.position === rule))
  );
}

/** What was got in the words of what was expected: a verdict, or the policy of the rule. */
export function gotOf(decision: Decision, expect: Expectation): Expectation {
  const isVerdict = VERDICTS.some(word => word === expect);
  return isVerdict || decision.verdict === 'bad-request' ? decision.verdict : decision.policy;
}

function resolve(
  asker: AskerSpec,
  file: TestFile,
  policy: PolicyView,
  report: (path: string, message: string) => void,
): Who | undefined {
  if (asker.user === '') return NOBODY;
  const found = findWho(policy, asker.user, asker.groups, asker.level);
  if (found.ok) return found.who;
  const subject = suggest(asker.user, file.subjectNames);
  report(
    asker.path,
    subject === undefined
      ? `user \`${asker.user}\` ${found.message}`
      : `\`${asker.user}\` is neither a subject nor a user, did you mean \`${subject}\`?`,
  );
  return undefined;
}
