import { createHash } from 'node:crypto';
import type { UserSearch } from '../config/schema.ts';
import type { Principal } from '../policy/engine.ts';
import { EXACT_SEARCH } from './search.ts';

const EPOCH_LENGTH = 16;

/**
 * 16 bytes of SHA-256 over everything of a user that decides what a grant
 * says, and by which names it is found, each part behind its length so that no two users read alike. No key:
 * replicas agree, and the digest in it is as hard to guess as itself.
 */
export function userEpoch(
  principal: Principal,
  disabled: boolean,
  digest: string,
  search: UserSearch = EXACT_SEARCH,
): Uint8Array {
  const hash = createHash('sha256');
  const part = (text: string) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  };
  part('postern/1/epoch');
  part(principal.username);
  part(principal.displayName);
  part(principal.email);
  part(disabled ? 'disabled' : 'enabled');
  part(digest);
  // A grant for a mail address must not outlive the setting that allowed it.
  part(`${search.caseInsensitive} ${search.email}`);
  // Order is part of what a backend is told.
  for (const group of principal.groups) part(group);
  return new Uint8Array(hash.digest().subarray(0, EPOCH_LENGTH));
}
