import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveGuestKey, deriveKey, verdictTag } from '../../host/secret/derive.ts';
import {
  createSecret,
  formatGuestKey,
  formatSecret,
  parseGuestKey,
  parseSecret,
} from '../../host/secret/secret.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const text = formatSecret(key);
const guestText = formatGuestKey(key);

/** Message of a refused secret, which must not hold any of it. */
function refusal(parse: typeof parseSecret, value: string): string {
  const parsed = parse(value);
  if (parsed.ok) throw new Error('accepted');
  const own = value.trim().replace(/^postern_(secret|guest)_/, '');
  if (own.length > 3) expect(parsed.problem.message).not.toContain(own);
  return parsed.problem.message;
}

describe('root secret', () => {
  it('is prefix, key and checksum in base64url', () => {
    const sum = createHash('sha256').update('postern_secret_').update(key).digest().subarray(0, 4);
    expect(text).toBe(`postern_secret_${Buffer.concat([key, sum]).toString('base64url')}`);
    expect(text).toHaveLength(15 + 48);
  });

  it('is read back, with white space around it', () => {
    expect(parseSecret(text)).toEqual({ ok: true, key });
    expect(parseSecret(` ${text}\r\n`)).toEqual({ ok: true, key });
    expect(parseGuestKey(`${guestText}\n`)).toEqual({ ok: true, key });
  });

  it('is new each time', () => {
    const made = createSecret();
    expect(parseSecret(made).ok).toBe(true);
    expect(createSecret()).not.toBe(made);
  });

  const missing =
    'no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)';
  const foreign =
    'not a secret of Postern: it must begin with `postern_secret_`, as `postern secret` prints it; secrets of Authelia, passwords and passphrases are not accepted';
  const damaged = 'damaged while copying: its checksum does not fit; copy it again';
  const alphabet =
    'damaged while copying: a secret is one line of letters, digits, `-` and `_`; copy it again';
  it.each([
    ['nothing', '', missing],
    ['an empty line', ' \n', missing],
    ['a passphrase', 'correct horse battery staple', foreign],
    ['64 letters as Authelia wants them', 'a'.repeat(64), foreign],
    ['32 bytes in hexadecimal', Buffer.from(key).toString('hex'), foreign],
    ['another case', text.toUpperCase(), foreign],
    [
      'the guest key',
      guestText,
      "this is the guest key, which is Traefik's: the host needs the root secret, which begins with `postern_secret_`",
    ],
    [
      'one cut short',
      text.slice(0, -1),
      'damaged while copying: 47 characters follow `postern_secret_` where 48 are needed; copy it again',
    ],
    [
      'one pasted twice',
      text + text,
      'damaged while copying: 111 characters follow `postern_secret_` where 48 are needed; copy it again',
    ],
    ['one wrapped over lines', `${text.slice(0, 30)}\n${text.slice(30)}`, alphabet],
    ['one in plain base64', text.replace(/.$/, '+'), alphabet],
    ['a wrong letter', text.replace(/.$/, text.endsWith('A') ? 'B' : 'A'), damaged],
    ['a wrong letter in the key', text.replace('_A', '_B'), damaged],
    ["the guest key under the secret's name", guestText.replace('guest', 'secret'), damaged],
  ])('refuses %s', (_name, value, message) => {
    expect(refusal(parseSecret, value)).toBe(message);
  });

  it.each([
    ['nothing', '', 'no guest key: make it from the root secret with `postern secret guest`'],
    [
      'the root secret',
      text,
      'this is the root secret, which only the host may have: give Traefik the output of `postern secret guest`, which begins with `postern_guest_`',
    ],
    [
      'other text',
      'hello',
      'not a guest key of Postern: it must begin with `postern_guest_`, as `postern secret guest` prints it',
    ],
    ['a damaged one', guestText.replace('_A', '_B'), damaged],
  ])('a guest key: refuses %s', (_name, value, message) => {
    expect(refusal(parseGuestKey, value)).toBe(message);
  });
});

describe('derived keys', () => {
  // Made with Python's hmac: PRK = HMAC(zeros, key), T1 = HMAC(PRK, info ‖ 1).
  it('are HKDF-SHA256 with length-prefixed info', () => {
    expect(Buffer.from(deriveGuestKey(key)).toString('hex')).toBe(
      'bc392177bfdbbb1c7f5185fba35ae352c71791d426bb0cc7920d51a5bcba17bf',
    );
    expect(Buffer.from(deriveKey(key, 'index')).toString('hex')).toBe(
      '1ae8b875e0c27cfe6f94ed78250bc8a614b29203ad30c28994ce404c32a17ff6',
    );
    expect(verdictTag(key)).toBe('8716777dac134a4470ee12000e0d5d3e');
  });

  it('differ by label and root', () => {
    expect(deriveKey(key, 'a')).not.toEqual(deriveKey(key, 'b'));
    expect(deriveGuestKey(key)).not.toEqual(deriveGuestKey(deriveGuestKey(key)));
  });
});
