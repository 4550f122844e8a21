import { randomBytes } from 'node:crypto';
import { TOTP, URI } from 'otpauth';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { RedisCache } from '../../host/cache/redis-cache.ts';
import { systemClock } from '../../host/clock.ts';
import { IDENTITY_PROOF_DEFAULTS } from '../../host/config/identity-proof.ts';
import { TOTP_DEFAULTS } from '../../host/config/totp.ts';
import type { Message } from '../../host/notifier/notifier.ts';
import { IdentityProofs } from '../../host/second-factor/identity-proofs.ts';
import { OneTimeCodes } from '../../host/second-factor/one-time-codes.ts';
import { StoredFactors } from '../../host/second-factor/stored-factors.ts';
import type { FactorStore } from '../../host/store/store.ts';
import { describeRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { local, cache as redisCache } from '../support/redis-host.ts';
import { removeTempDirectories } from '../support/temp.ts';

const JOHN = { username: 'john', sessionId: 'session-1' };

/** What waits for a next step lies where all hosts see it, and nobody else. */
describeRedis('second factors of two hosts that share Redis', binary => {
  let server: RedisServer;
  const caches: RedisCache[] = [];
  const sent: Message[] = [];

  async function host() {
    const cache = redisCache({ nodes: local(server.port) });
    await cache.start(undefined, { lost() {}, progress() {} });
    caches.push(cache);
    const notifier = {
      kind: 'filesystem' as const,
      send: async (message: Message) => void sent.push(message),
      check: async () => {},
    };
    const settings = IDENTITY_PROOF_DEFAULTS;
    const random = randomBytes;
    const store = { ofUser: async () => [], useRecoveryCode: async () => false } as unknown as FactorStore;
    return {
      codes: new OneTimeCodes({ cache, notifier, settings, random }),
      proofs: new IdentityProofs(cache, settings),
      factors: new StoredFactors({ setup: TOTP_DEFAULTS, store, cache, clock: systemClock, random }),
    };
  }

  const code = () => /^ {4}([A-Z0-9]{8})$/m.exec(sent.at(-1)?.text ?? '')?.[1] ?? 'none';
  const request = {
    to: { name: 'John', address: 'john@example.com' },
    name: 'John',
    language: 'en',
    site: 'auth.example.com',
    address: '',
  };

  beforeAll(async () => {
    server = await startRedis({ binary });
  });
  afterEach(async () => {
    for (const cache of caches.splice(0)) await cache.close();
    server.cli('flushall');
  });
  afterAll(async () => {
    await server?.stop();
    removeTempDirectories();
  });

  it('take a one-time code that the other one sent, once, and know of the proof', async () => {
    const [one, two] = [await host(), await host()];
    expect(await one.codes.send(JOHN, 'second-factor', request)).toBe('sent');
    const answers = await Promise.all(
      [one, two].map(({ codes }) => codes.check(JOHN, 'second-factor', code())),
    );
    expect(answers.sort()).toEqual(['gone', 'good']);
    await one.proofs.give(JOHN);
    expect(await two.proofs.has(JOHN)).toBe(true);
  });

  it('count guesses together', async () => {
    const [one, two] = [await host(), await host()];
    await one.codes.send(JOHN, 'second-factor', request);
    for (const { codes } of [one, two, one, two]) {
      expect(await codes.check(JOHN, 'second-factor', 'AAAAAAAA')).toBe('bad');
    }
    expect(await one.codes.check(JOHN, 'second-factor', 'AAAAAAAA')).toBe('gone');
    expect(await two.codes.check(JOHN, 'second-factor', code())).toBe('gone');
    for (const { factors } of [one, two, one, two, one]) {
      expect(await factors.verifyCode('john', '000000')).toBe('bad');
    }
    expect(await two.factors.verifyCode('john', '000000')).toBe('too-many');
  });

  it('keep code and secret sealed, and no name, in Redis; a flush ends both', async () => {
    const [one, two] = [await host(), await host()];
    await one.codes.send(JOHN, 'second-factor', request);
    const { uri, secret } = await one.factors.beginRegistration(JOHN);
    expect(await two.factors.pendingRegistration(JOHN)).toMatchObject({ uri, secret });
    const totp = URI.parse(uri);
    if (!(totp instanceof TOTP)) throw new TypeError('no time-based key');
    const dump = server.dump();
    expect(dump).toContain('one-time-code');
    const raw = Buffer.from(totp.secret.bytes);
    for (const text of [
      code(),
      secret,
      raw.toString('base64'),
      raw.toString('latin1'),
      'john',
      'session-1',
    ]) {
      expect(dump).not.toContain(text);
    }
    server.cli('flushall');
    expect(await two.codes.check(JOHN, 'second-factor', code())).toBe('gone');
    expect(await two.factors.finishRegistration(JOHN, { code: totp.generate(), name: '' })).toEqual({
      state: 'gone',
    });
  });
});
