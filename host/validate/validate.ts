import { examineConfig, type Lint } from '../config/load.ts';
import { ConfigError, type Problem } from '../config/problem.ts';
import type { UserSearch } from '../config/schema.ts';
import type { Engine } from '../policy/engine.ts';

export interface ValidateOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly engine: Engine;
  readonly lint: Lint;
  readonly checkUsers: (file: string, search: UserSearch) => readonly Problem[];
  /** What is wrong with the tokens file, where the configuration names one. */
  readonly checkTokens?: (file: string) => readonly Problem[];
  /** Another users file than the configured one; false to look at none. */
  readonly users: string | false | undefined;
}

/** A configuration is looked at where no secret is: on a workstation, in CI. */
const NO_SECRET = 'secret.missing';
const USERS_KEY = 'authentication_backend.file.path';

/** Everything that is wrong with a configuration and its users, in the order of the files. */
export function validate(file: string, options: ValidateOptions): readonly Problem[] {
  const { env, engine, lint, users } = options;
  const checked = new Set<string>();
  const checkUsers = (configured: string, search: UserSearch): readonly Problem[] => {
    if (users === false) return [];
    const usersFile = users ?? configured;
    checked.add(usersFile);
    return options.checkUsers(usersFile, search);
  };
  try {
    const { config, problems } = examineConfig(file, { env, isTerminal: false, engine, lint, checkUsers });
    const found = problems.filter(
      problem => problem.code !== NO_SECRET && !(users !== undefined && isUsersMissing(problem)),
    );
    // As the users it may not be on this machine.
    if (config.tokens !== undefined && users !== false) {
      found.push(...(options.checkTokens?.(config.tokens.file) ?? []));
    }
    // Named here and not in the configuration, which may be a part of one.
    if (typeof users === 'string' && !checked.has(users)) {
      return [...found, ...options.checkUsers(users, config.usersSearch)];
    }
    return found;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function isUsersMissing({ code, path }: Problem): boolean {
  return code === 'config.missing' && path === USERS_KEY;
}
