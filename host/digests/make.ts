import { randomBytes } from 'node:crypto';
import { type Algorithm, hash as argon2 } from '@node-rs/argon2';
import { hash as bcrypt } from '@node-rs/bcrypt';
import type { Argon2Cost } from './argon2.ts';
import { BCRYPT_DEFAULT_COST } from './bcrypt.ts';
import { formatPbkdf2, PBKDF2_DEFAULTS, pbkdf2Hash } from './pbkdf2.ts';
import { formatScrypt, SCRYPT_DEFAULTS, scryptHash } from './scrypt.ts';
import { randomSha2Text, SHA2_DEFAULTS } from './sha2crypt.ts';
import { sha2crypt } from './sha2crypt-hash.ts';

/** Kinds that digests are made of: one for each of Authelia's algorithms, its default variant. */
export const KINDS_TO_MAKE = ['argon2id', 'scrypt', 'pbkdf2', 'sha2crypt', 'bcrypt'] as const;
export type KindToMake = (typeof KINDS_TO_MAKE)[number];

/** Argon2id in the PHC sense; the package's enum has no run-time form. */
const ARGON2ID = 2 as Algorithm.Argon2id;
const SALT_LENGTH = 16;
const HASH_LENGTH = 32;
const SHA512_LENGTH = 64;

/** A digest with a new salt, by Authelia's default parameters; argon2id's may be others. */
export async function makeDigest(kind: KindToMake, password: string, cost: Argon2Cost): Promise<string> {
  const salt = randomBytes(SALT_LENGTH);
  switch (kind) {
    case 'argon2id':
      return argon2(password, {
        algorithm: ARGON2ID,
        memoryCost: cost.memory,
        timeCost: cost.iterations,
        parallelism: cost.parallelism,
        outputLen: HASH_LENGTH,
      });
    case 'scrypt':
      return formatScrypt(
        SCRYPT_DEFAULTS,
        salt,
        await scryptHash(password, salt, SCRYPT_DEFAULTS, HASH_LENGTH),
      );
    case 'pbkdf2': {
      const { variant, iterations } = PBKDF2_DEFAULTS;
      const hash = await pbkdf2Hash(password, salt, iterations, SHA512_LENGTH, variant);
      return formatPbkdf2(`pbkdf2-${variant}`, iterations, salt, hash);
    }
    case 'sha2crypt': {
      const { variant, rounds, saltLength } = SHA2_DEFAULTS;
      const text = randomSha2Text(saltLength);
      return `$6$rounds=${rounds}$${text}$${sha2crypt(variant, password, text, rounds)}`;
    }
    default:
      return bcrypt(password, BCRYPT_DEFAULT_COST);
  }
}
