import type { FailureReason, Regulator } from '../regulation/regulator.ts';
import type { Directory, User } from '../users/directory.ts';
import { originOf } from './origin.ts';
import type { PasswordVerifier } from './password.ts';

export interface PasswordLoginDeps {
  readonly directory: Pick<Directory, 'find' | 'dummyDigest'>;
  readonly verifier: Pick<PasswordVerifier, 'verify' | 'turn'>;
  readonly regulator: Regulator;
}

export interface PasswordAttempt {
  /** As typed. */
  readonly username: string;
  readonly password: string;
  /** In canonical text, empty when it cannot be told. */
  readonly address: string;
  /** What `DeviceCookies.verify` answered for this user. */
  readonly device?: string | undefined;
}

interface FailedResult {
  readonly ok: false;
  readonly reason: FailureReason;
}
export type PasswordResult = { readonly ok: true; readonly user: User } | FailedResult;

/**
 * A user name and a password, judged: regulation before and behind the
 * verification, and as much waiting, whoever it is. Nothing of a failure may be
 * told but that it is one, `FAILURE_DELAY_MS` after the request's arrival.
 */
export class PasswordLogin {
  readonly #deps: PasswordLoginDeps;

  constructor(deps: PasswordLoginDeps) {
    this.#deps = deps;
  }

  /** Judges and counts. Rejects with `QueueFullError`, and when the digest cannot be verified; neither counts. */
  async check(attempt: PasswordAttempt): Promise<PasswordResult> {
    const { regulator } = this.#deps;
    if (await regulator.isBanned(attempt)) return this.waitAsBanned(attempt);
    const result = await this.verify(attempt);
    if (result.ok) await regulator.succeeded(attempt);
    else if (result.reason !== 'banned') await regulator.failed(attempt, result.reason);
    return result;
  }

  /** Waits its turn like an attempt that is verified, and is turned away like one where too many wait, at no cost. */
  async waitAsBanned({ username, address }: PasswordAttempt): Promise<FailedResult> {
    await this.#deps.verifier.turn(originOf(address, this.#accountOf(username)));
    return { ok: false, reason: 'banned' };
  }

  /**
   * Judges alone: whoever calls has asked `isBanned`, and counts.
   *
   * @param isExempt no ban counts, as this very credential was good before
   */
  async verify(attempt: PasswordAttempt, isExempt = false): Promise<PasswordResult> {
    const { directory, verifier, regulator } = this.#deps;
    const { username, password, address } = attempt;
    const user = directory.find(username);
    const origin = originOf(address, this.#accountOf(username));
    const good = await verifier.verify(user?.digest ?? directory.dummyDigest(), password, origin);
    if (user === undefined) return { ok: false, reason: 'unknown user' };
    if (!good) return { ok: false, reason: 'wrong password' };
    if (user.disabled) return { ok: false, reason: 'the user is disabled' };
    // Of many guesses that were sent together some are verified when others have brought the ban.
    if (!isExempt && (await regulator.isBanned(attempt))) return { ok: false, reason: 'banned' };
    return { ok: true, user };
  }

  /** Names and mail addresses of one account share its turns. */
  #accountOf(username: string): string {
    return this.#deps.directory.find(username)?.principal.username ?? username;
  }
}
