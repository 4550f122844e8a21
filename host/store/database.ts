import { closeSync, fchmodSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Kysely } from 'kysely';
import type { StorageSetup } from '../config/schema.ts';
import { openPostgres } from './postgres.ts';
import { asSqliteDatabase } from './sqlite.ts';
import type { Tables } from './tables.ts';

export type StoreSettings = StorageSetup;
type SqliteSettings = Extract<StorageSetup, { kind: 'sqlite' }>;

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
  prepareFile(path);
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

/** SQLite would make it by the umask; its companions follow the file's mode. */
function prepareFile(path: string): void {
  const file = openSync(path, 'a+', FILE_MODE);
  try {
    // Made before by hand, as files that containers mount are. Another program's file, at a path
    // that is wrong, is left as it is.
    if ((fstatSync(file).mode & 0o077) !== 0 && isDatabase(file)) fchmodSync(file, FILE_MODE);
  } catch {
    // Somebody else's file, or a file system without modes: who mounted it said who may read it.
  } finally {
    closeSync(file);
  }
}

/** Of SQLite, or to become one. */
function isDatabase(file: number): boolean {
  if (!fstatSync(file).isFile()) return false;
  const head = Buffer.alloc(SQLITE_HEAD.length);
  const length = readSync(file, head, 0, head.length, 0);
  return length === 0 || head.equals(SQLITE_HEAD);
}

/** The first bytes of every database (sqlite.org/fileformat2.html, 1.3). */
const SQLITE_HEAD = Buffer.from('SQLite format 3\0', 'latin1');

/** Throws the driver's error where nobody answers: see `ask`. */
export async function ping(db: Kysely<Tables>): Promise<void> {
  const { sql } = await import('kysely');
  await sql`select 1`.execute(db);
}
