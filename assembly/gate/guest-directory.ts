import { copy } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import {
  GRANTS_FILE_PREFIX,
  ID_LENGTH,
  POLICY_FILE_PREFIX,
  STATE_FILE,
  STATE_LENGTH,
  STATE_SNAPSHOT_ID,
  STATE_TABLE_ID,
} from '../contract';
import { HmacKey } from '../crypto/hmac';
import { SlotFile } from '../grant/table';
import { closeImage, FAULT_SIZE } from '../policy/view';
import { openSnapshot, SNAPSHOT_OPENED, SNAPSHOT_OTHER_VERSION } from '../snapshot/snapshot-file';
import { State } from '../snapshot/state';
import { ImageFile, UnitCache } from '../snapshot/unit-cache';
import { System } from './system';

/** Longest path of the guest directory. */
const MAX_DIRECTORY: i32 = 255;
const NONE: i32 = -1;

/** Why the directory, as last read, gives no policy; 0 when it does. */
export const DIRECTORY_GOOD: i32 = 0;
export const DIRECTORY_NO_STATE: i32 = 1;
export const DIRECTORY_BAD_STATE: i32 = 2;
export const DIRECTORY_NO_SNAPSHOT: i32 = 3;
export const DIRECTORY_BAD_SNAPSHOT: i32 = 4;
export const DIRECTORY_LARGE_SNAPSHOT: i32 = 5;
export const DIRECTORY_OLD_STATE: i32 = 6;
/** There is a policy, but no grant can be looked up. */
export const DIRECTORY_NO_TABLE: i32 = 7;
export const DIRECTORY_OTHER_VERSION: i32 = 8;

/** The snapshot that is open. */
class PolicyFile extends ImageFile {
  fd: i32 = NONE;

  constructor(private system: System) {
    super();
  }

  read(offset: u64, buf: StaticArray<u8>, len: i32): i32 {
    return this.fd == NONE ? -1 : this.system.read(this.fd, offset, buf, 0, len);
  }

  close(): void {
    if (this.fd != NONE) this.system.close(this.fd);
    this.fd = NONE;
  }
}

/** The directory that the host writes and the guest reads: state page, policy snapshot, grant table. */
export class GuestDirectory extends SlotFile {
  state: State = new State();
  /** The host's snapshot is the policy that decides. */
  hasSnapshot: bool = false;
  /** DIRECTORY_…: what the last reading found. */
  condition: i32 = DIRECTORY_NO_STATE;
  private path: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_DIRECTORY + 64));
  private directoryEnd: i32 = 0;
  private page: StaticArray<u8> = new StaticArray<u8>(STATE_LENGTH + 1);
  private table: i32 = NONE;
  private tableId: StaticArray<u8> = new StaticArray<u8>(ID_LENGTH);

  private policy: PolicyFile;
  private cache: UnitCache | null = null;
  private snapshotId: StaticArray<u8> = new StaticArray<u8>(ID_LENGTH);
  /** Some part of the snapshot was larger than the cache. */
  private tooLarge: bool = false;

  constructor(
    private system: System,
    /** An inline policy decides: the host's is not read. */
    hasInline: bool,
  ) {
    super();
    this.policy = new PolicyFile(system);
    if (!hasInline) this.cache = new UnitCache();
  }

  /** Sets the directory's path; false when it is not absolute or too long. */
  locate(buf: StaticArray<u8>, start: i32, end: i32): bool {
    while (end - start > 1 && buf[end - 1] == 0x2f) end--;
    if (end - start < 2 || end - start > MAX_DIRECTORY || buf[start] != 0x2f) return false;
    this.path.reset();
    this.path.bytes(buf, start, end);
    this.path.u8(0x2f);
    this.directoryEnd = this.path.len;
    return true;
  }

  /**
   * Reads the page again when it is too old to decide by, and what it names
   * when that differs. Answers true when remembered grants must be dropped.
   */
  refresh(stateKey: HmacKey, snapshotKey: HmacKey, now: u64): bool {
    if (!this.state.expired(now)) return false;
    let len = this.readState();
    let dropped = this.state.accept(stateKey, this.page, len, now);
    if (!this.state.valid) {
      if (this.state.outdated) this.condition = DIRECTORY_OLD_STATE;
      else this.condition = len < 0 ? DIRECTORY_NO_STATE : DIRECTORY_BAD_STATE;
      this.dropSnapshot();
      this.closeTable();
      return dropped;
    }
    this.openTable();
    this.condition = this.followSnapshot(snapshotKey);
    if (this.condition == DIRECTORY_GOOD && this.table == NONE) this.condition = DIRECTORY_NO_TABLE;
    return dropped;
  }

  /** A part of the policy could not be had: FAULT_…. A damaged snapshot is none until it opens again. */
  noteFault(fault: i32): void {
    if (fault == FAULT_SIZE) {
      this.tooLarge = true;
      if (this.condition == DIRECTORY_GOOD) this.condition = DIRECTORY_LARGE_SNAPSHOT;
    } else if (this.hasSnapshot) {
      this.dropSnapshot();
      this.condition = DIRECTORY_BAD_SNAPSHOT;
    }
  }

  /** Whether the table that the page names is open. */
  get hasTable(): bool {
    return this.table != NONE;
  }

  read(offset: u64, buf: StaticArray<u8>, len: i32): i32 {
    return this.table == NONE ? -1 : this.system.read(this.table, offset, buf, 0, len);
  }

  private openFile(): i32 {
    let fd = this.path.overflow ? NONE : this.system.open(this.path.buf, this.path.len);
    this.path.len = this.directoryEnd;
    return fd;
  }

  private readState(): i32 {
    this.path.ascii(STATE_FILE);
    let fd = this.openFile();
    if (fd < 0) return -1;
    let len = this.system.read(fd, 0, this.page, 0, this.page.length);
    this.system.close(fd);
    return len;
  }

  private openTable(): void {
    if (this.table != NONE && this.state.namesTable(this.tableId, 0)) return;
    this.closeTable();
    this.path.ascii(GRANTS_FILE_PREFIX);
    this.appendHex(STATE_TABLE_ID);
    this.table = this.openFile();
    copy(this.tableId, 0, this.state.page, STATE_TABLE_ID, ID_LENGTH);
  }

  private closeTable(): void {
    if (this.table == NONE) return;
    this.system.close(this.table);
    this.table = NONE;
  }

  /** Opens the snapshot that the page names, unless it is open; answers DIRECTORY_…. */
  private followSnapshot(key: HmacKey): i32 {
    let cache = this.cache;
    if (cache === null) return DIRECTORY_GOOD;
    if (!this.hasSnapshot || !this.state.namesSnapshot(this.snapshotId, 0)) {
      this.dropSnapshot();
      this.path.ascii(POLICY_FILE_PREFIX);
      this.appendHex(STATE_SNAPSHOT_ID);
      this.policy.fd = this.openFile();
      if (this.policy.fd < 0) {
        this.policy.fd = NONE;
        return DIRECTORY_NO_SNAPSHOT;
      }
      let outcome = openSnapshot(cache, this.policy, key, this.state.page, STATE_SNAPSHOT_ID);
      if (outcome != SNAPSHOT_OPENED) {
        this.dropSnapshot();
        return outcome == SNAPSHOT_OTHER_VERSION ? DIRECTORY_OTHER_VERSION : DIRECTORY_BAD_SNAPSHOT;
      }
      this.hasSnapshot = true;
      copy(this.snapshotId, 0, this.state.page, STATE_SNAPSHOT_ID, ID_LENGTH);
    }
    return this.tooLarge ? DIRECTORY_LARGE_SNAPSHOT : DIRECTORY_GOOD;
  }

  private dropSnapshot(): void {
    if (this.cache === null) return;
    if (this.hasSnapshot) closeImage();
    this.hasSnapshot = false;
    this.tooLarge = false;
    this.policy.close();
  }

  /** Appends the id at `at` of the page in hexadecimal. */
  private appendHex(at: i32): void {
    const digits = '0123456789abcdef';
    for (let i = 0; i < ID_LENGTH; i++) {
      let byte = <u32>this.state.page[at + i];
      this.path.u8(digits.charCodeAt(<i32>(byte >> 4)));
      this.path.u8(digits.charCodeAt(<i32>(byte & 15)));
    }
  }
}
