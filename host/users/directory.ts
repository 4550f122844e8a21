import type { Principal } from '../policy/engine.ts';

/** A user as the directory stores it. */
export interface User {
  readonly principal: Principal;
  readonly disabled: boolean;
  /** Password digest of a kind that `digests/` verifies. */
  readonly digest: string;
  /**
   * 16 bytes derived from everything that decides what a grant of this user
   * says (digest, disabled, names, mail, groups): equal content, equal epoch,
   * whichever replica or restart computes it.
   */
  readonly epoch: Uint8Array;
}

/** A user database. Implementations answer from memory, so that reading a user and acting on it is one synchronous step. */
export interface Directory {
  /** By any name the user may sign in with; `principal.username` is the account's own. */
  find(username: string): User | undefined;
  /** Calls back with every user name whose epoch differs from before (also removed and new ones). */
  onChange(listener: (usernames: readonly string[]) => void): void;
  /** All users, for clearing stale grants on start. */
  all(): Iterable<User>;
  /** A digest to verify against when the user does not exist, as costly as the costliest of the users. */
  dummyDigest(): string;
  close(): void;
}
