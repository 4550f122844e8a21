/** A user as Elasticsearch has it. */
export interface StoredUser {
  readonly name: string;
  readonly roles: readonly string[];
  readonly fullName: string;
  readonly email: string;
  readonly enabled: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A whole user to write: Elasticsearch forgets of the one before what does not stand here, but for the password. */
export interface UserToWrite extends Omit<StoredUser, 'name'> {
  /** Undefined keeps the one it has. */
  readonly password?: string;
}

/**
 * The few calls that provisioning needs. They reject with `ElasticError`; once
 * `signal` aborts, soon and with `ERR_ELASTIC_SLOW`.
 */
export interface ElasticClient {
  /** Undefined when there is no such user. */
  find(name: string, signal: AbortSignal): Promise<StoredUser | undefined>;
  /** False when a try of it was given up without an answer: it may be done again, later. */
  write(name: string, user: UserToWrite, signal: AbortSignal): Promise<boolean>;
  disable(name: string, signal: AbortSignal): Promise<void>;
  all(signal: AbortSignal): Promise<readonly StoredUser[]>;
  /** Whether Elasticsearch lets this user in. */
  accepts(authorization: string, signal: AbortSignal): Promise<boolean>;
  /** Whether our own account is let in. */
  check(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
