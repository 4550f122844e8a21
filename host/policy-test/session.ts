import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { ConfigError, type Problem } from '../config/problem.ts';
import { readTextFile } from '../config/read-file.ts';
import { openPolicy, type PolicyView } from '../explain/policy-view.ts';
import type { Engine, Explainer } from '../policy/engine.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { parseTestFile } from './parse.ts';
import { type FileResult, runTests } from './run.ts';

export interface SessionOptions {
  readonly env: Environment;
  readonly createEngine: () => Engine & Explainer;
  /** Replaces the configuration that the test files name. */
  readonly config: string | undefined;
  readonly readFile?: (file: string) => Uint8Array;
}

/** Everything that one run of all files found out. */
export interface SessionResult {
  readonly files: readonly FileResult[];
  /** Of files that could not be used; their tests did not run. */
  readonly problems: readonly Problem[];
  /** One for each policy. */
  readonly coverage: readonly Coverage[];
  readonly passed: number;
  readonly failed: number;
  readonly requests: number;
}

/** Runs all files; each policy is opened once. */
export function runSession(files: readonly string[], options: SessionOptions): SessionResult {
  const policies = new Map<string, PolicyView | ConfigError>();
  const results: FileResult[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    try {
      results.push(runFile(file, policies, options));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) {
        // Several files may use one broken policy.
        if (!problems.includes(problem)) problems.push(problem);
      }
    }
  }
  const tests = results.flatMap(result => result.tests);
  return {
    files: results,
    problems,
    coverage: coverageOf(results),
    passed: tests.filter(test => test.passed).length,
    failed: tests.filter(test => !test.passed).length,
    requests: tests.reduce((sum, test) => sum + test.cases.length, 0),
  };
}

function runFile(
  file: string,
  policies: Map<string, PolicyView | ConfigError>,
  options: SessionOptions,
): FileResult {
  const text = readTextFile(file, options.readFile ?? readFileSync);
  if (!text.ok) throw new ConfigError([text.problem]);
  const parsed = parseTestFile(file, text.text);
  const config = options.config ?? besides(file, parsed.config);
  if (config === undefined) {
    throw new ConfigError([
      {
        code: 'test.missing',
        severity: 'error',
        path: 'config',
        message:
          "missing: name the file whose rules are tested, for example `config: 'postern.yml'`, or give --config",
        file,
      },
    ]);
  }
  return runTests(parsed, policyOf(config, policies, options));
}

function policyOf(
  config: string,
  policies: Map<string, PolicyView | ConfigError>,
  options: SessionOptions,
): PolicyView {
  const key = resolve(config);
  const known = policies.get(key);
  if (known instanceof ConfigError) throw known;
  if (known !== undefined) return known;
  try {
    const policy = openPolicy(config, options);
    policies.set(key, policy);
    return policy;
  } catch (error) {
    if (error instanceof ConfigError) policies.set(key, error);
    throw error;
  }
}

/** A path as the test file means it. */
function besides(file: string, config: string | undefined): string | undefined {
  if (config === undefined || isAbsolute(config)) return config;
  return join(dirname(file), config);
}
