import { createHash } from 'node:crypto';
import type { Principal } from '../policy/engine.ts';
import type { StoredUser, UserToWrite } from './client.ts';
import { MARK_KEY, type Mark, type Source } from './mark.ts';
import type { ElasticPasswords } from './password.ts';

/** What Elasticsearch is to know of a user, but for the password. */
export interface Wanted {
  /** Name in Elasticsearch. */
  readonly name: string;
  readonly username: string;
  readonly source: Source;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly fullName: string;
  readonly email: string;
}

export function wantedOf(
  name: string,
  { username, displayName, email, groups }: Principal,
  roles: readonly string[],
  source: Source,
): Wanted {
  return { name, username, source, roles, groups, fullName: displayName, email };
}

/** Equal for equal users; with the key's mark, so that another root secret is another user. */
export function fingerprint(wanted: Wanted, passwords: ElasticPasswords): string {
  const { name, username, roles, groups, fullName, email } = wanted;
  const text = JSON.stringify([name, username, roles, groups, fullName, email, passwords.mark(name, 0)]);
  return createHash('sha256').update(text).digest('base64url');
}

/** The whole user of this generation. What others have put into its metadata stays. */
export function userOf(
  wanted: Wanted,
  stored: StoredUser | undefined,
  mark: Mark,
  passwords: ElasticPasswords,
): UserToWrite {
  const { name, roles, groups, fullName, email } = wanted;
  return {
    roles,
    fullName,
    email,
    enabled: true,
    metadata: { ...stored?.metadata, groups, [MARK_KEY]: mark },
    password: passwords.of(name, mark.generation),
  };
}

/** Whether writing would change anything that can be read. */
export function isSame(stored: StoredUser, user: UserToWrite): boolean {
  return (
    stored.enabled === user.enabled &&
    stored.fullName === user.fullName &&
    stored.email === user.email &&
    sameSet(stored.roles, user.roles) &&
    JSON.stringify(stored.metadata.groups) === JSON.stringify(user.metadata.groups) &&
    sameMark(stored.metadata[MARK_KEY], user.metadata[MARK_KEY])
  );
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === new Set(a).size;
}

function sameMark(a: unknown, b: unknown): boolean {
  const text = (mark: unknown) =>
    JSON.stringify(Object.entries((mark ?? {}) as object).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}
