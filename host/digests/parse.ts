import { parseArgon2 } from './argon2.ts';
import { parseBcrypt, parseBcryptSha256 } from './bcrypt.ts';
import { bad, MAKE_ONE, type ParsedDigest } from './digest.ts';
import { parsePbkdf2 } from './pbkdf2.ts';
import { parseScrypt } from './scrypt.ts';
import { parseSha2crypt } from './sha2crypt.ts';

/** The kinds that Authelia's users file may hold, by how they begin. */
const KINDS: readonly (readonly [prefix: RegExp, parse: (text: string) => ParsedDigest])[] = [
  [/^\$argon2(i|d|id)\$/, parseArgon2],
  [/^\$scrypt\$/, parseScrypt],
  [/^\$pbkdf2(-[a-z0-9]{1,10})?\$/, parsePbkdf2],
  [/^\$[56]\$/, parseSha2crypt],
  [/^\$2[abxy]?\$/, parseBcrypt],
  [/^\$bcrypt-sha256\$/, parseBcryptSha256],
];

const NAMES = 'argon2id, argon2i, argon2d, scrypt, pbkdf2, sha2crypt, bcrypt and bcrypt-sha256';

/** Reads a password digest. Messages never hold it: it may be a password in the wrong place. */
export function parseDigest(text: string): ParsedDigest {
  // Authelia's older files write {CRYPT} before the digest.
  const digest = text.trim().replace(/^\{CRYPT\}(?=\$)/, '');
  if (digest === '') return bad('users.digest.missing', `no password digest: ${MAKE_ONE}`);
  for (const [prefix, parse] of KINDS) if (prefix.test(digest)) return parse(digest);
  if (/^\$(y|7|gy|yescrypt)\$/.test(digest)) {
    return bad('users.digest.unsupported', `digest kind \`yescrypt\` is not verified here: ${MAKE_ONE}`);
  }
  if (/^\$(plaintext|base64)\$/.test(digest)) {
    return bad(
      'users.digest.unsupported',
      `digest kind \`plaintext\` is no digest, whoever reads the file has the password: ${MAKE_ONE}`,
    );
  }
  const kind = /^(\$[a-z0-9-]{1,20}\$)[^$]*\$/.exec(digest)?.[1];
  if (kind !== undefined) {
    return bad('users.digest.unknown', `unknown digest kind \`${kind}\`: verified are ${NAMES}; ${MAKE_ONE}`);
  }
  return bad(
    'users.digest.plain',
    `not a password digest: write the digest of the password, never the password itself; ${MAKE_ONE}`,
  );
}

/** Whether the password fits the digest; rejects for a digest that cannot be read. */
export async function verifyDigest(text: string, password: string): Promise<boolean> {
  const parsed = parseDigest(text);
  if (!parsed.ok) throw new TypeError(parsed.message);
  return parsed.digest.verify(password);
}
