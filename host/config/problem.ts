import { printable } from '../log/printable.ts';

/** One mistake in a configuration, said so that it can be mended. */
export interface Problem {
  /** Stable code, e.g. `acl.subject.prefix`. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** Path of the value, e.g. `access_control.rules[0].subject[0]`. */
  readonly path: string;
  /** What is wrong and what to write instead, lower case, no period. Never holds a secret. */
  readonly message: string;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** Lines to write instead, without what may be secret in them. */
  readonly mend?: string;
}

/** A configuration that cannot be used; carries every problem found. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** `postern.yml:12: access_control.rules[0].policy: must be …` */
export function formatProblem(problem: Problem): string {
  const where =
    problem.file === undefined
      ? ''
      : `${problem.file}${problem.line === undefined ? '' : `:${problem.line}`}: `;
  // Keys come from the file: one with control characters must not reach the terminal as it is.
  const path = problem.path === '' ? '' : `${printable(problem.path)}: `;
  return `${where}${path}${problem.message}`;
}

/** By file as they came, then by line: a reader mends a file from top to bottom. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map(problem => problem.file))];
  return problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0),
  );
}
