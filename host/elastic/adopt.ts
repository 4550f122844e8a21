import type { ElasticClient } from './client.ts';
import { isBuiltIn, MARK_KEY, type Mark, ownerOf } from './mark.ts';
import type { ElasticPasswords } from './password.ts';
import { elasticName } from './user-name.ts';

/**
 * `ours`: there is nothing to do; `absent`: it is made when it first comes; `own`: the account that we
 * ask with, which would have another password as soon as a user of its name came.
 */
export type Adoption = 'adopted' | 'ours' | 'own' | 'reserved' | 'absent' | 'no-name';

/**
 * Marks a user that somebody else made as ours. Everything else stays, the
 * password included: that is set when the user comes next.
 *
 * @param own name of the account that `client` asks with, undefined for an API key
 * @param dryRun only says what would become of it
 */
export async function adopt(
  username: string,
  client: Pick<ElasticClient, 'find' | 'write'>,
  passwords: ElasticPasswords,
  now: number,
  signal: AbortSignal,
  own: string | undefined,
  dryRun = false,
): Promise<Adoption> {
  const named = elasticName(username);
  if (!named.ok) return 'no-name';
  const { name } = named;
  if (isBuiltIn(name)) return 'reserved';
  if (name === own) return 'own';
  const stored = await client.find(name, signal);
  if (stored === undefined) return 'absent';
  const owner = ownerOf(stored, passwords, undefined);
  if (owner.kind === 'ours' || owner.kind === 'reserved') return owner.kind;
  const mark: Mark = {
    user: username,
    // Nobody knows yet whether the directory has it: what it has not is not disabled for it.
    source: 'headers',
    generation: 1,
    key: passwords.mark(name, 1),
    since: new Date(now).toISOString(),
  };
  if (dryRun) return 'adopted';
  const { name: _, ...user } = stored;
  await client.write(name, { ...user, metadata: { ...user.metadata, [MARK_KEY]: mark } }, signal);
  return 'adopted';
}
