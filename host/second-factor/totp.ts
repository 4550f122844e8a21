import { Secret, TOTP } from 'otpauth';
import type { TotpAlgorithm } from '../config/totp.ts';
import { equalTexts } from './equal.ts';

/** What a code is computed from (RFC 6238). */
export interface TotpParameters {
  readonly secret: Uint8Array;
  readonly algorithm: TotpAlgorithm;
  readonly digits: number;
  /** Seconds. */
  readonly period: number;
}

/** Number of the time step, from 1970. */
export function stepAt(now: number, period: number): number {
  return Math.floor(now / (period * 1_000));
}

/** The code of one time step. */
export function codeOf(parameters: TotpParameters, step: number): string {
  return totp(parameters).generate({ timestamp: step * parameters.period * 1_000 });
}

/**
 * The latest time step whose code this is, of those that count now; undefined
 * for none. All of them are computed and compared whatever is found.
 */
export function matchingStep(
  parameters: TotpParameters,
  code: string,
  now: number,
  skew: number,
): number | undefined {
  const present = stepAt(now, parameters.period);
  let found: number | undefined;
  for (let step = Math.max(0, present - skew); step <= present + skew; step++) {
    if (equalTexts(codeOf(parameters, step), code)) found = step;
  }
  return found;
}

export interface Label {
  readonly issuer: string;
  readonly username: string;
}

/** The key as authenticators read it: `otpauth://totp/Postern:john?…`. Holds no quote of any kind. */
export function keyUri(parameters: TotpParameters, { issuer, username }: Label): string {
  return totp(parameters, issuer, username).toString().replaceAll("'", '%27');
}

/** What authenticators are given by hand. */
export function base32(secret: Uint8Array): string {
  return new Secret({ buffer: copied(secret) }).base32;
}

function totp({ secret, algorithm, digits, period }: TotpParameters, issuer = '', label = ''): TOTP {
  return new TOTP({
    issuer,
    label,
    algorithm,
    digits,
    period,
    secret: new Secret({ buffer: copied(secret) }),
  });
}

/** An array may be a window into a larger one. */
function copied(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
