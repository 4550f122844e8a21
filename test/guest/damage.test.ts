import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveGuestKey, deriveKey } from '../../host/secret/derive.ts';
import { decodeStatePage } from '../../host/snapshot/state-page.ts';
import { FakeDirectory } from '../support/host-fakes.ts';
import { asks, imageOf, RULES, type Slice, type SliceOptions, startSlice } from '../support/slice.ts';
import { describeSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { sleep } from '../support/wait.ts';

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

const DAMAGE: readonly [string, (path: string, foreign: string) => void][] = [
  ['deleted', path => rmSync(path)],
  ['emptied', path => truncateSync(path, 0)],
  ['cut in half', path => truncateSync(path, readFileSync(path).length / 2)],
  ['filled with random bytes', path => writeFileSync(path, randomBytes(readFileSync(path).length))],
  ['filled with zeros', path => writeFileSync(path, Buffer.alloc(readFileSync(path).length))],
  ["another secret's", (path, foreign) => copyFileSync(foreign, path)],
  [
    'a directory',
    path => {
      rmSync(path);
      mkdirSync(path);
    },
  ],
];

describe.each(DAMAGE)('%s', (_name, damage) => {
  function damaged(prefix: 'state' | 'policy-' | 'grants-') {
    const [slice, other] = [start(), start({ secret: Buffer.alloc(32, 9) })];
    for (const each of [slice, other]) each.login('alice');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    damage(slice.file(prefix), other.file(prefix));
    return { slice, held };
  }

  it('state page: everything is deferred, until the next heartbeat', async () => {
    const { slice, held } = damaged('state');
    const fresh = slice.guest();
    expect(asks(fresh, 'alice')).toBe('defer');
    slice.clock.setWall(slice.clock.now() + 600);
    for (const guest of [held, fresh]) {
      expect(asks(guest, 'alice')).toBe('defer');
      expect(asks(guest, undefined, 'public.test')).toBe('defer');
      expect(guest.lines.join()).toMatch(/state page/);
    }
    if (_name === 'a directory') return; // for the operator to remove: the host's log says so
    await slice.clock.advance(1_000);
    for (const guest of [held, fresh]) expect(asks(guest, 'alice')).toBe('allow:alice');
  });

  it('snapshot: who holds it goes on, others defer', () => {
    const { slice, held } = damaged('policy-');
    const fresh = slice.guest();
    slice.clock.setWall(slice.clock.now() + 600);
    expect(asks(held, 'alice')).toBe('allow:alice');
    expect(asks(fresh, 'alice')).toBe('defer');
    expect(asks(fresh, undefined, 'public.test')).toBe('defer');
    expect(fresh.lines.join()).toMatch(/policy snapshot/);
  });

  it('table: misses, and rules without grants hold', () => {
    const { slice, held } = damaged('grants-');
    const fresh = slice.guest();
    expect(asks(fresh, 'alice')).toBe('defer');
    expect(asks(fresh, 'bob')).toBe('defer');
    // Once, not for each request; a table of nonsense looks like an empty one.
    expect(
      fresh.lines.filter(line => line.includes('grant table that the state page names is missing')),
    ).toHaveLength(_name === 'deleted' ? 1 : 0);
    expect(asks(fresh)).toBe('401');
    expect(asks(fresh, undefined, 'public.test')).toBe('allow:');
    // It was read before, and nothing says that it is void.
    expect(asks(held, 'alice')).toBe('allow:alice');
    slice.revoke('alice');
    slice.clock.setWall(slice.clock.now() + 600);
    for (const guest of [held, fresh]) expect(asks(guest, 'alice')).toBe('defer');
  });
});

describe('a table that somebody changed under the host', () => {
  it.each([
    ['deleted', (path: string) => rmSync(path)],
    ['cut', (path: string) => truncateSync(path, 1_024)],
    [
      'replaced by a copy',
      (path: string) => {
        copyFileSync(path, `${path}x`);
        renameSync(`${path}x`, path);
      },
    ],
  ])('%s: is given up for a new one, with a log line', async (_name, change) => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    change(slice.file('grants-'));
    await slice.clock.advance(1_600);
    expect(asks(held, 'alice')).toBe('defer');
    expect(slice.log.text()).toMatch(
      /the grant table was removed, replaced, cut or written by somebody else/,
    );
    slice.login('alice');
    for (const guest of [held, slice.guest()]) expect(asks(guest, 'alice')).toBe('allow:alice');
  });
});

/** The state page as it is now. */
function pageOf(slice: Slice) {
  const page = decodeStatePage(
    readFileSync(slice.file('state')),
    deriveKey(deriveGuestKey(Buffer.alloc(32, 7)), 'state'),
  );
  if (page === undefined) throw new Error('no page');
  return page;
}

/** File times of most kernels are no finer than this; what is written in one tick with the host is found within a minute. */
const TICK_MS = 20;

describe('written by somebody else while the host runs', () => {
  const REPLACED = /the grant table was removed, replaced, cut or written by somebody else/;

  it('an older copy over the table: all grants are void within a second, with one log line', async () => {
    const slice = start();
    for (const name of ['alice', 'bob']) slice.login(name);
    const held = slice.guest();
    expect(asks(held, 'bob')).toBe('allow:bob');
    const old = readFileSync(slice.file('grants-'));
    slice.revoke('alice');
    await slice.clock.advance(1_000);
    expect(slice.log.text()).toBe('');
    const sequence = pageOf(slice).sequence;
    await sleep(TICK_MS);
    writeFileSync(slice.file('grants-'), old);
    await slice.clock.advance(1_500);
    for (const guest of [held, slice.guest()]) {
      for (const name of ['alice', 'bob']) expect(asks(guest, name)).toBe('defer');
    }
    expect(slice.log.lines.map(line => line.message).join()).toMatch(REPLACED);
    expect(slice.log.lines).toHaveLength(1);
    expect(pageOf(slice).sequence).toBeGreaterThan(sequence);
    // Its file is named no more, and goes.
    await slice.clock.advance(6_000);
    slice.login('bob');
    expect(asks(held, 'bob')).toBe('allow:bob');
    expect(slice.log.lines).toHaveLength(1);
  });

  it('one record brought back: the same', async () => {
    const slice = start();
    slice.login('alice');
    const old = readFileSync(slice.file('grants-'));
    slice.revoke('alice');
    await sleep(TICK_MS);
    const at = old.findIndex(byte => byte !== 0);
    const slot = at - (at % 1_024);
    const fd = openSync(slice.file('grants-'), 'r+');
    writeSync(fd, old, slot, 1_024, slot);
    closeSync(fd);
    await slice.clock.advance(1_500);
    expect(asks(slice.guest(), 'alice')).toBe('defer');
    expect(slice.log.text()).toMatch(REPLACED);
  });

  it('no alarm when mode, owner or times of the files are changed', async () => {
    const slice = start();
    slice.login('alice');
    for (const prefix of ['grants-', 'policy-'] as const) {
      chmodSync(slice.file(prefix), 0o600);
      utimesSync(slice.file(prefix), 1, 1);
    }
    await slice.clock.advance(130_000);
    expect(slice.log.text()).toBe('');
    expect(asks(slice.guest(), 'alice')).toBe('allow:alice');
  });

  it.each(DAMAGE)(
    'the snapshot, %s: is written anew within a second, with one log line',
    async (_name, damage) => {
      const [slice, other] = [start(), start({ secret: Buffer.alloc(32, 9) })];
      slice.login('alice');
      const held = slice.guest();
      expect(asks(held, 'alice')).toBe('allow:alice');
      damage(slice.file('policy-'), other.file('policy-'));
      const fresh = slice.guest();
      expect(asks(fresh, 'alice')).toBe('defer');
      await slice.clock.advance(1_600);
      for (const guest of [held, fresh, slice.guest()]) expect(asks(guest, 'alice')).toBe('allow:alice');
      expect(slice.log.lines.map(line => line.message)).toEqual([
        'the policy snapshot was removed or changed by somebody else: it is written anew',
      ]);
    },
  );
});

describe('rolled back', () => {
  it('a state page of the same host: deferred, with a log line', async () => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    const old = readFileSync(slice.file('state'));
    expect(asks(held, 'alice')).toBe('allow:alice');
    slice.revoke('bob');
    await slice.clock.advance(600);
    expect(asks(held, 'alice')).toBe('allow:alice');
    writeFileSync(slice.file('state'), old);
    slice.clock.setWall(slice.clock.now() + 600);
    expect(asks(held, 'alice')).toBe('defer');
    expect(held.lines.join()).toMatch(/older than one seen before/);
    await slice.clock.advance(1_000);
    expect(asks(held, 'alice')).toBe('allow:alice');
  });

  it('a directory of the host before, with its looser policy', async () => {
    const slice = start({ image: imageOf([...RULES, { domain: 'open.test', policy: 'bypass' }]) });
    const held = slice.guest();
    expect(asks(held, undefined, 'open.test')).toBe('allow:');
    const backup = mkdtempSync('/dev/shm/postern-backup-');
    for (const name of readdirSync(slice.directory))
      copyFileSync(join(slice.directory, name), join(backup, name));
    slice.publisher.stop('stopped');
    const next = start({ directory: slice.directory, clock: slice.clock });
    await slice.clock.advance(600);
    expect(asks(held, undefined, 'open.test')).toBe('403');
    next.publisher.stop('silent');
    for (const name of readdirSync(backup)) copyFileSync(join(backup, name), join(slice.directory, name));
    rmSync(backup, { recursive: true });
    slice.clock.setWall(slice.clock.now() + 600);
    expect(asks(held, undefined, 'open.test')).toBe('defer');
    expect(held.lines.join()).toMatch(/older than one seen before/);
  });

  it('a snapshot under the new name: deferred, with a log line', () => {
    const slice = start({ image: imageOf([{ domain: 'open.test', policy: 'bypass' }]) });
    const old = readFileSync(slice.file('policy-'));
    slice.publisher.publishPolicy(imageOf(RULES));
    for (const name of readdirSync(slice.directory)) {
      if (name.startsWith('policy-')) writeFileSync(join(slice.directory, name), old);
    }
    const guest = slice.guest();
    expect(asks(guest, undefined, 'open.test')).toBe('defer');
    expect(guest.lines.join()).toMatch(/policy snapshot is damaged/);
  });

  it('a clock that is set back is no roll-back', async () => {
    const slice = start();
    slice.login('alice');
    const held = slice.guest();
    expect(asks(held, 'alice')).toBe('allow:alice');
    slice.clock.setWall(slice.clock.now() - 1_500);
    await slice.clock.advance(1_000);
    expect(asks(held, 'alice')).toBe('allow:alice');
  });
});

describeSmallDisk('full disk', mount => {
  let disk: SmallDisk;
  beforeEach(() => {
    disk = mount(96);
  });
  afterEach(() => disk.unmount());

  it('grants are not written, what is there holds, revocations take effect, and all comes back', async () => {
    const slice = start({ directory: disk.path });
    slice.login('alice');
    const guest = slice.guest();
    expect(asks(guest, 'alice')).toBe('allow:alice');
    disk.fill();
    for (let i = 0; i < 3; i++) slice.login('bob');
    expect(slice.results.at(-1)).toBe('write-error');
    // Longer than a heartbeat is fresh: it goes on.
    await slice.clock.advance(7_600);
    expect(slice.log.lines.map(line => [line.message.split(':')[0], line.fields.hint?.toString()])).toEqual(
      ['grants cannot be written', 'the guest directory is full'].map(message => [
        message,
        expect.stringMatching(/^remove what does not belong there, or give it more room/),
      ]),
    );
    expect(asks(guest, 'alice')).toBe('allow:alice');
    expect(asks(guest, 'bob')).toBe('defer');
    expect(asks(guest)).toBe('401');
    slice.revoke('alice');
    // What could not be written for bob makes no other record void.
    expect(slice.log.text()).not.toMatch(/could not be zeroed/);
    slice.clock.setWall(slice.clock.now() + 600);
    expect(asks(guest, 'alice')).toBe('defer');
    disk.free();
    await slice.clock.advance(1_600);
    expect(slice.log.lines.at(-1)?.message).toBe('the guest directory has room again');
    slice.login('bob');
    expect(slice.results.at(-1)).toBe('written');
    expect(asks(guest, 'bob')).toBe('allow:bob');
  });

  it('a policy that does not fit is asked for at the host, the one before is none any more', async () => {
    const slice = start({
      directory: disk.path,
      image: imageOf([...RULES, { domain: 'open.test', policy: 'bypass' }]),
    });
    const guest = slice.guest();
    expect(asks(guest, undefined, 'open.test')).toBe('allow:');
    disk.fill();
    slice.publisher.publishPolicy(imageOf(RULES));
    slice.clock.setWall(slice.clock.now() + 600);
    expect(asks(guest, undefined, 'open.test')).toBe('defer');
    expect(slice.log.text()).toMatch(/policy snapshot cannot be written.*remove what does not belong there/);
    // The file of the policy before makes room five seconds later.
    await slice.clock.advance(7_000);
    expect(slice.log.text()).toMatch(/policy snapshot written: guests decide again/);
    expect(asks(guest, undefined, 'open.test')).toBe('403');
    expect(asks(guest, undefined, 'public.test')).toBe('allow:');
  });

  it('a host that starts on one answers for the guests, and writes when there is room', async () => {
    disk.fill();
    const slice = start({ directory: disk.path });
    slice.login('alice');
    const guest = slice.guest();
    for (const name of ['alice', undefined]) expect(asks(guest, name)).toBe('defer');
    await slice.clock.advance(3_000);
    for (const name of ['alice', undefined]) expect(asks(guest, name)).toBe('defer');
    for (const what of ['policy snapshot', 'state page']) {
      expect(
        slice.log.lines.filter(
          line =>
            line.message.startsWith(`${what} cannot be written, trying again`) &&
            /^remove what does not belong there/.test(String(line.fields.hint)),
        ),
      ).toHaveLength(1);
    }
    disk.free();
    await slice.clock.advance(2_000);
    slice.login('alice');
    expect(asks(guest, 'alice')).toBe('allow:alice');
    expect(asks(guest)).toBe('401');
  });
});

it('a page and a record met torn are no page and no record', () => {
  const slice = start();
  slice.login('alice');
  const [state, table] = [slice.file('state'), slice.file('grants-')];
  const [page, records] = [readFileSync(state), readFileSync(table)];
  slice.revoke('nobody');
  const newer = readFileSync(state);
  const at = records.findIndex(byte => byte !== 0);
  const begin = at - (at % 1_024);
  for (let cut = 1; cut < 128; cut += 3) {
    const guest = slice.guest();
    writeFileSync(state, Buffer.concat([newer.subarray(0, cut), page.subarray(cut)]));
    const same = Buffer.concat([newer.subarray(0, cut), page.subarray(cut)]).equals(newer);
    expect(asks(guest, 'alice')).toBe(same || cut <= 32 ? 'allow:alice' : 'defer');
  }
  writeFileSync(state, newer);
  for (let cut = 1; cut < 200; cut += 3) {
    const torn = Buffer.from(records);
    torn.fill(0, begin + cut, begin + 1_024);
    writeFileSync(table, torn);
    expect(asks(slice.guest(), 'alice')).toBe(torn.equals(records) ? 'allow:alice' : 'defer');
  }
});
