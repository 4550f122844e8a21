import type { SqliteDatabase, SqliteStatement } from 'kysely';
import type Database from 'libsql';

/**
 * What Kysely needs of a database, over libsql. A statement of libsql's that
 * meets another process's lock stays half-way until it is collected as garbage,
 * and nothing can be committed on its connection before. So no statement ever
 * meets one: whoever writes takes the lock first, by `exec`, which leaves nothing
 * behind.
 */
export function asSqliteDatabase(database: Database.Database): SqliteDatabase {
  let isInTransaction = false;
  const exec = (sql: string): void => void database.exec(sql);

  function control(sql: string): void {
    if (sql === 'rollback') rollBack();
    else exec(sql === 'begin' ? 'begin immediate' : sql);
    isInTransaction = sql === 'begin';
  }

  /** SQLite has done it by itself where the disk is full: what it says to a second one would hide why. */
  function rollBack(): void {
    isInTransaction = false;
    if (database.inTransaction) exec('rollback');
  }

  /** Alone, a statement that writes is a transaction. */
  function alone<T>(work: () => T): T {
    if (isInTransaction) return work();
    exec('begin immediate');
    try {
      const result = work();
      exec('commit');
      return result;
    } catch (error) {
      rollBack();
      throw error;
    }
  }

  return {
    close: () => void database.close(),
    prepare(sql): SqliteStatement {
      if (CONTROL.has(sql)) return controlStatement(() => control(sql));
      const statement = database.prepare(sql);
      const around: <T>(work: () => T) => T = WRITES.test(sql) ? alone : work => work();
      return {
        reader: statement.reader,
        all: parameters => around(() => statement.all([...parameters])),
        run: parameters => around(() => statement.run([...parameters])),
        iterate: parameters => statement.iterate([...parameters]) as IterableIterator<unknown>,
      };
    },
  };
}

const CONTROL: ReadonlySet<string> = new Set(['begin', 'commit', 'rollback']);
const WRITES = /^\s*(?:insert|update|delete|create|alter|drop)\b/i;

function controlStatement(run: () => void): SqliteStatement {
  return {
    reader: false,
    all: () => [],
    run() {
      run();
      return { changes: 0, lastInsertRowid: 0 };
    },
    iterate: () => [][Symbol.iterator](),
  };
}
