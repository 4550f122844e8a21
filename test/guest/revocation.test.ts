import { afterEach, describe, expect, it } from 'vitest';
import { MAX_AUTHORIZATION, MAX_HEADER_NAMES, MAX_URI } from '../../assembly/contract.ts';
import { header } from '../support/guest.ts';
import { FakeDirectory } from '../support/host-fakes.ts';
import { asks, type Slice, type SliceOptions, startSlice } from '../support/slice.ts';

const slices: Slice[] = [];
afterEach(() => {
  for (const slice of slices.splice(0)) slice.clean();
});

function start(options: SliceOptions = {}): Slice {
  const users = new FakeDirectory();
  for (const name of ['alice', 'bob']) users.put(name, `password-${name}`);
  const slice = startSlice({ users, ...options });
  slices.push(slice);
  return slice;
}

const pass = (slice: Slice, ms: number) => slice.clock.setWall(slice.clock.now() + ms);

describe('revocation', () => {
  it('reaches an instance that remembers the grant, within half a second', () => {
    const slice = start();
    for (const name of ['alice', 'bob']) slice.login(name);
    const held = slice.guest();
    for (const name of ['alice', 'bob']) expect(asks(held, name)).toBe(`allow:${name}`);
    slice.revoke('alice');
    pass(slice, 500);
    expect(asks(held, 'alice')).toBe('defer');
    expect(asks(held, 'bob')).toBe('allow:bob');
  });

  it('outlives the host', async () => {
    const slice = start();
    for (const name of ['alice', 'bob']) slice.login(name);
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    slice.revoke('alice');
    slice.publisher.stop('stopped');
    const { directory, clock, users } = slice;
    const next = start({ directory, clock, users });
    await clock.advance(600);
    for (const guest of [held, next.guest()]) {
      expect(asks(guest, 'alice')).toBe('defer');
      expect(asks(guest, 'bob')).toBe('allow:bob');
    }
  });

  it('of a user who changed while no host ran', async () => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    slice.publisher.stop('silent');
    const { directory, clock, users } = slice;
    users.put('alice', 'password-alice', { groups: ['fewer'] });
    const next = start({ directory, clock, users });
    await clock.advance(600);
    for (const guest of [held, next.guest()]) expect(asks(guest, 'alice')).toBe('defer');
  });

  it('leaves no record of a verification that began before it', () => {
    const slice = start();
    const before = slice.users.find('alice')?.epoch;
    slice.users.put('alice', 'password-alice', { groups: ['fewer'] });
    slice.revoke('alice');
    slice.login('alice', before);
    expect(slice.results).toEqual([]);
    expect(asks(slice.guest(), 'alice')).toBe('defer');
    slice.login('alice');
    expect(asks(slice.guest(), 'alice')).toBe('allow:alice');
  });
});

describe('the host is gone', () => {
  it('grants hold for the grace and rules with them; then 503 to everything', () => {
    const slice = start();
    slice.login('alice');
    slice.publisher.stop('silent');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    pass(slice, 6_000);
    expect(asks(held, 'alice')).toBe('allow:alice');
    expect(asks(held, 'bob')).toBe('503');
    expect(asks(held)).toBe('401');
    pass(slice, 893_000);
    expect(asks(held, 'alice')).toBe('allow:alice');
    pass(slice, 2_000);
    for (const guest of [held, slice.guest()]) {
      for (const name of ['alice', 'bob', undefined]) expect(asks(guest, name)).toBe('503');
      expect(asks(guest, undefined, 'public.test')).toBe('503');
    }
  });

  it('after a graceful stop nothing is deferred any more', () => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    expect(asks(held, 'bob')).toBe('defer');
    slice.publisher.stop('stopped');
    pass(slice, 600);
    expect(asks(held, 'alice')).toBe('allow:alice');
    pass(slice, 6_000);
    expect(asks(held, 'bob')).toBe('503');
  });
});

describe('clock steps', () => {
  it.each([
    ['ahead, within the grace', 600_000, 'allow:alice'],
    ['ahead, beyond the grace', 1_000_000, '503'],
    ['ahead, beyond the grant', 3_700_000, '503'],
    ['back a little', -1_500, 'allow:alice'],
    ['back further than a page may lie ahead', -10_000, '503'],
  ])('%s, and mended by the next heartbeat', async (_name, step, meanwhile) => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    pass(slice, step);
    expect(asks(held, 'alice')).toBe(meanwhile);
    await slice.clock.advance(1_600);
    // A grant that lies ahead, or behind its end, is a miss like any other.
    const good = step > -2_000 && step < 3_600_000;
    for (const guest of [held, slice.guest()])
      expect(asks(guest, 'alice')).toBe(good ? 'allow:alice' : 'defer');
  });

  it('a page of a host whose clock is wrong is stale, not believed for ever', () => {
    const slice = start();
    const held = slice.guest();
    pass(slice, -3_000_000);
    expect(asks(held, 'alice')).toBe('503');
  });
});

describe('the table of another shape', () => {
  it.each([
    ['more slots', { slotSize: 1_024, slots: 256 }],
    ['fewer slots', { slotSize: 1_024, slots: 8 }],
    ['larger slots', { slotSize: 4_096, slots: 64 }],
    ['smallest slots', { slotSize: 512, slots: 64 }],
  ])('%s, while a guest holds the old one', async (_name, geometry) => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    slice.publisher.stop('stopped');
    const { directory, clock, users } = slice;
    const next = start({ directory, clock, users, geometry });
    await clock.advance(600);
    expect(asks(held, 'alice')).toBe('defer');
    next.login('alice');
    expect(asks(held, 'alice')).toBe('allow:alice');
    await clock.advance(6_000); // the old file is gone
    expect(asks(held, 'alice')).toBe('allow:alice');
  });
});

describe('a request over a limit after a good one on the same instance', () => {
  const alice = ['Authorization', `Basic ${Buffer.from('alice:password-alice').toString('base64')}`] as const;
  it.each([
    [
      'Authorization',
      { headers: [['Authorization', `Basic ${'A'.repeat(MAX_AUTHORIZATION)}`]] as const },
      431,
    ],
    [
      'a password',
      { headers: [['Authorization', `Basic ${Buffer.alloc(1_500, 'u:p').toString('base64')}`]] as const },
      431,
    ],
    ['header names', { headers: [alice, [`X-${'n'.repeat(MAX_HEADER_NAMES)}`, '']] as const }, 431],
    ['the URI', { headers: [alice], uri: `/${'u'.repeat(MAX_URI)}` }, 400],
    ['Host', { headers: [alice], host: `${'h'.repeat(600)}.test` }, 400],
    ['X-Forwarded-Proto', { headers: [alice], scheme: 'https'.repeat(10) }, 400],
    ['the method', { headers: [alice], method: 'M'.repeat(200) }, 400],
  ])('%s', (_name, request, status) => {
    const slice = start();
    slice.login('alice');
    const guest = slice.guest();
    expect(asks(guest, 'alice')).toBe('allow:alice');
    const outcome = guest.ask({ host: 'app.test', ...request });
    expect(outcome.next).toBe(false);
    expect(outcome.response?.status).toBe(status);
    expect(header(outcome, 'Postern-Verdict')).toBeUndefined();
    // Nor does what was refused stand in for what the next one lacks.
    expect(asks(guest)).toBe('401');
    expect(asks(guest, undefined, 'public.test')).toBe('allow:');
  });
});
