import { copy, readU64, sameBytes, wipe } from '../bytes/bytes';
import { CLOCK_SKEW_MS } from '../contract';
import { Claims } from './claims';
import { TAG_LENGTH } from './seal';

/**
 * The grants an instance has just seen. Keyed by the whole of T, never by the
 * header. Purely a shortcut: what it holds was read from the table since the
 * last revocation, and everything is dropped when the state page says so.
 */

/** Principals alternating on one instance; each costs a comparison and a buffer. */
const ENTRIES: i32 = 8;
/** Claims beyond this are read from the table each time: few have dozens of groups. */
const MAX_CLAIMS: i32 = 512;

class Entry {
  tag: StaticArray<u8> = new StaticArray<u8>(TAG_LENGTH);
  claims: Claims = new Claims(MAX_CLAIMS);
  len: i32 = 0;
  level: i32 = 0;
  issued: u64 = 0;
  expiry: u64 = 0;
  refresh: u64 = 0;
}

export class RecentGrants {
  private entries: StaticArray<Entry> = new StaticArray<Entry>(ENTRIES);
  private oldest: i32 = 0;
  /** Level of the entry `find` answered last. */
  level: i32 = 0;
  /** When that grant was issued, in milliseconds since 1970. */
  issued: u64 = 0;
  /** From when on the host wants to be asked about it. */
  refresh: u64 = 0;
  private found: i32 = 0;

  constructor() {
    for (let i = 0; i < ENTRIES; i++) this.entries[i] = new Entry();
  }

  /** Forgets everything. */
  clear(): void {
    for (let i = 0; i < ENTRIES; i++) {
      let entry = unchecked(this.entries[i]);
      if (entry.len == 0) continue;
      wipe(entry.claims.buf, 0, entry.len);
      entry.len = 0;
    }
  }

  /** Claims remembered for T and still alive at `now`, else null; sets `level`, `issued` and `refresh`. */
  find(tag: StaticArray<u8>, now: u64): Claims | null {
    let first = readU64(tag, 0);
    for (let i = 0; i < ENTRIES; i++) {
      let entry = unchecked(this.entries[i]);
      if (entry.len == 0 || readU64(entry.tag, 0) != first) continue;
      if (!sameBytes(entry.tag, 0, TAG_LENGTH, tag, 0, TAG_LENGTH)) continue;
      // As a record: one from the future is none, also when the clock was set back since.
      if (entry.expiry <= now || entry.issued > now + <u64>CLOCK_SKEW_MS) {
        entry.len = 0;
        return null;
      }
      this.level = entry.level;
      this.issued = entry.issued;
      this.refresh = entry.refresh;
      this.found = i;
      return entry.claims;
    }
    return null;
  }

  /** Forgets the one that `find` has just answered: there may be a newer one in the table. */
  drop(): void {
    unchecked(this.entries[this.found]).len = 0;
  }

  /** Remembers an opened record, in the oldest entry's place. */
  remember(
    tag: StaticArray<u8>,
    claims: Claims,
    len: i32,
    level: i32,
    issued: u64,
    expiry: u64,
    refresh: u64,
  ): void {
    if (len <= 0 || len > MAX_CLAIMS) return;
    let entry = unchecked(this.entries[this.oldest]);
    this.oldest = (this.oldest + 1) % ENTRIES;
    entry.len = 0;
    copy(entry.tag, 0, tag, 0, TAG_LENGTH);
    copy(entry.claims.buf, 0, claims.buf, 0, len);
    if (!entry.claims.parse(0, len)) return;
    entry.level = level;
    entry.issued = issued;
    entry.expiry = expiry;
    entry.refresh = refresh;
    entry.len = len;
  }
}
