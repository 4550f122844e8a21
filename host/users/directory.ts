import type { Principal } from '../policy/engine.ts';

/** Whoever may be given grants: a person or a service account. */
export interface Account {
  readonly principal: Principal;
  readonly disabled: boolean;
  /**
   * 16 bytes derived from everything that decides what a grant of this account
   * says (digests, disabled, names, mail, groups, …): equal content, equal epoch,
   * whichever replica or restart computes it.
   */
  readonly epoch: Uint8Array;
  /** Networks it may ask from, as the engine compiled them; undefined for anywhere. */
  readonly networks?: Uint8Array;
}

/** A user as the directory stores it. */
export interface User extends Account {
  /** Password digest of a kind that `digests/` verifies. */
  readonly digest: string;
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
