import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bytes, embedded, hex } from '../support/embed.ts';

const cases = (name: string) =>
  JSON.parse(readFileSync(new URL(`../cases/grant/${name}.json`, import.meta.url), 'utf8'));
const keys = cases('keys');
const grants = cases('grants');
const tags = cases('tags');

const embed = {
  grantKeys: embedded('grantKeys'),
  grantTag: embedded('grantTag'),
  grantClear: embedded('grantClear'),
  grantPut: embedded('grantPut'),
  grantFind: embedded('grantFind'),
  grantFoundLevel: embedded('grantFoundLevel'),
  grantFoundRefresh: embedded('grantFoundRefresh'),
  grantReads: embedded('grantReads'),
};

interface Tag {
  readonly name: string;
  readonly kind: number;
  readonly scope: string;
  readonly credential: string;
  readonly t: string;
}
interface Grant {
  readonly name: string;
  readonly kind: number;
  readonly credential: string;
  readonly t: string;
  readonly level: number;
  readonly refresh: number;
  readonly issued: number;
  readonly claimsBytes: string;
  readonly record: string;
}
interface Miss {
  readonly name: string;
  readonly now: number;
  readonly record: string;
}

const SLOT_SIZE = 1_024;
const KIND_BASIC = 1;
const NEVER = 2n ** 64n - 1n;

beforeAll(() => {
  expect(embed.grantKeys(bytes(keys.guestText))).toBe(true);
});

beforeEach(() => {
  embed.grantClear();
  embed.grantKeys(bytes(keys.guestText));
});

/** Puts the record where a search for T begins. */
function put(t: string, record: string, slotSize: number, offset = 0): void {
  const way = (Number.parseInt(t.slice(8, 10), 16) + offset) & 7;
  embed.grantPut(way, slotSize, hex(record));
}

describe('guest key', () => {
  it('takes blanks and line ends around the text', () => {
    expect(embed.grantKeys(bytes(`  ${keys.guestText}\r\n`))).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['the root secret', keys.rootText],
    ['a cut text', keys.guestText.slice(0, -1)],
    ['a longer text', `${keys.guestText}A`],
    ['a changed digit', keys.guestText.replace('vDkh', 'vDkg')],
    ['a changed checksum', `${keys.guestText.slice(0, -1)}1`],
    ['the other base64 alphabet', keys.guestText.replace('7_', '7/')],
    ['a blank inside', keys.guestText.replace('Rpby', 'Rp y')],
  ])('refuses %s', (_name, text) => {
    expect(embed.grantKeys(bytes(text))).toBe(false);
  });
});

describe('tag T', () => {
  it.each(tags as Tag[])('$name', row => {
    expect(embed.grantTag(row.kind, bytes(row.scope), bytes(row.credential))).toEqual(hex(row.t));
  });
});

describe('records', () => {
  it.each(grants.good as Grant[])('opens: $name', row => {
    const slotSize = row.record.length / 2 > SLOT_SIZE ? 4_096 : SLOT_SIZE;
    put(row.t, row.record, slotSize);
    const now = BigInt(row.issued + 1_000);
    const claims = embed.grantFind(hex(row.t), row.kind, hex(grants.tableId), slotSize, now);
    expect(claims).toEqual(hex(row.claimsBytes));
    expect(embed.grantFoundLevel()).toBe(row.level);
    const refresh = row.refresh === 0 ? NEVER : BigInt(row.issued + row.refresh);
    expect(BigInt.asUintN(64, embed.grantFoundRefresh() as bigint)).toBe(refresh);
    expect(embed.grantReads()).toBe(1);
  });

  it.each(grants.misses as Miss[])('misses: $name', row => {
    const t = grants.good[0].t;
    put(t, row.record, SLOT_SIZE);
    expect(embed.grantFind(hex(t), KIND_BASIC, hex(grants.tableId), SLOT_SIZE, BigInt(row.now))).toHaveLength(
      0,
    );
  });

  it('looks at every way of the set', () => {
    const row = grants.good[0];
    for (let offset = 0; offset < 8; offset++) {
      embed.grantClear();
      put(row.t, row.record, SLOT_SIZE, offset);
      const found = embed.grantFind(hex(row.t), row.kind, hex(grants.tableId), SLOT_SIZE, BigInt(row.issued));
      expect(found).toEqual(hex(row.claimsBytes));
      expect(embed.grantReads()).toBe(offset + 1);
    }
  });

  it('reads a record twice before it is a miss', () => {
    const row = grants.good[0];
    put(row.t, `${row.record.slice(0, -2)}00`, SLOT_SIZE);
    embed.grantFind(hex(row.t), row.kind, hex(grants.tableId), SLOT_SIZE, BigInt(row.issued));
    expect(embed.grantReads()).toBe(2);
  });

  it('gives nothing to the same credential under another key', () => {
    const row = grants.good[0];
    const other = hex(keys.otherGuest);
    const prefix = bytes('postern_guest_');
    const checksum = createHash('sha256').update(prefix).update(other).digest().subarray(0, 4);
    const text = `postern_guest_${Buffer.concat([other, checksum]).toString('base64url')}`;
    expect(embed.grantKeys(bytes(text))).toBe(true);
    const t = embed.grantTag(row.kind, bytes(''), bytes(row.credential));
    put(Buffer.from(t).toString('hex'), row.record, SLOT_SIZE);
    expect(embed.grantFind(t, row.kind, hex(grants.tableId), SLOT_SIZE, BigInt(row.issued))).toHaveLength(0);
    put(row.t, row.record, SLOT_SIZE);
    const found = embed.grantFind(hex(row.t), row.kind, hex(grants.tableId), SLOT_SIZE, BigInt(row.issued));
    expect(found).toHaveLength(0);
  });

  it('refuses slot sizes outside the limits', () => {
    const row = grants.good[0];
    put(row.t, row.record, SLOT_SIZE);
    for (const size of [0, -1, 256, 8_192]) {
      expect(
        embed.grantFind(hex(row.t), row.kind, hex(grants.tableId), size, BigInt(row.issued)),
      ).toHaveLength(0);
    }
  });
});
