import type { Kysely, Transaction } from 'kysely';
import { ask, isAny } from './ask.ts';
import type { Columns } from './data-key.ts';
import { tellRevocation } from './revocations.ts';
import { type Session, type SessionStore, StoreError } from './store.ts';
import type { SessionRow, Tables } from './tables.ts';

/** @param teller whoever writes here, for `revocations` */
export function createSessions(db: Kysely<Tables>, columns: Columns, teller: string): SessionStore {
  const row = (session: Session): SessionRow => {
    const plain = {
      id: session.id,
      username: session.username,
      domain: session.domain,
      level: session.level,
      created_at: session.createdAt,
      expires_at: session.expiresAt,
      active_at: session.activeAt,
      remember: session.remember ? 1 : 0,
      password: session.password,
      parent: session.parent ?? null,
    };
    const details = Buffer.from(session.details, 'utf8');
    return { ...plain, details: columns.seal('sessions', 'details', owner(plain), details) };
  };
  const session = (found: SessionRow): Session => ({
    id: found.id,
    username: found.username,
    domain: found.domain,
    level: found.level,
    createdAt: found.created_at,
    expiresAt: found.expires_at,
    activeAt: found.active_at,
    remember: found.remember === 1,
    details: Buffer.from(
      columns.open('sessions', 'details', owner(found), new Uint8Array(found.details)),
    ).toString('utf8'),
    password: found.password,
    parent: found.parent ?? undefined,
  });
  /** Those that open: nobody gets in by another one, and it keeps no operator from the rest. */
  const sessions = async (found: readonly SessionRow[]): Promise<Session[]> => {
    try {
      return await columns.opening(() => found.map(session));
    } catch (error) {
      if (!isSealed(error)) throw error;
      return found.flatMap(row => {
        try {
          return [session(row)];
        } catch {
          return [];
        }
      });
    }
  };
  return {
    put: given =>
      ask(async () => {
        await columns.refresh();
        return db.transaction().execute(async transaction => {
          if (!(await mayBegin(transaction, given))) return false;
          await transaction.insertInto('sessions').values(row(given)).execute();
          return true;
        });
      }),
    find: id =>
      ask(async () => {
        const found = await db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
        return found === undefined ? undefined : columns.opening(() => session(found));
      }),
    touch: (id, activeAt) =>
      ask(async () => {
        const { numUpdatedRows } = await db
          .updateTable('sessions')
          .set(expression => ({
            // `greatest` and `max` are each other's names in the two.
            active_at: expression
              .case()
              .when('active_at', '<', activeAt)
              .then(activeAt)
              .else(expression.ref('active_at'))
              .end(),
          }))
          .where('id', '=', id)
          .executeTakeFirst();
        return isAny(numUpdatedRows);
      }),
    ofUser: username =>
      ask(async () => {
        const own = db.selectFrom('sessions').selectAll().where('username', '=', username);
        const found = await own.orderBy('created_at').orderBy('id').execute();
        return sessions(found);
      }),
    all: now =>
      ask(async () => {
        const live = db.selectFrom('sessions').selectAll().where('expires_at', '>', now);
        const found = await live.orderBy('username').orderBy('created_at').orderBy('id').execute();
        return sessions(found);
      }),
    replace: (oldId, next, now) =>
      ask(async () => {
        await columns.refresh();
        return db.transaction().execute(async transaction => {
          if (!(await mayBegin(transaction, next))) return false;
          const ended = await end(transaction, oldId, now);
          if (ended.length === 0) return false;
          await transaction.insertInto('sessions').values(row(next)).execute();
          return true;
        });
      }),
    thin: ({ username, domain, most, keep, now, idleSince }) =>
      ask(() =>
        db.transaction().execute(async transaction => {
          const rows = await transaction
            .selectFrom('sessions')
            .select(['id', 'expires_at', 'active_at', 'remember'])
            .where('username', '=', username)
            .where('domain', '=', domain)
            .where('id', '!=', keep)
            .orderBy('active_at')
            .orderBy('created_at')
            .orderBy('id')
            .execute();
          const isOver = (row: (typeof rows)[number]) =>
            row.expires_at <= now || (row.remember !== 1 && row.active_at <= idleSince);
          const inOrder = [...rows.filter(isOver), ...rows.filter(row => !isOver(row))];
          const gone: string[] = [];
          for (const { id } of inOrder.slice(0, Math.max(0, rows.length + 1 - most)))
            gone.push(...(await end(transaction, id, now)));
          return gone;
        }),
      ),
    remove: (id, now) => ask(() => db.transaction().execute(transaction => end(transaction, id, now))),
    removeAll: (username, now, before) =>
      ask(() =>
        db.transaction().execute(async transaction => {
          let rows = transaction.deleteFrom('sessions').returning('id');
          if (username !== undefined) rows = rows.where('username', '=', username);
          if (before !== undefined) rows = rows.where('created_at', '<=', before);
          const gone = await rows.execute();
          // What was made from one of them while it was being deleted, see `hold`.
          gone.push(...(await rows.execute()));
          // Also without a session: somebody may be about to read one that ended just before.
          await tellRevocation(transaction, { username, teller, now });
          return gone.map(({ id }) => id);
        }),
      ),
  };

  /** One session with those that were made from it. */
  async function end(transaction: Transaction<Tables>, id: string, now: number): Promise<string[]> {
    const rows = transaction.deleteFrom('sessions').returning(['id', 'username']);
    const own = await rows.where('id', '=', id).execute();
    // By a statement of its own, which sees what was put while the first one waited, see `hold`.
    const made = await rows.where('parent', '=', id).execute();
    for (const username of new Set([...own, ...made].map(({ username }) => username)))
      await tellRevocation(transaction, { username, teller, now });
    return [...own, ...made].map(({ id }) => id);
  }
}

function isSealed(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'ERR_STORE_SEALED';
}

async function mayBegin(transaction: Transaction<Tables>, { parent }: Session): Promise<boolean> {
  return parent === undefined || hold(transaction, parent);
}

/**
 * Whether the session is there, and stays so until the transaction ends. By
 * writing what is there already: whoever deletes it meanwhile waits and then sees
 * what was made from it.
 */
async function hold(transaction: Transaction<Tables>, id: string): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('sessions')
    .set(expression => ({ level: expression.ref('level') }))
    .where('id', '=', id)
    .executeTakeFirst();
  return isAny(numUpdatedRows);
}

/**
 * Details belong to one session of one user, and with them all that never changes
 * in a session: whoever writes the database raises no level and puts off no end.
 */
function owner(row: Omit<SessionRow, 'details' | 'active_at'>): string {
  const { id, username, domain, level, created_at, expires_at, remember, password, parent } = row;
  return JSON.stringify([id, username, domain, level, created_at, expires_at, remember, password, parent]);
}
