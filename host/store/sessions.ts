import type { Kysely } from 'kysely';
import { ask, isAny } from './ask.ts';
import type { Columns } from './data-key.ts';
import type { Session, SessionStore } from './store.ts';
import type { SessionRow, Tables } from './tables.ts';

export function createSessions(db: Kysely<Tables>, columns: Columns): SessionStore {
  const row = (session: Session): SessionRow => ({
    id: session.id,
    username: session.username,
    domain: session.domain,
    level: session.level,
    created_at: session.createdAt,
    expires_at: session.expiresAt,
    active_at: session.activeAt,
    remember: session.remember ? 1 : 0,
    details: columns.seal('sessions', 'details', owner(session), Buffer.from(session.details, 'utf8')),
  });
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
  });
  return {
    put: given => ask(async () => void (await db.insertInto('sessions').values(row(given)).execute())),
    find: id =>
      ask(async () => {
        const found = await db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
        return found === undefined ? undefined : session(found);
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
        const found = await db
          .selectFrom('sessions')
          .selectAll()
          .where('username', '=', username)
          .orderBy('created_at')
          .orderBy('id')
          .execute();
        return found.map(session);
      }),
    replace: (oldId, next) =>
      ask(() =>
        db.transaction().execute(async transaction => {
          const { numDeletedRows } = await transaction
            .deleteFrom('sessions')
            .where('id', '=', oldId)
            .executeTakeFirst();
          if (!isAny(numDeletedRows)) return false;
          await transaction.insertInto('sessions').values(row(next)).execute();
          return true;
        }),
      ),
    remove: id =>
      ask(async () =>
        isAny((await db.deleteFrom('sessions').where('id', '=', id).executeTakeFirst()).numDeletedRows),
      ),
    removeAll: username =>
      ask(async () => {
        const all = db.deleteFrom('sessions').returning('id');
        const gone = await (username === undefined ? all : all.where('username', '=', username)).execute();
        return gone.map(({ id }) => id);
      }),
  };
}

/** Details belong to one session of one user. */
function owner({ username, id }: { readonly username: string; readonly id: string }): string {
  return `${id}:${username}`;
}
