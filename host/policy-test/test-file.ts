/**
 * A file of policy tests, read and not yet asked. Shapes as in
 * `docs/policy-tests.md`.
 */
export interface TestFile {
  readonly file: string;
  /** Of the configuration, as written; undefined when the file names none. */
  readonly config: string | undefined;
  readonly tests: readonly TestSpec[];
  /** Names in `subjects`, for suggestions. */
  readonly subjectNames: readonly string[];
  /** Line of a path in the file. */
  lineOf(path: string): number | undefined;
}

/** One entry of `tests`: every request is made as everybody. */
export interface TestSpec {
  readonly name: string;
  /** Path of the entry in its file, e.g. `tests[2]`. */
  readonly path: string;
  readonly line: number | undefined;
  readonly requests: readonly RequestSpec[];
  readonly as: readonly AskerSpec[];
  readonly expect: Expectation;
  /** Position of the rule that must decide, 0 for the default policy; undefined when any may. */
  readonly rule: number | undefined;
}

export interface RequestSpec {
  readonly url: string;
  readonly method: string;
  /** Empty when it is not known. */
  readonly ip: string;
  readonly path: string;
}

export interface AskerSpec {
  /** Empty for nobody. */
  readonly user: string;
  /** Undefined: those of the users file. */
  readonly groups: readonly string[] | undefined;
  readonly level: 1 | 2;
  /** Where it stands, for problems that the users file shows. */
  readonly path: string;
}

/** What the visitor gets. */
export const VERDICTS = ['allow', 'challenge', 'forbid', 'bad-request'] as const;
/** What the rule demands: Authelia's words. */
export const POLICIES = ['bypass', 'one_factor', 'two_factor', 'deny'] as const;
export const EXPECTATIONS = [...VERDICTS, ...POLICIES] as const;
export type Expectation = (typeof EXPECTATIONS)[number];

/** Lists multiply; beyond this somebody has multiplied by mistake. */
export const MAX_REQUESTS = 100_000;
