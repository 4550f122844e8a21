/**
 * What must last longer than a process and a cache: sessions, second factors,
 * recovery codes, bans. SQLite for one host, PostgreSQL for several;
 * `test/contracts/store.ts` runs over both.
 *
 * Times are milliseconds since 1970. Every method rejects with `StoreError`
 * when the database cannot be asked in time, and what must be durable is so
 * when the call returns.
 */
export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  readonly sessions: SessionStore;
  readonly factors: FactorStore;
  readonly bans: BanStore;
  readonly revocations: RevocationStore;
  /** Removes what has ended before `now`: sessions, bans, revocations that no grant outlived. */
  sweep(now: number): Promise<void>;
  /** Whether it answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Session {
  /** A hash of the token: the token itself is nowhere. */
  readonly id: string;
  readonly username: string;
  /** Domain of the cookie. */
  readonly domain: string;
  readonly level: number;
  readonly createdAt: number;
  /** The session's end, whoever is active. */
  readonly expiresAt: number;
  readonly activeAt: number;
  readonly remember: boolean;
  /** What is shown in the list of devices (address, browser); sealed. */
  readonly details: string;
  /** Of the password that the user had when it began, see `session/password-tag.ts`. */
  readonly password: string;
  /** Id of the session it was made from, and ends with. */
  readonly parent: string | undefined;
}

export interface Crowd {
  readonly username: string;
  readonly domain: string;
  /** How many may stay. */
  readonly most: number;
  /** Id of one that stays, whatever its times say. */
  readonly keep: string;
  readonly now: number;
  /** Who has not been active since then is over, unless the session is to be remembered. */
  readonly idleSince: number;
}

/**
 * What ends here is told to all hosts by a row of `revocations`, written in the
 * same transaction, so that nobody who asks for the rows afterwards misses it.
 */
export interface SessionStore {
  /** False when its parent is gone, and then nothing is put. */
  put(session: Session): Promise<boolean>;
  find(id: string): Promise<Session | undefined>;
  /** Never back: an older notice of activity changes nothing. False when the session is gone. */
  touch(id: string, activeAt: number): Promise<boolean>;
  ofUser(username: string): Promise<readonly Session[]>;
  /** Everybody's that have not reached their end. */
  all(now: number): Promise<readonly Session[]>;
  /** Puts the new one in the old one's place, in one step; false when the old one or its parent is gone, and then nothing happens. */
  replace(oldId: string, next: Session, now: number): Promise<boolean>;
  /**
   * Ends those of a user on a domain that are too many, with what was made from
   * them: first those that are over already, then those that were idle longest.
   */
  thin(crowd: Crowd): Promise<readonly string[]>;
  /** With those that were made from it; answers the ids of all. */
  remove(id: string, now: number): Promise<readonly string[]>;
  /** All of a user; everybody's without a name. With `before` those stay that began later. Answers their ids. */
  removeAll(username: string | undefined, now: number, before?: number): Promise<readonly string[]>;
}

export interface Revocation {
  readonly number: number;
  /** Undefined for everybody. */
  readonly username: string | undefined;
  /** Told by this very `Store`. */
  readonly isOwn: boolean;
}

export interface RevocationStore {
  /** The newest number, 0 without any. */
  last(): Promise<number>;
  /**
   * What was told behind this number, in its order. A number may appear late, when
   * the transaction that took it was slow: ask again for some before the newest.
   */
  since(number: number): Promise<readonly Revocation[]>;
  /** Tells all hosts that the grants of a user are void (everybody's without a name). */
  tell(username: string | undefined, now: number): Promise<void>;
}

export interface TotpDevice {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  /** Sealed. */
  readonly secret: Uint8Array;
  readonly algorithm: 'SHA1' | 'SHA256' | 'SHA512';
  readonly digits: number;
  readonly period: number;
  /** Number of the last time step that was used; no code of it or before works again. */
  readonly lastStep: number;
  readonly createdAt: number;
}

/** A device without its secret. */
export type ListedDevice = Omit<TotpDevice, 'secret' | 'algorithm'> & { readonly algorithm: string };

export interface FactorStore {
  /** Rejects with `ERR_STORE_CONFLICT` when the id exists. */
  add(device: TotpDevice): Promise<void>;
  ofUser(username: string): Promise<readonly TotpDevice[]>;
  /** For operators: also those whose secret does not open any more. */
  listed(username: string): Promise<readonly ListedDevice[]>;
  /** Takes a time step for a device: true once for each, and for none before the last, whoever asks at the same time. */
  useStep(username: string, id: string, step: number): Promise<boolean>;
  remove(username: string, id: string): Promise<boolean>;
  /** Puts these codes in the place of all of the user's; they are kept as keyed hashes. */
  setRecoveryCodes(username: string, codes: readonly string[]): Promise<void>;
  /** True once for each code. */
  useRecoveryCode(username: string, code: string): Promise<boolean>;
  recoveryCodesLeft(username: string): Promise<number>;
}

export interface Ban {
  readonly kind: 'user' | 'address';
  /** The account's own name; an address, or a network in CIDR. */
  readonly subject: string;
  /** What brought it: failed attempts, or somebody who runs this. */
  readonly source: 'failures' | 'operator';
  /** Undefined for ever. */
  readonly until: number | undefined;
  readonly reason: string;
  readonly createdAt: number;
}

export interface BanStore {
  /** Replaces one of the same subject; but what an operator put stays as it is until it ends or an operator replaces it. */
  put(ban: Ban): Promise<void>;
  /** Those of this user and this subject of an address, and all that operators put on addresses and networks. */
  against(username: string | undefined, address: string, now: number): Promise<readonly Ban[]>;
  find(kind: Ban['kind'], subject: string, now: number): Promise<Ban | undefined>;
  list(now: number): Promise<readonly Ban[]>;
  remove(kind: Ban['kind'], subject: string): Promise<boolean>;
}

export type StoreErrorCode =
  /** Not reached, or too slow. */
  | 'ERR_STORE_UNAVAILABLE'
  /** The data key was wrapped by another root secret, or a column was written for another row. */
  | 'ERR_STORE_SEALED'
  /** Made by a newer version. */
  | 'ERR_STORE_NEWER'
  | 'ERR_STORE_CONFLICT';

/** Its message says what to do, and holds no value of any column. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  /** The driver's or the database's own code, such as `ECONNREFUSED` or `28P01`; empty for others. */
  readonly reason: string;

  constructor(code: StoreErrorCode, message: string, reason = '') {
    super(message);
    this.name = 'StoreError';
    this.code = code;
    this.reason = reason;
  }
}
