import { KIND_SESSION } from '../../assembly/contract.ts';
import type { Account } from '../users/directory.ts';
import { type GrantKeys, userTag } from './keys.ts';
import type { RecordHeader } from './seal.ts';

export interface StillGood {
  readonly accounts: Iterable<Account>;
  readonly keys: GrantKeys;
  readonly now: number;
  readonly lifetimeMs: number;
  /** What stands in a record for the account's epoch. */
  readonly toRecordEpoch: (account: Uint8Array) => Uint8Array;
}

/**
 * Which records of an earlier run are good: of users as they are now, not expired,
 * not longer than configured. None of sessions, which may have ended meanwhile:
 * looking each up costs its next request a deferral.
 */
export function stillGood({
  accounts,
  keys,
  now,
  lifetimeMs,
  toRecordEpoch,
}: StillGood): (header: RecordHeader) => boolean {
  const epochs = new Map<string, Uint8Array>();
  for (const user of accounts) {
    if (user.disabled) continue;
    epochs.set(hex(userTag(keys, user.principal.username)), toRecordEpoch(user.epoch));
  }
  return header => {
    const epoch = epochs.get(hex(header.userTag));
    return (
      header.kind !== KIND_SESSION &&
      epoch !== undefined &&
      Buffer.compare(epoch, header.epoch) === 0 &&
      header.expiry > now &&
      header.expiry - header.issued <= lifetimeMs
    );
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
