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

/** @param name in Elasticsearch */
export function wantedOf(
  name: string,
  { username, displayName, email, groups }: Principal,
  roles: readonly string[],
  source: Source,
): Wanted {
  return { name, username, source, roles, groups, fullName: displayName, email };
}

/** Equal for equal users, however their groups are ordered; with the key's mark, so that another root secret is another user. */
export function fingerprint(wanted: Wanted, passwords: ElasticPasswords): string {
  const { name, username, roles, groups, fullName, email } = wanted;
  const sets = [asSet(roles), asSet(groups)];
  const text = JSON.stringify([name, username, ...sets, fullName, email, passwords.mark(name, 0)]);
  return createHash('sha256').update(text).digest('base64url');
}

/** `fingerprint` of a user as Elasticsearch has it. */
export function printOf(stored: StoredUser, mark: Mark, passwords: ElasticPasswords): string {
  const { name, roles, metadata, fullName, email } = stored;
  const groups = Array.isArray(metadata.groups) ? metadata.groups.map(String) : [];
  const { user: username, source } = mark;
  return fingerprint({ name, username, source, roles, groups, fullName, email }, passwords);
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
    sameSet(stored.metadata.groups, user.metadata.groups) &&
    sameMark(stored.metadata[MARK_KEY], user.metadata[MARK_KEY])
  );
}

function sameSet(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && JSON.stringify(asSet(a)) === JSON.stringify(asSet(b));
}

/** A directory may name the groups of a user in another order each time. */
function asSet(list: readonly unknown[]): readonly unknown[] {
  return [...new Set(list)].sort();
}

function sameMark(a: unknown, b: unknown): boolean {
  const text = (mark: unknown) =>
    JSON.stringify(Object.entries((mark ?? {}) as object).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}
