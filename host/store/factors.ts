import type { Kysely } from 'kysely';
import { ask, isAny } from './ask.ts';
import type { Columns } from './data-key.ts';
import { type FactorStore, type ListedDevice, StoreError, type TotpDevice } from './store.ts';
import type { Tables, TotpRow } from './tables.ts';

const ALGORITHMS: readonly TotpDevice['algorithm'][] = ['SHA1', 'SHA256', 'SHA512'];

export function createFactors(db: Kysely<Tables>, columns: Columns): FactorStore {
  const listed = (found: TotpRow): ListedDevice => {
    const { id, username, name, algorithm, digits, period } = found;
    const times = { lastStep: found.last_step, createdAt: found.created_at };
    return { id, username, name, algorithm, digits, period, ...times };
  };
  const device = (found: TotpRow): TotpDevice => {
    const algorithm = ALGORITHMS.find(name => name === found.algorithm);
    if (algorithm === undefined)
      throw new StoreError('ERR_STORE_SEALED', 'a second factor has an unknown algorithm: restore a backup');
    const owner = `${found.id}:${found.username}`;
    const secret = columns.open('totp_devices', 'secret', owner, new Uint8Array(found.secret));
    return { ...listed(found), algorithm, secret };
  };
  const rowsOf = (username: string): Promise<TotpRow[]> =>
    db
      .selectFrom('totp_devices')
      .selectAll()
      .where('username', '=', username)
      .orderBy('created_at')
      .orderBy('id')
      .execute();
  const digest = (username: string, code: string) =>
    columns.digest('recovery_codes', 'digest', username, code);
  return {
    add: ({ id, username, name, secret, algorithm, digits, period, lastStep, createdAt }) =>
      ask(async () => {
        await columns.refresh();
        const sealed = columns.seal('totp_devices', 'secret', `${id}:${username}`, secret);
        await db
          .insertInto('totp_devices')
          .values({
            ...{ id, username, name, secret: sealed, algorithm, digits, period },
            last_step: lastStep,
            created_at: createdAt,
          })
          .execute();
      }),
    ofUser: username =>
      ask(async () => {
        const found = await rowsOf(username);
        return columns.opening(() => found.map(device));
      }),
    listed: username => ask(async () => (await rowsOf(username)).map(listed)),
    useStep: (username, id, step) =>
      ask(async () => {
        const { numUpdatedRows } = await db
          .updateTable('totp_devices')
          .set({ last_step: step })
          .where('id', '=', id)
          .where('username', '=', username)
          .where('last_step', '<', step)
          .executeTakeFirst();
        return isAny(numUpdatedRows);
      }),
    remove: (username, id) =>
      ask(async () => {
        const { numDeletedRows } = await db
          .deleteFrom('totp_devices')
          .where('id', '=', id)
          .where('username', '=', username)
          .executeTakeFirst();
        return isAny(numDeletedRows);
      }),
    setRecoveryCodes: (username, codes) =>
      ask(async () => {
        await columns.refresh();
        await db.transaction().execute(async transaction => {
          await transaction.deleteFrom('recovery_codes').where('username', '=', username).execute();
          if (codes.length === 0) return;
          const rows = codes.map(code => ({ username, digest: digest(username, code) }));
          await transaction.insertInto('recovery_codes').values(rows).execute();
        });
      }),
    useRecoveryCode: (username, code) =>
      ask(async () => {
        await columns.refresh();
        const { numDeletedRows } = await db
          .deleteFrom('recovery_codes')
          .where('username', '=', username)
          .where('digest', '=', digest(username, code))
          .executeTakeFirst();
        return isAny(numDeletedRows);
      }),
    recoveryCodesLeft: username =>
      ask(async () => {
        const { left } = await db
          .selectFrom('recovery_codes')
          .select(expression => expression.fn.countAll<number | string>().as('left'))
          .where('username', '=', username)
          .executeTakeFirstOrThrow();
        return Number(left);
      }),
  };
}
