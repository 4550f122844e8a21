import { createHmac, randomBytes } from 'node:crypto';
import { verify } from '@node-rs/bcrypt';
import { bad, MAKE_ONE, malformed, overLimit, type ParsedDigest } from './digest.ts';

/** Each step doubles the time; this one takes six seconds of one core. */
export const MAX_BCRYPT_COST = 17;
export const MIN_BCRYPT_COST = 4;
/** Authelia's default. */
export const BCRYPT_DEFAULT_COST = 12;
/** bcrypt does not look at what is behind this, in bytes. */
export const BCRYPT_MAX_PASSWORD = 72;

/** Measured: cost 10 takes 50 ms. */
const MILLIS_PER_ROUND = 0.0485;
/** Blowfish's tables and the key. */
const MEMORY_KIB = 8;

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * `$2b$12$` and 53 characters of salt and hash. `$2a$`, `$2x$` and `$2y$` are
 * computed the same way, as in Authelia: they differ only for passwords that old
 * implementations read wrongly.
 */
export function parseBcrypt(text: string): ParsedDigest {
  const match = /^\$2[abxy]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(text);
  if (match === null) {
    if (/^\$2\$/.test(text)) {
      return bad(
        'users.digest.malformed',
        `bcrypt digest of the kind \`$2$\`, which is too old; ${MAKE_ONE}`,
      );
    }
    return malformed('bcrypt', '$2b$cost$salt-and-hash');
  }
  return build('bcrypt', text, match, password => password);
}

/**
 * `$bcrypt-sha256$v=2,t=2b,r=12$salt$hash` as passlib and Authelia write it:
 * bcrypt of the base64 text of HMAC-SHA256, whose key is the salt's text.
 */
export function parseBcryptSha256(text: string): ParsedDigest {
  const match = /^\$bcrypt-sha256\$v=2,t=2[aby],r=([1-9]\d?)\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/.exec(
    text,
  );
  if (match === null) return malformed('bcrypt-sha256', '$bcrypt-sha256$v=2,t=2b,r=…$salt$hash');
  return build('bcrypt-sha256', text, match, (password, salt) =>
    createHmac('sha256', salt).update(password, 'utf8').digest('base64'),
  );
}

/** @param match cost, salt and hash in groups 1 to 3 */
function build(
  kind: string,
  text: string,
  match: RegExpExecArray,
  prepare: (password: string, salt: string) => string,
): ParsedDigest {
  const [, cost = '', salt = '', hash = ''] = match;
  const rounds = Number(cost);
  const broken = overLimit(kind, [
    [
      rounds < MIN_BCRYPT_COST || rounds > MAX_BCRYPT_COST,
      `its cost of ${rounds} lies outside ${MIN_BCRYPT_COST} to ${MAX_BCRYPT_COST}`,
    ],
  ]);
  if (broken !== undefined) return broken;
  const clean = canonicalSalt(salt);
  const digest = `$2b$${cost.padStart(2, '0')}$${clean}${hash}`;
  return {
    ok: true,
    digest: {
      text,
      memoryKib: MEMORY_KIB,
      millis: 2 ** rounds * MILLIS_PER_ROUND,
      // In libuv's threads.
      verify: password => verify(prepare(password, clean), digest),
      dummy: () => {
        const at = text.length - hash.length;
        return text.slice(0, at) + randomText(hash.length);
      },
    },
  };
}

/** 22 characters hold four bits more than a salt has; some tools leave rubbish there, which nobody reads. */
function canonicalSalt(salt: string): string {
  const last = ALPHABET.indexOf(salt.slice(-1)) & ~15;
  return salt.slice(0, -1) + ALPHABET.charAt(last);
}

function randomText(length: number): string {
  // The last of 31 characters holds two bits less: `.` leaves them empty.
  const bytes = [...randomBytes(length - 1)];
  return `${bytes.map(byte => ALPHABET.charAt(byte & 63)).join('')}.`;
}
