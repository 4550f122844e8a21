import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { loadSetup, type UsersSetup } from '../config/load.ts';
import type { Setup, StorageSetup } from '../config/schema.ts';
import { openStore } from '../store/open.ts';
import { type Store, StoreError } from '../store/store.ts';
import { CommandError, type Io } from './io.ts';
import { nameOf, optionalConfigFile, withHint } from './options.ts';

/** Opens the database that the configuration names, for one command. */
export async function withSessions<T>(
  configFile: string | undefined,
  io: Io,
  act: (store: Store, setup: Setup & UsersSetup) => Promise<T>,
): Promise<T> {
  const file = optionalConfigFile(configFile, io);
  const { config } = withHint(file, io, () => loadSetup(file, { env: io.env, isTerminal: io.stdout.isTTY }));
  const { storage, secret, previousSecret } = config;
  if (storage === undefined) {
    throw new CommandError(
      `${nameOf(file)} has no \`storage\`, so there are no sessions: write \`storage: { local: { path: '/var/lib/postern/postern.sqlite3' } }\` and start the service anew`,
    );
  }
  refuseMissing(storage);
  try {
    const store = await openStore(storage, { secret, previousSecret, random: randomBytes });
    try {
      return await act(store, config);
    } finally {
      await store.close();
    }
  } catch (error) {
    throw error instanceof StoreError ? new CommandError(error.message) : error;
  }
}

/**
 * For commands to which a new, empty database would be a wrong answer: that nobody
 * is signed in, or that everybody was signed out, where the path is not the service's.
 */
export function refuseMissing(storage: StorageSetup): void {
  if (storage.kind !== 'sqlite' || existsSync(storage.path)) return;
  throw new CommandError(
    `there is no database at ${storage.path} (\`storage.local.path\`): correct the path; the service makes it when it starts, as does \`postern storage migrate\``,
  );
}
