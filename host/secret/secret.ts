import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  CHECKSUM_LENGTH,
  GUEST_KEY_PREFIX,
  KEY_LENGTH,
  SECRET_PREFIX,
  TOKEN_PREFIX,
} from '../../assembly/contract.ts';

/** Base64url characters of a key with its checksum; 36 bytes need no padding, so each key has one text. */
const ENCODED_LENGTH = ((KEY_LENGTH + CHECKSUM_LENGTH) * 8) / 6;

/** What is wrong with a secret's text. Never holds any of it. */
export interface SecretProblem {
  readonly code: 'secret.missing' | 'secret.foreign' | 'secret.mixed-up' | 'secret.damaged';
  readonly message: string;
}

export type ParsedSecret =
  | { readonly ok: true; readonly key: Uint8Array }
  | { readonly ok: false; readonly problem: SecretProblem };

/** A new root secret in text. */
export function createSecret(): string {
  return formatSecret(randomBytes(KEY_LENGTH));
}

/** @param key 32 bytes */
export function formatSecret(key: Uint8Array): string {
  return format(SECRET_PREFIX, key);
}

/** @param key 32 bytes */
export function formatGuestKey(key: Uint8Array): string {
  return format(GUEST_KEY_PREFIX, key);
}

/** A new API token in text. */
export function createToken(): string {
  return format(TOKEN_PREFIX, randomBytes(KEY_LENGTH));
}

/** Whether the text is a token that `createToken` could have made: then nobody guessed or thought it up. */
export function isMadeToken(text: string): boolean {
  return (
    text.startsWith(TOKEN_PREFIX) &&
    parse(text, TOKEN_PREFIX, SECRET_PREFIX, { missing: '', foreign: '', mixedUp: '', what: 'token' }).ok &&
    text.trim() === text
  );
}

/** Reads the text of a root secret. White space around it (a file's last newline) does not count. */
export function parseSecret(text: string): ParsedSecret {
  return parse(text, SECRET_PREFIX, GUEST_KEY_PREFIX, {
    missing:
      'no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)',
    foreign: `not a secret of Postern: it must begin with \`${SECRET_PREFIX}\`, as \`postern secret\` prints it; secrets of Authelia, passwords and passphrases are not accepted`,
    mixedUp: `this is the guest key, which is Traefik's: the host needs the root secret, which begins with \`${SECRET_PREFIX}\``,
    what: 'secret',
  });
}

/** Reads the text of a guest key. */
export function parseGuestKey(text: string): ParsedSecret {
  return parse(text, GUEST_KEY_PREFIX, SECRET_PREFIX, {
    missing: 'no guest key: make it from the root secret with `postern secret guest`',
    foreign: `not a guest key of Postern: it must begin with \`${GUEST_KEY_PREFIX}\`, as \`postern secret guest\` prints it`,
    mixedUp: `this is the root secret, which only the host may have: give Traefik the output of \`postern secret guest\`, which begins with \`${GUEST_KEY_PREFIX}\``,
    what: 'guest key',
  });
}

interface Words {
  readonly missing: string;
  readonly foreign: string;
  readonly mixedUp: string;
  readonly what: string;
}

function parse(text: string, prefix: string, otherPrefix: string, words: Words): ParsedSecret {
  const trimmed = text.trim();
  if (trimmed === '') return bad('secret.missing', words.missing);
  if (trimmed.startsWith(otherPrefix)) return bad('secret.mixed-up', words.mixedUp);
  if (!trimmed.startsWith(prefix)) return bad('secret.foreign', words.foreign);
  const encoded = trimmed.slice(prefix.length);
  if (!/^[A-Za-z0-9_-]*$/.test(encoded)) {
    return bad(
      'secret.damaged',
      `damaged while copying: a ${words.what} is one line of letters, digits, \`-\` and \`_\`; copy it again`,
    );
  }
  if (encoded.length !== ENCODED_LENGTH) {
    return bad(
      'secret.damaged',
      `damaged while copying: ${encoded.length} characters follow \`${prefix}\` where ${ENCODED_LENGTH} are needed; copy it again`,
    );
  }
  const bytes = Buffer.from(encoded, 'base64url');
  const key = bytes.subarray(0, KEY_LENGTH);
  if (!timingSafeEqual(bytes.subarray(KEY_LENGTH), checksum(prefix, key))) {
    return bad('secret.damaged', 'damaged while copying: its checksum does not fit; copy it again');
  }
  return { ok: true, key: new Uint8Array(key) };
}

function format(prefix: string, key: Uint8Array): string {
  if (key.length !== KEY_LENGTH) throw new TypeError(`a key has ${KEY_LENGTH} bytes`);
  return prefix + Buffer.concat([key, checksum(prefix, key)]).toString('base64url');
}

function checksum(prefix: string, key: Uint8Array): Buffer {
  return createHash('sha256').update(prefix, 'ascii').update(key).digest().subarray(0, CHECKSUM_LENGTH);
}

function bad(code: SecretProblem['code'], message: string): ParsedSecret {
  return { ok: false, problem: { code, message } };
}
