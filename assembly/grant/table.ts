import { readU8, readU32, readU64, sameBytes, wipe } from '../bytes/bytes';
import { scratch } from '../bytes/scratch';
import {
  GRANT_MAX_SLOT_SIZE,
  GRANT_MIN_SLOT_SIZE,
  GRANT_TAG_LENGTH,
  GRANT_WAYS,
  LEVEL_ONE_FACTOR,
  LEVEL_TWO_FACTORS,
  RECORD_EXPIRY,
  RECORD_ISSUED,
  RECORD_REFRESH,
  RECORD_TAG,
} from '../contract';
import { Claims } from './claims';
import { GuestKeys } from './guest-keys';
import { openRecord, recordLevel, recordMatches } from './seal';

/** The grant table's file; implemented by whoever can read files. */
export abstract class SlotFile {
  /** Reads up to `len` bytes at `offset` into `buf`; answers how many, -1 on any error. */
  abstract read(offset: u64, buf: StaticArray<u8>, len: i32): i32;
}

/** More than the table of any configuration: 4 GiB at the smallest slot. */
const MAX_SLOTS: i32 = 1 << 23;

/**
 * Looks a credential up among the slots of its set. A set is GRANT_WAYS
 * neighbouring slots; the tag names the set and the slot to begin with, where
 * the writer puts a record unless it is taken, so most hits cost one read.
 */
export class GrantTable {
  /** Claims of the record found last. */
  claims: Claims = new Claims(GRANT_MAX_SLOT_SIZE);
  /** Bytes of `claims.buf` in use. */
  claimsLength: i32 = 0;
  level: i32 = 0;
  issued: u64 = 0;
  expiry: u64 = 0;
  /** From when on the host wants to be asked; `u64.MAX_VALUE` for never. */
  refresh: u64 = u64.MAX_VALUE;

  /** Finds and opens the record of T among `slotCount` slots of `slotSize` bytes; false is a miss. */
  find(
    keys: GuestKeys,
    file: SlotFile,
    tableId: StaticArray<u8>,
    tableIdAt: i32,
    slotSize: i32,
    slotCount: i32,
    tag: StaticArray<u8>,
    kind: i32,
    now: u64,
  ): bool {
    this.forget();
    if (slotSize < GRANT_MIN_SLOT_SIZE || slotSize > GRANT_MAX_SLOT_SIZE) return false;
    if (slotCount < GRANT_WAYS || slotCount > MAX_SLOTS) return false;
    let set = readU32(tag, 0) % <u32>(slotCount / GRANT_WAYS);
    let way = <i32>readU8(tag, 4);
    for (let i = 0; i < GRANT_WAYS; i++) {
      let index = <u64>set * GRANT_WAYS + <u64>((way + i) & (GRANT_WAYS - 1));
      let offset = index * <u64>slotSize;
      let got = file.read(offset, scratch, slotSize);
      if (got < GRANT_TAG_LENGTH) continue;
      if (!sameBytes(scratch, RECORD_TAG, RECORD_TAG + GRANT_TAG_LENGTH, tag, 0, GRANT_TAG_LENGTH)) continue;
      if (this.open(keys, tableId, tableIdAt, tag, kind, got, now)) return true;
      // Perhaps torn by a write under way: read once more before it counts as a miss.
      got = file.read(offset, scratch, slotSize);
      return this.open(keys, tableId, tableIdAt, tag, kind, got, now);
    }
    return false;
  }

  /** Wipes what the last search found. */
  forget(): void {
    if (this.claimsLength > 0) wipe(this.claims.buf, 0, this.claimsLength);
    this.claimsLength = 0;
    this.level = 0;
  }

  private open(
    keys: GuestKeys,
    tableId: StaticArray<u8>,
    tableIdAt: i32,
    tag: StaticArray<u8>,
    kind: i32,
    got: i32,
    now: u64,
  ): bool {
    if (!recordMatches(scratch, got, tag, kind, now)) return false;
    let len = openRecord(keys, tableId, tableIdAt, tag, scratch, got, this.claims.buf);
    if (len < 0) return false;
    this.claimsLength = len;
    if (!this.claims.parse(0, len)) return false;
    let level = recordLevel(scratch);
    if (level != LEVEL_ONE_FACTOR && level != LEVEL_TWO_FACTORS) return false;
    this.level = level;
    this.issued = readU64(scratch, RECORD_ISSUED);
    this.expiry = readU64(scratch, RECORD_EXPIRY);
    let refresh = readU32(scratch, RECORD_REFRESH);
    this.refresh = refresh == 0 ? u64.MAX_VALUE : this.issued + refresh;
    return true;
  }
}
