import { randomBytes } from 'node:crypto';
import { loadSetup } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import type { UserSearch } from '../config/schema.ts';
import { shown } from '../config/values.ts';
import { printable } from '../log/printable.ts';
import { openStore } from '../store/open.ts';
import { type BanStore, StoreError } from '../store/store.ts';
import { openFileDirectory } from '../users/file-directory.ts';
import { foldAscii, userNameProblem } from '../users/names.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { nameOf, optionalConfigFile, withHint } from './options.ts';

export interface BanSetup {
  readonly bans: BanStore;
  /** Undefined without one. */
  readonly usersFile: string | undefined;
  readonly usersSearch: UserSearch;
}

/** Opens the database that the configuration names, for one command. */
export async function withBans<T>(
  configFile: string | undefined,
  io: Io,
  act: (setup: BanSetup) => Promise<T>,
): Promise<T> {
  const file = optionalConfigFile(configFile, io);
  const { config } = withHint(file, io, () => loadSetup(file, { env: io.env, isTerminal: io.stdout.isTTY }));
  const { storage, secret, previousSecret, usersFile, usersSearch } = config;
  if (storage === undefined) {
    throw new CommandError(
      `${nameOf(file)} has no \`storage\`: bans that operators see and end are kept in a database. Write \`storage: { local: { path: '/var/lib/postern/postern.sqlite3' } }\` and start the service anew; without it, bans for failed attempts end by themselves after \`regulation.ban_time\``,
    );
  }
  try {
    const store = await openStore(storage, { secret, previousSecret, random: randomBytes });
    try {
      return await act({ bans: store.bans, usersFile, usersSearch });
    } finally {
      await store.close();
    }
  } catch (error) {
    throw error instanceof StoreError ? new CommandError(error.message) : error;
  }
}

/** For what can be nobody's name: the command was called wrongly. */
export function refuseNoName(name: string): void {
  const problem = userNameProblem(name);
  if (problem === undefined) return;
  throw new CommandError(`${printable(shown(name))} is no user: ${problem}`, EXIT_USAGE);
}

/** The account's own name: bans are of accounts, by whatever name somebody signs in. */
export function accountNamed(
  name: string,
  { usersFile, usersSearch }: Pick<BanSetup, 'usersFile' | 'usersSearch'>,
  io: Io,
): string {
  refuseNoName(name);
  const typed = usersSearch.caseInsensitive ? foldAscii(name) : name;
  if (usersFile === undefined) return typed;
  try {
    const directory = openFileDirectory(usersFile, { watch: false, search: usersSearch });
    const found = directory.find(name)?.principal.username;
    directory.close();
    if (found !== undefined) return found;
    io.stderr.write(`note: there is no user \`${typed}\` now\n`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr.write(`note: the users file cannot be used, so \`${typed}\` is taken as it is\n`);
  }
  return typed;
}
