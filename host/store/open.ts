import type { Kysely } from 'kysely';
import { GRANT_MAX_LIFETIME_MS } from '../../assembly/contract.ts';
import { ask } from './ask.ts';
import { createBans } from './bans.ts';
import { checkDataKey, openDataKey, type Secrets } from './data-key.ts';
import { openDatabase, ping, type StoreSettings } from './database.ts';
import { createFactors } from './factors.ts';
import { migrate, refuseNewer } from './migrations.ts';
import { createRevocations } from './revocations.ts';
import { createSessions } from './sessions.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

/** No grant lives longer, and a host that was away so long has none. Twice that, as clocks differ. */
const REVOCATIONS_KEPT_MS = 2 * GRANT_MAX_LIFETIME_MS;

const TELLER_LENGTH = 12;

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
    const teller = Buffer.from(deps.random(TELLER_LENGTH)).toString('base64url');
    return {
      kind: settings.kind,
      sessions: createSessions(db, columns, teller),
      factors: createFactors(db, columns),
      bans: createBans(db),
      revocations: createRevocations(db, teller),
      sweep: now =>
        ask(async () => {
          await db.deleteFrom('sessions').where('expires_at', '<=', now).execute();
          await db.deleteFrom('bans').where('until', '<=', now).execute();
          await db
            .deleteFrom('revocations')
            .where('at', '<=', now - REVOCATIONS_KEPT_MS)
            .execute();
        }),
      ping: () => ask(() => ping(db)),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy().catch(() => {});
    throw error;
  }
}

/** For a backup: nothing is brought up to date, so that there is one before that. */
export async function openAsItIs(settings: StoreSettings, secrets: Secrets): Promise<Kysely<Tables>> {
  const db = await ask(() => openDatabase(settings));
  try {
    await ask(() => checkDataKey(db, secrets));
    await ask(() => refuseNewer(db, settings.kind));
    return db;
  } catch (error) {
    await db.destroy().catch(() => {});
    throw error;
  }
}
