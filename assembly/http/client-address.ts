import { readU8 } from '../bytes/bytes';
import { ipHigh, ipLow, parseIp } from '../net/ip';
import { contains } from '../net/network-set';

/**
 * Who is asking. The socket peer, or, when that is a trusted proxy, the first
 * address from the right of `X-Forwarded-For` that is none: everything left of
 * it was written by the client. An entry that is no address ends the walk with
 * "not known", which lies in no network.
 */
export class ClientAddress {
  known: bool = false;
  high: u64 = 0;
  low: u64 = 0;

  /** Takes the socket peer: `address`, `address:port` or `[address]:port`. */
  setPeer(buf: StaticArray<u8>, start: i32, end: i32): void {
    if (readU8(buf, start) == 0x5b) {
      let close = start;
      while (close < end && readU8(buf, close) != 0x5d) close++;
      this.set(buf, start + 1, close);
      return;
    }
    let colon = -1;
    let colons = 0;
    for (let i = start; i < end; i++) {
      if (readU8(buf, i) != 0x3a) continue;
      colon = i;
      colons++;
    }
    this.set(buf, start, colons == 1 ? colon : end);
  }

  /** True when the address is known and lies in the set of trusted proxies at `setAt` of `image`. */
  isTrusted(image: StaticArray<u8>, setAt: i32): bool {
    return this.known && contains(image, setAt, this.high, this.low);
  }

  /**
   * Walks the values of `X-Forwarded-For`, `buf[start, end)` with NUL behind
   * each, from the right for as long as the address reached is a trusted proxy.
   */
  walk(image: StaticArray<u8>, setAt: i32, buf: StaticArray<u8>, start: i32, end: i32): void {
    let entryEnd = end;
    if (entryEnd > start && readU8(buf, entryEnd - 1) == 0) entryEnd--;
    while (this.isTrusted(image, setAt)) {
      if (entryEnd <= start) return;
      let entryStart = entryEnd;
      while (entryStart > start && !isSeparator(readU8(buf, entryStart - 1))) entryStart--;
      this.setTrimmed(buf, entryStart, entryEnd);
      entryEnd = entryStart - 1;
    }
  }

  private setTrimmed(buf: StaticArray<u8>, start: i32, end: i32): void {
    while (start < end && isBlank(readU8(buf, start))) start++;
    while (end > start && isBlank(readU8(buf, end - 1))) end--;
    this.set(buf, start, end);
  }

  /** Reads an address in text; not known when it is none. */
  set(buf: StaticArray<u8>, start: i32, end: i32): void {
    this.known = parseIp(buf, start, end);
    this.high = ipHigh;
    this.low = ipLow;
  }
}

function isSeparator(byte: u32): bool {
  return byte == 0x2c || byte == 0;
}

function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09;
}
