/** What an argon2id digest costs to verify, from its PHC text. */
export interface Argon2Cost {
  /** KiB. */
  readonly memory: number;
  readonly iterations: number;
  readonly parallelism: number;
  /** Bytes. */
  readonly saltLength: number;
  readonly hashLength: number;
}

export type ParsedDigest =
  | { readonly ok: true; readonly digest: string; readonly cost: Argon2Cost }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** 2 GiB, the most that RFC 9106 section 4 recommends; a users file must not be able to ask for all memory. */
export const MAX_MEMORY_KIB = 2_097_152;
/** Memory times passes, KiB: about ten seconds of one core. Longer looks like an outage. */
export const MAX_WORK_KIB = 8 * MAX_MEMORY_KIB;
/** More lanes than any machine that runs this has cores. */
export const MAX_PARALLELISM = 64;
/** RFC 9106 section 3.1 asks for 8 bytes of salt at least; both ends of what password tools make. */
export const MIN_SALT = 8;
export const MIN_HASH = 16;
export const MAX_SALT_OR_HASH = 64;

/** Kinds that Authelia verifies and this version does not, by how they begin. */
const KNOWN_KINDS: readonly (readonly [prefix: RegExp, name: string])[] = [
  [/^\$argon2(i|d)\$/, 'argon2i or argon2d'],
  [/^\$2[abxy]?\$/, 'bcrypt'],
  [/^\$bcrypt-sha256\$/, 'bcrypt-sha256'],
  [/^\$scrypt\$/, 'scrypt'],
  [/^\$(y|7|yescrypt)\$/, 'yescrypt'],
  [/^\$pbkdf2(-sha(1|224|256|384|512))?\$/, 'pbkdf2'],
  [/^\$5\$/, 'sha256crypt'],
  [/^\$6\$/, 'sha512crypt'],
  [/^\$(plaintext|base64)\$/, 'plaintext'],
];

const MAKE_ONE = 'make one with `postern hash`';

/** Reads a password digest. Messages never hold it: it may be a password in the wrong place. */
export function parseDigest(text: string): ParsedDigest {
  // Authelia's older files write {CRYPT} before the digest.
  const digest = text.trim().replace(/^\{CRYPT\}(?=\$)/, '');
  if (digest === '') return bad('users.digest.missing', `no password digest: ${MAKE_ONE}`);
  if (digest.startsWith('$argon2id$')) return parseArgon2id(digest);
  for (const [prefix, name] of KNOWN_KINDS) {
    if (prefix.test(digest)) {
      return bad(
        'users.digest.unsupported',
        `digest kind \`${name}\` is one of Authelia's that this version does not verify yet: it must be argon2id; ${MAKE_ONE}`,
      );
    }
  }
  const kind = /^(\$[a-z0-9-]{1,20}\$)[^$]*\$/.exec(digest)?.[1];
  if (kind !== undefined) {
    return bad(
      'users.digest.unknown',
      `unknown digest kind \`${kind}\`: it must be \`$argon2id$\`; ${MAKE_ONE}`,
    );
  }
  return bad(
    'users.digest.plain',
    `not a password digest: write the digest of the password, never the password itself; ${MAKE_ONE}`,
  );
}

function parseArgon2id(digest: string): ParsedDigest {
  const version = /^\$argon2id\$v=(\d{1,9})\$/.exec(digest)?.[1];
  if (version !== undefined && version !== '19') {
    return bad(
      'users.digest.malformed',
      `argon2id digest of version ${version}: only v=19 is verified; ${MAKE_ONE}`,
    );
  }
  const match =
    /^\$argon2id\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
      digest,
    );
  const saltLength = match?.[4] === undefined ? undefined : base64Length(match[4]);
  const hashLength = match?.[5] === undefined ? undefined : base64Length(match[5]);
  if (match === null || saltLength === undefined || hashLength === undefined) {
    return bad(
      'users.digest.malformed',
      'malformed argon2id digest: it reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash` in one line, as `postern hash` prints it; copy it again',
    );
  }
  const [memory, iterations, parallelism] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const limits: readonly (readonly [boolean, string])[] = [
    [memory > MAX_MEMORY_KIB, `m=${memory} (KiB of memory) is over the limit of ${MAX_MEMORY_KIB}`],
    [parallelism > MAX_PARALLELISM, `p=${parallelism} (lanes) is over the limit of ${MAX_PARALLELISM}`],
    [memory < 8 * parallelism, `m=${memory} (KiB of memory) is under the least of 8 per lane`],
    [
      memory * iterations > MAX_WORK_KIB,
      `t=${iterations} (passes) over m=${memory} KiB is over the limit of ${MAX_WORK_KIB} KiB in all`,
    ],
    [
      saltLength < MIN_SALT || saltLength > MAX_SALT_OR_HASH,
      `its salt has ${saltLength} bytes where ${MIN_SALT} to ${MAX_SALT_OR_HASH} are allowed`,
    ],
    [
      hashLength < MIN_HASH || hashLength > MAX_SALT_OR_HASH,
      `its hash has ${hashLength} bytes where ${MIN_HASH} to ${MAX_SALT_OR_HASH} are allowed`,
    ],
  ];
  for (const [broken, reason] of limits) {
    if (broken) return bad('users.digest.limit', `argon2id digest refused, ${reason}; ${MAKE_ONE}`);
  }
  return { ok: true, digest, cost: { memory, iterations, parallelism, saltLength, hashLength } };
}

/** Bytes of canonical base64 without padding, undefined when it is not that. */
function base64Length(text: string): number | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text ? bytes.length : undefined;
}

function bad(code: string, message: string): ParsedDigest {
  return { ok: false, code, message };
}
