import { hash } from 'node:crypto';

/**
 * SHA-crypt by Ulrich Drepper's specification ("Unix crypt using SHA-256 and
 * SHA-512", version 0.6); step numbers below are its. Synchronous, a
 * microsecond a round: the service calls it in a worker.
 */
export type Sha2Variant = 'sha256' | 'sha512';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The 43 or 86 characters behind the salt. `salt` has 1 to 16 ASCII characters. */
export function sha2crypt(variant: Sha2Variant, password: string, salt: string, rounds: number): string {
  const digest = (...parts: readonly Uint8Array[]): Buffer => hash(variant, Buffer.concat(parts), 'buffer');
  const pw = Buffer.from(password, 'utf8');
  const saltBytes = Buffer.from(salt, 'ascii');

  // Steps 1 to 12.
  const b = digest(pw, saltBytes, pw);
  const bits: Buffer[] = [];
  for (let length = pw.length; length > 0; length >>>= 1) bits.push((length & 1) === 1 ? b : pw);
  const a = digest(pw, saltBytes, repeat(b, pw.length), ...bits);
  // Steps 13 to 20.
  const p = repeat(digest(repeat(pw, pw.length * pw.length)), pw.length);
  const times = 16 + (a[0] ?? 0);
  const s = repeat(digest(repeat(saltBytes, saltBytes.length * times)), saltBytes.length);
  return encode(variant, iterate(variant, a, p, s, rounds));
}

/** Step 21. What a round hashes has one of eight shapes, laid out once; only the last round's digest changes. */
function iterate(variant: Sha2Variant, a: Buffer, p: Buffer, s: Buffer, rounds: number): Buffer {
  const shapes = [0, 1, 2, 3, 4, 5, 6, 7].map(shape => {
    const odd = (shape & 1) !== 0;
    const middle = [...((shape & 2) !== 0 ? [s] : []), ...((shape & 4) !== 0 ? [p] : [])];
    const text = Buffer.concat(odd ? [p, ...middle, a] : [a, ...middle, p]);
    return { text, at: odd ? text.length - a.length : 0 };
  });
  let digest = a;
  for (let i = 0; i < rounds; i++) {
    const shape = shapes[(i & 1) | (i % 3 === 0 ? 0 : 2) | (i % 7 === 0 ? 0 : 4)];
    if (shape === undefined) throw new RangeError('no such shape');
    shape.text.set(digest, shape.at);
    digest = hash(variant, shape.text, 'buffer');
  }
  return digest;
}

/** `bytes` over and over, `length` bytes in all. */
function repeat(bytes: Buffer, length: number): Buffer {
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, bytes);
}

/** Step 22: three bytes in an order of their own become four characters, lowest bits first. */
function encode(variant: Sha2Variant, digest: Buffer): string {
  const third = Math.floor(digest.length / 3);
  let [x, y, z] = [0, third, 2 * third];
  let text = '';
  const put = (high: number, middle: number, low: number, count: number) => {
    let value = (high << 16) | (middle << 8) | low;
    for (let i = 0; i < count; i++, value >>>= 6) text += ALPHABET.charAt(value & 63);
  };
  for (let i = 0; i < third; i++) {
    put(digest[x] ?? 0, digest[y] ?? 0, digest[z] ?? 0, 4);
    [x, y, z] = variant === 'sha256' ? [z + 1, x + 1, y + 1] : [y + 1, z + 1, x + 1];
  }
  if (variant === 'sha256') put(0, digest[31] ?? 0, digest[30] ?? 0, 3);
  else put(0, 0, digest[63] ?? 0, 2);
  return text;
}
