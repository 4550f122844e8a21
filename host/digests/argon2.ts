import { randomBytes } from 'node:crypto';
import { verify } from '@node-rs/argon2';
import {
  bad,
  fromBase64,
  lengthLimits,
  MAKE_ONE,
  malformed,
  overLimit,
  type ParsedDigest,
  toBase64,
} from './digest.ts';

/** 2 GiB, the most that RFC 9106 section 4 recommends; a users file must not be able to ask for all memory. */
export const MAX_MEMORY_KIB = 2_097_152;
/** Memory times passes, KiB: about ten seconds of a slow core. Longer looks like an outage. */
export const MAX_WORK_KIB = 8 * MAX_MEMORY_KIB;
/** More lanes than any machine that runs this has cores. */
export const MAX_PARALLELISM = 64;

/** Measured: one core fills 6 GiB a second. */
const MILLIS_PER_KIB = 1.65e-4;

export interface Argon2Cost {
  /** KiB. */
  readonly memory: number;
  readonly iterations: number;
  readonly parallelism: number;
}

/** Authelia's defaults. */
export const ARGON2_DEFAULTS: Argon2Cost = { memory: 65_536, iterations: 3, parallelism: 4 };

/** `$argon2i$`, `$argon2d$` or `$argon2id$` (RFC 9106), version 19, in the PHC string format. */
export function parseArgon2(text: string): ParsedDigest {
  const kind = /^\$(argon2(?:i|d|id))\$/.exec(text)?.[1] ?? 'argon2id';
  const version = /^\$\w+\$v=(\d{1,9})\$/.exec(text)?.[1];
  if (version !== undefined && version !== '19') {
    return bad(
      'users.digest.malformed',
      `${kind} digest of version ${version}: only v=19 is verified; ${MAKE_ONE}`,
    );
  }
  const match =
    /^\$\w+\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
      text,
    );
  const salt = fromBase64(match?.[4]);
  const hash = fromBase64(match?.[5]);
  if (match === null || salt === undefined || hash === undefined) {
    return malformed(kind, `$${kind}$v=19$m=…,t=…,p=…$salt$hash`);
  }
  const [memory, iterations, parallelism] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const broken = overLimit(kind, [
    [memory > MAX_MEMORY_KIB, `m=${memory} (KiB of memory) is over the limit of ${MAX_MEMORY_KIB}`],
    [parallelism > MAX_PARALLELISM, `p=${parallelism} (lanes) is over the limit of ${MAX_PARALLELISM}`],
    [memory < 8 * parallelism, `m=${memory} (KiB of memory) is under the least of 8 per lane`],
    [
      memory * iterations > MAX_WORK_KIB,
      `t=${iterations} (passes) over m=${memory} KiB is over the limit of ${MAX_WORK_KIB} KiB in all`,
    ],
    ...lengthLimits(salt, hash),
  ]);
  if (broken !== undefined) return broken;
  const cost = { memory, iterations, parallelism };
  return {
    ok: true,
    digest: {
      text,
      memoryKib: memory,
      millis: memory * iterations * MILLIS_PER_KIB,
      // In libuv's threads.
      verify: password => verify(text, password),
      dummy: () => argon2Dummy(kind, cost, salt.length, hash.length),
    },
  };
}

/** A digest of nothing at all. */
export function argon2Dummy(kind: string, cost: Argon2Cost, saltLength: number, hashLength: number): string {
  const { memory, iterations, parallelism } = cost;
  const random = (length: number) => toBase64(randomBytes(length));
  return `$${kind}$v=19$m=${memory},t=${iterations},p=${parallelism}$${random(saltLength)}$${random(hashLength)}`;
}
