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

/** A configuration is looked at where no secret is, on a workstation or in CI: that is told, and is no problem. */
const isNoSecret = ({ code, path }: Problem) => code === 'secret.missing' && path === 'POSTERN_SECRET';
const USERS_KEY = 'authentication_backend.file.path';

export interface Validated {
  /** Everything that is wrong with a configuration and its users, in the order of the files. */
  readonly problems: readonly Problem[];
  /** Neither the environment nor the configuration says where the root secret is: here `serve` would not start. */
  readonly hasNoSecret: boolean;
}

/** Throws for nothing that stands in a file: that is a problem. */
export function validate(file: string, options: ValidateOptions): Validated {
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
    const hasNoSecret = problems.some(isNoSecret);
    const found = problems.filter(
      problem => !isNoSecret(problem) && !(users !== undefined && isUsersMissing(problem)),
    );
    // As the users it may not be on this machine.
    if (config.tokens !== undefined && users !== false) {
      found.push(...(options.checkTokens?.(config.tokens.file) ?? []));
    }
    // Named here and not in the configuration, which may be a part of one.
    if (typeof users === 'string' && !checked.has(users)) {
      found.push(...options.checkUsers(users, config.usersSearch));
    }
    return { problems: found, hasNoSecret };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, hasNoSecret: false };
    throw error;
  }
}

function isUsersMissing({ code, path }: Problem): boolean {
  return code === 'config.missing' && path === USERS_KEY;
}
