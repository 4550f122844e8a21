import { createAccounts } from './accounts.ts';
import { ask } from './ask.ts';
import { createBans } from './bans.ts';
import { openDataKey, type Secrets } from './data-key.ts';
import { openDatabase, ping, type StoreSettings } from './database.ts';
import { createFactors } from './factors.ts';
import { migrate } from './migrations.ts';
import { createSessions } from './sessions.ts';
import type { Store } from './store.ts';

export interface StoreDeps extends Secrets {
  readonly random: (bytes: number) => Uint8Array;
}

/** Opens the database, brings its tables up to date and its data key out; rejects with `StoreError`. */
export async function openStore(settings: StoreSettings, deps: StoreDeps): Promise<Store> {
  const db = await ask(() => openDatabase(settings));
  try {
    const schema = settings.kind === 'postgres' && settings.schema !== 'public' ? settings.schema : undefined;
    await ask(() => migrate(db, settings.kind, schema));
    const columns = await ask(() => openDataKey(db, deps, deps.random));
    return {
      kind: settings.kind,
      sessions: createSessions(db, columns),
      factors: createFactors(db, columns),
      bans: createBans(db),
      accounts: createAccounts(db),
      sweep: now =>
        ask(async () => {
          await db.deleteFrom('sessions').where('expires_at', '<=', now).execute();
          await db.deleteFrom('bans').where('until', '<=', now).execute();
        }),
      ping: () => ask(() => ping(db)),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy().catch(() => {});
    throw error;
  }
}
