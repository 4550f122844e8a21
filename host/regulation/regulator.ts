/**
 * Holds up whoever guesses passwords: after so many failed attempts within a time
 * nobody may sign in as that user, or from that address, for a while (Authelia's
 * `regulation`). Basic and the portal ask the same one, so there is one counter.
 *
 * A ban ends nothing that is there: grants, sessions and API tokens go on.
 */
export interface Regulator {
  /**
   * Before a password is verified, and once more before a good one counts: what
   * was verified meanwhile may have brought a ban. A banned attempt is logged
   * here, and must be answered like a wrong password: the same words, as late.
   * Never rejects.
   */
  isBanned(attempt: Attempt): Promise<boolean>;
  /** Counts, bans and logs. Once for each request, and before it is answered. Never rejects. */
  failed(attempt: Attempt, reason: FailureReason): Promise<void>;
  /** Forgets this user's failed attempts. Never rejects. */
  succeeded(attempt: Attempt): Promise<void>;
}

export interface Attempt {
  /** As typed. */
  readonly username: string;
  /** In canonical text, empty when it cannot be told. */
  readonly address: string;
  /** What `DeviceCookies.verify` answered for this user; undefined without. */
  readonly device?: string | undefined;
}

/** For the log alone. */
export type FailureReason =
  | 'unknown user'
  | 'wrong password'
  | 'the user is disabled'
  | 'the user was changed meanwhile'
  | 'banned';
