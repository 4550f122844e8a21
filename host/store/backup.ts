import type { Kysely } from 'kysely';
import { ask } from './ask.ts';
import { opensBy, type Secrets } from './data-key.ts';
import { StoreError } from './store.ts';
import { FORMER_TABLES, TABLES, type Tables } from './tables.ts';

/** First line of a backup. The last one says how many rows lie between: one that was cut is none. */
const HEADER = { postern: 'storage backup', version: 2 } as const;
/** Of the version before, which had no such line. */
const ENDLESS_VERSION = 1;
/** Rows written with one statement. */
const BATCH = 100;

/**
 * All rows as lines of JSON, as of one moment: from either kind of database, for
 * either. What is sealed stays so; the data key is in it, wrapped by the root
 * secret.
 */
export async function backup(db: Kysely<Tables>, kind: 'sqlite' | 'postgres'): Promise<string[]> {
  const transaction =
    kind === 'postgres' ? db.transaction().setIsolationLevel('repeatable read') : db.transaction();
  return ask(() =>
    transaction.execute(async snapshot => {
      const lines = [JSON.stringify(HEADER)];
      for (const table of TABLES) {
        for (const row of await snapshot.selectFrom(table).selectAll().execute()) {
          lines.push(JSON.stringify({ table, row: encode(row) }));
        }
      }
      lines.push(JSON.stringify({ rows: lines.length - 1 }));
      return lines;
    }),
  );
}

/**
 * Writes a backup into a database that holds nothing yet, as a whole or not at
 * all; answers the number of rows.
 *
 * @param secrets have to open it: a database that no host can use would be full of it
 */
export async function restore(
  db: Kysely<Tables>,
  lines: readonly string[],
  secrets: Secrets,
): Promise<number> {
  const rows = readBackup(lines, secrets);
  return ask(() =>
    db.transaction().execute(async transaction => {
      for (const table of TABLES) {
        const there = await transaction.selectFrom(table).selectAll().limit(1).execute();
        if (there.length > 0 && table !== 'data_keys') {
          throw new StoreError(
            'ERR_STORE_CONFLICT',
            `the database is not empty (${table}): restore into a new one`,
          );
        }
      }
      // Made when it was opened; nothing is sealed by it yet.
      await transaction.deleteFrom('data_keys').execute();
      let count = 0;
      for (const table of TABLES) {
        const own = rows.filter(row => row.table === table).map(({ row }) => row);
        for (let at = 0; at < own.length; at += BATCH) {
          const some = own.slice(at, at + BATCH);
          await transaction
            .insertInto(table)
            .values(some as never)
            .execute();
          count += some.length;
        }
      }
      return count;
    }),
  );
}

/** Its rows; throws a `StoreError` when it is not whole, or opens with another root secret. */
export function readBackup(lines: readonly string[], secrets: Secrets): readonly Line[] {
  const rows = parse(lines);
  const key = rows.find(({ table }) => table === 'data_keys')?.row.wrapped;
  // Without it nothing that is sealed would ever open again.
  if (!(key instanceof Uint8Array)) throw damaged('the key of what is sealed in it is missing');
  if (opensBy(key, secrets)) return rows;
  throw new StoreError(
    'ERR_STORE_SEALED',
    'the backup was made under another root secret: give that one in POSTERN_SECRET, or in POSTERN_SECRET_PREVIOUS and run `postern storage rotate-secret` afterwards',
  );
}

export interface Line {
  readonly table: string;
  readonly row: Readonly<Record<string, unknown>>;
}

function parse(lines: readonly string[]): Line[] {
  const [first, ...rest] = lines.filter(line => line.trim() !== '').map(read);
  const { postern, version } = (first ?? {}) as { postern?: unknown; version?: unknown };
  if (postern !== HEADER.postern || (version !== HEADER.version && version !== ENDLESS_VERSION)) {
    throw damaged('its first line is not that of a backup of this version');
  }
  const end = version === HEADER.version ? (rest.pop() as { rows?: unknown } | null | undefined) : undefined;
  if (version === HEADER.version && end?.rows !== rest.length) throw damaged('its end is missing');
  return rest.map((line, i) => {
    const { table, row } = (line ?? {}) as Partial<Line>;
    const isKnown = TABLES.some(name => name === table) || FORMER_TABLES.includes(String(table));
    if (!isKnown || typeof row !== 'object' || row === null) {
      throw damaged(`line ${i + 2} is no row`);
    }
    return { table: table as string, row: decode(row) };
  });
}

function read(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw damaged('it holds what is no JSON');
  }
}

function damaged(why: string): StoreError {
  return new StoreError('ERR_STORE_SEALED', `this is no whole backup: ${why}`);
}

/** Bytes as `{ "base64": … }`. */
function encode(row: object): Record<string, unknown> {
  const isBytes = (value: unknown) => value instanceof Uint8Array || value instanceof ArrayBuffer;
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      isBytes(value) ? { base64: Buffer.from(value as ArrayBuffer).toString('base64') } : value,
    ]),
  );
}

function decode(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === 'object' && value !== null && 'base64' in value
        ? Buffer.from(String(value.base64), 'base64')
        : value,
    ]),
  );
}
