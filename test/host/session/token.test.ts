import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../../host/config/session.ts';
import { clearedCookie, sessionCookie } from '../../../host/session/cookie.ts';
import { PasswordTags } from '../../../host/session/password-tag.ts';
import { SESSION_ID_LENGTH, SessionTokens, sessionId } from '../../../host/session/token.ts';

const SECRET = Buffer.alloc(32, 3);
const OTHER = Buffer.alloc(32, 4);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const tokens = (...secrets: Uint8Array[]) => new SessionTokens(secrets, randomBytes);

describe('a session token', () => {
  const own = tokens(SECRET);
  const token = own.make('example.com');

  it('is 64 characters of base64url, different each time', () => {
    expect(token).toMatch(/^[A-Za-z0-9_-]{64}$/);
    expect(own.make('example.com')).not.toBe(token);
    expect(own.verify('example.com', token)).toBe(true);
  });

  it('is refused with any bit flipped', () => {
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect([bit, own.verify('example.com', flipped.toString('base64url'))]).toEqual([bit, false]);
    }
  });

  it('is refused with any other character anywhere', () => {
    for (let at = 0; at < token.length; at++) {
      for (const letter of `${ALPHABET}=. \n+/ä`) {
        if (letter === token[at]) continue;
        expect(own.verify('example.com', token.slice(0, at) + letter + token.slice(at + 1))).toBe(false);
      }
    }
  });

  it('is not met by chance: none of 100,000, half of them mutations', () => {
    const mutate = (i: number) => {
      const bytes = Buffer.from(token, 'base64url');
      for (let n = 0; n <= i % 4; n++) {
        const [at = 0, change = 0] = randomBytes(2);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (change | 1);
      }
      return bytes.toString('base64url');
    };
    let good = 0;
    for (let i = 0; i < 100_000; i++) {
      const hostile = i % 2 === 0 ? mutate(i) : randomBytes(48).toString('base64url');
      // Two changes of one byte may undo each other.
      if (hostile !== token && own.verify('example.com', hostile)) good++;
    }
    expect(good).toBe(0);
  });

  it.each([
    ['cut', token.slice(0, -1)],
    ['longer', `${token}A`],
    ['empty', ''],
    ['padded', `${token}==`],
    ['with a blank', ` ${token}`],
    ['quoted', `"${token}"`],
    ['halves swapped', token.slice(32) + token.slice(0, 32)],
  ])('is refused when it is %s', (_, changed) => {
    expect(own.verify('example.com', changed)).toBe(false);
  });

  it.each(['example.org', 'Example.com', 'a.example.com', 'com', 'example.com.', ''])(
    'is refused for %s',
    domain => expect(own.verify(domain, token)).toBe(false),
  );

  it('is refused under another secret, and good under the previous one', () => {
    expect(tokens(OTHER).verify('example.com', token)).toBe(false);
    expect(tokens(OTHER, SECRET).verify('example.com', token)).toBe(true);
    expect(own.verify('example.com', tokens(OTHER, SECRET).make('example.com'))).toBe(false);
  });

  it('is known to the store by a hash', () => {
    expect(sessionId(token)).toMatch(/^[0-9a-f]+$/);
    expect(sessionId(token)).toHaveLength(SESSION_ID_LENGTH);
    expect(sessionId(own.make('example.com'))).not.toBe(sessionId(token));
  });
});

describe('its cookie', () => {
  const cookie = { domain: 'example.com', session: DEFAULT_SESSION };
  const session = { createdAt: 1_000, expiresAt: 3_601_999, remember: false };

  it('goes with the browser, or stays until the session ends', () => {
    expect(sessionCookie(cookie, 'TOKEN', session)).toBe(
      '__Secure-postern_session=TOKEN; Domain=example.com; Path=/; Secure; HttpOnly; SameSite=Lax',
    );
    expect(sessionCookie(cookie, 'TOKEN', { ...session, remember: true })).toBe(
      '__Secure-postern_session=TOKEN; Domain=example.com; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax',
    );
  });

  it('is taken back', () => {
    expect(clearedCookie({ ...cookie, session: { ...DEFAULT_SESSION, sameSite: 'none' } })).toBe(
      '__Secure-postern_session=; Domain=example.com; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None',
    );
  });
});

describe('the tag of a password', () => {
  const tags = new PasswordTags([SECRET]);

  it('fits one digest of one user under one secret', () => {
    const tag = tags.make('alice', '$argon2id$x');
    expect(tags.verify(tag, 'alice', '$argon2id$x')).toBe(true);
    expect(tags.verify(tag, 'alice', '$argon2id$y')).toBe(false);
    expect(tags.verify(tag, 'alic', 'e$argon2id$x')).toBe(false);
    expect(tags.verify('', 'alice', '$argon2id$x')).toBe(false);
    expect(new PasswordTags([OTHER]).verify(tag, 'alice', '$argon2id$x')).toBe(false);
    expect(new PasswordTags([OTHER, SECRET]).verify(tag, 'alice', '$argon2id$x')).toBe(true);
  });
});
