import { hasControl, holdsAny } from '../bytes/ascii';
import { readU8, readU16, readU32 } from '../bytes/bytes';
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

  // What can be told in a header, as `look` found it.
  userIsPlain: bool = false;
  /** Ends of display name and mail; their starts when they cannot be told. */
  toldNameEnd: i32 = 0;
  toldEmailEnd: i32 = 0;
  /** Every group can be told. */
  groupsArePlain: bool = false;
  /** The separator it was found for and its length, in one number; 0 before anything was. */
  private lookedFor: u64 = 0;

  constructor(capacity: i32) {
    this.buf = new StaticArray<u8>(capacity);
  }

  /**
   * Takes apart `buf[start, end)`; false unless every length fits, groups and
   * networks fill the rest exactly and there is a user name.
   */
  parse(start: i32, end: i32): bool {
    this.lookedFor = 0;
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

  /**
   * Finds out what can be told where groups are joined by `block[separator, end)`.
   * Looks once: a grant that is remembered is used many times.
   */
  look(block: StaticArray<u8>, separator: i32, end: i32): void {
    let wanted: u64 = ((<u64>(end - separator)) << 32) | readU32(block, separator);
    if (wanted == this.lookedFor) return;
    this.lookedFor = wanted;
    let buf = this.buf;
    this.userIsPlain = isPlain(buf, this.userStart, this.userEnd);
    this.toldNameEnd = isPlain(buf, this.nameStart, this.nameEnd) ? this.nameEnd : this.nameStart;
    this.toldEmailEnd = isPlain(buf, this.emailStart, this.emailEnd) ? this.emailEnd : this.emailStart;
    this.groupsArePlain = true;
    let at = this.groupsStart;
    for (let i = 0; i < this.groupCount; i++) {
      let start = at + 2;
      at = start + <i32>readU16(buf, at);
      if (!this.isGroupPlain(start, at, block, separator, end)) this.groupsArePlain = false;
    }
  }

  /**
   * Whether a group can be told in a list: one that holds a sign of the separator
   * would be two. A blank counts only where there is nothing else between groups.
   */
  isGroupPlain(start: i32, end: i32, block: StaticArray<u8>, separator: i32, separatorEnd: i32): bool {
    if (end == start || !isPlain(this.buf, start, end)) return false;
    for (let i = separator; i < separatorEnd; i++) {
      let sign = readU8(block, i);
      if (sign == 0x20 && separatorEnd - separator > 1) continue;
      if (holdsAny(this.buf, start, end, 0, <u8>sign)) return false;
    }
    return true;
  }
}

/** What arrives as it was sent: no control characters, no blanks around it (RFC 9110 section 5.5). */
function isPlain(buf: StaticArray<u8>, start: i32, end: i32): bool {
  if (hasControl(buf, start, end)) return false;
  if (end == start) return true;
  if (readU8(buf, start) == 0x20 || readU8(buf, end - 1) == 0x20) return false;
  // U+0080 to U+009F in UTF-8.
  for (let i = start; i < end - 1; i++) {
    if (readU8(buf, i) == 0xc2 && readU8(buf, i + 1) < 0xa0) return false;
  }
  return true;
}
