import type { Session } from '../store/store.ts';
import type { User } from '../users/directory.ts';

/** A session that counts now, with whom it is of as the directory knows them now. */
export interface LiveSession {
  readonly session: Session;
  readonly user: User;
}

export interface NewSession {
  /** The account's own name (`principal.username`). */
  readonly username: string;
  /** Of `session.cookies`. */
  readonly domain: string;
  readonly level: 1 | 2;
  /** Keep it after the browser was closed. */
  readonly remember: boolean;
  readonly details: SessionDetails;
  /** A token of the same domain whose session ends in the same step. */
  readonly replaces?: string | undefined;
  /** Id of the session it was made from and ends with: for domains that the portal's cookie does not reach. */
  readonly parent?: string | undefined;
}

/** What the list of devices shows. */
export interface SessionDetails {
  readonly address: string;
  readonly agent: string;
}

/**
 * Who signed in where. All of it rejects with `StoreError` while the database
 * cannot be asked: nobody is let in then, and nobody is told that they signed out.
 */
export interface Sessions {
  /** Undefined when the user is gone or disabled, or signed out everywhere meanwhile. */
  begin(wanted: NewSession): Promise<{ readonly token: string; readonly session: Session } | undefined>;
  /**
   * Undefined for a token that we did not make for this domain, which costs no
   * look into the database, and for a session that is ended, expired, idle, of
   * somebody disabled, or older than a password.
   */
  find(domain: string, token: string): Promise<LiveSession | undefined>;
  /** This device, with what was made from it. */
  end(domain: string, token: string): Promise<void>;
  /** All devices; answers how many sessions ended. */
  endAll(username: string): Promise<number>;
}
