import { createHash } from 'node:crypto';
import type { ElasticSetup } from '../config/schema.ts';

export type RecordEpoch = (account: Uint8Array) => Uint8Array;

/**
 * What a grant's record says of the account's epoch. A grant with a backend's
 * `Authorization` stands for a user with certain roles, too: under other
 * settings of these the records of an earlier run are not good any more, and
 * whoever comes is provisioned anew.
 */
export function recordEpoch(setup: ElasticSetup | undefined): RecordEpoch {
  if (setup === undefined) return account => account;
  const { roles, groupWhitelist, dryRun } = setup;
  const settings = JSON.stringify([
    'postern/1/elastic-epoch',
    roles.groupMappings,
    roles.defaultRoles,
    groupWhitelist ?? null,
    dryRun,
  ]);
  return account => {
    const mixed = createHash('sha256').update(account).update(settings, 'utf8').digest();
    return new Uint8Array(mixed.subarray(0, account.length));
  };
}
