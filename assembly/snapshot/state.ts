import { copy, readU32, readU64, sameBytes } from '../bytes/bytes';
import {
  CLOCK_SKEW_MS,
  FORMAT_VERSION,
  HEARTBEAT_STALE_MS,
  ID_LENGTH,
  STATE_BOOT_ID,
  STATE_FLAGS,
  STATE_LENGTH,
  STATE_MAC,
  STATE_MAC_LENGTH,
  STATE_MAGIC,
  STATE_MAX_READ_AGE_MS,
  STATE_NOT_BEFORE,
  STATE_OFFLINE_GRACE,
  STATE_SEQUENCE,
  STATE_SLOT_COUNT,
  STATE_SLOT_SIZE,
  STATE_SNAPSHOT_ID,
  STATE_STOPPED,
  STATE_STORE_CONTACT,
  STATE_TABLE_ID,
  STATE_VERSION,
  STATE_WALL_TIME,
} from '../contract';
import { equalConstantTime } from '../crypto/equal';
import { Hmac, HmacKey } from '../crypto/hmac';

/** Hosts before this one that an instance knows again: a directory is rolled back by a restart or two. */
const FORMER_BOOTS: i32 = 4;

const hmac = new Hmac();
const mac = new StaticArray<u8>(32);

/** What the host last said about itself, as far as it can be believed. */
export class State {
  /** The page as accepted, STATE_LENGTH bytes. */
  page: StaticArray<u8> = new StaticArray<u8>(STATE_LENGTH);
  /** False: no page, not ours, or outdated. No grant is good then, and everything is deferred. */
  valid: bool = false;
  /** The page read last is genuine and older than one seen before: somebody brought it back. */
  outdated: bool = false;
  private seen: bool = false;
  private formerBoots: StaticArray<u8> = new StaticArray<u8>(FORMER_BOOTS * ID_LENGTH);
  private formerCount: i32 = 0;
  private readAt: u64 = 0;

  /** True when the page must be read again before anything is decided by it. */
  expired(now: u64): bool {
    return now < this.readAt || now - this.readAt >= <u64>STATE_MAX_READ_AGE_MS;
  }

  /**
   * Takes over what was read at `now`: `len` bytes of `buf`, -1 when there was
   * no file. Answers true when grants remembered so far must be dropped: another
   * host, another table, a revocation, or no page at all.
   */
  accept(key: HmacKey, buf: StaticArray<u8>, len: i32, now: u64): bool {
    this.readAt = now;
    let wasValid = this.valid;
    let genuine = isGenuine(key, buf, len);
    this.outdated = genuine && this.isOlder(buf);
    this.valid = genuine && !this.outdated;
    if (!this.valid) return wasValid;
    if (!this.sameAs(buf, STATE_BOOT_ID, ID_LENGTH)) this.leaveBoot();
    this.seen = true;
    let changed =
      !wasValid ||
      !this.sameAs(buf, STATE_BOOT_ID, ID_LENGTH) ||
      !this.sameAs(buf, STATE_SEQUENCE, 8) ||
      !this.sameAs(buf, STATE_NOT_BEFORE, 8) ||
      !this.sameAs(buf, STATE_TABLE_ID, ID_LENGTH);
    copy(this.page, 0, buf, 0, STATE_LENGTH);
    return changed;
  }

  /** Heartbeat young enough for a deferral to reach a living host. */
  fresh(now: u64): bool {
    if ((readU32(this.page, STATE_FLAGS) & STATE_STOPPED) != 0) return false;
    return age(readU64(this.page, STATE_WALL_TIME), now) <= <u64>HEARTBEAT_STALE_MS;
  }

  /** Grants and rules may still be used: within the grace from the older of heartbeat and store contact. */
  withinGrace(now: u64): bool {
    let last = min(readU64(this.page, STATE_WALL_TIME), readU64(this.page, STATE_STORE_CONTACT));
    return age(last, now) <= <u64>readU32(this.page, STATE_OFFLINE_GRACE) * 1_000;
  }

  get notBefore(): u64 {
    return readU64(this.page, STATE_NOT_BEFORE);
  }

  get slotSize(): i32 {
    return <i32>readU32(this.page, STATE_SLOT_SIZE);
  }

  get slotCount(): i32 {
    return <i32>readU32(this.page, STATE_SLOT_COUNT);
  }

  /** True when the page names the table whose id lies at `at` of `id`. */
  namesTable(id: StaticArray<u8>, at: i32): bool {
    return sameBytes(this.page, STATE_TABLE_ID, STATE_TABLE_ID + ID_LENGTH, id, at, at + ID_LENGTH);
  }

  /** True when the page names the snapshot whose id lies at `at` of `id`. */
  namesSnapshot(id: StaticArray<u8>, at: i32): bool {
    return sameBytes(this.page, STATE_SNAPSHOT_ID, STATE_SNAPSHOT_ID + ID_LENGTH, id, at, at + ID_LENGTH);
  }

  /**
   * Whether a genuine page says less than the one accepted last: a host only
   * counts up, and none comes back under its boot id. Wall time tells nothing,
   * since clocks are set back.
   */
  private isOlder(buf: StaticArray<u8>): bool {
    if (this.sameAs(buf, STATE_BOOT_ID, ID_LENGTH))
      return this.seen && readU64(buf, STATE_SEQUENCE) < readU64(this.page, STATE_SEQUENCE);
    let known = min(this.formerCount, FORMER_BOOTS);
    for (let i = 0; i < known; i++) {
      let at = i * ID_LENGTH;
      if (sameBytes(this.formerBoots, at, at + ID_LENGTH, buf, STATE_BOOT_ID, STATE_BOOT_ID + ID_LENGTH))
        return true;
    }
    return false;
  }

  /** Remembers the boot id of the page accepted last, in the oldest one's place. */
  private leaveBoot(): void {
    if (!this.seen) return;
    copy(
      this.formerBoots,
      (this.formerCount % FORMER_BOOTS) * ID_LENGTH,
      this.page,
      STATE_BOOT_ID,
      ID_LENGTH,
    );
    // Wraps to where it stands in the ring, never to few.
    this.formerCount = this.formerCount + 1 < 2 * FORMER_BOOTS ? this.formerCount + 1 : FORMER_BOOTS;
  }

  private sameAs(buf: StaticArray<u8>, at: i32, len: i32): bool {
    return sameBytes(this.page, at, at + len, buf, at, at + len);
  }
}

function isGenuine(key: HmacKey, buf: StaticArray<u8>, len: i32): bool {
  if (len != STATE_LENGTH) return false;
  if (readU32(buf, 0) != STATE_MAGIC || readU32(buf, STATE_VERSION) != FORMAT_VERSION) return false;
  hmac.begin(key);
  hmac.update(buf, 0, STATE_MAC);
  hmac.finish(mac, 0);
  return equalConstantTime(mac, 0, buf, STATE_MAC, STATE_MAC_LENGTH);
}

/** Milliseconds since `time`; what lies more than CLOCK_SKEW_MS ahead is infinitely old. */
function age(time: u64, now: u64): u64 {
  if (now >= time) return now - time;
  return time - now > <u64>CLOCK_SKEW_MS ? u64.MAX_VALUE : 0;
}
