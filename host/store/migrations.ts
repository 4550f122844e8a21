import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AlterTableBuilder,
  AlterTableColumnAlteringBuilder,
  Kysely,
  Migration,
  MigrationProvider,
  sql as Sql,
} from 'kysely';
import { StoreError } from './store.ts';
import type { Tables } from './tables.ts';

type Kind = 'sqlite' | 'postgres';

/**
 * By name, in the order they are run in. SQLite changes tables outside of any
 * transaction: each step may find its work done, by a run that was cut short or
 * another host's. One that was released is never changed: what it got
 * wrong the next puts right.
 */
function migrations(kind: Kind, sql: typeof Sql): Record<string, Migration> {
  const bytes = kind === 'postgres' ? sql`bytea` : sql`blob`;
  const time = kind === 'postgres' ? sql`bigint` : sql`integer`;
  return {
    '0001-first': {
      async up(db: Kysely<unknown>) {
        await db.schema
          .createTable('data_keys')
          .ifNotExists()
          .addColumn('id', 'integer', column => column.primaryKey())
          .addColumn('wrapped', bytes, column => column.notNull())
          .execute();
        await db.schema
          .createTable('accounts')
          .ifNotExists()
          .addColumn('username', 'text', column => column.primaryKey())
          .addColumn('sign_outs', 'integer', column => column.notNull().defaultTo(0))
          .addColumn('preferred', 'text')
          .execute();
        await db.schema
          .createTable('sessions')
          .ifNotExists()
          .addColumn('id', 'text', column => column.primaryKey())
          .addColumn('username', 'text', column => column.notNull())
          .addColumn('domain', 'text', column => column.notNull())
          .addColumn('level', 'integer', column => column.notNull())
          .addColumn('created_at', time, column => column.notNull())
          .addColumn('expires_at', time, column => column.notNull())
          .addColumn('active_at', time, column => column.notNull())
          .addColumn('remember', 'integer', column => column.notNull())
          .addColumn('details', bytes, column => column.notNull())
          .execute();
        await db.schema
          .createIndex('sessions_username')
          .ifNotExists()
          .on('sessions')
          .column('username')
          .execute();
        await db.schema
          .createIndex('sessions_expires_at')
          .ifNotExists()
          .on('sessions')
          .column('expires_at')
          .execute();
        await db.schema
          .createTable('totp_devices')
          .ifNotExists()
          .addColumn('id', 'text', column => column.primaryKey())
          .addColumn('username', 'text', column => column.notNull())
          .addColumn('name', 'text', column => column.notNull())
          .addColumn('secret', bytes, column => column.notNull())
          .addColumn('algorithm', 'text', column => column.notNull())
          .addColumn('digits', 'integer', column => column.notNull())
          .addColumn('period', 'integer', column => column.notNull())
          .addColumn('last_step', time, column => column.notNull())
          .addColumn('created_at', time, column => column.notNull())
          .execute();
        await db.schema
          .createIndex('totp_devices_username')
          .ifNotExists()
          .on('totp_devices')
          .column('username')
          .execute();
        await db.schema
          .createTable('recovery_codes')
          .ifNotExists()
          .addColumn('username', 'text', column => column.notNull())
          .addColumn('digest', 'text', column => column.notNull())
          .addPrimaryKeyConstraint('recovery_codes_key', ['username', 'digest'])
          .execute();
        await db.schema
          .createTable('bans')
          .ifNotExists()
          .addColumn('kind', 'text', column => column.notNull())
          .addColumn('subject', 'text', column => column.notNull())
          .addColumn('until', time)
          .addColumn('reason', 'text', column => column.notNull())
          .addColumn('created_at', time, column => column.notNull())
          .addPrimaryKeyConstraint('bans_key', ['kind', 'subject'])
          .execute();
      },
    },
    '0002-revocations': {
      async up(db: Kysely<unknown>) {
        await addColumns(db, 'sessions', table => [
          // No session fits an empty one: what is there from before ends.
          table.addColumn('password', 'text', column => column.notNull().defaultTo('')),
          table.addColumn('parent', 'text'),
        ]);
        await db.schema
          .createIndex('sessions_parent')
          .ifNotExists()
          .on('sessions')
          .column('parent')
          .execute();
        const seq = kind === 'postgres' ? 'bigserial' : 'integer';
        await db.schema
          .createTable('revocations')
          .ifNotExists()
          .addColumn('seq', seq, column =>
            kind === 'postgres' ? column.primaryKey() : column.primaryKey().autoIncrement(),
          )
          .addColumn('username', 'text')
          .addColumn('teller', 'text', column => column.notNull())
          .addColumn('at', time, column => column.notNull())
          .execute();
        await db.schema.createIndex('revocations_at').ifNotExists().on('revocations').column('at').execute();
      },
    },
    '0003-ban-source': {
      async up(db: Kysely<unknown>) {
        await addColumns(db, 'bans', table => [
          table.addColumn('source', 'text', column => column.notNull().defaultTo('operator')),
        ]);
      },
    },
    // Counters of sign-outs, which `revocations` came in the place of, and a preference that nothing asked for.
    '0004-without-accounts': {
      async up(db: Kysely<unknown>) {
        await db.schema.dropTable('accounts').ifExists().execute();
      },
    },
  };
}

/** One statement each: SQLite adds one column at a time. */
async function addColumns(
  db: Kysely<unknown>,
  table: string,
  columns: (builder: AlterTableBuilder) => readonly AlterTableColumnAlteringBuilder[],
): Promise<void> {
  for (const column of columns(db.schema.alterTable(table))) {
    try {
      await column.execute();
    } catch (error) {
      // There already, by a run that was cut short. PostgreSQL undoes such a run as a whole.
      if (!(error instanceof Error && error.message.includes('duplicate column name'))) throw error;
    }
  }
}

/** PostgreSQL's; SQLite has none. */
const PUBLIC = 'public';

/** Authelia's tables have other names than ours, and two programs in one database would keep each other's backups. */
async function refuseAuthelias(db: Kysely<Tables>, schema: string | undefined): Promise<void> {
  const tables = await db.introspection.getTables();
  const own = tables.filter(table => (table.schema ?? PUBLIC) === (schema ?? PUBLIC));
  const names = own.map(({ name }) => name);
  if (!names.includes('authentication_logs') || !names.includes('totp_configurations')) return;
  throw new StoreError(
    'ERR_STORE_CONFLICT',
    "the database is Authelia's: name another file or database below `storage`; second factors are registered anew",
  );
}

/** Two hosts that start on one file come in each other's way once. */
const ATTEMPTS = 5;
const PAUSE_MS = 100;

/** Brings the tables up to date. Hosts that start together wait for each other. */
export async function migrate(db: Kysely<Tables>, kind: Kind, schema?: string): Promise<void> {
  const { Migrator, sql } = await import('kysely');
  await refuseAuthelias(db, schema);
  const provider: MigrationProvider = { getMigrations: async () => migrations(kind, sql) };
  const migrator = new Migrator({
    db,
    provider,
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  for (let attempt = 1; ; attempt++) {
    const { error } = await migrator.migrateToLatest();
    if (error === undefined) return;
    const message = error instanceof Error ? error.message : String(error);
    if (message.includes('previously executed migration')) {
      throw newer();
    }
    // PostgreSQL has a lock for it.
    if (kind === 'postgres' || attempt === ATTEMPTS) throw error;
    await sleep(PAUSE_MS);
  }
}

/** For who leaves the tables as they are: older ones will do, of newer ones this version does not know all. */
export async function refuseNewer(db: Kysely<Tables>, kind: Kind): Promise<void> {
  const { sql } = await import('kysely');
  const known = migrations(kind, sql);
  const done = await (db as unknown as Kysely<{ kysely_migration: { name: string } }>)
    .selectFrom('kysely_migration')
    .select('name')
    .execute();
  if (!done.every(({ name }) => Object.hasOwn(known, name))) throw newer();
}

function newer(): StoreError {
  return new StoreError(
    'ERR_STORE_NEWER',
    'the database was made by a newer version of Postern: run that version, or restore a backup of this one',
  );
}
