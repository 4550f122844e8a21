import { createHmac } from 'node:crypto';
import { KEY_LENGTH, KIND_BASIC, LEVEL_ONE_FACTOR } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import { type Issuer, NO_SCOPE } from '../grant/issuer.ts';
import { basicCredential } from '../grant/keys.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine, Proof } from '../policy/engine.ts';
import type { Account, Directory, User } from '../users/directory.ts';
import { delayFailure } from './failure-delay.ts';
import { type HeldAnswer, HeldAnswers } from './held-answers.ts';
import { originOf } from './origin.ts';
import { type PasswordVerifier, QueueFullError } from './password.ts';
import { SingleFlight } from './single-flight.ts';
import type { TokenStrategy } from './token.ts';

export interface BasicDeps {
  readonly engine: Pick<Engine, 'parseAuthorization'>;
  readonly directory: Directory;
  readonly verifier: PasswordVerifier;
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

/** `Authorization`: the Basic scheme (RFC 7617) over the user directory, and tokens. */
export class BasicStrategy {
  readonly #deps: BasicDeps;
  /** Credentials in flight are named by this, so that none stays readable in memory. */
  readonly #flightKey: Uint8Array;
  readonly #flights = new SingleFlight<Account | undefined>();
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
    const { clock, random, log, tokens } = this.#deps;
    try {
      const token = tokens?.judgePassword(username, password, client) ?? 'unknown';
      const principal =
        token === 'unknown' ? (await this.#verify(username, password, client))?.principal : token;
      if (principal !== undefined && principal !== 'refused') {
        return { kind: 'proof', proof: { kind: 'proved', principal, level: LEVEL_ONE_FACTOR } };
      }
    } catch (error) {
      if (error instanceof QueueFullError) return BUSY;
      log.error('a password could not be verified', { error: String(error) });
    }
    await delayFailure(clock, random, began, held);
    return FAILED;
  }

  #verify(username: string, password: string, client: string): Promise<Account | undefined> {
    // Read before the verification begins; the issuer compares.
    const user = this.#deps.directory.find(username);
    // With the epoch: whoever comes after a password was changed must not share the outcome of the old one.
    const key = this.#name(username, password, user?.epoch ?? new Uint8Array(0));
    return this.#flights.run(key, () => this.#fly(user, username, password, client));
  }

  async #fly(
    user: User | undefined,
    username: string,
    password: string,
    client: string,
  ): Promise<Account | undefined> {
    const { directory, verifier, issuer, log } = this.#deps;
    // Names and mail addresses of one account share its turns.
    const origin = originOf(client, user?.principal.username ?? username);
    const good = await verifier.verify(user?.digest ?? directory.dummyDigest(), password, origin);
    if (user === undefined) {
      // Not named: people type passwords into the wrong field.
      log.info('login refused: unknown user');
      return undefined;
    }
    const name = user.principal.username;
    if (!good || user.disabled) {
      log.info(good ? 'login refused: the user is disabled' : 'login refused: wrong password', {
        user: name,
      });
      return undefined;
    }
    const now = issuer.issue({
      username,
      epoch: user.epoch,
      kind: KIND_BASIC,
      level: LEVEL_ONE_FACTOR,
      scope: NO_SCOPE,
      credential: basicCredential(username, password),
    });
    if (now === undefined) {
      log.info('login refused: the user was changed while the password was verified', { user: name });
    }
    return now;
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
