/** A password digest of one of the kinds that are verified, read and within its limits. */
export interface Digest {
  /** As it stands in the users file. */
  readonly text: string;
  /** Memory of one verification, KiB. */
  readonly memoryKib: number;
  /** Time of one verification, milliseconds of one core of the machine the kinds were measured on: for comparison only. */
  readonly millis: number;
  /** Off the event loop. Rejects when the digest cannot be computed, out of memory say. */
  verify(password: string): Promise<boolean>;
  /** A digest that costs the same and fits no password: its hash is random. */
  dummy(): string;
}

export type ParsedDigest =
  | { readonly ok: true; readonly digest: Digest }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** A parameter that is over or under its limit, and what to say then. */
export type Limit = readonly [broken: boolean, reason: string];

export const MAKE_ONE = 'make one with `postern hash`';

export function bad(code: string, message: string): ParsedDigest {
  return { ok: false, code, message };
}

/** Not in the kind's form; the form is shown, the digest never: it may be a password in the wrong place. */
export function malformed(kind: string, form: string): ParsedDigest {
  return bad(
    'users.digest.malformed',
    `malformed ${kind} digest: it reads \`${form}\` in one line; copy it again, or ${MAKE_ONE}`,
  );
}

/** The first broken limit as a problem, undefined when all hold. */
export function overLimit(kind: string, limits: readonly Limit[]): ParsedDigest | undefined {
  const broken = limits.find(([isBroken]) => isBroken);
  if (broken === undefined) return undefined;
  return bad('users.digest.limit', `${kind} digest refused, ${broken[1]}; ${MAKE_ONE}`);
}

// Both ends of what password tools make. A shorter hash would fit more than one password by chance.
export const MIN_SALT = 8;
export const MIN_HASH = 16;
export const MAX_SALT_OR_HASH = 64;

/** Limits of salt and hash in bytes, for kinds that let them vary. */
export function lengthLimits(salt: Uint8Array, hash: Uint8Array): Limit[] {
  return [
    [
      salt.length < MIN_SALT || salt.length > MAX_SALT_OR_HASH,
      `its salt has ${salt.length} bytes where ${MIN_SALT} to ${MAX_SALT_OR_HASH} are allowed`,
    ],
    [
      hash.length < MIN_HASH || hash.length > MAX_SALT_OR_HASH,
      `its hash has ${hash.length} bytes where ${MIN_HASH} to ${MAX_SALT_OR_HASH} are allowed`,
    ],
  ];
}

/** Bytes of canonical base64 without padding (RFC 4648 section 3.5), undefined when it is not that. */
export function fromBase64(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return toBase64(bytes) === text ? bytes : undefined;
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
