import type { Kysely } from 'kysely';
import { ask } from './ask.ts';
import type { RevocationStore } from './store.ts';
import type { Tables } from './tables.ts';

/** @param teller whoever writes here */
export function createRevocations(db: Kysely<Tables>, teller: string): RevocationStore {
  return {
    last: () =>
      ask(async () => {
        const found = await db
          .selectFrom('revocations')
          .select('seq')
          .orderBy('seq', 'desc')
          .limit(1)
          .executeTakeFirst();
        return found?.seq ?? 0;
      }),
    since: number =>
      ask(async () => {
        const found = await db
          .selectFrom('revocations')
          .select(['seq', 'username', 'teller'])
          .where('seq', '>', number)
          .orderBy('seq')
          .execute();
        return found.map(row => ({
          number: row.seq,
          username: row.username ?? undefined,
          isOwn: row.teller === teller,
        }));
      }),
    tell: (username, now) => ask(() => tellRevocation(db, { username, teller, now })),
  };
}

export interface Told {
  readonly username: string | undefined;
  readonly teller: string;
  readonly now: number;
}

/** @param db the transaction that makes it true, where there is one */
export async function tellRevocation(db: Kysely<Tables>, { username, teller, now }: Told): Promise<void> {
  await db
    .insertInto('revocations')
    .values({ username: username ?? null, teller, at: now })
    .execute();
}
