import type { Kysely } from 'kysely';
import { ask } from './ask.ts';
import type { AccountStore } from './store.ts';
import type { Tables } from './tables.ts';

export function createAccounts(db: Kysely<Tables>): AccountStore {
  return {
    find: username =>
      ask(async () => {
        const found = await db
          .selectFrom('accounts')
          .selectAll()
          .where('username', '=', username)
          .executeTakeFirst();
        return { signOuts: found?.sign_outs ?? 0, preferred: found?.preferred ?? undefined };
      }),
    signOuts: () =>
      ask(async () => {
        const found = await db
          .selectFrom('accounts')
          .select(['username', 'sign_outs'])
          .where('sign_outs', '>', 0)
          .execute();
        return new Map(found.map(({ username, sign_outs }) => [username, sign_outs]));
      }),
    signOut: username =>
      ask(async () => {
        const { sign_outs } = await db
          .insertInto('accounts')
          .values({ username, sign_outs: 1, preferred: null })
          .onConflict(conflict =>
            conflict
              .column('username')
              .doUpdateSet(expression => ({ sign_outs: expression('accounts.sign_outs', '+', 1) })),
          )
          .returning('sign_outs')
          .executeTakeFirstOrThrow();
        return sign_outs;
      }),
    prefer: (username, method) =>
      ask(async () => {
        const preferred = method ?? null;
        await db
          .insertInto('accounts')
          .values({ username, sign_outs: 0, preferred })
          .onConflict(conflict => conflict.column('username').doUpdateSet({ preferred }))
          .execute();
      }),
  };
}
