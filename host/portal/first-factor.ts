import { delayFailure } from '../authn/failure-delay.ts';
import { type HeldAnswer, HeldAnswers } from '../authn/held-answers.ts';
import { originOf } from '../authn/origin.ts';
import { QueueFullError } from '../authn/password.ts';
import type { PasswordLogin } from '../authn/password-login.ts';
import type { Clock } from '../clock.ts';
import { cookieValue } from '../http/cookies.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import type { Logger } from '../log/logger.ts';
import { DEVICE_COOKIE, type DeviceCookies } from '../regulation/device-cookie.ts';
import type { Directory, User } from '../users/directory.ts';

export interface FirstFactorDeps {
  readonly login: Pick<PasswordLogin, 'check'>;
  readonly directory: Pick<Directory, 'find'>;
  readonly devices: Pick<DeviceCookies, 'verify' | 'make'>;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly maxHeld?: number;
}

export interface Tried {
  readonly username: string;
  readonly password: string;
  readonly headers: RequestHeaders;
  /** Client address in canonical text, empty when it is not known. */
  readonly client: string;
  /** `clock.monotonic()` at the request's arrival */
  readonly began: number;
}

/** `busy`: not looked at, too many wait. */
export type FirstFactorOutcome = User | 'failed' | 'busy';

/**
 * Name and password, as the portal asks for them. Whatever is wrong with them,
 * the answer is the same, and so is the time after which it comes.
 */
export class FirstFactor {
  readonly #deps: FirstFactorDeps;
  readonly #held: HeldAnswers;

  constructor(deps: FirstFactorDeps) {
    this.#deps = deps;
    this.#held = new HeldAnswers(deps.maxHeld);
  }

  async judge(tried: Tried): Promise<FirstFactorOutcome> {
    const held = this.#held.enter(originOf(tried.client, '').address);
    if (held === undefined) return 'busy';
    try {
      return await Promise.race([this.#judge(tried, held), held.refused.then(() => 'busy' as const)]);
    } finally {
      held.leave();
    }
  }

  /** `Set-Cookie` that makes the browser a known one of whoever has just signed in. */
  deviceCookie(headers: RequestHeaders, username: string): string {
    return this.#deps.devices.make(username, cookieValue(headers, DEVICE_COOKIE)).cookie;
  }

  async #judge(tried: Tried, held: HeldAnswer): Promise<FirstFactorOutcome> {
    const { login, directory, devices, clock, random, log } = this.#deps;
    const { username, password, headers, client: address } = tried;
    const account = directory.find(username)?.principal.username;
    const device =
      account === undefined ? undefined : devices.verify(cookieValue(headers, DEVICE_COOKIE), account);
    try {
      const checked = await login.check({ username, password, address, device });
      // The digest may be another one by now; the session would be of the new one.
      if (checked.ok && directory.find(username)?.digest === checked.user.digest) return checked.user;
    } catch (error) {
      if (error instanceof QueueFullError) return 'busy';
      log.error('a password could not be verified', { error: String(error) });
    }
    await delayFailure(clock, random, tried.began, held);
    return 'failed';
  }
}
