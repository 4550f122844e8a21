import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { fromBase64, lengthLimits, malformed, overLimit, type ParsedDigest, toBase64 } from './digest.ts';

/** Iterations for each block of the hash: five seconds of one core. */
export const MAX_PBKDF2_ITERATIONS = 10_000_000;

export type Pbkdf2Hash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** Length of a hash in bytes, and measured milliseconds of one iteration of one block. */
const HASHES: Readonly<Record<Pbkdf2Hash, { readonly length: number; readonly millis: number }>> = {
  sha1: { length: 20, millis: 2e-4 },
  sha224: { length: 28, millis: 2e-4 },
  sha256: { length: 32, millis: 2e-4 },
  sha384: { length: 48, millis: 4.8e-4 },
  sha512: { length: 64, millis: 4.8e-4 },
};

/** Authelia's defaults. */
export const PBKDF2_DEFAULTS = { variant: 'sha512', iterations: 310_000 } as const;

/**
 * `$pbkdf2-sha512$iterations$salt$hash` (RFC 8018 section 5.2), `$pbkdf2$`
 * being SHA-1; the string as passlib and Authelia write it: base64 without
 * padding, `.` for `+`.
 */
export function parsePbkdf2(text: string): ParsedDigest {
  const match =
    /^\$pbkdf2(?:-(sha1|sha224|sha256|sha384|sha512))?\$([1-9]\d{0,9})\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)$/.exec(
      text,
    );
  const salt = fromBase64(match?.[3]?.replaceAll('.', '+'));
  const hash = fromBase64(match?.[4]?.replaceAll('.', '+'));
  if (match === null || salt === undefined || hash === undefined) {
    return malformed('pbkdf2', '$pbkdf2-sha512$iterations$salt$hash');
  }
  const prefix = match[1] === undefined ? 'pbkdf2' : `pbkdf2-${match[1]}`;
  const variant = (match[1] ?? 'sha1') as Pbkdf2Hash;
  const iterations = Number(match[2]);
  // Each block of the hash is computed by itself.
  const work = iterations * Math.ceil(hash.length / HASHES[variant].length);
  const broken = overLimit('pbkdf2', [
    [
      work > MAX_PBKDF2_ITERATIONS,
      `its ${iterations} iterations${work > iterations ? `, ${work} for all blocks of its hash,` : ''} are over the limit of ${MAX_PBKDF2_ITERATIONS}`,
    ],
    ...lengthLimits(salt, hash),
  ]);
  if (broken !== undefined) return broken;
  return {
    ok: true,
    digest: {
      text,
      memoryKib: 0,
      millis: work * HASHES[variant].millis,
      verify: async password =>
        timingSafeEqual(await pbkdf2Hash(password, salt, iterations, hash.length, variant), hash),
      dummy: () => formatPbkdf2(prefix, iterations, randomBytes(salt.length), randomBytes(hash.length)),
    },
  };
}

/** @param prefix without the dollar signs, e.g. `pbkdf2-sha512` */
export function formatPbkdf2(prefix: string, iterations: number, salt: Uint8Array, hash: Uint8Array): string {
  const encode = (bytes: Uint8Array) => toBase64(bytes).replaceAll('+', '.');
  return `$${prefix}$${iterations}$${encode(salt)}$${encode(hash)}`;
}

/** In libuv's threads. */
export function pbkdf2Hash(
  password: string,
  salt: Uint8Array,
  iterations: number,
  length: number,
  variant: Pbkdf2Hash,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, length, variant, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
