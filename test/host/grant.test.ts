import { execFileSync } from 'node:child_process';
import { createDecipheriv } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GRANT_WAYS, GRANTS_PER_PRINCIPAL } from '../../assembly/contract.ts';
import { deriveGrantKeys, grantTag, userTag } from '../../host/grant/keys.ts';
import { type RecordHeader, readHeader, recordKey, sealRecord } from '../../host/grant/seal.ts';
import { SlotIndex } from '../../host/grant/slot-index.ts';
import { TableWriter } from '../../host/grant/table-writer.ts';
import { encodeClaims } from '../../host/policy/claims.ts';
import grants from '../cases/grant/grants.json' with { type: 'json' };
import keysCase from '../cases/grant/keys.json' with { type: 'json' };
import tags from '../cases/grant/tags.json' with { type: 'json' };

const bytes = (hex: string) => Buffer.from(hex, 'hex');
const hex = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString('hex');
const keys = deriveGrantKeys(bytes(keysCase.guest));

describe('known answers', () => {
  it('are what the generator makes', () => {
    const generator = fileURLToPath(new URL('../cases/grant/generate.mjs', import.meta.url));
    execFileSync(process.execPath, [generator, '--check']);
  });

  it('derives the table keys', () => {
    expect(hex(keys.index)).toBe(keysCase.derived.index);
    expect(hex(keys.record)).toBe(keysCase.derived.record);
    expect(hex(keys.user)).toBe(keysCase.derived.user);
  });

  it.each(tags)('T: $name', ({ kind, scope, credential, t }) => {
    expect(hex(grantTag(keys, kind, Buffer.from(scope), Buffer.from(credential)))).toBe(t);
  });

  it.each(grants.good)('record: $name', good => {
    const t = bytes(good.t);
    const claims = encodeClaims(good.claims, good.claims.authorization);
    expect(hex(claims)).toBe(good.claimsBytes);
    expect(hex(userTag(keys, good.claims.username))).toBe(good.userTag);
    expect(hex(recordKey(keys.record, t))).toBe(good.recordKey);
    const header = {
      tag: t.subarray(0, 16),
      userTag: bytes(good.userTag),
      epoch: bytes(good.epoch),
      kind: good.kind,
      level: good.level,
      refresh: good.refresh,
      issued: good.issued,
      expiry: good.expiry,
    };
    const record = sealRecord(
      keys.record,
      bytes(grants.tableId),
      t,
      header,
      bytes(good.nonce),
      claims ?? Buffer.alloc(0),
    );
    expect(hex(record)).toBe(good.record);
    const slot = Buffer.alloc(1_024);
    slot.set(record);
    const read = readHeader(slot);
    expect({ ...read, tag: hex(read?.tag), userTag: hex(read?.userTag), epoch: hex(read?.epoch) }).toEqual({
      ...header,
      tag: hex(header.tag),
      userTag: good.userTag,
      epoch: good.epoch,
    });
  });
});

describe('claims that do not fit their fields', () => {
  const principal = { username: 'u', displayName: '', email: '', groups: [] as string[] };
  it.each([
    ['a long name', { ...principal, displayName: 'x'.repeat(65_536) }],
    ['a long group', { ...principal, groups: ['x'.repeat(65_536)] }],
    ['too many groups', { ...principal, groups: new Array<string>(65_536).fill('') }],
  ])('%s', (_name, value) => {
    expect(encodeClaims(value, '')).toBeUndefined();
  });
});

/** A header whose tag lies in set `set` and starts at way `way`; `n` makes it different from others. */
function header(set: number, way: number, n: number, over: Partial<RecordHeader> = {}): RecordHeader {
  const tag = Buffer.alloc(16);
  tag.writeUInt32LE(set, 0);
  tag[4] = way;
  tag.writeUInt32LE(n, 8);
  return {
    tag,
    userTag: Buffer.alloc(16, n),
    epoch: Buffer.alloc(16, 1),
    kind: 1,
    level: 1,
    issued: 1_000 + n,
    expiry: 10_000 + n,
    ...over,
  };
}

describe('SlotIndex', () => {
  it('refuses a number of slots that is no multiple of the ways', () => {
    expect(() => new SlotIndex(12)).toThrow('multiple of 8');
    expect(() => new SlotIndex(0)).toThrow('multiple of 8');
  });

  it('starts at the way the tag names and goes round', () => {
    const index = new SlotIndex(32);
    const slots: number[] = [];
    for (let n = 1; n <= GRANT_WAYS; n++) {
      const next = header(6, 0xfd, n);
      const slot = index.place(next.tag, 0);
      slots.push(slot);
      index.set(slot, next);
    }
    // Set 6 of 4 is 2; 0xfd & 7 is 5.
    expect(slots).toEqual([21, 22, 23, 16, 17, 18, 19, 20]);
  });

  it('returns to the slot that has the tag, before an empty one', () => {
    const index = new SlotIndex(16);
    index.set(0, header(0, 0, 1));
    index.set(1, header(0, 0, 2));
    index.clear(0);
    expect(index.place(header(0, 0, 2).tag, 0)).toBe(1);
    expect(index.place(header(0, 0, 3).tag, 0)).toBe(0);
  });

  it('takes an expired slot, and otherwise the one that expires first', () => {
    const index = new SlotIndex(8);
    for (let n = 1; n <= 8; n++) index.set(n - 1, header(0, 0, n, { expiry: 100 + ((n * 3) % 8) }));
    expect(index.place(header(0, 0, 9).tag, 50)).toBe(7); // n = 8: 100
    expect(index.place(header(0, 2, 9).tag, 102)).toBe(2); // n = 3: 101
    expect(index.place(header(0, 3, 9).tag, 102)).toBe(5); // n = 6: 102
  });

  it('names the oldest grants over the cap, expired and the own slot apart', () => {
    const index = new SlotIndex(64);
    const user = Buffer.alloc(16, 7);
    for (let n = 0; n < GRANTS_PER_PRINCIPAL; n++) {
      index.set(n * 8, header(n, 0, n, { userTag: user, issued: 1_000 - n }));
    }
    const last = (GRANTS_PER_PRINCIPAL - 1) * 8;
    expect(index.surplus(user, 63, 0)).toEqual([last]);
    expect(index.surplus(user, 8, 0)).toEqual([]);
    index.set(last, header(7, 0, 7, { userTag: user, expiry: 500 }));
    expect(index.surplus(user, 63, 500)).toEqual([]);
  });
});

describe('TableWriter', () => {
  const geometry = { slotSize: 512, slots: 32 };
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync('/dev/shm/postern-grant-');
    path = join(directory, 'grants-00');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const slotAt = (slot: number) => readFileSync(path).subarray(slot * 512, (slot + 1) * 512);
  const used = () => {
    const all = [];
    for (let slot = 0; slot < 32; slot++) if (slotAt(slot).some(byte => byte !== 0)) all.push(slot);
    return all;
  };
  const record = (of: RecordHeader, claims = Buffer.from('claims')) =>
    sealRecord(keys.record, bytes(grants.tableId), Buffer.alloc(32, 1), of, Buffer.alloc(12), claims);

  it('makes a file of the exact size that only the group may read', () => {
    const umask = process.umask(0o077);
    const table = TableWriter.create(path, geometry);
    process.umask(umask);
    expect(statSync(path).size).toBe(512 * 32);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(() => TableWriter.create(path, geometry)).toThrow('EEXIST');
    table.close();
  });

  it('replaces a record whole: nothing of a longer one stays behind a shorter one', () => {
    const table = TableWriter.create(path, geometry);
    const of = header(1, 3, 1);
    table.put(of, record(of, Buffer.alloc(300, 0xaa)), 0);
    const shorter = record(of, Buffer.from('x'));
    table.put(of, shorter, 0);
    expect(hex(slotAt(11))).toBe(hex(Buffer.concat([shorter, Buffer.alloc(512 - shorter.length)])));
    expect(used()).toEqual([11]);
    table.close();
  });

  it('keeps one account from flushing the others', () => {
    const table = TableWriter.create(path, geometry);
    const other = header(0, 0, 200);
    table.put(other, record(other), 0);
    const user = Buffer.alloc(16, 9);
    for (let n = 1; n <= 100; n++) {
      const of = header(n % 4, n, n, { userTag: user });
      table.put(of, record(of), 0);
    }
    expect(used()).toHaveLength(GRANTS_PER_PRINCIPAL + 1);
    expect(hex(slotAt(0).subarray(0, 16))).toBe(hex(other.tag));
    table.close();
  });

  it('zeroes all records of a revoked user and no others', () => {
    const table = TableWriter.create(path, geometry);
    const [a, b, c] = [header(0, 0, 1), header(1, 0, 2), header(2, 0, 3, { userTag: Buffer.alloc(16, 1) })];
    for (const of of [a, b, c]) table.put(of, record(of), 0);
    expect(table.revokeUser(a.userTag)).toBe(2);
    expect(used()).toEqual([8]);
    expect(table.revokeUser(a.userTag)).toBe(0);
    table.close();
  });

  it('sweeps expired slots, some at a time', () => {
    const table = TableWriter.create(path, geometry);
    for (let n = 0; n < 4; n++) {
      const of = header(n, 0, n, { expiry: 100 + n });
      table.put(of, record(of), 0);
    }
    table.sweep(102, 16);
    expect(used()).toEqual([16, 24]);
    table.sweep(102, 16);
    expect(used()).toEqual([24]);
    table.close();
  });

  it('finds what somebody else wrote, by the time of change or else in its sweep', () => {
    const table = TableWriter.create(path, geometry);
    const [first, second] = [header(0, 0, 1), header(2, 0, 2)];
    for (const of of [first, second]) table.put(of, record(of), 0);
    expect(table.isIntact(path)).toBe(true);
    const before = readFileSync(path);
    table.revokeUser(second.userTag);
    // The sweep reads sixteen slots, and sees no more of the file.
    writeFileSync(path, before);
    expect(table.sweep(0, 16)).toBe(true);
    expect(table.sweep(0, 16)).toBe(false);
    // It has not gone on: the slot is looked at until the table is given up.
    expect(table.sweep(0, 16)).toBe(false);
    utimesSync(path, 1, 1);
    expect(table.isIntact(path)).toBe(false);
    table.close();
  });

  it('is not alarmed by another mode or another time of access', () => {
    const table = TableWriter.create(path, geometry);
    const of = header(0, 0, 1);
    table.put(of, record(of), 0);
    chmodSync(path, 0o600);
    utimesSync(path, 1, 1);
    expect(table.isIntact(path)).toBe(true);
    expect(table.sweep(0, 32)).toBe(true);
    table.close();
  });

  it('takes over what is good and zeroes the rest', () => {
    const table = TableWriter.create(path, geometry);
    const [kept, dropped] = [header(0, 0, 1), header(1, 0, 2)];
    for (const of of [kept, dropped]) table.put(of, record(of), 0);
    table.close();
    // A record where its tag does not lie, and one torn into nonsense.
    const file = readFileSync(path);
    file.set(record(header(3, 0, 3)), 17 * 512);
    file.fill(0xff, 30 * 512, 31 * 512);
    writeFileSync(path, file);

    const again = TableWriter.reuse(path, geometry, of => of.userTag[0] === 1);
    expect(used()).toEqual([0]);
    expect(again.revokeUser(kept.userTag)).toBe(1);
    expect(used()).toEqual([]);
    again.close();
    expect(() => TableWriter.reuse(path, { slotSize: 512, slots: 64 }, () => true)).toThrow('another size');
    expect(() => TableWriter.reuse(`${path}x`, geometry, () => true)).toThrow('ENOENT');
  });

  it('opens to its claims with the key made of the credential', () => {
    const good = grants.good[0];
    if (good === undefined) throw new Error('no case');
    const stored = bytes(good.record);
    const decipher = createDecipheriv(
      'chacha20-poly1305',
      recordKey(keys.record, bytes(good.t)),
      stored.subarray(72, 84),
      { authTagLength: 16 },
    );
    const aad = Buffer.concat([Buffer.from([1, 0, 0, 0]), bytes(grants.tableId), stored.subarray(0, 72)]);
    const body = stored.subarray(84, -16);
    decipher.setAAD(aad, { plaintextLength: body.length });
    decipher.setAuthTag(stored.subarray(-16));
    expect(hex(Buffer.concat([decipher.update(body), decipher.final()]))).toBe(good.claimsBytes);
  });
});
