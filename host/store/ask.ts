import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from './store.ts';

/**
 * How long a write to SQLite waits for another process. It waits here, not in
 * SQLite, which would hold up everything else that this process does.
 */
const BUSY_MS = 3_000;
const MAX_PAUSE_MS = 50;

/**
 * What a database's driver throws as a `StoreError`: texts of drivers quote
 * statements and sometimes values.
 */
export async function ask<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + BUSY_MS;
  for (let pause = 1; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      // Nothing of it was done: a transaction is rolled back, a statement not begun.
      if (!codeOf(error).startsWith('SQLITE_BUSY') || performance.now() > end) throw translated(error);
    }
    await sleep(pause);
  }
}

/** What keeps SQLite from its file. */
const UNOPENED = /^(ENOENT|ENOTDIR|EISDIR|EACCES|EPERM|EROFS|ENOSPC|SQLITE_(CANTOPEN|READONLY|FULL|IOERR))/;

function translated(error: unknown): unknown {
  if (error instanceof StoreError || error instanceof TypeError) return error;
  const code = codeOf(error);
  // 23505: unique_violation.
  if (code === '23505' || code.startsWith('SQLITE_CONSTRAINT')) {
    return new StoreError('ERR_STORE_CONFLICT', 'there is such an entry already');
  }
  if (UNOPENED.test(code)) {
    return new StoreError(
      'ERR_STORE_UNAVAILABLE',
      `the database file cannot be opened or written (${code}): \`storage.local.path\` must lie in a folder that exists, on a disk with room, and both must be Postern's to write`,
    );
  }
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return new StoreError(
      'ERR_STORE_UNAVAILABLE',
      `the file is no database of SQLite, or a damaged one (${code}): look at \`storage.local.path\`, or restore a backup into a new file`,
    );
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return new StoreError(
      'ERR_STORE_UNAVAILABLE',
      `another program holds the database file (${code}): end what has it open besides Postern, such as a copy or a tool of SQLite`,
      code,
    );
  }
  const tls = tlsProblem(code);
  if (tls !== undefined) return new StoreError('ERR_STORE_UNAVAILABLE', tls, code);
  const why = code === '' ? (error instanceof Error ? error.name : 'unknown') : code;
  return new StoreError(
    'ERR_STORE_UNAVAILABLE',
    `the database cannot be asked (${why}): look whether it runs, at the keys below \`storage\`, and at its log`,
    code,
  );
}

function tlsProblem(code: string): string | undefined {
  if (code === NO_TLS)
    return 'PostgreSQL does not encrypt: turn `ssl` on in its configuration, or remove `storage.postgres.tls`';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'the certificate of PostgreSQL is for another name: write that one in `storage.postgres.address` or `storage.postgres.tls.server_name`';
  if (!UNTRUSTED.test(code)) return undefined;
  return `the certificate of PostgreSQL is not trusted (${code}): name the file of its CA in \`storage.postgres.tls.ca_certificate\``;
}

/** OpenSSL's words, as Node has them. */
const UNTRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_)/;
/** Ours: pg has a text alone. */
const NO_TLS = 'ERR_NO_TLS';

/** Node's, SQLite's or PostgreSQL's; a pool that waits in vain has a text alone, as has a connection that ended. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (/does not support SSL/i.test(error.message)) return NO_TLS;
  if (/timeout|timed out/i.test(error.message)) return 'ETIMEDOUT';
  if (/^connection terminated|not queryable$/i.test(error.message)) return 'ECONNRESET';
  return '';
}

/** Affected rows of an update or deletion. */
export function isAny(rows: bigint): boolean {
  return rows > 0n;
}
