import type { Engine } from '../policy/engine.ts';
import type { Environment } from './environment.ts';
import { type Parsed, parseConfig } from './parse.ts';
import { ConfigError, inOrder, type Problem } from './problem.ts';
import { readTextFile } from './read-file.ts';
import type { Config, Setup, UserSearch } from './schema.ts';

export interface LoadOptions {
  readonly env: Environment;
  /** Whether a person reads the log. */
  readonly isTerminal: boolean;
  /** Reads the configuration and files of secrets; default from the disk. */
  readonly readFile?: (file: string) => Uint8Array;
}

export interface LoadConfigOptions extends LoadOptions {
  readonly engine?: Pick<Engine, 'compile'>;
  /** What is wrong with the users file (`checkUsersFile`). */
  readonly checkUsers?: (file: string, search: UserSearch) => readonly Problem[];
}

export interface Loaded<T> {
  readonly config: T;
  readonly warnings: readonly Problem[];
  /** Gives a problem of the policy the file and line of its path. */
  locate(problem: Problem): Problem;
}

/**
 * Everything `serve` needs, or `ConfigError` with every problem of the
 * configuration, the secrets, the policy and the users file together, as far
 * as the options say who knows about the last two.
 */
export function loadConfig(file: string, options: LoadConfigOptions): Loaded<Config> {
  const parsed = parseFile(file, options);
  const problems = [...parsed.problems];
  const { config } = parsed;
  // After a syntax error nothing was read: that more is missing would be noise.
  const readable = !problems.some(problem => problem.code.startsWith('yaml.'));
  if (readable && options.engine !== undefined) {
    const compiled = options.engine.compile(config.policy);
    const known = new Set(problems.map(problem => problem.path));
    for (const problem of (compiled.ok ? compiled.warnings : compiled.problems).map(parsed.locate)) {
      if (!known.has(problem.path)) problems.push(problem);
    }
  }
  if (config.usersFile !== undefined) {
    problems.push(...(options.checkUsers?.(config.usersFile, config.usersSearch) ?? []));
  } else if (readable && !problems.some(problem => USERS_PATH.test(problem.path))) {
    problems.push(
      parsed.locate({
        code: 'config.missing',
        severity: 'error',
        path: 'authentication_backend.file.path',
        message: "missing: write the path of the users file, for example `path: 'users.yml'`",
      }),
    );
  }
  const warnings = split(problems);
  if (config.file === undefined || config.usersFile === undefined || config.secret === undefined) {
    throw new TypeError('a configuration without errors is complete');
  }
  return {
    config: { ...config, file: config.file, usersFile: config.usersFile, secret: config.secret },
    warnings,
    locate: parsed.locate,
  };
}

const USERS_PATH = /^(authentication_backend(\.file(\.path)?)?|POSTERN_AUTHENTICATION_BACKEND_FILE_PATH)$/;

/** What commands need that run beside the service: users and policy are not looked at. */
export function loadSetup(file: string | undefined, options: LoadOptions): Loaded<Setup> {
  const parsed = parseFile(file, options);
  const warnings = split(parsed.problems);
  const { config } = parsed;
  if (config.secret === undefined) throw new TypeError('a configuration without errors is complete');
  return { config: { ...config, secret: config.secret }, warnings, locate: parsed.locate };
}

function parseFile(file: string | undefined, options: LoadOptions): Parsed {
  if (file === undefined) return parseConfig({ yaml: undefined, ...options });
  const text = readTextFile(file, options.readFile);
  if (!text.ok) throw new ConfigError([text.problem]);
  return parseConfig({ yaml: { file, text: text.text }, ...options });
}

/** Throws the errors, in the order of the file, or gives the warnings back. */
function split(problems: readonly Problem[]): Problem[] {
  const errors = problems.filter(problem => problem.severity === 'error');
  if (errors.length > 0) throw new ConfigError(inOrder(errors));
  return inOrder(problems);
}
