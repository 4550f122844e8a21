import { closeSync, openSync } from 'node:fs';
import { Kysely, PostgresDialect, SqliteDialect, sql } from 'kysely';
import Database from 'libsql';
import pg from 'pg';
import type { Tables } from './tables.ts';

export interface SqliteSettings {
  readonly kind: 'sqlite';
  /** Its file; what SQLite puts beside it has the same name with `-wal` and `-shm` behind. */
  readonly path: string;
}

export interface PostgresSettings {
  readonly kind: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly schema: string;
  readonly username: string;
  readonly password: string | undefined;
  /** PEM, read. Certificates are always checked. */
  readonly tls?:
    | { readonly ca?: Uint8Array | undefined; readonly serverName?: string | undefined }
    | undefined;
}

export type StoreSettings = SqliteSettings | PostgresSettings;

/** What sessions and second factors take is little: more connections would only wait for each other. */
const MAX_CONNECTIONS = 10;
/** A database that is there answers in milliseconds; a request must not wait for one that is not. */
const CONNECT_MS = 1_000;
const QUERY_MS = 3_000;
/** Only we read it: names, mail addresses of sessions, and what is sealed. */
const FILE_MODE = 0o600;

export function openDatabase(settings: StoreSettings): Kysely<Tables> {
  return settings.kind === 'sqlite' ? openSqlite(settings) : openPostgres(settings);
}

function openSqlite({ path }: SqliteSettings): Kysely<Tables> {
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
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
}

/** int8, which holds our times and counters; all of them are exact in a double. */
const INT8 = 20;

function openPostgres(settings: PostgresSettings): Kysely<Tables> {
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
  await sql`select 1`.execute(db);
}
