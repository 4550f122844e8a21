import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { fromBase64, lengthLimits, malformed, overLimit, type ParsedDigest, toBase64 } from './digest.ts';

/**
 * N times r times p: five seconds of one core, and as p is one at least, 2 GiB
 * of memory (128 N r bytes) as for argon2.
 */
export const MAX_SCRYPT_WORK = 16_777_216;
/** Measured: N = 65,536, r = 8, p = 1 takes 173 ms. */
const MILLIS_PER_BLOCK = 3.3e-4;

export interface ScryptCost {
  /** log2 N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** Authelia's defaults. */
export const SCRYPT_DEFAULTS: ScryptCost = { ln: 16, r: 8, p: 1 };

/** `$scrypt$ln=16,r=8,p=1$salt$hash` (RFC 7914; the string as passlib and Authelia write it). */
export function parseScrypt(text: string): ParsedDigest {
  const match =
    /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,7}),p=([1-9]\d{0,7})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
      text,
    );
  const salt = fromBase64(match?.[4]);
  const hash = fromBase64(match?.[5]);
  if (match === null || salt === undefined || hash === undefined) {
    return malformed('scrypt', '$scrypt$ln=…,r=…,p=…$salt$hash');
  }
  const cost = { ln: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  const work = 2 ** cost.ln * cost.r * cost.p;
  const broken = overLimit('scrypt', [
    [
      work > MAX_SCRYPT_WORK,
      `ln=${cost.ln}, r=${cost.r} and p=${cost.p} ask for ${work} steps (2^ln times r times p) where ${MAX_SCRYPT_WORK} are allowed`,
    ],
    ...lengthLimits(salt, hash),
  ]);
  if (broken !== undefined) return broken;
  return {
    ok: true,
    digest: {
      text,
      memoryKib: Math.ceil(scryptMemory(cost) / 1_024),
      millis: work * MILLIS_PER_BLOCK,
      verify: async password => timingSafeEqual(await scryptHash(password, salt, cost, hash.length), hash),
      dummy: () => formatScrypt(cost, randomBytes(salt.length), randomBytes(hash.length)),
    },
  };
}

/** In Authelia's form, with `ln` for the logarithm of N to base 2. */
export function formatScrypt({ ln, r, p }: ScryptCost, salt: Uint8Array, hash: Uint8Array): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${toBase64(salt)}$${toBase64(hash)}`;
}

/** In libuv's threads. */
export function scryptHash(
  password: string,
  salt: Uint8Array,
  cost: ScryptCost,
  length: number,
): Promise<Buffer> {
  const options = { N: 2 ** cost.ln, r: cost.r, p: cost.p, maxmem: scryptMemory(cost) };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

/** Bytes: V and B of RFC 7914 section 6, and two blocks of scratch space as OpenSSL counts them. */
function scryptMemory({ ln, r, p }: ScryptCost): number {
  return 128 * r * (2 ** ln + p + 2) + 1_024;
}
