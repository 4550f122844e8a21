import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../host/config/problem.ts';
import type { RecordHeader } from '../../host/grant/seal.ts';
import { sealRecord } from '../../host/grant/seal.ts';
import { prepareGuestDirectory } from '../../host/snapshot/guest-directory.ts';
import { DirectoryLock, LOCK_FILE } from '../../host/snapshot/lock.ts';
import { Publisher } from '../../host/snapshot/publisher.ts';
import { encodeSnapshot } from '../../host/snapshot/snapshot-file.ts';
import { decodeStatePage, encodeStatePage } from '../../host/snapshot/state-page.ts';
import keysCase from '../cases/grant/keys.json' with { type: 'json' };
import snapshots from '../cases/grant/snapshots.json' with { type: 'json' };
import state from '../cases/grant/state.json' with { type: 'json' };
import { FakeClock, fakeLogger, fakeRandom } from '../support/host-fakes.ts';
import { waitUntil } from '../support/wait.ts';

const bytes = (hex: string) => Buffer.from(hex, 'hex');
const hex = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString('hex');
const stateKey = bytes(keysCase.derived.state);
const snapshotKey = bytes(keysCase.derived.snapshot);

let base: string;
beforeEach(() => {
  base = mkdtempSync('/dev/shm/postern-snapshot-');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('state page', () => {
  it.each(state.good)('$name', ({ fields, page }) => {
    const encoded = encodeStatePage(
      {
        ...fields,
        bootId: bytes(fields.bootId),
        tableId: bytes(fields.tableId),
        snapshotId: bytes(fields.snapshotId),
      },
      stateKey,
    );
    expect(hex(encoded)).toBe(page);
    const decoded = decodeStatePage(encoded, stateKey);
    expect({
      ...decoded,
      bootId: hex(decoded?.bootId),
      tableId: hex(decoded?.tableId),
      snapshotId: hex(decoded?.snapshotId),
    }).toEqual(fields);
  });

  it.each(state.bad)('refuses: $name', ({ page }) => {
    expect(decodeStatePage(bytes(page), stateKey)).toBeUndefined();
  });
});

describe('snapshot file', () => {
  it.each(snapshots.good)('$name', ({ id, image, file }) => {
    expect(hex(encodeSnapshot(bytes(id), bytes(image), snapshotKey))).toBe(file);
  });
});

describe('guest directory', () => {
  const prepare = (path: string) => {
    const log = fakeLogger();
    try {
      prepareGuestDirectory(path, log);
      return log.lines.map(line => line.message);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
  };

  it('is made with mode 750 whatever the umask', () => {
    const path = join(base, 'postern');
    const umask = process.umask(0o077);
    expect(prepare(path)).toEqual([]);
    process.umask(umask);
    expect(statSync(path).mode & 0o7777).toBe(0o750);
    expect(readdirSync(path)).toEqual([]);
  });

  it.each([0o770, 0o757, 0o777, 0o1777])('is refused when others can write it: %o', mode => {
    const path = join(base, 'open');
    mkdirSync(path);
    chmodSync(path, mode);
    expect(prepare(path)).toBe(
      `guest.directory: ${path} can be written by others (mode 0${(mode & 0o777).toString(8)}), who could bring revoked grants back: run \`chmod 750 ${path}\``,
    );
  });

  it('is refused when it is a file', () => {
    const path = join(base, 'file');
    writeFileSync(path, '');
    expect(prepare(path)).toBe(
      `guest.directory: ${path} is not a directory: remove it, or name a directory of Postern's own`,
    );
    expect(prepare(join(path, 'below'))).toBe(
      `guest.directory: ${path}/below is not writable (ENOTDIR): make it belong to the user that Postern runs as, on a mount that is not read-only`,
    );
  });

  it('is refused when it cannot be made or written', () => {
    expect(prepare('/proc/postern')).toBe(
      'guest.directory: /proc/postern does not exist and cannot be made (ENOENT): make it with mode 750, owned by the user that Postern runs as',
    );
    expect(prepare('/proc/self')).toMatch(
      /^guest\.directory: \/proc\/self is not writable \(E[A-Z]+\): make it/,
    );
  });

  it('warns when it is not on tmpfs', () => {
    const path = mkdtempSync(join(tmpdir(), 'postern-disk-'));
    const onTmpfs = execFileSync('stat', ['-f', '-c', '%T', path]).toString().trim() === 'tmpfs';
    const said = prepare(path);
    rmSync(path, { recursive: true });
    expect(said).toEqual(
      onTmpfs
        ? []
        : [
            'guest directory is not on tmpfs: grants reach a disk, and reading them is slower; mount a tmpfs there',
          ],
    );
  });
});

describe('lock', () => {
  let suffix = 0;
  const acquire = (over: { signal?: AbortSignal; onWait?: () => void } = {}) =>
    DirectoryLock.acquire({
      directory: base,
      suffix: String(++suffix),
      onWait: over.onWait ?? (() => {}),
      signal: over.signal ?? new AbortController().signal,
    });

  it('leaves one socket while held and nothing behind', async () => {
    const lock = await acquire();
    expect(readdirSync(base)).toEqual([LOCK_FILE]);
    expect(lock?.isHeld()).toBe(true);
    await lock?.release();
    expect(readdirSync(base)).toEqual([]);
  });

  it('makes the second wait, tells once, and passes on when the first goes', async () => {
    const first = await acquire();
    let waits = 0;
    const second = acquire({ onWait: () => waits++ });
    await expect(Promise.race([second, delay(1_300, 'waiting')])).resolves.toBe('waiting');
    expect(waits).toBe(1);
    await first?.release();
    const lock = await second;
    expect(lock?.isHeld()).toBe(true);
    expect(first?.isHeld()).toBe(false);
    await lock?.release();
    expect(readdirSync(base)).toEqual([]);
  });

  it('gives up when told to', async () => {
    const first = await acquire();
    const stop = new AbortController();
    const second = acquire({ signal: stop.signal, onWait: () => stop.abort() });
    expect(await second).toBeUndefined();
    expect(first?.isHeld()).toBe(true);
    await first?.release();
    expect(readdirSync(base)).toEqual([]);
  });

  it('takes over from a killed host', async () => {
    const holder = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(join(base, LOCK_FILE))}, () => console.log('up'))`,
    ]);
    await new Promise(resolve => holder.stdout.once('data', resolve));
    const waiting = acquire();
    await delay(200, '');
    holder.kill('SIGKILL');
    const lock = await waiting;
    expect(lock?.isHeld()).toBe(true);
    await lock?.release();
  });

  it('gives a dead lock to one of several', async () => {
    writeFileSync(join(base, LOCK_FILE), '');
    const settled: (DirectoryLock | undefined)[] = [];
    const stop = new AbortController();
    const all = [1, 2, 3].map(() => acquire({ signal: stop.signal }).then(lock => settled.push(lock)));
    await waitUntil('a lock', () => settled.length > 0);
    // The others try again meanwhile.
    await delay(1_000, '');
    expect(settled.filter(lock => lock?.isHeld())).toHaveLength(1);
    expect(settled).toHaveLength(1);
    stop.abort();
    await Promise.all(all);
    for (const lock of settled) await lock?.release();
    expect(readdirSync(base)).toEqual([]);
  });

  it('removes what hosts left that were killed while they waited, not what live ones need', async () => {
    writeFileSync(join(base, `${LOCK_FILE}-dead`), '');
    const first = await acquire();
    const second = acquire();
    await delay(100, '');
    await first?.release();
    const lock = await second;
    expect(readdirSync(base)).toEqual([LOCK_FILE]);
    await lock?.release();
  });

  it('knows when its socket was removed or replaced, and does not remove the other', async () => {
    const lock = await acquire();
    rmSync(join(base, LOCK_FILE));
    expect(lock?.isHeld()).toBe(false);
    const other = await acquire();
    await lock?.release();
    expect(other?.isHeld()).toBe(true);
    await other?.release();
  });

  it('refuses a directory whose path is too long for a socket', async () => {
    const directory = join(base, 'x'.repeat(100));
    mkdirSync(directory);
    await expect(
      DirectoryLock.acquire({ directory, suffix: 's', onWait() {}, signal: new AbortController().signal }),
    ).rejects.toThrow(
      "guest.directory: must have at most 100 bytes, for the path of the lock's socket: use a shorter path",
    );
  });
});

function delay<T>(ms: number, value: T): Promise<T> {
  return new Promise(resolve => setTimeout(() => resolve(value), ms));
}

describe('Publisher', () => {
  const geometry = { slotSize: 512, slots: 64 };
  const image = Buffer.from('image');
  const table = () => readdirSync(base).filter(name => name.startsWith('grants-'));
  const policies = () => readdirSync(base).filter(name => name.startsWith('policy-'));
  const page = () => {
    const decoded = decodeStatePage(readFileSync(join(base, 'state')), stateKey);
    if (decoded === undefined) throw new Error('no page');
    return decoded;
  };
  let clock: FakeClock;
  let log: ReturnType<typeof fakeLogger>;
  let random: (count: number) => Uint8Array;
  let mayWrite: boolean;
  beforeEach(() => {
    clock = new FakeClock();
    log = fakeLogger();
    random = fakeRandom();
    mayWrite = true;
  });

  const create = (over: { state?: Buffer; geometry?: typeof geometry } = {}) =>
    new Publisher({
      directory: base,
      keys: { state: over.state ?? stateKey, snapshot: snapshotKey },
      geometry: over.geometry ?? geometry,
      offlineGraceSeconds: 900,
      clock,
      random,
      log,
      mayWrite: () => mayWrite,
    });
  const open = (
    over: Parameters<typeof create>[0] = {},
    keep: (of: RecordHeader) => boolean = () => true,
  ) => {
    const publisher = create(over);
    publisher.open(image, keep);
    publisher.start();
    return publisher;
  };
  const grant = (publisher: Publisher, user: number, n = user) => {
    const tag = Buffer.alloc(16, n);
    const of = {
      tag,
      userTag: Buffer.alloc(16, user),
      epoch: Buffer.alloc(16, 1),
      kind: 1,
      level: 1,
      issued: clock.now(),
      expiry: clock.now() + 3_600_000,
    };
    const current = publisher.current();
    if (current === undefined) throw new Error('no table');
    const record = sealRecord(
      stateKey,
      current.id,
      Buffer.alloc(32, n),
      of,
      random(12),
      Buffer.from('claims'),
    );
    current.writer.put(of, record, clock.now());
  };
  const records = () => {
    const [name = ''] = table();
    const file = readFileSync(join(base, name));
    let count = 0;
    for (let at = 0; at < file.length; at += 512) if (file[at + 16] !== 0) count++;
    return count;
  };

  it('publishes files that the page names, readable for the group', () => {
    const publisher = create();
    publisher.open(image, () => true);
    expect(existsSync(join(base, 'state'))).toBe(false);
    publisher.start();
    const now = page();
    expect(table()).toEqual([`grants-${hex(now.tableId)}`]);
    expect(policies()).toEqual([`policy-${hex(now.snapshotId)}`]);
    expect(hex(readFileSync(join(base, policies()[0] ?? '')))).toBe(
      hex(encodeSnapshot(now.snapshotId, image, snapshotKey)),
    );
    expect(now).toMatchObject({ sequence: 1, notBefore: 0, slotSize: 512, slotCount: 64, stopped: false });
    expect(now).toMatchObject({ wallTime: clock.now(), storeContact: clock.now(), offlineGraceSeconds: 900 });
    for (const name of readdirSync(base)) expect(statSync(join(base, name)).mode & 0o777).toBe(0o640);
    publisher.stop('stopped');
  });

  it('beats every second and says when it stops', async () => {
    const publisher = open();
    const first = page();
    await clock.advance(1_000);
    expect(page().wallTime).toBe(first.wallTime + 1_000);
    await clock.advance(10_000);
    expect(page().wallTime).toBe(first.wallTime + 11_000);
    publisher.stop('stopped');
    expect(page()).toMatchObject({ stopped: true, wallTime: clock.now() });
    expect(clock.pending).toBe(0);
    publisher.revoke([Buffer.alloc(16)]);
    expect(page().stopped).toBe(true);
  });

  it('zeroes, counts up and publishes in one step', () => {
    const publisher = open();
    grant(publisher, 1);
    grant(publisher, 2);
    grant(publisher, 2, 3);
    expect(publisher.revoke([Buffer.alloc(16, 2)])).toBe(2);
    expect(records()).toBe(1);
    expect(page().sequence).toBe(2);
    publisher.stop('stopped');
  });

  it('removes a replaced policy five seconds later', async () => {
    const publisher = open();
    const [old = ''] = policies();
    publisher.publishPolicy(Buffer.from('another'));
    expect(page().snapshotId).not.toEqual(bytes(old.slice(7)));
    await clock.advance(4_900);
    expect(policies()).toHaveLength(2);
    await clock.advance(200);
    expect(policies()).toEqual([`policy-${hex(page().snapshotId)}`]);
    publisher.stop('stopped');
  });

  it('goes on with the table of a killed host, without what does not fit any more', async () => {
    const killed = open();
    for (const user of [1, 2, 3]) grant(killed, user);
    killed.revoke([]);
    const before = page();
    killed.stop('silent');
    writeFileSync(join(base, '.new-torn'), 'half');

    const publisher = create();
    publisher.open(image, of => of.userTag[0] !== 2);
    expect(records()).toBe(2);
    expect(page().wallTime).toBe(before.wallTime); // cleared before the first heartbeat
    publisher.start();
    expect(page().sequence).toBe(before.sequence + 1);
    expect(page().tableId).toEqual(before.tableId);
    expect(page().bootId).not.toEqual(before.bootId);
    expect(publisher.revoke([Buffer.alloc(16, 3)])).toBe(1);
    await clock.advance(5_000);
    expect(readdirSync(base)).toHaveLength(3);
    publisher.stop('stopped');
  });

  it.each([
    ['another secret', { state: Buffer.alloc(32, 1) }],
    ['another geometry', { geometry: { slotSize: 512, slots: 32 } }],
  ])('begins anew: %s', async (_name, over) => {
    const old = open(over);
    grant(old, 1);
    const oldTable = table();
    old.stop('stopped');
    const publisher = open();
    expect(records()).toBeGreaterThanOrEqual(0);
    expect(`grants-${hex(page().tableId)}`).not.toBe(oldTable[0]);
    expect(statSync(join(base, `grants-${hex(page().tableId)}`)).size).toBe(512 * 64);
    await clock.advance(5_000);
    expect(table()).toEqual([`grants-${hex(page().tableId)}`]);
    expect(records()).toBe(0);
    publisher.stop('stopped');
  });

  it('begins anew when the table is gone or the page is torn', () => {
    open().stop('silent');
    rmSync(join(base, table()[0] ?? ''));
    const second = open();
    expect(log.lines.at(-1)?.message).toBe(
      'the grants of the last run cannot be taken over: everybody is verified anew',
    );
    expect(page().sequence).toBe(2);
    second.stop('silent');
    writeFileSync(join(base, 'state'), 'torn');
    const third = open();
    expect(page().sequence).toBe(1);
    third.stop('silent');
  });

  it('tells a failing heartbeat once, goes on trying, and tells that it works again', async () => {
    const publisher = open();
    const away = `${base}-away`;
    renameSync(base, away);
    await clock.advance(3_000);
    expect(log.lines.map(line => line.message)).toEqual([
      'state page cannot be written, trying again: guests that find an older one take the host for gone, others ask it about every request',
    ]);
    expect(publisher.writtenAt()).toBe(clock.now() - 3_000);
    renameSync(away, base);
    await clock.advance(1_000);
    expect(log.lines.at(-1)?.message).toBe('state page written again');
    expect(page().wallTime).toBe(clock.now());
    publisher.stop('stopped');
  });

  it('writes nothing once the lock is lost', async () => {
    const publisher = open();
    const before = page().wallTime;
    mayWrite = false;
    await clock.advance(3_000);
    publisher.revoke([Buffer.alloc(16)]);
    expect(page()).toMatchObject({ wallTime: before, sequence: 1 });
    publisher.stop('silent');
  });
});
