import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../host/digests/digest.ts';
import { KINDS_TO_MAKE, makeDigest } from '../../host/digests/make.ts';
import { parseDigest, verifyDigest } from '../../host/digests/parse.ts';

interface Row {
  readonly name: string;
  readonly origin: string;
  readonly digest: string;
  readonly password: string;
}
const rows: Row[] = JSON.parse(
  readFileSync(new URL('../cases/digests/digests.json', import.meta.url), 'utf8'),
);

const TRIES = 10;

const parsed = (text: string): Digest => {
  const result = parseDigest(text);
  if (!result.ok) throw new Error(result.message);
  return result.digest;
};
/** Another character where the kind's hash begins. */
const otherHash = (text: string) => {
  const at = /^\$2/.test(text) ? 29 : text.lastIndexOf('$') + 1;
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
};

describe('digests made by others', () => {
  it.each(rows)('$name ($origin)', async ({ digest, password }) => {
    expect(await verifyDigest(digest, password)).toBe(true);
    expect(await verifyDigest(`{CRYPT}${digest}`, password)).toBe(true);
    const wrong = password.slice(0, -1) + (password.endsWith('x') ? 'y' : 'x');
    expect(await verifyDigest(digest, wrong)).toBe(false);
    expect(await verifyDigest(digest, '')).toBe(false);
    expect(await verifyDigest(otherHash(digest), password)).toBe(false);
  });

  it.each(rows)('have a dummy of the same cost that nothing fits: $name ($origin)', async row => {
    const { millis, memoryKib, dummy } = parsed(row.digest);
    const text = dummy();
    expect(text.length).toBe(row.digest.length);
    expect(parsed(text)).toMatchObject({ millis, memoryKib });
    expect(dummy()).not.toBe(text);
    expect(await verifyDigest(text, row.password)).toBe(false);
  });
});

describe('digests made here', () => {
  it.each(KINDS_TO_MAKE)('%s', async kind => {
    const cost = { memory: 64, iterations: 1, parallelism: 1 };
    const digest = await makeDigest(kind, 'p:ass:wörd', cost);
    expect(await verifyDigest(digest, 'p:ass:wörd')).toBe(true);
    expect(await verifyDigest(digest, 'p:ass:word')).toBe(false);
    expect(await makeDigest(kind, 'p:ass:wörd', cost)).not.toBe(digest);
  });
});

const b64 = (bytes: number) => Buffer.alloc(bytes).toString('base64').replace(/=+$/, '');
const mend = 'make one with `postern hash`';
const refused = (kind: string, reason: string) => `${kind} digest refused, ${reason}; ${mend}`;
const form = (kind: string, text: string) =>
  `malformed ${kind} digest: it reads \`${text}\` in one line; copy it again, or ${mend}`;
const scryptForm = form('scrypt', '$scrypt$ln=…,r=…,p=…$salt$hash');
const pbkdf2Form = form('pbkdf2', '$pbkdf2-sha512$iterations$salt$hash');
const bcryptForm = form('bcrypt', '$2b$cost$salt-and-hash');
const sha256Form = form('bcrypt-sha256', '$bcrypt-sha256$v=2,t=2b,r=…$salt$hash');
const [salt22, hash31] = ['.'.repeat(22), '.'.repeat(31)];

describe('digests that are refused', () => {
  it.each([
    ['$scrypt$ln=16,r=8$x$y', scryptForm],
    [`$scrypt$ln=16,r=8,p=1$${b64(16)}=$${b64(32)}`, scryptForm],
    [`$scrypt$ln=16,r=8,p=0$${b64(16)}$${b64(32)}`, scryptForm],
    [`$scrypt$n=16,r=8,p=1$${b64(16)}$${b64(32)}`, scryptForm],
    [
      `$scrypt$ln=22,r=8,p=1$${b64(16)}$${b64(32)}`,
      refused(
        'scrypt',
        'ln=22, r=8 and p=1 ask for 33554432 steps (2^ln times r times p) where 16777216 are allowed',
      ),
    ],
    [
      `$scrypt$ln=16,r=8,p=1$${b64(7)}$${b64(32)}`,
      refused('scrypt', 'its salt has 7 bytes where 8 to 64 are allowed'),
    ],
    ['$pbkdf2-md5$310000$x$y', pbkdf2Form],
    [`$pbkdf2-sha512$310000$${b64(16)}$++++++++++++++++++++++`, pbkdf2Form],
    [`$pbkdf2-sha512$-1$${b64(16)}$${b64(64)}`, pbkdf2Form],
    [
      `$pbkdf2$5000000$${b64(16)}$${b64(64)}`,
      refused(
        'pbkdf2',
        'its 5000000 iterations, 20000000 for all blocks of its hash, are over the limit of 10000000',
      ),
    ],
    [
      `$pbkdf2-sha512$10000001$${b64(16)}$${b64(64)}`,
      refused('pbkdf2', 'its 10000001 iterations are over the limit of 10000000'),
    ],
    [
      `$5$rounds=999$salt$${'.'.repeat(43)}`,
      refused('sha2crypt', 'its 999 rounds lie outside 1000 to 5000000'),
    ],
    [
      `$6$rounds=5000001$salt$${'.'.repeat(86)}`,
      refused('sha2crypt', 'its 5000001 rounds lie outside 1000 to 5000000'),
    ],
    [`$6$saltsaltsaltsalts$${'.'.repeat(86)}`, form('sha2crypt', '$6$rounds=…$salt$hash')],
    [`$5$salt$${'.'.repeat(86)}`, form('sha2crypt', '$5$rounds=…$salt$hash')],
    [`$2b$18$${salt22}${hash31}`, refused('bcrypt', 'its cost of 18 lies outside 4 to 17')],
    [`$2b$03$${salt22}${hash31}`, refused('bcrypt', 'its cost of 3 lies outside 4 to 17')],
    [`$2b$12$${salt22}${hash31}.`, bcryptForm],
    ['$2y$10$abcdefghijklmnopqrstuu', bcryptForm],
    [
      `$2$12$${salt22}${hash31}`,
      'bcrypt digest of the kind `$2$`, which is too old; make one with `postern hash`',
    ],
    [`$bcrypt-sha256$2b,12$${salt22}$${hash31}`, sha256Form],
    [`$bcrypt-sha256$v=1,t=2b,r=12$${salt22}$${hash31}`, sha256Form],
    [
      `$bcrypt-sha256$v=2,t=2b,r=18$${salt22}$${hash31}`,
      refused('bcrypt-sha256', 'its cost of 18 lies outside 4 to 17'),
    ],
    ...['$y$j9T$x$y', '$7$x$y', '$yescrypt$x$y'].map(text => [
      text,
      'digest kind `yescrypt` is not verified here: make one with `postern hash`',
    ]),
  ])('%s', async (text, message) => {
    expect(parseDigest(text)).toMatchObject({ ok: false, message });
    await expect(verifyDigest(text, 'x')).rejects.toThrow(message);
  });
});

describe('what a verification asks for', () => {
  it.each([
    ['argon2 m', `$argon2i$v=19$m=65536,t=3,p=4$${b64(16)}$${b64(32)}`, 65_536],
    ['scrypt 128 N r', `$scrypt$ln=16,r=8,p=1$${b64(16)}$${b64(32)}`, 65_536],
    ['scrypt with many lanes', `$scrypt$ln=10,r=8,p=1024$${b64(16)}$${b64(32)}`, 2_048],
  ])('memory: %s', (_name, text, kib) => {
    expect(parsed(text).memoryKib).toBeGreaterThanOrEqual(kib);
    expect(parsed(text).memoryKib).toBeLessThan(kib * 1.02);
  });

  it.each([
    ['argon2id', `$argon2id$v=19$m=65536,t=4,p=4$${b64(16)}$${b64(32)}`],
    ['scrypt', `$scrypt$ln=16,r=8,p=1$${b64(16)}$${b64(32)}`],
    ['pbkdf2', `$pbkdf2-sha512$310000$${b64(16)}$${b64(64)}`],
    ['sha2crypt', `$6$rounds=200000$salt$${'.'.repeat(86)}`],
    ['bcrypt', `$2b$11$${salt22}${hash31}`],
  ])('does not hold up the event loop: %s', async (_name, text) => {
    // Threads and workers are there.
    await verifyDigest(text, 'x');
    // What holds it up does so each time; a machine with other things to do only now and then.
    const held: string[] = [];
    for (let i = 0; i < TRIES; i++) {
      const { took, longest } = await watchLoop(() => verifyDigest(text, 'x'));
      expect(took).toBeGreaterThan(20);
      if (longest < took * 0.8) return;
      held.push(`${longest} of ${took} ms`);
    }
    expect(held).toEqual([]);
  });
});

/** How long something took, and for how long of that the event loop did nothing else: milliseconds. */
async function watchLoop(work: () => Promise<unknown>): Promise<{ took: number; longest: number }> {
  const began = performance.now();
  let longest = 0;
  let last = began;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  await work();
  look();
  clearInterval(timer);
  return { took: last - began, longest };
}
