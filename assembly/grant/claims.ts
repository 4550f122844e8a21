import { hasControl, holdsAny } from '../bytes/ascii';
import { readU16 } from '../bytes/bytes';
import { contains, networkSetSize } from '../net/network-set';

/**
 * What a grant says about its principal, as the host wrote it (`contract.ts`,
 * "Claims inside a record"). Ranges point into `buf`; a reader never copies.
 */
export class Claims {
  buf: StaticArray<u8>;
  userStart: i32 = 0;
  userEnd: i32 = 0;
  nameStart: i32 = 0;
  nameEnd: i32 = 0;
  emailStart: i32 = 0;
  emailEnd: i32 = 0;
  /** The backend's own `Authorization`, empty where none is needed. */
  backendStart: i32 = 0;
  backendEnd: i32 = 0;
  groupCount: i32 = 0;
  /** First group: u16 length, bytes; the others follow. */
  groupsStart: i32 = 0;
  groupsEnd: i32 = 0;
  /** Where the principal may ask from: a set of networks; -1 for anywhere. */
  networks: i32 = -1;

  /** Looked at by `hasOnlyText` since `parse`, and what it found. */
  private looked: bool = false;
  private onlyText: bool = false;

  constructor(capacity: i32) {
    this.buf = new StaticArray<u8>(capacity);
  }

  /**
   * Takes apart `buf[start, end)`; false unless every length fits, groups and
   * networks fill the rest exactly and there is a user name.
   */
  parse(start: i32, end: i32): bool {
    this.looked = false;
    if (start < 0 || end > this.buf.length) return false;
    let at = this.field(start, end);
    if (at < 0) return false;
    this.userStart = start + 2;
    this.userEnd = at;
    let next = this.field(at, end);
    if (next < 0) return false;
    this.nameStart = at + 2;
    this.nameEnd = next;
    at = next;
    next = this.field(at, end);
    if (next < 0) return false;
    this.emailStart = at + 2;
    this.emailEnd = next;
    at = next;
    next = this.field(at, end);
    if (next < 0 || next > end - 2) return false;
    this.backendStart = at + 2;
    this.backendEnd = next;
    this.groupCount = <i32>readU16(this.buf, next);
    this.groupsStart = next + 2;
    at = this.groupsStart;
    for (let i = 0; i < this.groupCount; i++) {
      at = this.field(at, end);
      if (at < 0) return false;
    }
    this.groupsEnd = at;
    this.networks = -1;
    if (at < end) {
      if (networkSetSize(this.buf, at, end) != end - at) return false;
      this.networks = at;
    }
    return this.userEnd > this.userStart;
  }

  /** Whether the principal may ask from this address; one that is not known lies in no network. */
  mayAskFrom(known: bool, high: u64, low: u64): bool {
    return this.networks < 0 || (known && contains(this.buf, this.networks, high, low));
  }

  /** End of the length-prefixed field at `at`, -1 when it leaves the range. */
  private field(at: i32, end: i32): i32 {
    if (at > end - 2) return -1;
    let fieldEnd = at + 2 + <i32>readU16(this.buf, at);
    return fieldEnd <= end ? fieldEnd : -1;
  }

  /** True when no text holds a control byte, and no group a comma. Looks once: a grant remembered is used many times. */
  hasOnlyText(): bool {
    if (this.looked) return this.onlyText;
    this.looked = true;
    let buf = this.buf;
    let odd =
      hasControl(buf, this.userStart, this.userEnd) ||
      hasControl(buf, this.nameStart, this.nameEnd) ||
      hasControl(buf, this.emailStart, this.emailEnd);
    let at = this.groupsStart;
    for (let i = 0; i < this.groupCount && !odd; i++) {
      let start = at + 2;
      at = start + <i32>readU16(buf, at);
      odd = holdsAny(buf, start, at, 0x20, 0x2c);
    }
    this.onlyText = !odd;
    return !odd;
  }
}
