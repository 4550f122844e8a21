import { resolve } from 'node:path';
import { parseConfig } from '../config/parse.ts';
import { ConfigError, inOrder } from '../config/problem.ts';
import { readTextFile } from '../config/read-file.ts';
import { TokenDigests } from '../tokens/digests.ts';
import { parseUsers } from '../users/parse-users.ts';
import { UserIndex } from '../users/search.ts';
import { CommandError, type Io } from './io.ts';
import { DEFAULT_CONFIG, optionalConfigFile } from './options.ts';

export interface SourceOptions {
  readonly config?: string;
  readonly file?: string;
}

/** Where the tokens are, and what else of the configuration commands about them need. */
export interface TokenSource {
  readonly file: string;
  readonly usageFile: string;
  /** Whether a user is found by this name; false when the users file is not known or cannot be read. */
  isUser(name: string): boolean;
  /** Keyed by the root secret: throws when that is not to be had. */
  digests(): TokenDigests;
}

/** From `--file`, else from `tokens.file` of the configuration. The root secret is not missed until it is asked for. */
export function tokenSource(options: SourceOptions, io: Io): TokenSource {
  const path = optionalConfigFile(options.config, io);
  // `--file` alone needs no configuration: not even a broken one stands in the way.
  const isAlone = options.file !== undefined && options.config === undefined;
  const yaml = path === undefined ? undefined : readTextFile(path);
  if (yaml?.ok === false && !isAlone) throw new ConfigError([yaml.problem]);
  const { config, problems } = parseConfig({
    yaml: path === undefined || yaml?.ok !== true ? undefined : { file: path, text: yaml.text },
    env: io.env,
    isTerminal: io.stdout.isTTY,
  });
  const errors = problems.filter(problem => problem.severity === 'error');
  const isSecret = (code: string) => code.startsWith('secret.');
  const others = errors.filter(problem => !isSecret(problem.code));
  if (others.length > 0 && !isAlone) throw new ConfigError(inOrder(others));

  const file = options.file === undefined ? config.tokens?.file : resolve(options.file);
  if (file === undefined) {
    throw new CommandError(
      `there is no tokens file: write \`tokens:\` and below it \`file: tokens.yml\` into ${path ?? DEFAULT_CONFIG}, or name one with --file`,
    );
  }
  return {
    file,
    usageFile: config.tokens?.file === file ? config.tokens.usageFile : `${file}.used`,
    isUser(name) {
      const text = config.usersFile === undefined ? undefined : readTextFile(config.usersFile);
      if (config.usersFile === undefined || text?.ok !== true) return false;
      const { users } = parseUsers(config.usersFile, text.text, config.usersSearch);
      return new UserIndex(users, config.usersSearch).find(name) !== undefined;
    },
    digests() {
      if (config.secret === undefined) {
        throw new ConfigError(inOrder(errors.filter(problem => isSecret(problem.code))));
      }
      return new TokenDigests([config.secret]);
    },
  };
}
