import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FairQueue } from '../../host/authn/fair-queue.ts';
import { HeldAnswers, MAX_HELD_ANSWERS } from '../../host/authn/held-answers.ts';
import { originOf } from '../../host/authn/origin.ts';
import { MAX_VERIFY_QUEUE, PasswordVerifier, QueueFullError } from '../../host/authn/password.ts';
import { FakeArgon2, FakeDirectory, settle } from '../support/host-fakes.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

describe('where a login comes from', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7', '192.0.2'],
    ['', '', ''],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2', '2001:db8:1'],
    ['2001:db8:1::6', '2001:db8:1:0', '2001:db8:1'],
    ['2001:db8::6', '2001:db8:0:0', '2001:db8:0'],
    ['::1', '0:0:0:0', '0:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2', '2001:db8:1'],
  ])('%s', (client, address, network) => {
    expect(originOf(client, 'alice')).toEqual({ address, network, account: 'alice' });
  });
});

describe('FairQueue', () => {
  /** Each entry is written `account@address`; answers the order in which they are taken. */
  const order = (entries: string[], limit = 64) => {
    const queue = new FairQueue<string>(limit);
    const refused: string[] = [];
    for (const [i, entry] of entries.entries()) {
      const [account = '', client = ''] = entry.split('@');
      queue.push(`${i} ${entry}`, originOf(client, account));
      const out = queue.surplus();
      if (out !== undefined) refused.push(out);
    }
    const taken: string[] = [];
    for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
      expect(queue.take()).toBe(next);
      queue.finish(next);
      taken.push(next);
    }
    expect([queue.length, queue.running]).toEqual([0, 0]);
    return { taken, refused };
  };
  const numbers = (taken: string[]) => taken.map(entry => Number.parseInt(entry, 10));

  it('goes by arrival among equals', () => {
    expect(numbers(order(['a@10.0.0.1', 'b@10.0.1.1', 'c@10.0.2.1']).taken)).toEqual([0, 1, 2]);
  });

  it('lets nobody have a second turn before everybody had a first: by address', () => {
    const entries = ['x1@10.0.0.1', 'x2@10.0.0.1', 'x3@10.0.0.1', 'bob@10.0.1.1', 'carol@10.0.2.1'];
    expect(numbers(order(entries).taken)).toEqual([0, 3, 4, 1, 2]);
    const queue = new FairQueue<string>(64);
    for (const entry of entries) queue.push(entry, originOf(entry.split('@')[1] ?? '', entry));
    // While the first runs, its address has had its turn.
    const first = queue.take() ?? '';
    expect(first).toBe('x1@10.0.0.1');
    expect([queue.take(), queue.take(), queue.take()]).toEqual([
      'bob@10.0.1.1',
      'carol@10.0.2.1',
      'x2@10.0.0.1',
    ]);
  });

  it('by account, from however many addresses', () => {
    const queue = new FairQueue<string>(64);
    for (let i = 0; i < 20; i++) queue.push(`alice ${i}`, originOf(`10.${i}.0.1`, 'alice'));
    queue.push('bob', originOf('10.99.0.1', 'bob'));
    expect([queue.take(), queue.take()]).toEqual(['alice 0', 'bob']);
  });

  it('by network, as four clients', () => {
    const queue = new FairQueue<string>(64);
    for (let i = 0; i < 20; i++) queue.push(`x${i}`, originOf(`10.0.0.${i}`, `x${i}`));
    queue.push('bob', originOf('10.99.0.1', 'bob'));
    const taken = Array.from({ length: 6 }, () => queue.take());
    expect(taken).toEqual(['x0', 'x1', 'x2', 'x3', 'bob', 'x4']);
  });

  it('does not count the flood of a neighbour', () => {
    const queue = new FairQueue<string>(64);
    for (let i = 0; i < 40; i++) queue.push(`x${i}`, originOf('192.168.1.66', `x${i}`));
    queue.push('bob', originOf('192.168.1.7', 'bob'));
    expect([queue.take(), queue.take()]).toEqual(['x0', 'bob']);
  });

  it('refuses the newest of whoever has most, not whoever comes last', () => {
    const flood = Array.from({ length: 8 }, (_, i) => `x${i}@10.0.0.1`);
    const { taken, refused } = order([...flood, 'bob@10.0.1.1'], 8);
    expect(refused).toEqual(['7 x7@10.0.0.1']);
    expect(taken).toContain('8 bob@10.0.1.1');
  });

  it('refuses the newest when all are equal', () => {
    const entries = Array.from({ length: 9 }, (_, i) => `x${i}@10.${i}.0.1`);
    expect(order(entries, 8).refused).toEqual(['8 x8@10.8.0.1']);
  });

  it.each([
    ['a million names from one address', (i: number) => originOf('10.0.0.1', `nobody-${i}`)],
    [
      'one name from a million addresses',
      (i: number) => originOf(`10.${i >> 16}.${(i >> 8) & 255}.1`, 'alice'),
    ],
    ['names and addresses of one network', (i: number) => originOf(`10.0.0.${i & 255}`, `nobody-${i}`)],
  ])('keeps a place for the honest, and nothing but 64 entries: %s', (_name, origin) => {
    const queue = new FairQueue<object>(64);
    const bob = { name: 'bob' };
    const push = (item: object, from: ReturnType<typeof originOf>) => {
      queue.push(item, from);
      return queue.surplus();
    };
    for (let i = 0; i < 20_000; i++) push({ i }, origin(i));
    expect(queue.length).toBe(64);
    expect(push(bob, originOf('192.0.2.1', 'bob'))).not.toBe(bob);
    for (let i = 0; i < 1_000; i++) expect(push({ i }, origin(i))).not.toBe(bob);
    // At most four run before: those that came first from the flood's network.
    const taken = Array.from({ length: 5 }, () => queue.take());
    expect(taken).toContain(bob);
  });
});

describe('PasswordVerifier', () => {
  const build = (maxQueue: number) => {
    const argon2 = new FakeArgon2();
    argon2.held = true;
    return { argon2, verifier: new PasswordVerifier({ verify: argon2.verify, concurrency: 1, maxQueue }) };
  };

  it('rejects whoever had to make room, also after a while', async () => {
    const { argon2, verifier } = build(2);
    const flood = originOf('10.0.0.1', 'x');
    const all = [1, 2, 3].map(i => verifier.verify(`fake$${i}`, 'x', flood));
    const bob = verifier.verify('fake$bob', 'bob', originOf('10.0.1.1', 'bob'));
    await expect(all[2]).rejects.toThrow(QueueFullError);
    await argon2.release();
    expect(argon2.calls).toEqual(['fake$1', 'fake$bob']);
    await argon2.release();
    expect(await bob).toBe(true);
  });

  it('counts what is slow against whoever asked for it', async () => {
    const { argon2, verifier } = build(64);
    const slow = originOf('10.0.0.1', 'slow');
    for (let i = 0; i < 10; i++) void verifier.verify(`fake$slow${i}`, 'x', slow);
    for (const name of ['a', 'b', 'c']) void verifier.verify(`fake$${name}`, 'x', originOf('10.9.0.1', name));
    for (let i = 0; i < 5; i++) await argon2.release();
    // Two clients: each has every second turn.
    expect(argon2.calls).toEqual(['fake$slow0', 'fake$a', 'fake$slow1', 'fake$b', 'fake$slow2', 'fake$c']);
  });
});

describe('HeldAnswers', () => {
  it('refuses the oldest of the address that has most', async () => {
    const held = new HeldAnswers(4);
    const flood = [1, 2, 3, 4].map(() => held.enter('10.0.0.1'));
    let cancelled = 0;
    if (flood[0] !== undefined) flood[0].cancel = () => cancelled++;
    expect(held.enter('10.0.0.1')).toBeUndefined();
    expect(held.enter('10.0.1.1')).toBeDefined();
    await flood[0]?.refused;
    expect([cancelled, flood[0]?.isRefused, flood[1]?.isRefused]).toEqual([1, true, false]);
    expect(held.count).toBe(4);
    // Two and two: now another one only takes from those who have two more.
    expect(held.enter('10.0.1.1')).toBeDefined();
    expect(held.enter('10.0.1.1')).toBeUndefined();
    expect(held.enter('10.0.2.1')).toBeDefined();
  });

  it('refuses the newcomer when all are equal, and forgets who left', () => {
    const held = new HeldAnswers(3);
    const all = ['a', 'b', 'c'].map(address => held.enter(address));
    expect(held.enter('d')).toBeUndefined();
    all[1]?.leave();
    all[1]?.leave();
    expect(held.count).toBe(2);
    expect(held.enter('d')).toBeDefined();
  });

  it('holds no more whatever the number of addresses', () => {
    const held = new HeldAnswers();
    for (let i = 0; i < 50_000; i++) held.enter(`10.0.${i >> 8}.${i & 255}`);
    expect(held.count).toBe(MAX_HELD_ANSWERS);
  });
});

describe('the service under a flood', () => {
  let test: TestApp;
  beforeEach(async () => {
    const users = new FakeDirectory();
    for (const name of ['alice', 'bob']) users.put(name, `password-${name}`);
    test = await startTestApp({ users });
  });
  afterEach(async () => {
    await test.stop();
    test.clean();
  });
  const login = (pair: string, client: string) =>
    test.get('/api/authz/forward-auth', [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'app.example.com'],
      ['X-Forwarded-Uri', '/'],
      ['X-Forwarded-For', client],
      ['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`],
    ]);
  const arrived = async (count: number) => {
    for (let i = 0; i < 500; i++) {
      if ((await test.get('/metrics')).body.includes(`postern_logins_held ${count}\n`)) return;
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    throw new Error('the flood did not arrive');
  };

  it.each([
    ['unknown names', (i: number) => `nobody-${i}:x`],
    ["one account's password", (i: number) => `alice:guess-${i}`],
  ])('answers 503 with Retry-After to the flood, and lets others in: %s', async (_name, guess) => {
    test.argon2.held = true;
    const held = MAX_VERIFY_QUEUE + 1;
    const flood = Array.from({ length: held }, (_, i) => login(guess(i), '203.0.113.9'));
    await arrived(held);
    const refused = await login(guess(held), '203.0.113.9');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '2']);

    // The next turn is bob's: one of the flood makes room for him.
    const bob = login('bob:password-bob', '198.51.100.7');
    const [victim] = await Promise.all([Promise.race(flood), arrived(held)]);
    expect(victim.status).toBe(503);
    await test.argon2.release();
    await test.argon2.release();
    expect((await bob).status).toBe(200);
    expect(test.argon2.calls[1]).toBe('fake$password-bob');

    const ended = Promise.all(flood);
    for (let i = 0; i < held; i++) await test.argon2.release();
    await test.clock.advance(3_000);
    const statuses = (await ended).map(answer => answer.status);
    expect(new Set(statuses)).toEqual(new Set([401, 503]));
    await arrived(0);
  });

  it('holds no worker while a failure is delayed', async () => {
    const timers = test.clock.pending;
    const failing = Array.from({ length: 20 }, (_, i) => login(`alice:guess-${i}`, '203.0.113.9'));
    await arrived(20);
    while (test.argon2.calls.length < 20) await settle();
    expect((await test.get('/metrics')).body).toContain('postern_password_queue_length 0\n');
    expect((await login('bob:password-bob', '198.51.100.7')).status).toBe(200);
    await test.clock.advance(3_000);
    for (const answer of await Promise.all(failing)) expect(answer.status).toBe(401);
    expect(test.clock.pending).toBeLessThanOrEqual(timers);
  });
});
