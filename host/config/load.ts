import type { Engine, PolicyDocument } from '../policy/engine.ts';
import type { Environment } from './environment.ts';
import { type Parsed, parseConfig } from './parse.ts';
import type { PasswordPolicy } from './password-policy.ts';
import { ConfigError, inOrder, type Problem } from './problem.ts';
import { readTextFile } from './read-file.ts';
import type { Config, Setup, StorageSetup, UserSearch } from './schema.ts';

export interface LoadOptions {
  readonly env: Environment;
  /** Whether a person reads the log. */
  readonly isTerminal: boolean;
  /** Reads the configuration and files of secrets; default from the disk. */
  readonly readFile?: (file: string) => Uint8Array;
}

type LineOf = (path: string) => number | undefined;
export type Lint = (policy: PolicyDocument, lineOf: LineOf) => readonly Problem[];

export interface LoadConfigOptions extends LoadOptions {
  readonly engine?: Pick<Engine, 'compile'>;
  /** What is wrong with the users file (`checkUsersFile`). */
  readonly checkUsers?: (file: string, search: UserSearch) => readonly Problem[];
  /** Warnings about rules that compile and yet say something else than was meant (`host/lint`). */
  readonly lint?: Lint;
}

export interface Loaded<T> {
  readonly config: T;
  readonly warnings: readonly Problem[];
  /** Gives a problem of the policy the file and line of its path. */
  locate(problem: Problem): Problem;
}

/** A configuration as far as it can be read, with everything that is wrong in it. */
export interface Examined {
  readonly config: Parsed['config'];
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  locate(problem: Problem): Problem;
}

/**
 * Every problem of the configuration, the secrets, the policy and the users file
 * together, as far as the options say who knows about the last two.
 */
export function examineConfig(file: string, options: LoadConfigOptions): Examined {
  const parsed = parseFile(file, options);
  const problems = [...parsed.problems, ...policyProblems(parsed, options)];
  const { config } = parsed;
  if (config.usersFile !== undefined) {
    problems.push(...(options.checkUsers?.(config.usersFile, config.usersSearch) ?? []));
  } else if (
    parsed.isWhole('authentication_backend') &&
    !problems.some(problem => USERS_PATH.test(problem.path))
  ) {
    problems.push(
      parsed.locate({
        code: 'config.missing',
        severity: 'error',
        path: 'authentication_backend.file.path',
        message: "missing: write the path of the users file, for example `path: 'users.yml'`",
      }),
    );
  }
  return { config, problems: inOrder(problems), locate: parsed.locate };
}

/** What the engine and the lint say about the rules. */
function policyProblems(parsed: Parsed, options: LoadConfigOptions): Problem[] {
  // Behind broken YAML a rule may look as if something were missing that is there.
  if (options.engine === undefined || !parsed.isWhole('access_control')) return [];
  const { policy } = parsed.config;
  const compiled = options.engine.compile(policy);
  const known = new Set(parsed.problems.map(problem => problem.path));
  const problems = (compiled.ok ? compiled.warnings : compiled.problems)
    .map(parsed.locate)
    .filter(problem => !known.has(problem.path));
  const lineOf = (path: string) => parsed.locate({ code: '', severity: 'warning', path, message: '' }).line;
  problems.push(...lint(options.lint, policy, lineOf).map(parsed.locate));
  return problems;
}

/** Advice never stops a start: a mistake of ours in it is a warning, too. */
function lint(look: Lint | undefined, policy: PolicyDocument, lineOf: LineOf): readonly Problem[] {
  try {
    return look?.(policy, lineOf) ?? [];
  } catch (error) {
    const name = error instanceof Error ? error.name : 'no error';
    const message = `the rules could not be looked through for a reason that is a mistake of Postern (${name}): report it`;
    return [{ code: 'lint.unexpected', severity: 'warning', path: 'access_control', message }];
  }
}

/** Everything `serve` needs, or `ConfigError` with every problem that `examineConfig` finds. */
export function loadConfig(file: string, options: LoadConfigOptions): Loaded<Config> {
  const { config, problems, locate } = examineConfig(file, options);
  const warnings = split(problems);
  if (config.file === undefined || config.usersFile === undefined || config.secret === undefined) {
    throw new TypeError('a configuration without errors is complete');
  }
  return {
    config: { ...config, file: config.file, usersFile: config.usersFile, secret: config.secret },
    warnings,
    locate,
  };
}

const USERS_PATH = /^(authentication_backend(\.file(\.path)?)?|POSTERN_AUTHENTICATION_BACKEND_FILE_PATH)$/;

/** Where users are, as far as the configuration says it. */
export type UsersSetup = Pick<Parsed['config'], 'usersFile' | 'usersSearch'>;

/** What commands need that run beside the service: users and policy are not looked at. */
export function loadSetup(file: string | undefined, options: LoadOptions): Loaded<Setup & UsersSetup> {
  const parsed = parseFile(file, options);
  const warnings = split(parsed.problems);
  const { config } = parsed;
  if (config.secret === undefined) throw new TypeError('a configuration without errors is complete');
  return { config: { ...config, secret: config.secret }, warnings, locate: parsed.locate };
}

/** What commands about the database need: that, and the root secret. */
export function loadStorage(
  file: string | undefined,
  options: LoadOptions,
): Pick<Setup, 'secret' | 'previousSecret'> & { readonly storage: StorageSetup } {
  const parsed = parseFile(file, options);
  const { setup, problems } = parsed.storage();
  split([...parsed.problems, ...problems]);
  const { secret, previousSecret } = parsed.config;
  if (secret === undefined || setup === undefined) {
    throw new TypeError('a configuration without errors is complete');
  }
  return { secret, previousSecret, storage: setup };
}

/** What passwords must be like that are set; what is wrong elsewhere stops nobody. Undefined for anything. */
export function loadPasswordPolicy(
  file: string | undefined,
  options: LoadOptions,
): PasswordPolicy | undefined {
  const parsed = parseFile(file, options);
  const concerns = ({ path }: Problem) => /^(password_policy\b|POSTERN_PASSWORD_POLICY_)/.test(path);
  const isWhole = parsed.isWhole('password_policy');
  split(parsed.problems.filter(problem => concerns(problem) || (!isWhole && problem.severity === 'error')));
  return parsed.config.passwordPolicy;
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
