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
    put: ({ kind, subject, until, reason, createdAt }) =>
      ask(async () => {
        const values = { until: until ?? null, reason, created_at: createdAt };
        await db
          .insertInto('bans')
          .values({ kind, subject, ...values })
          .onConflict(conflict => conflict.columns(['kind', 'subject']).doUpdateSet(values))
          .execute();
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

function ban({ kind, subject, until, reason, created_at }: BanRow): Ban {
  return {
    kind: kind === 'address' ? 'address' : 'user',
    subject,
    until: until ?? undefined,
    reason,
    createdAt: created_at,
  };
}
