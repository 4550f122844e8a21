import type { Account } from '../users/directory.ts';
import type { ElasticClient, StoredUser } from './client.ts';
import { ElasticError } from './error.ts';
import { type Mark, ownerOf } from './mark.ts';
import type { ElasticPasswords } from './password.ts';

/** A user in Elasticsearch that is to be disabled, and why. */
export interface Departed {
  /** As the directory knew it. */
  readonly user: string;
  /** As Elasticsearch knows it. */
  readonly elasticName: string;
  readonly reason: 'gone' | 'disabled';
}

/** An account by its own name, whoever keeps it. */
export type FindAccount = (username: string) => Account | undefined;

/** All users of a large cluster are read at once. */
export const SYNC_MS = 30_000;

/** Hosts get a new users file one after the other, within this. */
const ROLLOUT_MS = 60 * 60 * 1_000;

/** How old a host's directory is: it may not know yet whom another host made since. */
export interface DirectoryAge {
  /** When it last changed, ms. */
  readonly changedAt: number;
  readonly now: number;
}

/**
 * Who is to be disabled: users that we made for our directory, enabled there and
 * not any more here. Users of others are left alone, and those that came by
 * headers, of whom our directory knows nothing.
 *
 * @param age of a directory that may be older than that of other hosts
 */
export function departed(
  stored: readonly StoredUser[],
  find: FindAccount,
  passwords: ElasticPasswords,
  previous: ElasticPasswords | undefined,
  age?: DirectoryAge,
): readonly Departed[] {
  return stored.flatMap((user): Departed[] => {
    const owner = ownerOf(user, passwords, previous);
    if (owner.kind !== 'ours' || owner.mark.source !== 'directory' || !user.enabled) return [];
    const account = find(owner.mark.user);
    if (account !== undefined && !account.disabled) return [];
    if (account === undefined && age !== undefined && isNewer(owner.mark, age)) return [];
    const reason = account === undefined ? 'gone' : 'disabled';
    return [{ user: owner.mark.user, elasticName: user.name, reason }];
  });
}

/** Somebody of this directory who goes changes it, and is older than that; a clock far ahead counts for nothing. */
function isNewer({ since }: Mark, { changedAt, now }: DirectoryAge): boolean {
  const made = Date.parse(since);
  return made > changedAt && Math.abs(now - made) < ROLLOUT_MS;
}

/**
 * Disables them, one after the other; who was disabled when one fails is told by `onDone`. One of whom
 * Elasticsearch will not hear, gone meanwhile for instance, holds up none behind it, and is thrown at the end.
 *
 * @param find asked once more before each: somebody may have come back meanwhile
 * @param inTurn runs what is done to a user while nobody else writes it
 */
export async function disableAll(
  plan: readonly Departed[],
  client: Pick<ElasticClient, 'disable'>,
  find: FindAccount,
  signal: AbortSignal,
  onDone: (row: Departed) => void | Promise<void>,
  inTurn: (elasticName: string, work: () => Promise<void>) => Promise<void> = (_, work) => work(),
): Promise<void> {
  let refusal: ElasticError | undefined;
  for (const row of plan) {
    await inTurn(row.elasticName, async () => {
      const account = find(row.user);
      if (account !== undefined && !account.disabled) return;
      await client.disable(row.elasticName, signal);
      await onDone(row);
    }).catch(error => {
      if (!(error instanceof ElasticError) || error.code !== 'ERR_ELASTIC_REJECTED') throw error;
      refusal ??= error;
    });
  }
  if (refusal !== undefined) throw refusal;
}
