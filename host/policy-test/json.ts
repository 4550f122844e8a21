import { decisionJson } from '../explain/json.ts';
import type { SessionResult } from './session.ts';

/** The result for programs. Problems are there too, so that one document says all. */
export function jsonReport(result: SessionResult): string {
  const { files, problems, coverage, passed, failed, requests } = result;
  const report = {
    ok: failed === 0 && problems.length === 0,
    passed,
    failed,
    requests,
    files: files.map(({ file, policy, tests }) => ({
      file,
      config: policy.file,
      tests: tests.map(({ spec, cases, passed: ok }) => ({
        name: spec.name,
        line: spec.line ?? null,
        passed: ok,
        expect: spec.expect,
        ...(spec.rule === undefined ? {} : { rule: spec.rule }),
        cases: cases.map(one => ({
          url: one.request.url,
          method: one.request.method,
          ip: one.request.ip || null,
          passed: one.passed,
          got: decisionJson(one.answer),
        })),
      })),
    })),
    coverage: coverage.map(({ policy, reached, missed, fallbackReached, percent }) => ({
      config: policy.file,
      rules: policy.rules.length,
      reached,
      percent,
      missed: missed.map(({ position, file, line }) => ({ position, file, line: line ?? null })),
      default_policy_reached: fallbackReached,
    })),
    problems,
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
