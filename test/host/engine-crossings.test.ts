import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine, Target } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';

const TARGET: Target = {
  method: 'GET',
  scheme: 'https',
  host: 'app.test',
  uri: '/',
  client: '192.0.2.1',
};
const principal = { username: 'alice', displayName: 'Alice', email: '', groups: ['dev'] };
const basic = (pair: string) => [`Basic ${Buffer.from(pair).toString('base64')}`];

/** Arguments are written into memory that stays; what was there before must not show. */
describe('one call after the other', () => {
  let engine: Engine;

  beforeAll(() => {
    engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
    const compiled = engine.compile({
      access_control: {
        rules: [{ domain: 'app.test', policy: 'one_factor', subject: 'group:dev', resources: ['^/x*$'] }],
      },
      trusted_proxies: ['127.0.0.1'],
    });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    engine.load(compiled.image);
  });

  it('of any length, longer and shorter in turn', () => {
    for (const length of [1, 8_000, 3, 60_000, 0, 4_095, 4_096, 4_097]) {
      const uri = `/${'x'.repeat(length)}`;
      const decision = engine.decide({ ...TARGET, uri }, { kind: 'proved', principal, level: 1 });
      expect(decision.verdict, String(length)).toBe(length < 8_192 ? 'allow' : 'bad-request');
      expect(engine.parseAuthorization(basic(`a:${'p'.repeat((length % 1_000) + 1)}`))).toEqual({
        kind: 'basic',
        username: 'a',
        password: 'p'.repeat((length % 1_000) + 1),
      });
      const groups = Array.from({ length: length % 400 }, (_, i) => `group-${i}`);
      expect(
        engine.decide(TARGET, { kind: 'proved', principal: { ...principal, groups }, level: 1 }).verdict,
      ).toBe('forbid');
      expect(engine.decide(TARGET, { kind: 'none' }).verdict).toBe('challenge');
    }
    expect(engine.parseAuthorization([`Basic ${'A'.repeat(60_000)}`])).toEqual({ kind: 'too-large' });
    expect(engine.parseAuthorization(basic('a:b'))).toMatchObject({ username: 'a', password: 'b' });
  });

  it.each(['alice:pässwörd', 'älice:\u20ac', 'alice:\u{1f511}', 'alice:a:b:c'])(
    'reads %s as it was sent',
    pair => {
      const [username = '', ...rest] = pair.split(':');
      expect(engine.parseAuthorization(basic(pair))).toEqual({
        kind: 'basic',
        username,
        password: rest.join(':'),
      });
    },
  );

  it('asks about a peer once for each policy', () => {
    expect(engine.isTrustedProxy('127.0.0.1')).toBe(true);
    expect(engine.isTrustedProxy('127.0.0.2')).toBe(false);
    const compiled = engine.compile({
      access_control: { default_policy: 'one_factor' },
      trusted_proxies: ['127.0.0.2'],
    });
    if (!compiled.ok) throw new Error('the policy must compile');
    expect(engine.isTrustedProxy('127.0.0.1')).toBe(true);
    const forwarded = () => ['127.0.0.1', '127.0.0.2'].map(peer => engine.clientAddress(peer, '192.0.2.7'));
    expect([forwarded(), forwarded()]).toEqual([
      ['192.0.2.7', '127.0.0.2'],
      ['192.0.2.7', '127.0.0.2'],
    ]);
    engine.load(compiled.image);
    expect([forwarded(), forwarded()]).toEqual([
      ['127.0.0.1', '192.0.2.7'],
      ['127.0.0.1', '192.0.2.7'],
    ]);
    expect(engine.clientAddress('127.0.0.2', undefined)).toBe('127.0.0.2');
    expect(engine.isTrustedProxy('127.0.0.1')).toBe(false);
    expect(engine.isTrustedProxy('127.0.0.2')).toBe(true);
    for (let i = 0; i < 1_000; i++) {
      expect(engine.isTrustedProxy(`10.0.${i >> 8}.${i & 255}`)).toBe(false);
      expect(engine.isTrustedProxy('127.0.0.2')).toBe(true);
    }
  });

  it('leaves nothing behind', () => {
    const ask = (i: number) => {
      engine.decide({ ...TARGET, uri: `/${i}?${'q'.repeat(i % 2_000)}` }, { kind: 'none' });
      engine.parseAuthorization(basic(`user-${i}:${'p'.repeat(i % 500)}`));
      engine.clientAddress('127.0.0.2', `192.0.2.${i % 256}`);
    };
    for (let i = 0; i < 5_000; i++) ask(i);
    const before = process.memoryUsage().external;
    for (let i = 0; i < 20_000; i++) ask(i);
    expect(process.memoryUsage().external - before).toBeLessThan(2 ** 20);
  });
});
