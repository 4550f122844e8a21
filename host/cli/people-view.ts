import { existsSync } from 'node:fs';
import { formatDuration } from '../config/duration.ts';
import type { Setup, StorageSetup } from '../config/schema.ts';
import type { PeopleView } from '../doctor/observation.ts';
import { createNotifier } from '../notifier/create.ts';
import { NotifierError } from '../notifier/notifier.ts';
import { ask } from '../store/ask.ts';
import { openDatabase, ping } from '../store/database.ts';
import { StoreError } from '../store/store.ts';

/** Looks at what people sign in by; undefined where nobody does. Nothing is changed, no message sent. */
export async function viewPeople(config: Setup): Promise<PeopleView | undefined> {
  const { cookies = [], storage, totp, notifier, regulation } = config;
  const addresses = cookies.flatMap(({ signInUrl }) => (signInUrl === undefined ? [] : [signInUrl]));
  if (addresses.length === 0 && storage === undefined && notifier === undefined) return undefined;
  const isOn = storage !== undefined;
  return {
    portals: isOn ? [...new Set(addresses)] : [],
    withoutStorage: isOn ? [] : cookies.flatMap(({ domain, signInUrl }) => (signInUrl ? [domain] : [])),
    database: isOn ? { kind: storage.kind, problem: await databaseProblem(storage) } : undefined,
    hasSecondFactor: totp !== undefined,
    notifier: notifier && { kind: notifier.kind, problem: await notifierProblem(config) },
    regulation: regulation === undefined ? undefined : regulationText(regulation),
  };
}

async function databaseProblem(storage: StorageSetup): Promise<string | undefined> {
  // Opening would make it.
  if (storage.kind === 'sqlite' && !existsSync(storage.path))
    return `there is no database at ${storage.path} yet`;
  try {
    const db = await ask(() => openDatabase(storage));
    try {
      await ask(() => ping(db));
    } finally {
      await db.destroy();
    }
    return undefined;
  } catch (error) {
    if (error instanceof StoreError) return error.message;
    throw error;
  }
}

async function notifierProblem({ notifier }: Setup) {
  try {
    await createNotifier(notifier, Date.now)?.check();
    return undefined;
  } catch (error) {
    if (error instanceof NotifierError) return { message: error.message, hint: error.hint };
    throw error;
  }
}

function regulationText({ maxRetries, findSeconds, banSeconds, modes }: NonNullable<Setup['regulation']>) {
  if (maxRetries === 0) return undefined;
  const who = modes.map(mode => (mode === 'user' ? 'the account' : 'the address')).join(' and ');
  return `${maxRetries} failed attempts within ${formatDuration(findSeconds)} ban ${who} for ${formatDuration(banSeconds)}`;
}
