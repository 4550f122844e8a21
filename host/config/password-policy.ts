import { MAX_PASSWORD } from '../../assembly/contract.ts';
import type { GetValue } from './keys.ts';
import type { Report } from './tree.ts';
import { boolean, integer } from './values.ts';

/** Authelia's `password_policy`: what passwords must be like that are set from now on. */
export type PasswordPolicy =
  | {
      readonly kind: 'standard';
      /** Characters. */
      readonly minLength: number;
      /** Undefined for any length. */
      readonly maxLength: number | undefined;
      readonly requireUppercase: boolean;
      readonly requireLowercase: boolean;
      readonly requireNumber: boolean;
      readonly requireSpecial: boolean;
    }
  | {
      readonly kind: 'zxcvbn';
      /** From 1 (somewhat guessable) to 4. */
      readonly minScore: number;
    };

/** Authelia's. */
export const DEFAULT_MIN_LENGTH = 8;
export const DEFAULT_MIN_SCORE = 3;

export const PASSWORD_POLICY_KEYS = {
  'password_policy.standard.enabled': boolean,
  'password_policy.standard.min_length': integer(1, MAX_PASSWORD),
  'password_policy.standard.max_length': integer(0, MAX_PASSWORD),
  'password_policy.standard.require_uppercase': boolean,
  'password_policy.standard.require_lowercase': boolean,
  'password_policy.standard.require_number': boolean,
  'password_policy.standard.require_special': boolean,
  'password_policy.zxcvbn.enabled': boolean,
  'password_policy.zxcvbn.min_score': integer(0, 4),
} as const;

/** Undefined where anything goes. */
export function readPasswordPolicy(get: GetValue, report: Report): PasswordPolicy | undefined {
  const standard = get('password_policy.standard.enabled') ?? false;
  const zxcvbn = get('password_policy.zxcvbn.enabled') ?? false;
  const minLength = get('password_policy.standard.min_length') ?? DEFAULT_MIN_LENGTH;
  const maxLength = get('password_policy.standard.max_length') || undefined;
  const flags = {
    requireUppercase: get('password_policy.standard.require_uppercase') ?? false,
    requireLowercase: get('password_policy.standard.require_lowercase') ?? false,
    requireNumber: get('password_policy.standard.require_number') ?? false,
    requireSpecial: get('password_policy.standard.require_special') ?? false,
  };
  // 0 is Authelia's way to say nothing.
  const minScore = get('password_policy.zxcvbn.min_score') || DEFAULT_MIN_SCORE;
  if (standard && zxcvbn) {
    report(
      'config.twice',
      'password_policy.zxcvbn.enabled',
      'stands beside `password_policy.standard`: set `enabled` of one of them to `false`',
    );
  }
  if (maxLength !== undefined && maxLength < minLength) {
    report(
      'config.value',
      'password_policy.standard.max_length',
      `must be at least \`min_length\`, which is ${minLength}, or 0 for any length`,
    );
  }
  if (standard) return { kind: 'standard', minLength, maxLength, ...flags };
  return zxcvbn ? { kind: 'zxcvbn', minScore } : undefined;
}
