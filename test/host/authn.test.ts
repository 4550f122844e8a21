import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BasicDeps, BasicStrategy } from '../../host/authn/basic.ts';
import { FAILURE_DELAY_MS, FAILURE_JITTER_MS } from '../../host/authn/failure-delay.ts';
import { PasswordVerifier, QueueFullError, type VerifyResult } from '../../host/authn/password.ts';
import { PasswordLogin } from '../../host/authn/password-login.ts';
import { MemoryCache } from '../../host/cache/memory-cache.ts';
import { NO_REGULATION, type RegulationSetup } from '../../host/config/regulation.ts';
import { type IssueResult, Issuer } from '../../host/grant/issuer.ts';
import { deriveGrantKeys, userTag } from '../../host/grant/keys.ts';
import { readHeader } from '../../host/grant/seal.ts';
import { TableWriter } from '../../host/grant/table-writer.ts';
import { createRegulator } from '../../host/regulation/create.ts';
import {
  FakeArgon2,
  FakeClock,
  FakeDirectory,
  FakeEngine,
  fakeLogger,
  fakeRandom,
  settle,
} from '../support/host-fakes.ts';

describe('PasswordVerifier', () => {
  const digest = (memory: number) => `$argon2id$v=19$m=${memory},t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA`;
  const build = (options: ConstructorParameters<typeof PasswordVerifier>[0]) => {
    const argon2 = new FakeArgon2();
    argon2.held = true;
    return { argon2, verifier: new PasswordVerifier({ verify: argon2.verify, ...options }) };
  };

  it('runs no more together than it may', async () => {
    const { argon2, verifier } = build({ concurrency: 2 });
    const all = [1, 2, 3, 4, 5].map(() => verifier.verify(digest(8), 'x'));
    expect(argon2.running).toBe(2);
    expect(verifier.waiting).toBe(3);
    await argon2.release();
    expect(argon2.running).toBe(2);
    await argon2.release();
    await argon2.release();
    expect(await Promise.all(all)).toEqual([false, false, false, false, false]);
    expect(verifier.waiting).toBe(0);
  });

  it.each([0, -1])('runs one at least: %s', concurrency => {
    const { argon2, verifier } = build({ concurrency });
    void verifier.verify(digest(8), 'x');
    void verifier.verify(digest(8), 'x');
    expect(argon2.running).toBe(1);
  });

  it('bounds the memory of all that run, in order of arrival; one that is over it runs alone', async () => {
    const { argon2, verifier } = build({ concurrency: 4, maxMemoryKib: 100 });
    for (const memory of [60, 200, 10, 40]) void verifier.verify(digest(memory), 'x');
    expect(argon2.calls).toEqual([digest(60)]);
    await argon2.release();
    expect(argon2.calls).toEqual([digest(60), digest(200)]);
    await argon2.release();
    expect(argon2.calls).toEqual([60, 200, 10, 40].map(digest));
  });

  it('refuses what is over the queue, and only that', async () => {
    const { argon2, verifier } = build({ concurrency: 1, maxQueue: 2 });
    const first = [1, 2, 3].map(() => verifier.verify('fake$x', 'x'));
    await expect(verifier.verify('fake$x', 'x')).rejects.toThrow(QueueFullError);
    for (let i = 0; i < 3; i++) await argon2.release();
    expect(await Promise.all(first)).toEqual([true, true, true]);
    const again = verifier.verify('fake$x', 'x');
    await argon2.release();
    expect(await again).toBe(true);
  });

  it('goes on after an error and does not pass on its text', async () => {
    const results: VerifyResult[] = [];
    const verifier = new PasswordVerifier({
      concurrency: 1,
      verify: async (_digest, password) => {
        if (password === 'bad') throw new Error('digest secret-digest is bad');
        return true;
      },
      onResult: result => results.push(result),
    });
    await expect(verifier.verify('secret-digest', 'bad')).rejects.toThrow(
      'the password digest cannot be verified',
    );
    expect(await verifier.verify('d', 'good')).toBe(true);
    expect(results).toEqual(['error', 'success']);
  });

  it('verifies a real argon2id digest', async () => {
    const real = await hash('p:ass:wörd', { memoryCost: 64, timeCost: 1, parallelism: 4 });
    const verifier = new PasswordVerifier();
    expect(await verifier.verify(real, 'p:ass:wörd')).toBe(true);
    expect(await verifier.verify(real, 'p:ass:word')).toBe(false);
  });
});

describe('BasicStrategy', () => {
  const keys = deriveGrantKeys(Buffer.alloc(32, 1));
  const basic = (pair: string) => [`Basic ${Buffer.from(pair).toString('base64')}`];
  let directoryPath: string;
  let table: TableWriter;
  let clock: FakeClock;
  let directory: FakeDirectory;
  let argon2: FakeArgon2;
  let log: ReturnType<typeof fakeLogger>;
  let issued: IssueResult[];
  let strategy: BasicStrategy;

  const build = (
    over: {
      maxQueue?: number;
      maxHeld?: number;
      slotSize?: number;
      lifetimeSeconds?: number;
      regulation?: RegulationSetup;
      known?: BasicDeps['known'];
    } = {},
  ) => {
    const {
      slotSize = 512,
      lifetimeSeconds = 3_600,
      maxHeld = 1_024,
      regulation = NO_REGULATION,
      known,
      ...options
    } = over;
    const random = fakeRandom();
    const issuer = new Issuer({
      keys,
      directory,
      tables: { current: () => ({ writer: table, id: Buffer.alloc(16, 2) }) },
      clock,
      random,
      log,
      onResult: result => issued.push(result),
      lifetimeSeconds,
      slotSize,
    });
    const verifier = new PasswordVerifier({ concurrency: 1, verify: argon2.verify, ...options });
    const engine = new FakeEngine();
    const regulator = createRegulator(regulation, {
      secret: Buffer.alloc(32, 1),
      directory,
      engine,
      cache: new MemoryCache({ clock, random, log }),
      bans: () => undefined,
      clock,
      random,
      log,
    });
    return new BasicStrategy({
      engine,
      directory,
      login: new PasswordLogin({ directory, verifier, regulator }),
      regulator,
      known,
      issuer,
      clock,
      random,
      log,
      maxHeld,
    });
  };

  beforeEach(() => {
    directoryPath = mkdtempSync('/dev/shm/postern-authn-');
    table = TableWriter.create(join(directoryPath, 'grants'), { slotSize: 512, slots: 64 });
    clock = new FakeClock();
    directory = new FakeDirectory();
    argon2 = new FakeArgon2();
    log = fakeLogger();
    issued = [];
    directory.put('alice', 'password-alice', { groups: ['admins', 'dev'] });
    directory.put('dave', 'password-dave', { disabled: true });
    directory.onChange(names => {
      for (const name of names) table.revokeUser(userTag(keys, name));
    });
    strategy = build();
  });
  afterEach(() => {
    table.close();
    rmSync(directoryPath, { recursive: true });
  });

  const records = () => {
    const file = readFileSync(join(directoryPath, 'grants'));
    const all = [];
    for (let at = 0; at < file.length; at += 512) {
      const header = readHeader(file.subarray(at, at + 512));
      if (header !== undefined) all.push(header);
    }
    return all;
  };
  const failed = { kind: 'proof', proof: { kind: 'failed' } };
  const ask = (pair: string) => strategy.authenticate(basic(pair), clock.monotonic(), '');
  /** The outcome, and how long it took on the fake clock. */
  const timed = async (pair: string) => {
    const began = clock.monotonic();
    let took = -1;
    const outcome = ask(pair).then(value => {
      took = clock.monotonic() - began;
      return value;
    });
    await settle();
    if (took < 0) await clock.advance(5_000);
    return { outcome: await outcome, took };
  };

  it('says none without a header or with another scheme, at no cost', async () => {
    const none = { kind: 'proof', proof: { kind: 'none' } };
    expect(await strategy.authenticate([], 0, '')).toEqual(none);
    expect(await strategy.authenticate(['Bearer abc'], 0, '')).toEqual(none);
    expect(await strategy.authenticate(['Basic !'], 0, '')).toEqual(failed);
    expect(await strategy.authenticate([...basic('alice:password-alice'), 'Basic x'], 0, '')).toEqual(failed);
    expect(await strategy.authenticate(['x'.repeat(3_000)], 0, '')).toEqual({ kind: 'too-large' });
    expect(argon2.calls).toEqual([]);
  });

  it('proves the principal and writes one record, without a delay', async () => {
    const { outcome, took } = await timed('alice:password-alice');
    expect(outcome).toEqual({
      kind: 'proof',
      proof: { kind: 'proved', level: 1, principal: directory.find('alice')?.principal },
    });
    expect(took).toBe(0);
    const [record] = records();
    expect(records()).toHaveLength(1);
    expect(record).toMatchObject({ kind: 1, level: 1, issued: clock.now(), expiry: clock.now() + 3_600_000 });
    expect(
      Buffer.compare(record?.epoch ?? Buffer.alloc(0), directory.find('alice')?.epoch ?? Buffer.alloc(1)),
    ).toBe(0);
  });

  it.each([
    ['wrong password', 'alice:wrong', 'fake$password-alice'],
    ['empty password', 'alice:', 'fake$password-alice'],
    ['unknown user', 'nobody:x', 'fake$\0nobody'],
    ['disabled user, right password', 'dave:password-dave', 'fake$password-dave'],
    ['another case', 'ALICE:password-alice', 'fake$\0nobody'],
  ])('delays a failure, verifies all the same and writes nothing: %s', async (_name, pair, digest) => {
    const { outcome, took } = await timed(pair);
    expect(outcome).toEqual(failed);
    expect(took).toBeGreaterThanOrEqual(FAILURE_DELAY_MS);
    expect(took).toBeLessThanOrEqual(FAILURE_DELAY_MS + FAILURE_JITTER_MS);
    expect(argon2.calls).toEqual([digest]);
    expect(records()).toEqual([]);
  });

  it('counts the delay from the arrival and frees the worker meanwhile', async () => {
    argon2.held = true;
    const failing = ask('alice:wrong');
    await clock.advance(1_500);
    await argon2.release();
    argon2.held = false;
    expect((await timed('alice:password-alice')).took).toBe(0);
    await clock.advance(499);
    let done = false;
    void failing.then(() => {
      done = true;
    });
    await settle();
    expect(done).toBe(false);
    await clock.advance(1 + FAILURE_JITTER_MS);
    expect(await failing).toEqual(failed);
  });

  it('logs neither passwords nor unknown names', async () => {
    await timed('alice:hunter2-wrong');
    await timed('my-password-in-the-wrong-field:x');
    await timed('dave:password-dave');
    expect(log.lines.map(({ message, fields }) => [message, fields.user, fields.reason])).toEqual([
      ['authentication failed', 'alice', 'wrong password'],
      ['authentication failed', '-', 'unknown user'],
      ['authentication failed', 'dave', 'the user is disabled'],
    ]);
    expect(log.text()).not.toMatch(/hunter2|wrong-field|password-dave/);
  });

  describe('under regulation', () => {
    const regulation = { maxRetries: 3, findSeconds: 600, banSeconds: 1_800, modes: ['user', 'ip'] } as const;
    const from = (client: string, pair: string) =>
      strategy.authenticate(basic(pair), clock.monotonic(), client);
    /** Outcome and time of attempts one after the other. */
    const each = async (...attempts: [string, string][]) => {
      const all: [unknown, number][] = [];
      for (const [client, pair] of attempts) {
        const began = clock.monotonic();
        let took = 0;
        const asked = from(client, pair).then(outcome => {
          took = clock.monotonic() - began;
          return outcome;
        });
        await settle();
        await clock.advance(5_000);
        all.push([await asked, took]);
      }
      return all;
    };

    beforeEach(() => {
      strategy = build({ regulation });
      for (const name of ['bob', 'eve']) directory.put(name, `password-${name}`);
    });

    it('refuses the fourth attempt with the right password like a wrong one, at no hash', async () => {
      const wrong = await each(['10.0.0.1', 'alice:1'], ['10.0.0.2', 'alice:2'], ['10.0.0.3', 'alice:3']);
      expect(argon2.calls).toHaveLength(3);
      const banned = await each(['10.0.0.4', 'alice:password-alice']);
      expect(argon2.calls).toHaveLength(3);
      for (const [outcome, took] of [...wrong, ...banned]) {
        expect(outcome).toEqual(failed);
        expect(took).toBeGreaterThanOrEqual(FAILURE_DELAY_MS);
        expect(took).toBeLessThanOrEqual(FAILURE_DELAY_MS + FAILURE_JITTER_MS);
      }
      expect(records()).toEqual([]);
      expect(await from('10.0.0.4', 'bob:password-bob')).toMatchObject({ proof: { kind: 'proved' } });
      await clock.advance(1_800_000);
      expect(await from('10.0.0.4', 'alice:password-alice')).toMatchObject({ proof: { kind: 'proved' } });
    });

    it('answers banned, wrong, unknown and disabled within the same time', async () => {
      const median = async (next: (i: number) => [string, string]) => {
        const took = (await each(...Array.from({ length: 21 }, (_, i) => next(i)))).map(([outcome, ms]) => {
          expect(outcome).toEqual(failed);
          return ms;
        });
        return took.sort((a, b) => a - b)[10] ?? 0;
      };
      strategy = build({ regulation: { ...regulation, maxRetries: 1_000 } });
      const medians = [
        await median(i => [`10.1.0.${i}`, `eve:${i}`]),
        await median(i => [`10.2.0.${i}`, `nobody-${i}:x`]),
        await median(i => [`10.3.0.${i}`, `dave:${i}`]),
        await median(i => [`10.3.1.${i}`, 'dave:password-dave']),
      ];
      strategy = build({ regulation: { ...regulation, maxRetries: 1 } });
      await each(['10.4.0.1', 'eve:x']);
      medians.push(await median(i => [`10.5.0.${i}`, `eve:${i}`]));
      for (const ms of medians) {
        expect(ms).toBeGreaterThan(FAILURE_DELAY_MS + 10);
        expect(ms).toBeLessThan(FAILURE_DELAY_MS + FAILURE_JITTER_MS - 10);
      }
    });

    it('turns a banned one away as others where too many wait', async () => {
      strategy = build({ regulation, maxQueue: 1 });
      await each(['10.0.0.1', 'alice:1'], ['10.0.0.2', 'alice:2'], ['10.0.0.3', 'alice:3']);
      argon2.held = true;
      // The same address and account: whoever comes last is the one who is turned away.
      const running = [from('10.0.0.9', 'eve:1'), from('10.0.0.9', 'eve:2')];
      await settle();
      expect(await from('10.0.0.9', 'eve:3')).toEqual({ kind: 'busy' });
      expect(await from('10.0.0.9', 'alice:4')).toEqual({ kind: 'busy' });
      await argon2.release();
      await argon2.release();
      await clock.advance(5_000);
      expect(await Promise.all(running)).toEqual([failed, failed]);
    });

    it('lets no guess of a burst in that is verified when the ban is there', async () => {
      argon2.held = true;
      const guesses = ['1', '2', '3', '4', 'password-alice'].map((guess, i) =>
        from(`10.0.0.${i}`, `alice:${guess}`),
      );
      await settle();
      for (let i = 0; i < guesses.length; i++) await argon2.release();
      await clock.advance(5_000);
      for (const outcome of await Promise.all(guesses)) expect(outcome).toEqual(failed);
      expect(records()).toEqual([]);
    });

    it('counts neither what is malformed nor what was not verified', async () => {
      strategy = build({ regulation, maxQueue: 1 });
      argon2.held = true;
      const waiting = [from('10.0.0.1', 'alice:1'), from('10.0.0.1', 'alice:2')];
      await settle();
      for (let i = 3; i < 9; i++) expect(await from('10.0.0.1', `alice:${i}`)).toEqual({ kind: 'busy' });
      await argon2.release();
      await argon2.release();
      argon2.held = false;
      await clock.advance(5_000);
      await Promise.all(waiting);
      await strategy.authenticate(['Basic !'], clock.monotonic(), '10.0.0.1');
      // Two have failed.
      expect(await from('10.0.0.1', 'alice:password-alice')).toMatchObject({ proof: { kind: 'proved' } });
    });

    it('lets in whoever has a grant, whatever others did', async () => {
      const known = {
        find: (credential: { text: string }) => credential.text === 'alice:password-alice' || undefined,
      };
      strategy = build({ regulation, known: known as never });
      await each(['10.0.0.1', 'alice:1'], ['10.0.0.1', 'alice:2'], ['10.0.0.1', 'alice:3']);
      expect(await from('10.0.0.1', 'alice:password-alice')).toMatchObject({ proof: { kind: 'proved' } });
      expect((await each(['10.0.0.1', 'alice:4']))[0]?.[0]).toEqual(failed);
    });
  });

  it('verifies a credential once however many ask', async () => {
    argon2.held = true;
    const many = Array.from({ length: 20 }, () => ask('alice:password-alice'));
    const other = ask('alice:password-alicf');
    await settle();
    expect(argon2.running).toBe(1);
    await argon2.release();
    await argon2.release();
    for (const outcome of await Promise.all(many))
      expect(outcome).toMatchObject({ proof: { kind: 'proved' } });
    expect(argon2.calls).toHaveLength(2);
    expect(records()).toHaveLength(1);
    await clock.advance(3_000);
    expect(await other).toEqual(failed);
  });

  it.each([
    ['changed', () => directory.put('alice', 'new-password')],
    ['disabled', () => directory.put('alice', 'password-alice', { disabled: true })],
    ['given other groups', () => directory.put('alice', 'password-alice', { groups: [] })],
    ['removed', () => directory.remove('alice')],
  ])('writes no record when the user is %s during the verification', async (_name, change) => {
    argon2.held = true;
    const outcome = ask('alice:password-alice');
    await settle();
    change();
    await argon2.release();
    await clock.advance(3_000);
    expect(await outcome).toEqual(failed);
    expect(records()).toEqual([]);
    expect(issued).toEqual([]);
  });

  it('does not share the outcome of the old password with who comes after the change', async () => {
    argon2.held = true;
    const before = ask('alice:password-alice');
    await settle();
    directory.put('alice', 'new-password');
    const after = ask('alice:password-alice');
    await argon2.release();
    await argon2.release();
    await clock.advance(3_000);
    expect(await before).toEqual(failed);
    expect(await after).toEqual(failed);
    expect(argon2.calls).toEqual(['fake$password-alice', 'fake$new-password']);
    expect(records()).toEqual([]);
  });

  it('lets a change that is taken back be none', async () => {
    argon2.held = true;
    const outcome = ask('alice:password-alice');
    await settle();
    directory.put('alice', 'x');
    directory.put('alice', 'password-alice', { groups: ['admins', 'dev'] });
    await argon2.release();
    expect(await outcome).toMatchObject({ proof: { kind: 'proved' } });
  });

  it('is revoked behind the write', async () => {
    await ask('alice:password-alice');
    expect(records()).toHaveLength(1);
    directory.put('alice', 'password-alice', { groups: ['dev'] });
    expect(records()).toEqual([]);
  });

  it('answers busy when the queue is full', async () => {
    strategy = build({ maxQueue: 1 });
    argon2.held = true;
    const waiting = [ask('alice:1'), ask('alice:2')];
    expect(await ask('alice:3')).toEqual({ kind: 'busy' });
    await argon2.release();
    await argon2.release();
    await clock.advance(3_000);
    expect(await Promise.all(waiting)).toEqual([failed, failed]);
  });

  it('ends the oldest delay of whoever has most when too many answers wait, and frees all of it', async () => {
    strategy = build({ maxHeld: 3 });
    const from = (client: string, pair: string) =>
      strategy.authenticate(basic(pair), clock.monotonic(), client);
    const flood = [1, 2, 3].map(i => from('10.0.0.1', `alice:${i}`));
    await settle();
    expect([strategy.held, clock.pending]).toEqual([3, 3]);
    expect(await from('10.0.0.1', 'alice:4')).toEqual({ kind: 'busy' });
    expect(argon2.calls).toHaveLength(3);
    expect(await from('10.0.1.1', 'alice:password-alice')).toMatchObject({ proof: { kind: 'proved' } });
    expect(await flood[0]).toEqual({ kind: 'busy' });
    expect([strategy.held, clock.pending]).toEqual([2, 2]);
    await clock.advance(3_000);
    expect(await Promise.all(flood.slice(1))).toEqual([failed, failed]);
    expect([strategy.held, clock.pending]).toEqual([0, 0]);
  });

  it('never lets a record live longer than a day', async () => {
    strategy = build({ lifetimeSeconds: 1_000_000 });
    await ask('alice:password-alice');
    expect(records()[0]?.expiry).toBe(clock.now() + 86_400_000);
  });

  it('lets in who does not fit a slot, writes nothing and warns once', async () => {
    directory.put('bob', 'password-bob', { groups: ['g'.repeat(500)] });
    for (let i = 0; i < 3; i++) {
      expect(await ask('bob:password-bob')).toMatchObject({ proof: { kind: 'proved' } });
    }
    expect(issued).toEqual(['oversized', 'oversized', 'oversized']);
    expect(records()).toEqual([]);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({ level: 'warn', fields: { user: 'bob', limit: 412 } });
  });
});
