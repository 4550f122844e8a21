import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../../host/config/session.ts';
import { ReturnAddresses } from '../../../host/portal/return-address.ts';
import { hostOfAddress, SignIn } from '../../../host/routes/sign-in.ts';
import { deriveKey } from '../../../host/secret/derive.ts';
import { FakeClock } from '../../support/host-fakes.ts';

const rows = <T>(name: string): T[] =>
  JSON.parse(
    readFileSync(new URL(`../../cases/return-address/${name}.json`, import.meta.url), 'utf8'),
  ) as T[];
const HOSTILE = rows<{ name: string; rd: string }>('hostile');
const GOOD = rows<{ name: string; rd: string; url: string; domain: string }>('good');

const SECRET = Buffer.alloc(32, 1);
const NEXT_SECRET = Buffer.alloc(32, 2);
const PORTAL = 'https://auth.example.com/';
const COOKIES = ['example.com', 'inner.example.com', 'app.other.org', '1.2'].map(domain => ({
  domain,
  signInUrl: PORTAL,
  session: DEFAULT_SESSION,
}));

const clock = new FakeClock();
const made = (secret = SECRET, more: { previousSecret?: Uint8Array; cookies?: typeof COOKIES } = {}) =>
  new ReturnAddresses({ cookies: COOKIES, secret, clock, ...more });
const addresses = made();

/** Any address as `seal` would write it, had it taken it. */
function forged(url: string, secret = SECRET, at = clock.now()): string {
  const key = deriveKey(secret, 'return');
  const time = Buffer.alloc(6);
  time.writeUIntBE(at, 0, 6);
  const body = Buffer.concat([Uint8Array.of(1), time, Buffer.from(url)]);
  return Buffer.concat([body, createMac(key, body)]).toString('base64url');
}

describe('an address to return to', () => {
  it.each(HOSTILE)('is not: $name', ({ rd }) => {
    expect(addresses.seal(rd)).toBeUndefined();
    expect(addresses.read(rd)).toBeUndefined();
    // Not even had it been sealed, by an older host with a mistake, say.
    expect(addresses.open(forged(rd))).toBeUndefined();
  });

  it.each(GOOD)('is: $name', ({ rd, url, domain }) => {
    const sealed = addresses.seal(rd);
    expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/);
    const opened = addresses.open(sealed ?? '');
    expect(opened).toMatchObject({ url, host: new URL(url).hostname, cookie: { domain } });
    // What it means to whoever follows it, and that nothing is left to interpret in it.
    const followed = new URL(opened?.url ?? '');
    expect(followed.href).toBe(url);
    expect([followed.protocol, followed.username, followed.password]).toEqual(['https:', '', '']);
    expect(`.${followed.hostname}`.endsWith(`.${domain}`)).toBe(true);
    expect(addresses.open(addresses.seal(url) ?? '')?.url).toBe(url);
  });

  it('leads to our hosts alone, whatever stands around a good one', () => {
    const parts = [
      '',
      '/',
      '\\',
      '@',
      '#',
      '?',
      ':',
      '.',
      '%2f',
      '%00',
      '\t',
      '\n',
      ' ',
      '//',
      'evil.org',
      '。',
    ];
    const good = 'https://app.example.com/';
    let taken = 0;
    for (const first of parts) {
      for (const second of parts) {
        for (let at = 0; at <= good.length; at++) {
          const url = addresses.read(good.slice(0, at) + first + second + good.slice(at))?.url;
          if (url === undefined) continue;
          taken++;
          expect(new URL(url).hostname.endsWith('.example.com')).toBe(true);
        }
      }
    }
    expect(taken).toBeGreaterThan(100);
  });

  it('is below one of our domains, whichever of them somebody builds a name around', () => {
    const evil = 'evil.org';
    for (const cookie of COOKIES) {
      const { domain } = cookie;
      const alone = made(SECRET, { cookies: [cookie] });
      const [, ...parent] = domain.split('.');
      const hosts = [
        `${domain}.${evil}`,
        `${domain}${evil}`,
        `${domain}-${evil}`,
        `${domain}@${evil}`,
        `${domain}:443@${evil}`,
        `${domain}%2e${evil}`,
        `${domain}%40${evil}`,
        `${domain}\\.${evil}`,
        `${domain}\\@${evil}`,
        `evil${domain}`,
        `evil-${domain}`,
        `evil_${domain}`,
        `${evil}#.${domain}`,
        `${evil}?.${domain}`,
        `${evil}/.${domain}`,
        `${evil}\\.${domain}`,
        `${evil}%00.${domain}`,
        `${evil}%2f.${domain}`,
        `${evil};.${domain}`,
        `${evil}&.${domain}`,
        `${evil}:443.${domain}`,
        `[${domain}]`,
        `.${domain}`,
        `a..${domain}`,
        `${domain}.`,
        `${domain}..`,
        `${domain}.:443`,
        `*.${domain}`,
        domain.replace('.', '..'),
        domain.replace('.', '-'),
        domain.replace('.', ''),
        domain.replace('.', '%2e'),
        domain.replace('.', '\u3002'),
        domain.slice(1),
        domain.slice(0, -1),
        `${domain}x`,
        parent.join('.'),
      ];
      for (const host of hosts) {
        for (const url of [
          `https://${host}/`,
          `https://${host}`,
          `https://${host}:8443/a?b`,
          `HTTPS://${host}/`,
        ]) {
          expect([url, alone.read(url)?.url]).toEqual([url, undefined]);
        }
      }
    }
  });

  it('has nothing in it but ASCII, whatever browsers would make of it', () => {
    for (let code = 0; code <= 0xffff; code++) {
      if (code > 0x20 && code < 0x7f) continue;
      const character = String.fromCharCode(code);
      for (const url of [
        `https://app${character}example.com/`,
        `https://evil.org${character}.example.com/`,
        `https:/${character}app.example.com/`,
        `https://app.example.com/${character}`,
        `https://app.example.com/?${character}`,
        `${character}https://app.example.com/`,
      ])
        if (addresses.read(url) !== undefined) expect([code.toString(16), url]).toBeUndefined();
    }
    expect(addresses.read('https://app.example.com/')?.host).toBe('app.example.com');
  });

  it('means for `start`, `sign_out` and sign-in addresses what it means for the portal', () => {
    const signIn = new SignIn(COOKIES);
    for (const { rd, domain } of GOOD) {
      expect([rd, signIn.domainOfReturn(rd)?.domain]).toEqual([rd, domain]);
      expect(hostOfAddress(rd)).toBe(new URL(rd).hostname);
    }
    for (const { name, rd } of HOSTILE) {
      if (name.startsWith('the portal')) continue;
      expect([rd, signIn.domainOfReturn(rd)]).toEqual([rd, undefined]);
      // A portal may be anywhere, but not where two readers see two places.
      const host = hostOfAddress(rd);
      if (host !== undefined) expect(new URL(rd).hostname.replace(/\.$/, '')).toBe(host);
    }
  });
});

describe('a portal below a path', () => {
  const cookies = [
    { domain: 'example.com', signInUrl: 'https://www.example.com/authelia/', session: DEFAULT_SESSION },
  ];
  it('is returned to neither, but its host is', () => {
    const below = made(SECRET, { cookies });
    for (const path of ['/authelia', '/authelia/', '/authelia/logout', '/a/../authelia/', '/authelia?rd=x']) {
      expect([path, below.seal(`https://www.example.com${path}`)]).toEqual([path, undefined]);
    }
    for (const path of ['/', '/autheliad', '/Authelia/', '/x/authelia/']) {
      expect([path, below.seal(`https://www.example.com${path}`)]).toEqual([path, expect.any(String)]);
    }
  });
});

describe('a sealed address', () => {
  const url = 'https://app.example.com/a?b=c';
  const sealed = addresses.seal(url) ?? '';

  it('is good for fifteen minutes', () => {
    const at = clock.now();
    const later = new FakeClock();
    const opens = (ms: number) => {
      later.now = () => at + ms;
      return new ReturnAddresses({ cookies: COOKIES, secret: SECRET, clock: later }).open(sealed)?.url;
    };
    expect(opens(0)).toBe(url);
    expect(opens(15 * 60_000)).toBe(url);
    expect(opens(15 * 60_000 + 1)).toBeUndefined();
    // Another host's clock may be behind, but not by much.
    expect(opens(-60_000)).toBe(url);
    expect(opens(-60_001)).toBeUndefined();
  });

  it('is renewed while it is good, from then on for as long', () => {
    const at = clock.now();
    const later = new FakeClock();
    const then = new ReturnAddresses({ cookies: COOKIES, secret: SECRET, clock: later });
    later.now = () => at + 15 * 60_000;
    const { sealed: renewed = '', address } = then.renew(sealed) ?? {};
    expect(address).toMatchObject({ url, method: 'GET' });
    later.now = () => at + 30 * 60_000;
    expect([then.open(renewed)?.url, then.renew(sealed), then.renew(`${sealed}A`)]).toEqual([
      url,
      undefined,
      undefined,
    ]);
    expect(then.renew(sealed, 30 * 60_000)?.address.url).toBe(url);
    expect(then.renew(forged('https://evil.org/'))).toBeUndefined();
  });

  it('says by which method the page was asked for', () => {
    const methodOf = (text: string) => addresses.open(text)?.method;
    expect(methodOf(sealed)).toBe('GET');
    for (const method of ['POST', 'PUT', 'VERSION-CONTROL']) {
      const made = addresses.seal(url, method) ?? '';
      expect([addresses.open(made)?.url, methodOf(made)]).toEqual([url, method]);
      expect(addresses.renew(made)?.address.method).toBe(method);
    }
    for (const method of ['', 'post', 'P OST', 'POST ', '\nPOST', '-', 'A'.repeat(33), 'https://evil.org/'])
      expect([method, methodOf(addresses.seal(url, method) ?? '')]).toEqual([method, 'GET']);
    for (const text of [
      ` ${url}`,
      `post ${url}`,
      `POST  ${url}`,
      `POST POST ${url}`,
      `POST ${url} `,
      'POST ',
    ])
      expect([text, addresses.open(forged(text))]).toEqual([text, undefined]);
  });

  it('is good under the previous secret, and made under the new one', () => {
    const both = made(NEXT_SECRET, { previousSecret: SECRET });
    expect(both.open(sealed)?.url).toBe(url);
    expect(made(NEXT_SECRET).open(sealed)).toBeUndefined();
    expect(made(NEXT_SECRET).open(both.seal(url) ?? '')?.url).toBe(url);
    expect(addresses.open(both.seal(url) ?? '')).toBeUndefined();
  });

  it('is worth nothing once its domain is not ours any more', () => {
    expect(made(SECRET, { cookies: COOKIES.slice(1) }).open(sealed)).toBeUndefined();
  });

  it('is refused with any bit changed, cut, longer, or written otherwise', () => {
    const bytes = Buffer.from(sealed, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = Buffer.from(bytes);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect([bit, addresses.open(other.toString('base64url'))]).toEqual([bit, undefined]);
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(addresses.open(sealed.slice(0, length))).toBeUndefined();
    }
    for (const text of [
      `${sealed}A`,
      `${sealed}=`,
      `${sealed}==`,
      ` ${sealed}`,
      `${sealed}\n`,
      `${sealed.slice(0, 8)}\n${sealed.slice(8)}`,
      `${sealed.slice(0, 8)}.${sealed.slice(8)}`,
      sealed + sealed,
      url,
      'A'.repeat(1_000_000),
    ]) {
      expect(addresses.open(text)).toBeUndefined();
    }
  });

  it('is refused under another key, another version, and without an address', () => {
    expect(addresses.open(forged(url))?.url).toBe(url);
    expect(addresses.open(forged(url, NEXT_SECRET))).toBeUndefined();
    expect(addresses.open(forged(''))).toBeUndefined();
    const key = deriveKey(SECRET, 'return');
    const body = Buffer.from(forged(url), 'base64url').subarray(0, -32);
    body[0] = 2;
    expect(addresses.open(Buffer.concat([body, createMac(key, body)]).toString('base64url'))).toBeUndefined();
  });
});

function createMac(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest();
}
