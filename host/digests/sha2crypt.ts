import { randomInt, timingSafeEqual } from 'node:crypto';
import { malformed, overLimit, type ParsedDigest } from './digest.ts';
import type { Sha2Variant } from './sha2crypt-hash.ts';
import { askWorker } from './sha2crypt-pool.ts';

/** The specification's least; what has less was made by nothing that follows it. */
export const MIN_SHA2_ROUNDS = 1_000;
/** Four seconds of one core. */
export const MAX_SHA2_ROUNDS = 5_000_000;
/** Meant when a digest does not say it. */
const OMITTED_ROUNDS = 5_000;

/** Authelia's defaults. */
export const SHA2_DEFAULTS = { variant: 'sha512', rounds: 50_000, saltLength: 16 } as const;

/** Measured: milliseconds of a round. */
const MILLIS: Readonly<Record<Sha2Variant, number>> = { sha256: 7e-4, sha512: 9e-4 };
/** A worker's buffers. */
const MEMORY_KIB = 1_024;

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `$5$rounds=…$salt$hash` is SHA-256, `$6$…` SHA-512; without `rounds` it is 5,000 of them. */
export function parseSha2crypt(text: string): ParsedDigest {
  const match =
    /^\$(?:5\$(rounds=[1-9]\d{0,8}\$)?([./A-Za-z0-9]{1,16})\$([./A-Za-z0-9]{43})|6\$(rounds=[1-9]\d{0,8}\$)?([./A-Za-z0-9]{1,16})\$([./A-Za-z0-9]{86}))$/.exec(
      text,
    );
  if (match === null) {
    return malformed('sha2crypt', `${text.startsWith('$5$') ? '$5$' : '$6$'}rounds=…$salt$hash`);
  }
  const variant = match[3] === undefined ? 'sha512' : 'sha256';
  const stated = match[1] ?? match[4];
  const salt = match[2] ?? match[5] ?? '';
  const hash = match[3] ?? match[6] ?? '';
  const rounds = stated === undefined ? OMITTED_ROUNDS : Number(stated.slice('rounds='.length, -1));
  const broken = overLimit('sha2crypt', [
    [
      rounds < MIN_SHA2_ROUNDS || rounds > MAX_SHA2_ROUNDS,
      `its ${rounds} rounds lie outside ${MIN_SHA2_ROUNDS} to ${MAX_SHA2_ROUNDS}`,
    ],
  ]);
  if (broken !== undefined) return broken;
  return {
    ok: true,
    digest: {
      text,
      memoryKib: MEMORY_KIB,
      millis: rounds * MILLIS[variant],
      verify: async password => {
        const answer = await askWorker({ variant, password, salt, rounds });
        return timingSafeEqual(Buffer.from(answer), Buffer.from(hash));
      },
      // The last character of either hash is one of four at least: `.` and `/` are always among them.
      dummy: () => `${text.slice(0, -hash.length)}${randomSha2Text(hash.length - 1)}.`,
    },
  };
}

/** Random characters of the salt's alphabet. */
export function randomSha2Text(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}
