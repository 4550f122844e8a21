import type { ForeignKey } from './foreign-keys.ts';
import type { GetValue } from './keys.ts';
import type { Report } from './tree.ts';
import { boolean, integer, oneOf, type Read, type Reader, shown } from './values.ts';

export type TotpAlgorithm = 'SHA1' | 'SHA256' | 'SHA512';

/** Authelia's `totp`: what codes of new devices are like. */
export interface TotpSetup {
  /** Shown by the authenticator in front of the user's name. */
  readonly issuer: string;
  readonly algorithm: TotpAlgorithm;
  readonly digits: number;
  /** Seconds. */
  readonly period: number;
  /** So many periods before and after this one count as well: clocks differ. */
  readonly skew: number;
  /** Bytes. */
  readonly secretSize: number;
}

/** Authelia's defaults, but for the name. */
export const TOTP_DEFAULTS: TotpSetup = {
  issuer: 'Postern',
  algorithm: 'SHA1',
  digits: 6,
  period: 30,
  skew: 1,
  secretSize: 32,
};

/** Longer ones do not fit the list of an authenticator. */
const MAX_ISSUER = 64;
/** Each adds two codes that are right at the same time; five minutes is more than a clock goes wrong that is set at all. */
const MAX_SKEW = 10;
/** As long as the longest block of its hash: more adds nothing, and the QR code grows. */
const MAX_SECRET = 128;

const ALGORITHMS: readonly TotpAlgorithm[] = ['SHA1', 'SHA256', 'SHA512'];

/** Behind a colon authenticators look for the user's name. */
const issuer: Reader<string> = raw =>
  typeof raw === 'string' &&
  raw.trim() !== '' &&
  raw.length <= MAX_ISSUER &&
  !/[:\p{Cc}\p{Cs}\u2028\u2029]/u.test(raw)
    ? { ok: true, value: raw }
    : {
        ok: false,
        message: `must be a name of up to ${MAX_ISSUER} characters without a colon, got ${shown(raw)}`,
      };

const algorithm: Reader<TotpAlgorithm> = raw => {
  const found = typeof raw === 'string' ? ALGORITHMS.find(name => name === raw.toUpperCase()) : undefined;
  return found === undefined
    ? { ok: false, message: `must be \`SHA1\`, \`SHA256\` or \`SHA512\`, got ${shown(raw)}` }
    : { ok: true, value: found };
};

const digits: Reader<number> = raw => {
  const value = raw === '6' || raw === '8' ? Number(raw) : raw;
  return value === 6 || value === 8
    ? { ok: true, value }
    : { ok: false, message: `must be 6 or 8, got ${shown(raw)}` };
};

const period = integer(15, 3_600);

/** At least one of them; in the environment separated by commas. */
function listOf<T>(entry: Reader<T>): Reader<readonly T[]> {
  return raw => {
    if (!Array.isArray(raw) || raw.length === 0) {
      return { ok: false, message: `must be a list with at least one entry, got ${shown(raw)}` };
    }
    const values: T[] = [];
    for (const item of raw) {
      const read: Read<T> = entry(item);
      if (!read.ok) return { ok: false, message: `each entry ${read.message}` };
      values.push(read.value);
    }
    return { ok: true, value: values };
  };
}

export const TOTP_KEYS = {
  default_2fa_method: oneOf('', 'totp', 'webauthn', 'mobile_push'),
  'totp.disable': boolean,
  'totp.issuer': issuer,
  'totp.algorithm': algorithm,
  'totp.digits': digits,
  'totp.period': period,
  'totp.skew': integer(0, MAX_SKEW),
  'totp.secret_size': integer(20, MAX_SECRET),
  'totp.allowed_algorithms': listOf(algorithm),
  'totp.allowed_digits': listOf(digits),
  'totp.allowed_periods': listOf(period),
} as const;

export const TOTP_LISTS: readonly string[] = [
  'totp.allowed_algorithms',
  'totp.allowed_digits',
  'totp.allowed_periods',
];

export const TOTP_FOREIGN: Readonly<Record<string, ForeignKey>> = {
  'totp.disable_reuse_security_policy': {
    kind: 'refused',
    message: 'must be removed: a code never works twice',
  },
};

/** The section `totp`; undefined when it is switched off. */
export function readTotp(get: GetValue, report: Report): TotpSetup | undefined {
  const method = get('default_2fa_method');
  if (method === 'webauthn' || method === 'mobile_push') {
    report(
      'config.unused',
      'default_2fa_method',
      `\`${method}\` is not supported yet: people are asked for a time-based code; the key may stay`,
      'warning',
    );
  }
  const setup: TotpSetup = {
    issuer: get('totp.issuer') ?? TOTP_DEFAULTS.issuer,
    algorithm: get('totp.algorithm') ?? TOTP_DEFAULTS.algorithm,
    digits: get('totp.digits') ?? TOTP_DEFAULTS.digits,
    period: get('totp.period') ?? TOTP_DEFAULTS.period,
    skew: get('totp.skew') ?? TOTP_DEFAULTS.skew,
    secretSize: get('totp.secret_size') ?? TOTP_DEFAULTS.secretSize,
  };
  checkAllowed('totp.allowed_algorithms', 'totp.algorithm', setup.algorithm);
  checkAllowed('totp.allowed_digits', 'totp.digits', setup.digits);
  checkAllowed('totp.allowed_periods', 'totp.period', setup.period);
  return get('totp.disable') === true ? undefined : setup;

  /** Authelia lets people choose among these; here all new devices are alike. */
  function checkAllowed(
    list: 'totp.allowed_algorithms' | 'totp.allowed_digits' | 'totp.allowed_periods',
    key: string,
    value: string | number,
  ): void {
    const allowed: readonly (string | number)[] | undefined = get(list);
    if (allowed === undefined) return;
    if (!allowed.includes(value)) {
      report('config.value', list, `must hold \`${value}\`, which is what \`${key}\` says`);
    } else if (new Set(allowed).size > 1) {
      report(
        'config.unused',
        list,
        `nobody chooses among these: new devices get \`${key}\`, which is \`${value}\`; the key may stay`,
        'warning',
      );
    }
  }
}
