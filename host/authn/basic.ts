import { createHmac } from 'node:crypto';
import { KEY_LENGTH, KIND_BASIC, LEVEL_ONE_FACTOR } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import { type Issuer, NO_SCOPE } from '../grant/issuer.ts';
import { basicCredential } from '../grant/keys.ts';
import type { KnownGrants } from '../grant/known-grants.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine, Principal, Proof } from '../policy/engine.ts';
import type { FailureReason, Regulator } from '../regulation/regulator.ts';
import type { Account, Directory } from '../users/directory.ts';
import { delayFailure } from './failure-delay.ts';
import { type HeldAnswer, HeldAnswers } from './held-answers.ts';
import { originOf } from './origin.ts';
import { QueueFullError } from './password.ts';
import type { PasswordAttempt, PasswordLogin } from './password-login.ts';
import { SingleFlight } from './single-flight.ts';
import type { TokenStrategy } from './token.ts';

export interface BasicDeps {
  readonly engine: Pick<Engine, 'parseAuthorization'>;
  readonly directory: Pick<Directory, 'find'>;
  readonly login: PasswordLogin;
  readonly regulator: Regulator;
  /** Grants that this host has written: whoever has one is not kept out by a ban that others brought. */
  readonly known?: Pick<KnownGrants, 'find'> | undefined;
  readonly issuer: Issuer;
  /** A password may be an API token, and `Bearer` carries one. */
  readonly tokens?: Pick<TokenStrategy, 'judgePassword' | 'authenticate'> | undefined;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly maxHeld?: number;
}

/** What a request's `Authorization` comes to. */
export type BasicOutcome =
  | { readonly kind: 'proof'; readonly proof: Proof }
  /** Over a named limit: 431. */
  | { readonly kind: 'too-large' }
  /** Too many verifications or answers wait: 503. */
  | { readonly kind: 'busy' };

const NONE: BasicOutcome = { kind: 'proof', proof: { kind: 'none' } };
const BUSY: BasicOutcome = { kind: 'busy' };
const FAILED: BasicOutcome = { kind: 'proof', proof: { kind: 'failed' } };

/** What became of one verification, for all who asked for it at the same time. */
type Judged =
  | { readonly ok: true; readonly account: Account }
  | { readonly ok: false; readonly reason: FailureReason };

/** `Authorization`: the Basic scheme (RFC 7617) over the user directory, and tokens. */
export class BasicStrategy {
  readonly #deps: BasicDeps;
  /** Credentials in flight are named by this, so that none stays readable in memory. */
  readonly #flightKey: Uint8Array;
  readonly #flights = new SingleFlight<Judged>();
  readonly #held: HeldAnswers;

  constructor(deps: BasicDeps) {
    this.#deps = deps;
    this.#flightKey = deps.random(KEY_LENGTH);
    this.#held = new HeldAnswers(deps.maxHeld);
  }

  /** How many answers are held back. */
  get held(): number {
    return this.#held.count;
  }

  /**
   * @param values each value of `Authorization`, as received
   * @param began `clock.monotonic()` at the request's arrival
   * @param client its address in canonical text, empty when it cannot be told
   * @param isOpen the rule lets everybody in: a bad token is answered at once
   */
  async authenticate(
    values: readonly string[],
    began: number,
    client: string,
    isOpen = false,
  ): Promise<BasicOutcome> {
    if (values.length === 0) return NONE;
    const authorization = this.#deps.engine.parseAuthorization(values);
    switch (authorization.kind) {
      case 'none':
        return NONE;
      case 'too-large':
        return { kind: 'too-large' };
      case 'malformed':
        return FAILED;
      case 'token':
        return this.#deps.tokens?.authenticate(authorization.token, began, client, isOpen) ?? FAILED;
      case 'basic':
        break;
      default:
        return FAILED;
    }
    const held = this.#held.enter(originOf(client, '').address);
    if (held === undefined) return BUSY;
    try {
      const judged = this.#judge(authorization.username, authorization.password, began, client, held);
      return await Promise.race([judged, held.refused.then(() => BUSY)]);
    } finally {
      held.leave();
    }
  }

  async #judge(
    username: string,
    password: string,
    began: number,
    client: string,
    held: HeldAnswer,
  ): Promise<BasicOutcome> {
    const { clock, random, log, regulator, tokens } = this.#deps;
    const attempt = { username, password, address: client };
    let counted: Promise<void> | undefined;
    try {
      const token = tokens?.judgePassword(username, password, client) ?? 'unknown';
      if (typeof token !== 'string') return proved(token);
      if (token === 'unknown') {
        const judged = await this.#verify(attempt);
        if (judged.ok) return proved(judged.account.principal);
        if (judged.reason !== 'banned') counted = regulator.failed(attempt, judged.reason);
      }
    } catch (error) {
      if (error instanceof QueueFullError) return BUSY;
      log.error('a password could not be verified', { error: String(error) });
    }
    await Promise.all([counted, delayFailure(clock, random, began, held)]);
    return FAILED;
  }

  async #verify(attempt: PasswordAttempt): Promise<Judged> {
    const { directory, known, login, regulator } = this.#deps;
    const { username, password, address } = attempt;
    const isExempt =
      known?.find({ kind: KIND_BASIC, scope: '', text: `${username}:${password}` }, address) !== undefined;
    if (!isExempt && (await regulator.isBanned(attempt))) return login.waitAsBanned(attempt);
    // With the epoch: whoever comes after a password was changed must not share the outcome of the old one.
    const key = this.#name(username, password, directory.find(username)?.epoch ?? new Uint8Array(0));
    return this.#flights.run(key, () => this.#fly(attempt, isExempt));
  }

  async #fly(attempt: PasswordAttempt, isExempt: boolean): Promise<Judged> {
    const { issuer, login, regulator } = this.#deps;
    const { username, password } = attempt;
    const result = await login.verify(attempt, isExempt);
    if (!result.ok) return result;
    // As it was before the verification began; the issuer compares.
    const account = issuer.issue({
      username,
      epoch: result.user.epoch,
      kind: KIND_BASIC,
      level: LEVEL_ONE_FACTOR,
      scope: NO_SCOPE,
      credential: basicCredential(username, password),
    });
    if (account === undefined) return { ok: false, reason: 'the user was changed meanwhile' };
    await regulator.succeeded(attempt);
    return { ok: true, account };
  }

  #name(username: string, password: string, epoch: Uint8Array): string {
    const mac = createHmac('sha256', this.#flightKey);
    for (const part of [Buffer.from(username, 'utf8'), Buffer.from(password, 'utf8'), epoch]) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(part.length);
      mac.update(length).update(part);
    }
    return mac.digest('base64');
  }
}

function proved(principal: Principal): BasicOutcome {
  return { kind: 'proof', proof: { kind: 'proved', principal, level: LEVEL_ONE_FACTOR } };
}
