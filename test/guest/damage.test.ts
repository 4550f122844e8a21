import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeDirectory } from '../support/host-fakes.ts';
import { asks, imageOf, RULES, type Slice, type SliceOptions, startSlice } from '../support/slice.ts';

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

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

describe.runIf(isRoot)('full disk', () => {
  /** A tmpfs of 24 pages; undefined where mounting is not allowed. */
  function smallDisk(): string | undefined {
    const path = mkdtempSync('/dev/shm/postern-full-');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96k,mode=750', 'tmpfs', path], { stdio: 'ignore' });
      return path;
    } catch {
      rmSync(path, { recursive: true });
      return undefined;
    }
  }
  function fill(path: string): void {
    for (const size of [4_096, 1]) {
      for (let i = 0; ; i++) {
        try {
          writeFileSync(join(path, `filler-${size}-${i}`), Buffer.alloc(size));
        } catch {
          break;
        }
      }
    }
  }

  it('grants are not written, what is there holds, revocations take effect, and all comes back', async ctx => {
    const directory = smallDisk();
    if (directory === undefined) return ctx.skip('no right to mount');
    try {
      const slice = start({ directory });
      slice.login('alice');
      const guest = slice.guest();
      expect(asks(guest, 'alice')).toBe('allow:alice');
      fill(directory);
      slice.login('bob');
      await slice.clock.advance(1_600);
      expect(slice.log.text()).toMatch(
        /the guest directory is full.*remove what does not belong there, or give it more room/,
      );
      expect(asks(guest, 'alice')).toBe('allow:alice');
      slice.revoke('alice');
      slice.clock.setWall(slice.clock.now() + 600);
      expect(asks(guest, 'alice')).toBe('defer');
      for (const name of readdirSync(directory)) {
        if (name.startsWith('filler-')) rmSync(join(directory, name));
      }
      await slice.clock.advance(1_600);
      slice.login('bob');
      expect(slice.results.at(-1)).toBe('written');
      expect(asks(guest, 'bob')).toBe('allow:bob');
    } finally {
      execFileSync('umount', ['-l', directory]);
    }
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
