import { readFileSync } from 'node:fs';
import type { Engine, PolicyDocument } from '../policy/engine.ts';
import type { Environment } from './environment.ts';
import { parseConfig } from './parse.ts';
import { ConfigError, inOrder, type Problem } from './problem.ts';
import { readTextFile } from './read-file.ts';
import type { UserSearch } from './schema.ts';

export interface PolicyOptions {
  readonly env: Environment;
  readonly engine: Pick<Engine, 'compile'>;
  /** Reads the configuration; tools that follow changes want to know which files were read. */
  readonly readFile?: (file: string) => Uint8Array;
}

/** A configuration as far as its rules and users go. */
export interface LoadedPolicy {
  readonly document: PolicyDocument;
  /** Compiled. */
  readonly image: Uint8Array;
  /** Absolute; undefined when the configuration names none. */
  readonly usersFile: string | undefined;
  readonly usersSearch: UserSearch;
  /** Of service accounts; undefined when the configuration names none. */
  readonly tokensFile: string | undefined;
  /** Gives a problem of the policy the file and line of its path. */
  locate(problem: Problem): Problem;
}

/** Rules are looked at where no secret is: on a workstation, in CI. */
const SECRET_PATH = /^(POSTERN_SECRET|secret)(_previous)?(_file)?$/i;

/**
 * The policy as `serve` would read it, without need of a secret. Throws
 * `ConfigError` with every problem for which `serve` would not start, except
 * those of secrets and of the files of users and tokens.
 */
export function loadPolicy(file: string, options: PolicyOptions): LoadedPolicy {
  const text = readTextFile(file, options.readFile ?? readFileSync);
  if (!text.ok) throw new ConfigError([text.problem]);
  const env = Object.fromEntries(Object.entries(options.env).filter(([name]) => !SECRET_PATH.test(name)));
  const parsed = parseConfig({ yaml: { file, text: text.text }, env, isTerminal: false });
  const problems = parsed.problems.filter(problem => !SECRET_PATH.test(problem.path));
  // After a syntax error there are no rules to compile.
  if (problems.some(problem => problem.code.startsWith('yaml.'))) throw new ConfigError(inOrder(problems));
  const { policy, usersFile, usersSearch, tokens } = parsed.config;
  const compiled = options.engine.compile(policy);
  const known = new Set(problems.map(problem => problem.path));
  if (!compiled.ok) {
    for (const problem of compiled.problems.map(parsed.locate)) {
      if (!known.has(problem.path)) problems.push(problem);
    }
  }
  const errors = problems.filter(problem => problem.severity === 'error');
  if (errors.length > 0 || !compiled.ok) throw new ConfigError(inOrder(errors));
  return {
    document: policy,
    image: compiled.image,
    usersFile,
    usersSearch,
    tokensFile: tokens?.file,
    locate: parsed.locate,
  };
}
