import { randomBytes } from 'node:crypto';
import { Secret, TOTP, URI } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { systemClock } from '../../host/clock.ts';
import { IDENTITY_PROOF_DEFAULTS } from '../../host/config/identity-proof.ts';
import { TOTP_DEFAULTS, type TotpSetup } from '../../host/config/totp.ts';
import { silentLogger } from '../../host/log/logger.ts';
import { type Message, NotifierError } from '../../host/notifier/notifier.ts';
import { IdentityProofs } from '../../host/second-factor/identity-proofs.ts';
import { OneTimeCodes } from '../../host/second-factor/one-time-codes.ts';
import { qrCode } from '../../host/second-factor/qr.ts';
import { ALPHABET, normalText, randomText } from '../../host/second-factor/random-text.ts';
import { readRecoveryCode } from '../../host/second-factor/recovery-codes.ts';
import { MAX_DEVICES, StoredFactors } from '../../host/second-factor/stored-factors.ts';
import { codeOf, keyUri, matchingStep, type TotpParameters } from '../../host/second-factor/totp.ts';
import type { FactorStore, TotpDevice } from '../../host/store/store.ts';

const JOHN = { username: 'john', sessionId: 'session-1' };
/** In the middle of a step of 30 seconds. */
const NOW = 1_900_000_005_000;

/** As the contract of stores asks; the real ones run below, in `second-factor-store.test.ts`. */
class Shelf implements FactorStore {
  readonly devices = new Map<string, TotpDevice>();
  codes: readonly string[] = [];
  async add(device: TotpDevice) {
    this.devices.set(device.id, device);
  }
  async ofUser(username: string) {
    return [...this.devices.values()].filter(device => device.username === username);
  }
  listed(username: string) {
    return this.ofUser(username);
  }
  async useStep(username: string, id: string, step: number) {
    const device = this.devices.get(id);
    if (device === undefined || device.username !== username || step <= device.lastStep) return false;
    this.devices.set(id, { ...device, lastStep: step });
    return true;
  }
  async remove(_username: string, id: string) {
    return this.devices.delete(id);
  }
  async setRecoveryCodes(_username: string, codes: readonly string[]) {
    this.codes = codes;
  }
  async useRecoveryCode(_username: string, code: string) {
    const had = this.codes.includes(code);
    this.codes = this.codes.filter(other => other !== code);
    return had;
  }
  async recoveryCodesLeft() {
    return this.codes.length;
  }
}

function world(setup: Partial<TotpSetup> = {}) {
  let now = NOW;
  let monotonic = 0;
  const clock = { ...systemClock, now: () => now, monotonic: () => monotonic };
  const space = new MemorySpace();
  const cache = new MemoryCache({ clock, random: randomBytes, log: silentLogger, space });
  const store = new Shelf();
  const deps = { setup: { ...TOTP_DEFAULTS, ...setup }, store, cache, clock, random: randomBytes };
  return {
    store,
    cache,
    factors: new StoredFactors(deps),
    otherHost: new StoredFactors(deps),
    pass: (ms: number) => {
      now += ms;
      monotonic += ms;
    },
    now: () => now,
  };
}

/** What the authenticator on John's telephone shows, from the address in the QR code. */
function authenticator(uri: string) {
  const totp = URI.parse(uri);
  if (!(totp instanceof TOTP)) throw new TypeError('not a time-based key');
  return totp;
}

async function register(w: ReturnType<typeof world>, name = 'Telephone', who = JOHN) {
  const { uri } = await w.factors.beginRegistration(who);
  const totp = authenticator(uri);
  const code = (at = w.now()) => totp.generate({ timestamp: at });
  const finished = await w.factors.finishRegistration(who, { code: code(), name });
  return { code, finished, totp };
}

describe('time-based codes', () => {
  // RFC 6238, appendix B: secrets of 20, 32 and 64 bytes for the three hashes.
  const seed = (length: number) => new Uint8Array(Buffer.from('1234567890'.repeat(7).slice(0, length)));
  const VECTORS = [
    [59, '94287082', '46119246', '90693936'],
    [1_111_111_109, '07081804', '68084774', '25091201'],
    [1_111_111_111, '14050471', '67062674', '99943326'],
    [1_234_567_890, '89005924', '91819424', '93441116'],
    [2_000_000_000, '69279037', '90698825', '38618901'],
    [20_000_000_000, '65353130', '77737706', '47863826'],
  ] as const;
  const SECRETS = [
    ['SHA1', seed(20)],
    ['SHA256', seed(32)],
    ['SHA512', seed(64)],
  ] as const;

  it.each(
    VECTORS.flatMap(([seconds, ...codes]) =>
      SECRETS.map(([algorithm, secret], i) => [seconds, algorithm, secret, codes[i] ?? ''] as const),
    ),
  )('are those of RFC 6238 at %i with %s', (seconds, algorithm, secret, code) => {
    const parameters: TotpParameters = { secret, algorithm, digits: 8, period: 30 };
    const step = Math.floor(seconds / 30);
    expect(codeOf(parameters, step)).toBe(code);
    expect(matchingStep(parameters, code, seconds * 1_000, 0)).toBe(step);
    for (const [other] of SECRETS.filter(([name]) => name !== algorithm)) {
      expect(matchingStep({ ...parameters, algorithm: other }, code, seconds * 1_000, 1)).toBeUndefined();
    }
  });

  it.each([0, 1, 2])('count %i periods before and after', skew => {
    const parameters: TotpParameters = { secret: seed(20), algorithm: 'SHA1', digits: 6, period: 30 };
    const present = Math.floor(NOW / 30_000);
    for (let away = -4; away <= 4; away++) {
      const found = matchingStep(parameters, codeOf(parameters, present + away), NOW, skew);
      expect([away, found]).toEqual([away, Math.abs(away) <= skew ? present + away : undefined]);
    }
  });
});

describe('a device', () => {
  it('is registered by one code of the secret that was shown, and its codes are taken', async () => {
    const w = world();
    const { code, finished } = await register(w);
    expect(finished).toMatchObject({ state: 'good', recoveryCodes: expect.any(Array) });
    expect(await w.factors.devices('john')).toEqual([
      { id: expect.stringMatching(/^[\w-]{22}$/), name: 'Telephone', createdAt: NOW },
    ]);
    w.pass(30_000);
    expect(await w.factors.verifyCode('john', code())).toBe('good');
    expect(await w.factors.verifyCode('jane', code())).toBe('bad');
  });

  it.each([
    ['an Arabic keyboard', 0x660],
    ['a Persian one', 0x6f0],
  ])('takes codes from %s, with blanks in them', async (_, zero) => {
    const w = world();
    const { code } = await register(w);
    w.pass(60_000);
    const typed = [...code()].map(digit => String.fromCharCode(zero + Number(digit)));
    expect(
      await w.factors.verifyCode('john', ` ${typed.slice(0, 3).join('')}\u00a0${typed.slice(3).join('')}`),
    ).toBe('good');
    expect(await w.factors.verifyCode('john', code())).toBe('bad');
  });

  it('has codes that work once each: not after registering, not again, not an older one', async () => {
    const w = world();
    const { code } = await register(w);
    expect(await w.factors.verifyCode('john', code())).toBe('bad');
    w.pass(60_000);
    const [older, present] = [code(w.now() - 30_000), code()];
    expect(await w.factors.verifyCode('john', present)).toBe('good');
    expect(await w.otherHost.verifyCode('john', present)).toBe('bad');
    expect(await w.factors.verifyCode('john', older)).toBe('bad');
  });

  it('is taken by one of many who use a code at the same time', async () => {
    const w = world();
    const { code } = await register(w);
    w.pass(30_000);
    const answers = await Promise.all(
      [w.factors, w.otherHost, w.factors, w.otherHost].map(host => host.verifyCode('john', code())),
    );
    expect(answers.filter(answer => answer === 'good')).toHaveLength(1);
  });

  it.each([
    ['a clock that is a period late', -30_000, 'good'],
    ['a clock that is a period early', 30_000, 'good'],
    ['a clock that is two periods late', -60_000, 'bad'],
    ['a clock that is two periods early', 60_000, 'bad'],
  ])('may have %s: %s', async (_name, away, expected) => {
    const w = world();
    const { code } = await register(w);
    w.pass(120_000);
    expect(await w.factors.verifyCode('john', code(w.now() + away))).toBe(expected);
  });

  it('keeps its algorithm, digits and period when the configuration changes', async () => {
    const w = world({ algorithm: 'SHA512', digits: 8, period: 60 });
    const { totp, code } = await register(w);
    expect(totp).toMatchObject({
      algorithm: 'SHA512',
      digits: 8,
      period: 60,
      issuer: 'Postern',
      label: 'john',
    });
    w.pass(60_000);
    const later = new StoredFactors({
      setup: TOTP_DEFAULTS,
      store: w.store,
      cache: w.cache,
      clock: { now: w.now },
      random: randomBytes,
    });
    const wrong = new TOTP({ secret: totp.secret, algorithm: 'SHA1', digits: 8, period: 60 });
    expect(await later.verifyCode('john', wrong.generate({ timestamp: w.now() }))).toBe('bad');
    expect(await later.verifyCode('john', code())).toBe('good');
  });

  it('is one of several, and any of them will do', async () => {
    const w = world();
    const first = await register(w);
    const second = await register(w, 'Tablet');
    expect(second.finished).toEqual({ state: 'good', recoveryCodes: undefined });
    w.pass(30_000);
    expect(await w.factors.verifyCode('john', first.code())).toBe('good');
    expect(await w.factors.verifyCode('john', second.code())).toBe('good');
    const [telephone] = await w.factors.devices('john');
    expect(await w.factors.removeDevice('john', telephone?.id ?? '')).toBe(true);
    expect((await w.factors.devices('john')).map(({ name }) => name)).toEqual(['Tablet']);
    w.pass(30_000);
    expect(await w.factors.verifyCode('john', first.code())).toBe('bad');
    expect(await w.factors.verifyCode('john', second.code())).toBe('good');
    expect(await w.factors.recoveryCodesLeft('john')).toBe(10);
    const [tablet] = await w.factors.devices('john');
    expect(await w.factors.removeDevice('john', tablet?.id ?? '')).toBe(true);
    expect(await w.factors.recoveryCodesLeft('john')).toBe(0);
  });

  it('shares no code with another one: what both show works once', async () => {
    const w = world();
    await register(w);
    const [first] = await w.store.ofUser('john');
    if (first === undefined) throw new TypeError('no device');
    await w.store.add({ ...first, id: 'twin' });
    w.pass(30_000);
    const code = codeOf(first, Math.floor(w.now() / 30_000));
    expect(await w.factors.verifyCode('john', code)).toBe('good');
    expect(await w.otherHost.verifyCode('john', code)).toBe('bad');
  });

  it('is one of ten at most', async () => {
    const w = world();
    for (let i = 0; i < MAX_DEVICES; i++) {
      expect((await register(w, `Device ${i}`)).finished.state).toBe('good');
    }
    expect((await register(w)).finished).toEqual({ state: 'full' });
    expect(await w.factors.devices('john')).toHaveLength(MAX_DEVICES);
  });

  it.each([
    ['  My   phone ', 'My phone'],
    ['', 'Authenticator 1'],
    ['\u202e\u061c\n\0', 'Authenticator 1'],
    ['😀'.repeat(80), '😀'.repeat(50)],
    ['<script>alert(1)</script>', '<script>alert(1)</script>'],
  ])('named %j is called %j', async (typed, name) => {
    const w = world();
    await register(w, typed);
    expect((await w.factors.devices('john')).map(device => device.name)).toEqual([name]);
  });

  it.each(['', '12345', '1234567', 'abcdef', '１２３４５６', '123456\0', '-12345', '1e5000'])(
    'takes no code like %j, and does not count it',
    async code => {
      const w = world();
      const good = await register(w);
      w.pass(30_000);
      for (let i = 0; i < 10; i++) expect(await w.factors.verifyCode('john', code)).toBe('bad');
      const [one, two] = [good.code().slice(0, 3), good.code().slice(3)];
      expect(await w.factors.verifyCode('john', ` ${one} ${two}\n`)).toBe('good');
    },
  );
});

describe('guessing codes', () => {
  it('ends after five failures in ten minutes, by codes and recovery codes together, on all hosts', async () => {
    const w = world();
    const { code, finished } = await register(w);
    const [recovery = ''] = finished.state === 'good' ? (finished.recoveryCodes ?? []) : [];
    w.pass(30_000);
    const wrong = code() === '000000' ? '111111' : '000000';
    for (let i = 0; i < 3; i++) expect(await w.factors.verifyCode('john', wrong)).toBe('bad');
    for (let i = 0; i < 2; i++) {
      expect(await w.otherHost.verifyRecoveryCode('john', 'AAAA-AAAA-AAAA')).toBe('bad');
    }
    expect(await w.factors.verifyCode('john', code())).toBe('too-many');
    expect(await w.otherHost.verifyRecoveryCode('john', recovery)).toBe('too-many');
    // Others are not concerned.
    expect(await w.factors.verifyCode('jane', wrong)).toBe('bad');
    w.pass(600_000);
    expect(await w.factors.verifyCode('john', code())).toBe('good');
    expect(await w.factors.verifyRecoveryCode('john', recovery)).toBe('good');
  });

  it('is no quicker with many guesses at the same time', async () => {
    const w = world();
    await register(w);
    w.pass(30_000);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => w.factors.verifyCode('john', String(i).padStart(6, '0'))),
    );
    expect(answers.filter(answer => answer !== 'too-many').length).toBeLessThanOrEqual(5);
  });

  it('costs an owner nothing who mistypes now and then', async () => {
    const w = world();
    const { code } = await register(w);
    for (let i = 0; i < 20; i++) {
      w.pass(30_000);
      if (i % 10 === 0) await w.factors.verifyCode('john', '000000');
      expect(await w.factors.verifyCode('john', code())).toBe('good');
    }
  });
});

describe('registering', () => {
  it('ends with the secret that this session was shown last, ten minutes at most', async () => {
    const w = world();
    const first = authenticator((await w.factors.beginRegistration(JOHN)).uri);
    const begun = await w.factors.beginRegistration(JOHN);
    expect(await w.otherHost.pendingRegistration(JOHN)).toEqual(begun);
    const finish = (code: string, who = JOHN) => w.factors.finishRegistration(who, { code, name: '' });
    expect(await finish(first.generate({ timestamp: w.now() }))).toEqual({ state: 'bad' });
    const second = authenticator(begun.uri);
    const code = second.generate({ timestamp: w.now() });
    expect(await finish(code, { ...JOHN, sessionId: 'session-2' })).toEqual({ state: 'gone' });
    expect(await finish(code, { ...JOHN, username: 'jane' })).toEqual({ state: 'gone' });
    w.pass(600_000);
    expect(await finish(second.generate({ timestamp: w.now() }))).toEqual({ state: 'gone' });
    expect(await w.factors.pendingRegistration(JOHN)).toBeUndefined();
    expect(w.store.devices.size).toBe(0);
  });

  it('ends once, whoever asks at the same time, and after ten wrong codes', async () => {
    const w = world();
    const totp = authenticator((await w.factors.beginRegistration(JOHN)).uri);
    const code = totp.generate({ timestamp: w.now() });
    const answers = await Promise.all(
      [w.factors, w.otherHost].map(host => host.finishRegistration(JOHN, { code, name: '' })),
    );
    expect(answers.map(({ state }) => state).sort()).toEqual(['gone', 'good']);
    expect(w.store.devices.size).toBe(1);
    await w.factors.beginRegistration(JOHN);
    for (let i = 0; i < 10; i++) {
      expect((await w.factors.finishRegistration(JOHN, { code: 'x', name: '' })).state).toBe('bad');
    }
    expect((await w.factors.finishRegistration(JOHN, { code: 'x', name: '' })).state).toBe('gone');
  });

  it('shows the secret for typing, as long as configured, and the same in the address', async () => {
    const w = world({ secretSize: 20, issuer: 'Example & Co' });
    const { secret, uri } = await w.factors.beginRegistration(JOHN);
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(authenticator(uri).secret.base32).toBe(secret);
    expect(uri.startsWith('otpauth://totp/Example%20%26%20Co:john?')).toBe(true);
  });
});

describe('addresses and QR codes of hostile names', () => {
  const parameters: TotpParameters = {
    secret: new Uint8Array(32).fill(7),
    algorithm: 'SHA1',
    digits: 6,
    period: 30,
  };

  it.each([
    'john',
    'john@example.com',
    'a?secret=AAAA&issuer=Evil',
    'a#b',
    'a/../b',
    'a%3Ab%2F',
    'a b+c',
    '"><script>alert(1)</script>',
    "'; DROP TABLE users",
    'jürgen ß',
    'محمد',
    '\u202egnp.exe',
    '😀'.repeat(60),
    'x'.repeat(255),
  ])('%j stays one name', username => {
    const uri = keyUri(parameters, { issuer: 'Postern', username });
    expect(uri).toMatch(/^otpauth:\/\/totp\/Postern:[^?#&"'<>\s:]*\?[A-Za-z0-9=&]+$/);
    const parsed = new URL(uri);
    expect(decodeURIComponent(parsed.pathname)).toContain(`Postern:${username}`);
    expect(parsed.searchParams.getAll('secret')).toEqual([
      new Secret({ buffer: parameters.secret.slice().buffer }).base32,
    ]);
    expect(parsed.searchParams.getAll('issuer')).toEqual(['Postern']);
    const { size, path } = qrCode(uri);
    expect(size).toBeGreaterThan(28);
    expect(path).toMatch(/^(M\d+ \d+h\d+v1h-\d+z)+$/);
  });

  it('draws what the library draws', () => {
    const { size, path } = qrCode('otpauth://totp/Postern:john?secret=AAAA');
    const dark = new Set<string>();
    for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)/g)) {
      for (let i = 0; i < Number(width); i++) dark.add(`${Number(x) + i},${y}`);
    }
    // The three corners, each a ring of seven with three by three within; light all around.
    for (const [left, top] of [
      [4, 4],
      [size - 11, 4],
      [4, size - 11],
    ] as const) {
      for (let i = 0; i < 7; i++) {
        for (let j = 0; j < 7; j++) {
          const ring = i === 0 || i === 6 || j === 0 || j === 6;
          const core = i > 1 && i < 5 && j > 1 && j < 5;
          expect([i, j, dark.has(`${left + i},${top + j}`)]).toEqual([i, j, ring || core]);
        }
      }
    }
    for (const place of dark) {
      for (const at of place.split(',').map(Number)) expect(at >= 4 && at < size - 4).toBe(true);
    }
  });
});

describe('recovery codes', () => {
  it('are ten, work once each however they are typed, and are replaced as a whole', async () => {
    const w = world();
    const codes = await w.factors.newRecoveryCodes('john');
    expect(new Set(codes).size).toBe(10);
    for (const code of codes)
      expect(code).toMatch(/^[ACDEFGHJ-NP-RT-Y34679]{4}(-[ACDEFGHJ-NP-RT-Y34679]{4}){2}$/);
    const [first = '', second = '', third = ''] = codes;
    expect(await w.factors.verifyRecoveryCode('john', first)).toBe('good');
    expect(await w.factors.verifyRecoveryCode('john', first)).toBe('bad');
    expect(await w.factors.verifyRecoveryCode('john', ` ${second.toLowerCase().replaceAll('-', ' ')} `)).toBe(
      'good',
    );
    expect(await w.factors.recoveryCodesLeft('john')).toBe(8);
    await w.factors.newRecoveryCodes('john');
    expect(await w.factors.verifyRecoveryCode('john', third)).toBe('bad');
    expect(await w.factors.recoveryCodesLeft('john')).toBe(10);
  });

  it.each(['', 'AAAA', 'AAAA-AAAA-AAAA-AAAA', 'AAAA-AAAA-AAA0', '😀', 'A'.repeat(5_000)])(
    'are nothing like %j',
    text => {
      expect(readRecoveryCode(text)).toBeUndefined();
    },
  );
});

describe('random texts', () => {
  it('use each character as often as any other', () => {
    const counts = new Map<string, number>();
    for (const character of randomText(50_000, randomBytes)) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join('')).toBe(ALPHABET.split('').sort().join(''));
    for (const count of counts.values()) expect(Math.abs(count - 2_000)).toBeLessThan(300);
  });

  it('pass over bytes above the last multiple', () => {
    const bytes = [255, 251, 250, 249, 0, 24];
    const text = randomText(3, length => Uint8Array.from(bytes.splice(0, length)));
    expect(text).toBe(`${ALPHABET[24]}${ALPHABET[0]}${ALPHABET[24]}`);
  });

  it('are read as they are typed', () => {
    expect(normalText(' ac-de\tfg\u2011hj ')).toBe('ACDEFGHJ');
  });
});

describe('one-time codes', () => {
  function post() {
    const w = world();
    const sent: Message[] = [];
    let isDown = false;
    const notifier = {
      kind: 'filesystem' as const,
      async send(message: Message) {
        if (isDown) throw new NotifierError('down');
        sent.push(message);
      },
      async check() {},
    };
    const codes = new OneTimeCodes({
      cache: w.cache,
      notifier,
      settings: IDENTITY_PROOF_DEFAULTS,
      random: randomBytes,
    });
    const request = {
      to: { name: 'John', address: 'john@example.com' },
      name: 'John',
      language: 'en',
      site: 'auth.example.com',
      address: '203.0.113.7',
    };
    const send = (who = JOHN, language = 'en') => codes.send(who, 'second-factor', { ...request, language });
    const check = (code: string, who = JOHN) => codes.check(who, 'second-factor', code);
    const last = () => /^ {4}([A-Z0-9]{8})$/m.exec(sent.at(-1)?.text ?? '')?.[1] ?? 'none';
    const down = () => {
      isDown = true;
    };
    return { ...w, codes, sent, send, check, last, down };
  }

  it('are eight characters without lookalikes, and work once', async () => {
    const { send, check, last, sent, codes } = post();
    expect(await send()).toBe('sent');
    expect(sent).toMatchObject([{ to: { address: 'john@example.com' }, subject: 'Your one-time code' }]);
    expect(sent[0]?.text).toContain('auth.example.com from 203.0.113.7');
    expect(last()).toMatch(/^[ACDEFGHJKMNPQRTUVWXY34679]{8}$/);
    expect(await codes.isSent(JOHN, 'second-factor')).toBe(true);
    expect(await check(last().toLowerCase())).toBe('good');
    expect(await check(last())).toBe('gone');
    expect(await codes.isSent(JOHN, 'second-factor')).toBe(false);
  });

  it('are of one user and one session', async () => {
    const { send, check, last } = post();
    await send();
    expect(await check(last(), { ...JOHN, sessionId: 'session-2' })).toBe('gone');
    expect(await check(last(), { ...JOHN, username: 'jane' })).toBe('gone');
    expect(await check(last(), { username: 'john"', sessionId: 'session-1' })).toBe('gone');
    expect(await check(last())).toBe('good');
  });

  it('end after five minutes, after five failures, and with the next one', async () => {
    const { send, check, last, pass } = post();
    await send();
    pass(300_000);
    expect(await check(last())).toBe('gone');
    await send();
    const replaced = last();
    await send();
    expect(await check(replaced)).toBe('bad');
    for (let i = 0; i < 3; i++) expect(await check('AAAAAAAA')).toBe('bad');
    expect(await check('AAAAAAAA')).toBe('gone');
    expect(await check(last())).toBe('gone');
  });

  it('are guessed no quicker at the same time, and used once at the same time', async () => {
    const { send, check, last } = post();
    await send();
    const answers = await Promise.all(Array.from({ length: 100 }, () => check('AAAAAAAA')));
    expect(answers.filter(answer => answer === 'bad').length).toBeLessThan(5);
    expect(await check(last())).toBe('gone');
    await send();
    const used = await Promise.all(Array.from({ length: 5 }, () => check(last())));
    expect(used.filter(answer => answer === 'good')).toHaveLength(1);
  });

  it('are five in a quarter of an hour, over all sessions', async () => {
    const { send, sent, pass } = post();
    for (let i = 0; i < 5; i++) expect(await send({ ...JOHN, sessionId: `session-${i}` })).toBe('sent');
    expect(await send()).toBe('too-many');
    expect(sent).toHaveLength(5);
    pass(900_000);
    expect(await send()).toBe('sent');
  });

  it('are not there when the message could not be sent', async () => {
    const { send, codes, down } = post();
    down();
    await expect(send()).rejects.toThrow(NotifierError);
    expect(await codes.isSent(JOHN, 'second-factor')).toBe(false);
  });

  it.each(['en', 'de', 'ar', 'fr', '__proto__'])('are told in the language %s', async language => {
    const { send, sent, check, last } = post();
    await send(JOHN, language);
    expect(sent[0]?.text.length).toBeGreaterThan(100);
    expect(await check(last())).toBe('good');
  });
});

describe('proofs of identity', () => {
  it('are of one session, and end after ten minutes', async () => {
    const w = world();
    const proofs = new IdentityProofs(w.cache, IDENTITY_PROOF_DEFAULTS);
    await proofs.give(JOHN);
    expect(await proofs.has(JOHN)).toBe(true);
    expect(await proofs.has({ ...JOHN, sessionId: 'session-2' })).toBe(false);
    w.pass(600_000);
    expect(await proofs.has(JOHN)).toBe(false);
  });
});
