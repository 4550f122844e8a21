import { closeSync, openSync } from 'node:fs';
import type { Kysely } from 'kysely';
import type { StorageSetup } from '../config/schema.ts';
import { asSqliteDatabase } from './sqlite.ts';
import type { Tables } from './tables.ts';

export type StoreSettings = StorageSetup;
type SqliteSettings = Extract<StorageSetup, { kind: 'sqlite' }>;
type PostgresSettings = Extract<StorageSetup, { kind: 'postgres' }>;

/** What sessions and second factors take is little: more connections would only wait for each other. */
const MAX_CONNECTIONS = 10;
/** A database that is there answers in milliseconds; a request must not wait for one that is not. */
const CONNECT_MS = 1_000;
const QUERY_MS = 3_000;
/** Only we read it: names, mail addresses of sessions, and what is sealed. */
const FILE_MODE = 0o600;

/** What it needs is loaded when it is needed: most commands, and hosts without a database, do without. */
export async function openDatabase(settings: StoreSettings): Promise<Kysely<Tables>> {
  return settings.kind === 'sqlite' ? openSqlite(settings) : openPostgres(settings);
}

async function openSqlite({ path }: SqliteSettings): Promise<Kysely<Tables>> {
  const [{ default: Database }, { Kysely, SqliteDialect }] = await Promise.all([
    import('libsql'),
    import('kysely'),
  ]);
  // SQLite would make it by the umask; its companions follow the file's mode.
  closeSync(openSync(path, 'a', FILE_MODE));
  const database = new Database(path, { timeout: 0 });
  try {
    // What was answered is on the disk (FULL), and readers do not wait for writers (WAL). Who
    // waits for another process does so in `ask`.
    for (const pragma of ['journal_mode = wal', 'synchronous = full'])
      database.prepare(`pragma ${pragma}`).all();
  } catch (error) {
    database.close();
    throw error;
  }
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: asSqliteDatabase(database) }) });
}

/** int8, which holds our times and counters; all of them are exact in a double. */
const INT8 = 20;

async function openPostgres(settings: PostgresSettings): Promise<Kysely<Tables>> {
  const [{ default: pg }, { Kysely, PostgresDialect }] = await Promise.all([import('pg'), import('kysely')]);
  const { host, port, database, schema, username, password, tls } = settings;
  const pool = new pg.Pool({
    host,
    port,
    database,
    user: username,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { ssl: sslOptions(tls) }),
    application_name: 'postern',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    statement_timeout: QUERY_MS,
    keepAlive: true,
    allowExitOnIdle: true,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : (pg.types.getTypeParser as (o: number, f?: string) => never)(oid, format),
    },
  });
  // A connection that breaks while nobody uses it would end the process.
  pool.on('error', () => {});
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return schema === 'public' ? db : db.withSchema(schema);
}

function sslOptions({ ca, serverName }: NonNullable<PostgresSettings['tls']>) {
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

export async function ping(db: Kysely<Tables>): Promise<void> {
  const { sql } = await import('kysely');
  await sql`select 1`.execute(db);
}
