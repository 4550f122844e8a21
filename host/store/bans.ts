import type { Kysely } from 'kysely';
import { ask, isAny } from './ask.ts';
import type { Ban, BanStore } from './store.ts';
import type { BanRow, Tables } from './tables.ts';

export function createBans(db: Kysely<Tables>): BanStore {
  /** Those that have not ended at `now`. */
  const inForce = (now: number) =>
    db
      .selectFrom('bans')
      .selectAll()
      .where(where => where.or([where('until', 'is', null), where('until', '>', now)]));
  return {
    put: ({ kind, subject, until, reason, createdAt, source }) =>
      ask(async () => {
        const values = { until: until ?? null, reason, created_at: createdAt, source };
        await db
          .insertInto('bans')
          .values({ kind, subject, ...values })
          .onConflict(conflict => {
            const update = conflict.columns(['kind', 'subject']).doUpdateSet(values);
            if (source === 'operator') return update;
            return update.where(where =>
              where.or([where('bans.source', '=', 'failures'), where('bans.until', '<=', createdAt)]),
            );
          })
          .execute();
      }),
    against: (username, address, now) =>
      ask(async () => {
        const found = await inForce(now)
          .where(where =>
            where.or([
              where.and([where('kind', '=', 'user'), where('subject', '=', username ?? '')]),
              where.and([where('kind', '=', 'address'), where('subject', '=', address)]),
              where.and([where('kind', '=', 'address'), where('source', '=', 'operator')]),
            ]),
          )
          .execute();
        return found.map(ban);
      }),
    find: (kind, subject, now) =>
      ask(async () => {
        const found = await inForce(now)
          .where('kind', '=', kind)
          .where('subject', '=', subject)
          .executeTakeFirst();
        return found === undefined ? undefined : ban(found);
      }),
    list: now =>
      ask(async () => {
        const found = await inForce(now).orderBy('created_at').orderBy('kind').orderBy('subject').execute();
        return found.map(ban);
      }),
    remove: (kind, subject) =>
      ask(async () => {
        const { numDeletedRows } = await db
          .deleteFrom('bans')
          .where('kind', '=', kind)
          .where('subject', '=', subject)
          .executeTakeFirst();
        return isAny(numDeletedRows);
      }),
  };
}

function ban({ kind, subject, until, reason, created_at, source }: BanRow): Ban {
  return {
    kind: kind === 'address' ? 'address' : 'user',
    subject,
    until: until ?? undefined,
    reason,
    createdAt: created_at,
    source: source === 'failures' ? 'failures' : 'operator',
  };
}
