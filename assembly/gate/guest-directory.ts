import { copy, readU32 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import {
  FORMAT_VERSION,
  GRANTS_FILE_PREFIX,
  ID_LENGTH,
  POLICY_FILE_PREFIX,
  SNAPSHOT_ID,
  SNAPSHOT_IMAGE,
  SNAPSHOT_IMAGE_LENGTH,
  SNAPSHOT_MAC_LENGTH,
  SNAPSHOT_MAGIC,
  SNAPSHOT_VERSION,
  STATE_FILE,
  STATE_LENGTH,
  STATE_SNAPSHOT_ID,
  STATE_TABLE_ID,
} from '../contract';
import { equalConstantTime } from '../crypto/equal';
import { Hmac, HmacKey } from '../crypto/hmac';
import { SlotFile } from '../grant/table';
import { checkImage } from '../snapshot/image';
import { State } from '../snapshot/state';
import { System } from './system';

/**
 * Policy image the guest holds in memory. A larger policy is left to the host:
 * everything is deferred, and the log says so.
 */
export const MAX_RESIDENT_IMAGE: i32 = 24 * 1024;
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

const hmac = new Hmac();
const mac = new StaticArray<u8>(SNAPSHOT_MAC_LENGTH);

/** The directory that the host writes and the guest reads: state page, policy snapshot, grant table. */
export class GuestDirectory extends SlotFile {
  state: State = new State();
  hasSnapshot: bool = false;
  /** `snapshot` holds an inline policy: the host's is not read. */
  keepsSnapshot: bool = false;
  /** DIRECTORY_…: what the last reading found. */
  condition: i32 = DIRECTORY_NO_STATE;
  private path: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_DIRECTORY + 64));
  private directoryEnd: i32 = 0;
  private page: StaticArray<u8> = new StaticArray<u8>(STATE_LENGTH + 1);
  private table: i32 = NONE;
  private tableId: StaticArray<u8> = new StaticArray<u8>(ID_LENGTH);

  constructor(
    private system: System,
    /** Snapshot file as read, or an inline policy; its image begins at SNAPSHOT_IMAGE. */
    public snapshot: StaticArray<u8>,
  ) {
    super();
  }

  /** Size of a snapshot buffer that holds an image of `imageBytes`. */
  static snapshotBytes(imageBytes: i32): i32 {
    return SNAPSHOT_IMAGE + imageBytes + SNAPSHOT_MAC_LENGTH;
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
      this.hasSnapshot = false;
      this.closeTable();
      return dropped;
    }
    this.openTable();
    if (this.keepsSnapshot) this.condition = DIRECTORY_GOOD;
    else if (!this.hasSnapshot || !this.state.namesSnapshot(this.snapshot, SNAPSHOT_ID)) {
      this.condition = this.readSnapshot(snapshotKey);
      this.hasSnapshot = this.condition == DIRECTORY_GOOD;
    } else this.condition = DIRECTORY_GOOD;
    if (this.condition == DIRECTORY_GOOD && this.table == NONE) this.condition = DIRECTORY_NO_TABLE;
    return dropped;
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

  private readSnapshot(key: HmacKey): i32 {
    this.path.ascii(POLICY_FILE_PREFIX);
    this.appendHex(STATE_SNAPSHOT_ID);
    let fd = this.openFile();
    if (fd < 0) return DIRECTORY_NO_SNAPSHOT;
    let len = this.system.read(fd, 0, this.snapshot, 0, this.snapshot.length);
    this.system.close(fd);
    let buf = this.snapshot;
    if (len < SNAPSHOT_IMAGE || readU32(buf, 0) != SNAPSHOT_MAGIC) return DIRECTORY_BAD_SNAPSHOT;
    if (readU32(buf, SNAPSHOT_VERSION) != FORMAT_VERSION) return DIRECTORY_BAD_SNAPSHOT;
    if (!this.state.namesSnapshot(buf, SNAPSHOT_ID)) return DIRECTORY_BAD_SNAPSHOT;
    let imageLength = readU32(buf, SNAPSHOT_IMAGE_LENGTH);
    if (imageLength > <u32>MAX_RESIDENT_IMAGE) return DIRECTORY_LARGE_SNAPSHOT;
    let macAt = SNAPSHOT_IMAGE + <i32>imageLength;
    if (len != macAt + SNAPSHOT_MAC_LENGTH) return DIRECTORY_BAD_SNAPSHOT;
    hmac.begin(key);
    hmac.update(buf, 0, macAt);
    hmac.finish(mac, 0);
    if (!equalConstantTime(mac, 0, buf, macAt, SNAPSHOT_MAC_LENGTH)) return DIRECTORY_BAD_SNAPSHOT;
    return checkImage(buf, SNAPSHOT_IMAGE, <i32>imageLength) ? DIRECTORY_GOOD : DIRECTORY_BAD_SNAPSHOT;
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
