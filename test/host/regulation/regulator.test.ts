import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, CacheError } from '../../../host/cache/cache.ts';
import { MemoryCache, MemorySpace } from '../../../host/cache/memory-cache.ts';
import type { RegulationSetup } from '../../../host/config/regulation.ts';
import { loadEngine } from '../../../host/policy/load-engine.ts';
import { createRegulator } from '../../../host/regulation/create.ts';
import type { Attempt, Regulator } from '../../../host/regulation/regulator.ts';
import { openStore } from '../../../host/store/open.ts';
import { type BanStore, type Store, StoreError } from '../../../host/store/store.ts';
import { FakeClock, FakeDirectory, fakeLogger, fakeRandom } from '../../support/host-fakes.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';

const engine = loadEngine(new URL('../../../dist/embed.wasm', import.meta.url));
const MINUTE = 60_000;
/** As in the corpus: three within ten minutes, for half an hour. */
const SETUP: RegulationSetup = { maxRetries: 3, findSeconds: 600, banSeconds: 1_800, modes: ['user', 'ip'] };
const HOME = '203.0.113.9';
const AWAY = '198.51.100.7';

let clock: FakeClock;
let directory: FakeDirectory;
let log: ReturnType<typeof fakeLogger>;
let told: string[];
let shared: Cache;
let store: Store | undefined;

function build(over: Partial<RegulationSetup> = {}, bans: () => BanStore | undefined = () => store?.bans) {
  return createRegulator(
    { ...SETUP, ...over },
    {
      secret: Buffer.alloc(32, 1),
      directory,
      engine,
      cache: shared,
      bans,
      clock,
      random: fakeRandom(),
      log,
      onAttempt: result => told.push(result),
      onBan: kind => told.push(`ban ${kind}`),
    },
  );
}

const by = (username: string, address = HOME, device?: string): Attempt => ({ username, address, device });

async function fail(regulator: Regulator, attempt: Attempt, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    expect(await regulator.isBanned(attempt)).toBe(false);
    await regulator.failed(attempt, 'wrong password');
  }
}

beforeEach(() => {
  clock = new FakeClock();
  directory = new FakeDirectory();
  log = fakeLogger();
  told = [];
  store = undefined;
  for (const name of ['alice', 'bob', 'eve']) directory.put(name, `password-${name}`);
  shared = new MemoryCache({ clock, random: fakeRandom(), log });
});
afterEach(async () => {
  await store?.close();
});
afterAll(removeTempDirectories);

const openSqlite = () =>
  openStore(
    { kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') },
    { secret: Buffer.alloc(32, 1), random: randomBytes },
  );

describe.each([
  ['without a database', async () => undefined],
  ['with a database', openSqlite],
])('regulation %s', (_, open) => {
  beforeEach(async () => {
    store = await open();
  });

  it('bans a user after so many failed attempts, nobody else, and not for longer', async () => {
    const regulator = build({ modes: ['user'] });
    await fail(regulator, by('alice'), 3);
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    expect(await regulator.isBanned(by('alice', AWAY))).toBe(true);
    expect(await regulator.isBanned(by('bob'))).toBe(false);
    await clock.advance(30 * MINUTE - 1);
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    await clock.advance(1);
    // Free, and with all of the attempts.
    await fail(regulator, by('alice'), 2);
    expect(await regulator.isBanned(by('alice'))).toBe(false);
    expect(told.filter(word => word.startsWith('ban '))).toEqual(['ban user']);
  });

  it('bans an address whoever is tried from there, and no other', async () => {
    const regulator = build({ modes: ['ip'] });
    await fail(regulator, by('alice'));
    await fail(regulator, by('nobody'));
    await fail(regulator, by('bob'));
    for (const name of ['alice', 'eve', 'who']) expect(await regulator.isBanned(by(name))).toBe(true);
    expect(await regulator.isBanned(by('alice', AWAY))).toBe(false);
    await clock.advance(30 * MINUTE);
    expect(await regulator.isBanned(by('alice'))).toBe(false);
  });

  it.each([
    ['of one /64', '2001:db8:1:2:3::4', '2001:db8:1:2:ffff:1:2:3', true],
    ['of the next /64', '2001:db8:1:2:3::4', '2001:db8:1:3:3::4', false],
    ['next to it', '203.0.113.9', '203.0.113.10', false],
    ['that cannot be told', '', '', false],
  ])('counts together addresses %s', async (_name, tried, asked, expected) => {
    const regulator = build({ modes: ['ip'] });
    await fail(regulator, by('alice', tried), 3);
    expect(await regulator.isBanned(by('bob', asked))).toBe(expected);
  });

  it('counts attempts of the last ten minutes, whenever they began', async () => {
    const regulator = build();
    await fail(regulator, by('alice'));
    await clock.advance(6 * MINUTE);
    await fail(regulator, by('alice'));
    await clock.advance(5 * MINUTE);
    await fail(regulator, by('alice'));
    // The first is eleven minutes old: two count.
    expect(await regulator.isBanned(by('alice'))).toBe(false);
    await clock.advance(MINUTE);
    await fail(regulator, by('alice'));
    expect(await regulator.isBanned(by('alice'))).toBe(true);
  });

  it('forgets failed attempts of who signs in, and no others of the address', async () => {
    const regulator = build();
    await fail(regulator, by('alice'), 2);
    await regulator.succeeded(by('alice'));
    await fail(regulator, by('alice'), 2);
    await regulator.succeeded(by('alice'));
    // With an account of one's own in between, guessing at others goes no further.
    await fail(regulator, by('bob'), 2);
    await fail(regulator, by('eve'));
    expect(await regulator.isBanned(by('eve'))).toBe(true);
    expect(await regulator.isBanned(by('eve', AWAY))).toBe(false);
  });

  it('bans nobody when it is off', async () => {
    const regulator = build({ maxRetries: 0 });
    await fail(regulator, by('alice'), 20);
    expect(await regulator.isBanned(by('alice'))).toBe(false);
  });

  it('counts each of a thousand at once, and bans once', async () => {
    const regulator = build({ maxRetries: 1_000, modes: ['user'] });
    const all = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, i) =>
          regulator.failed(by('alice', `10.0.${i >> 8}.${i & 255}`), 'wrong password'),
        ),
      );
    await all(999);
    expect(await regulator.isBanned(by('alice'))).toBe(false);
    await all(1);
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    await all(3_000);
    expect(told.filter(word => word === 'ban user')).toHaveLength(1);
  });

  it('CVE-2025-24806, CVE-2026-47203: knows an account by all its names', async () => {
    const find = directory.find.bind(directory);
    directory.find = name => find(name.replace(/@.*/, '').toLowerCase());
    const regulator = build({ modes: ['user'] });
    await fail(regulator, by('alice'));
    await fail(regulator, by('ALICE'));
    await fail(regulator, by('alice@example.com'));
    expect(await regulator.isBanned(by('Alice'))).toBe(true);
  });

  it('does not let strangers lock an owner out of a known device, which has a counter of its own', async () => {
    const regulator = build();
    for (let i = 0; i < 1_000; i++) {
      const attempt = by('alice', `10.${i >> 8}.${i & 255}.1`);
      if (!(await regulator.isBanned(attempt))) await regulator.failed(attempt, 'wrong password');
    }
    await fail(regulator, by('nobody'), 3);
    // Both the account and the owner's address are banned by now.
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    expect(await regulator.isBanned(by('bob'))).toBe(true);
    const known = by('alice', HOME, 'device-1');
    expect(await regulator.isBanned(known)).toBe(false);
    await regulator.succeeded(known);
    expect(await regulator.isBanned(by('alice', AWAY))).toBe(true);
    // Guessing on the device bans that device alone.
    await fail(regulator, known, 3);
    expect(await regulator.isBanned(known)).toBe(true);
    expect(await regulator.isBanned(by('alice', HOME, 'device-2'))).toBe(false);
    await fail(regulator, by('bob', AWAY), 2);
    expect(await regulator.isBanned(by('bob', AWAY))).toBe(false);
  });

  it('counts names that nobody has like others', async () => {
    const regulator = build({ modes: ['user'] });
    await fail(regulator, by('nobody'), 3);
    expect(await regulator.isBanned(by('nobody', AWAY))).toBe(true);
    await clock.advance(30 * MINUTE);
    expect(await regulator.isBanned(by('nobody'))).toBe(false);
    directory.put('nobody', 'x');
    await fail(regulator, by('nobody'), 2);
  });

  it('logs each attempt in one form, and no name that nobody has', async () => {
    const regulator = build();
    await fail(regulator, by('alice'), 3);
    await regulator.isBanned(by('alice'));
    await regulator.failed(by('my-password-in-the-wrong-field', ''), 'unknown user');
    expect(
      log.lines
        .filter(({ message }) => message === 'authentication failed')
        .map(({ level, fields }) => [level, fields]),
    ).toEqual([
      ...Array(3).fill(['info', { client: HOME, user: 'alice', reason: 'wrong password' }]),
      ['info', { client: HOME, user: 'alice', reason: 'banned' }],
      ['info', { client: '-', user: '-', reason: 'unknown user' }],
    ]);
    const reason = '3 failed attempts within 10m, for 30m';
    expect(
      log.lines.filter(({ message }) => message === 'banned').map(({ level, fields }) => [level, fields]),
    ).toEqual([
      ['warn', { kind: 'user', user: 'alice', reason }],
      ['warn', { kind: 'address', client: HOME, reason }],
    ]);
    expect(log.text()).not.toContain('wrong-field');
    expect(told).toEqual(['failure', 'failure', 'failure', 'ban user', 'ban address', 'banned', 'failure']);
  });
});

describe('bans in the database', () => {
  const operator = { until: undefined, reason: 'left', source: 'operator' } as const;
  let bans: BanStore;

  beforeEach(async () => {
    store = await openSqlite();
    bans = store.bans;
  });

  it('are of all hosts, and end at once when they are removed', async () => {
    const [one, other] = [build(), build()];
    await fail(one, by('alice'), 3);
    expect(await other.isBanned(by('alice', AWAY))).toBe(true);
    expect(await bans.list(clock.now())).toMatchObject(
      [
        { kind: 'address', subject: HOME, source: 'failures' },
        {
          kind: 'user',
          subject: 'alice',
          reason: '3 failed attempts within 10m',
          until: clock.now() + 30 * MINUTE,
        },
      ].sort((a, b) => a.kind.localeCompare(b.kind)),
    );
    expect(await bans.remove('user', 'alice')).toBe(true);
    expect(await bans.remove('address', HOME)).toBe(true);
    for (const host of [one, other]) expect(await host.isBanned(by('alice'))).toBe(false);
    // With all of the attempts, and then again.
    await fail(one, by('alice'), 3);
    expect(await other.isBanned(by('alice'))).toBe(true);
  });

  const networks: [string, string, boolean][] = [
    ['203.0.113.9', HOME, true],
    ['203.0.113.8', HOME, false],
    ['203.0.113.0/24', HOME, true],
    ['203.0.112.0/24', HOME, false],
    ['2001:db8::/32', '2001:db8:1:2::1', true],
    ['2001:db8::1', '2001:db8::2', false],
    ['damaged', HOME, false],
    ['203.0.113.0/24', '', false],
  ];
  it.each(networks)('of an operator on %s: %s is banned %s', async (subject, address, expected) => {
    const regulator = build({ maxRetries: 0 });
    await bans.put({ kind: 'address', subject, createdAt: clock.now(), ...operator });
    await bans.put({ kind: 'address', subject: '192.0.2.0/28', createdAt: clock.now(), ...operator });
    for (const device of [undefined, 'device-1']) {
      expect(await regulator.isBanned(by('alice', address, device))).toBe(expected);
    }
    expect(await regulator.isBanned(by('nobody', '192.0.2.15'))).toBe(true);
  });

  it('of an operator on an address are none of a user of that name', async () => {
    const regulator = build();
    directory.put('192.0.2.1', 'x');
    await bans.put({ kind: 'address', subject: '192.0.2.1', createdAt: clock.now(), ...operator });
    expect(await regulator.isBanned(by('192.0.2.1'))).toBe(false);
    await bans.put({ kind: 'user', subject: '192.0.2.1', createdAt: clock.now(), ...operator });
    await bans.remove('address', '192.0.2.1');
    expect(await regulator.isBanned(by('192.0.2.1'))).toBe(true);
    expect(await regulator.isBanned(by('alice', '192.0.2.1'))).toBe(false);
  });

  it('of an operator on a user count on known devices, too, until they end', async () => {
    const regulator = build();
    await bans.put({
      kind: 'user',
      subject: 'alice',
      createdAt: clock.now(),
      ...operator,
      until: clock.now() + MINUTE,
    });
    expect(await regulator.isBanned(by('alice', HOME, 'device-1'))).toBe(true);
    expect(await regulator.isBanned(by('bob'))).toBe(false);
    await clock.advance(MINUTE);
    expect(await regulator.isBanned(by('alice'))).toBe(false);
  });

  it('stay in force while it does not answer, as far as they are known, and new ones too', async () => {
    let isAway = false;
    const away = new StoreError('ERR_STORE_UNAVAILABLE', 'the database cannot be asked');
    const flaky: BanStore = {
      ...bans,
      put: ban => (isAway ? Promise.reject(away) : bans.put(ban)),
      against: (...args) => (isAway ? Promise.reject(away) : bans.against(...args)),
    };
    const regulator = build({ modes: ['user'] }, () => flaky);
    await bans.put({ kind: 'address', subject: '192.0.2.0/24', createdAt: clock.now(), ...operator });
    await fail(regulator, by('alice'), 3);
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    isAway = true;
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    expect(await regulator.isBanned(by('bob'))).toBe(false);
    await fail(regulator, by('eve'), 3);
    expect(await regulator.isBanned(by('eve'))).toBe(true);
    expect(await regulator.isBanned(by('bob', '192.0.2.5'))).toBe(true);
    isAway = false;
    expect(await regulator.isBanned(by('alice'))).toBe(true);
    expect(await regulator.isBanned(by('eve'))).toBe(true);
    await bans.remove('address', '192.0.2.0/24');
    expect(await regulator.isBanned(by('bob', '192.0.2.5'))).toBe(false);
    await clock.advance(30 * MINUTE);
    for (const name of ['alice', 'eve']) expect(await regulator.isBanned(by(name))).toBe(false);
    const warned = log.lines.filter(({ message }) => message.includes('the database'));
    expect(warned.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'the database does not answer: the bans that this host knows of stay in force'],
      ['info', 'the database answers again: bans are looked up there'],
    ]);
  });
});

describe('a shared store that is away', () => {
  it('leaves each host its own counters, and says so once', async () => {
    let isAway = false;
    const memory = new MemoryCache({ clock, random: fakeRandom(), log });
    const gate = <T>(act: () => Promise<T>) =>
      isAway ? Promise.reject(new CacheError('ERR_CACHE_UNAVAILABLE', 'Redis does not answer')) : act();
    shared = {
      kind: 'redis',
      note: (...args: Parameters<Cache['note']>) => gate(() => memory.note(...args)),
      forget: (...args: Parameters<Cache['forget']>) => gate(() => memory.forget(...args)),
      get: (...args: Parameters<Cache['get']>) => gate(() => memory.get(...args)),
      set: (...args: Parameters<Cache['set']>) => gate(() => memory.set(...args)),
    } as unknown as Cache;
    const [one, other] = [build({ modes: ['user'] }), build({ modes: ['user'] })];
    await fail(one, by('alice'));
    await fail(other, by('alice'));
    isAway = true;
    await fail(one, by('alice'), 2);
    expect(await one.isBanned(by('alice'))).toBe(true);
    expect(await other.isBanned(by('alice'))).toBe(false);
    await fail(other, by('alice'));
    isAway = false;
    // What was counted together before is still there.
    await fail(other, by('alice'));
    expect(await other.isBanned(by('alice'))).toBe(true);
    expect(await one.isBanned(by('alice'))).toBe(true);
    const warned = log.lines.filter(({ level }) => level === 'warn' || level === 'error');
    const count = (text: string) => warned.filter(({ message }) => message.includes(text)).length;
    expect([count('counts failed attempts by itself'), count('bans that this host knows of')]).toEqual([
      2, 2,
    ]);
  });
});

describe('memory', () => {
  it('CVE-2026-77561: stays as it is with 100,000 names that nobody has, and as many addresses, and locks nobody out', async () => {
    const space = new MemorySpace();
    shared = new MemoryCache({ clock, random: fakeRandom(), log, space });
    const regulator = build();
    const names = async (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        await regulator.failed(
          by(`nobody-${i}`, `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`),
          'unknown user',
        );
      }
      log.lines.length = 0;
      told.length = 0;
    };
    await fail(regulator, by('alice', AWAY), 2);
    await names(0, 40_000);
    const before = space.entries.size;
    // One for each place of an unknown name, its ban, and the addresses.
    expect(before).toBeLessThanOrEqual(4_096 * 2 + 20_000 + 2);
    await names(40_000, 100_000);
    expect(space.entries.size).toBeLessThanOrEqual(before + 4_096);
    for (const name of ['alice', 'bob']) expect(await regulator.isBanned(by(name, HOME))).toBe(false);
    // Nobody else's counter had to make room.
    await fail(regulator, by('alice', AWAY));
    expect(await regulator.isBanned(by('alice', HOME))).toBe(true);
  }, 60_000);
});
