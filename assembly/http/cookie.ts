import { copy, readU8, sameBytes, within, writeU8 } from '../bytes/bytes';
import { MAX_COOKIE, SESSION_TOKEN_LENGTH } from '../contract';

/**
 * The cookies of sessions among all that a client sends (RFC 6265 section 5.4:
 * pairs between semicolons, on one line or several). Quotes mean nothing, names
 * are told apart by their case, and what looks odd counts as no session while it
 * still is kept from the backend: a parser behind us may be laxer than this one.
 *
 * Which cookies these are stands in a block, an entry for each domain, the
 * closest domain first; a domain without sessions has no name:
 *
 *     u8 bytes of the name │ u8 bytes of the domain │ name │ domain
 */

/** What stands in front of name and domain. */
export const COOKIE_ENTRY: i32 = 2;
/** Bytes looked at together: the buffer must be that much longer than the lines in it. */
export const COOKIE_STEP: i32 = 16;

/** The first eight bytes of every name: `__Secure`, as a number (little-endian). */
const SECURE: u64 = ((<u64>0x65727563) << 32) | 0x65535f5f;

/** True when lines of `len` bytes in all, a NUL behind each of the `count`, are longer than any that is read. */
export function areCookiesTooLong(len: i32, count: i32, room: i32): bool {
  return len < 0 || len - count > MAX_COOKIE || len > room - COOKIE_STEP;
}

/** What the cookies of one request say. */
export class SessionCookies {
  /** Where the one session's token lies; of no length when there is none. */
  tokenStart: i32 = 0;
  tokenEnd: i32 = 0;
  /** Bytes of the domain that it counts on: the host is that domain or lies below it. */
  domainLength: i32 = 0;
  /** Some cookie has a name of the block: not for the backend. */
  present: bool = false;

  /** Whether there was anything to look through. */
  looked: bool = false;

  /** How many have the name that counts here. */
  private count: i32 = 0;
  /** That name in the block; of no length when nothing counts here. */
  private nameStart: i32 = 0;
  private nameEnd: i32 = 0;

  /** Forgets the last request's; called before each is read. */
  clear(): void {
    this.tokenStart = this.tokenEnd = this.domainLength = 0;
    this.present = this.looked = false;
  }

  /**
   * Looks through `buf[0, len)`, a NUL behind each line and COOKIE_STEP bytes of any
   * kind behind the last, for the cookies of `block[at, end)` and the one that
   * counts on `host[0, hostLength)`. Two of that name are none: which of them is
   * ours only who set them knows.
   */
  find(
    buf: StaticArray<u8>,
    len: i32,
    block: StaticArray<u8>,
    at: i32,
    end: i32,
    host: StaticArray<u8>,
    hostLength: i32,
  ): void {
    this.clear();
    this.looked = true;
    this.count = 0;
    if (!within(block, at, end - at) || len < 0 || len > buf.length - COOKIE_STEP) return;
    this.choose(block, at, end, host, hostLength);
    let start = 0;
    for (let from = 0; from < len; from += COOKIE_STEP) {
      let bytes = v128.load(changetype<usize>(buf) + from);
      // A bit for each semicolon and NUL.
      let ends = i8x16.bitmask(v128.or(i8x16.eq(bytes, i8x16.splat(0x3b)), i8x16.eq(bytes, i8x16.splat(0))));
      for (; ends != 0; ends &= ends - 1) {
        let stop = from + ctz(ends);
        if (stop >= len) break;
        this.see(buf, start, stop, block, at, end);
        start = stop + 1;
      }
    }
    if (this.count != 1) this.tokenEnd = this.tokenStart;
  }

  /** Finds the closest domain of the host, whose cookie is the one that counts. */
  private choose(block: StaticArray<u8>, at: i32, end: i32, host: StaticArray<u8>, hostLength: i32): void {
    this.nameStart = this.nameEnd = 0;
    while (at < end) {
      let name = at + COOKIE_ENTRY;
      let domain = name + <i32>readU8(block, at);
      let len = <i32>readU8(block, at + 1);
      at = domain + len;
      let from = hostLength - len;
      if (from < 0 || len == 0 || (from > 0 && readU8(host, from - 1) != 0x2e)) continue;
      if (!sameBytes(host, from, hostLength, block, domain, at)) continue;
      this.nameStart = name;
      this.nameEnd = domain;
      this.domainLength = len;
      return;
    }
  }

  /** One pair. */
  private see(buf: StaticArray<u8>, start: i32, end: i32, block: StaticArray<u8>, at: i32, stop: i32): void {
    start = skipBlanks(buf, start, end);
    if (!isSecure(buf, start, end)) return;
    let name = nameEnd(buf, start, end);
    if (this.nameEnd > this.nameStart && sameBytes(buf, start, name, block, this.nameStart, this.nameEnd)) {
      this.present = true;
      this.count++;
      // Right behind the name: blanks around `=` leave no token, nor do quotes.
      this.tokenStart = name + 1;
      this.tokenEnd = readU8(buf, name) == 0x3d && isToken(buf, name + 1, end) ? end : name + 1;
    } else if (isListed(buf, start, name, block, at, stop)) {
      this.present = true;
    }
  }
}

/**
 * Takes the cookies of `block[at, stop)` out of the lines in `buf[0, len)`, a NUL
 * behind each, and answers what is left; a line of which nothing is left is gone.
 */
export function withoutSessions(
  buf: StaticArray<u8>,
  len: i32,
  block: StaticArray<u8>,
  at: i32,
  stop: i32,
): i32 {
  let out = 0;
  let start = 0;
  for (let i = 0; i < len; i++) {
    if (readU8(buf, i) != 0) continue;
    let size = lineWithoutSessions(buf, start, i, block, at, stop) - start;
    if (size > 0 && copy(buf, out, buf, start, size)) {
      writeU8(buf, out + size, 0);
      out += size + 1;
    }
    start = i + 1;
  }
  return out;
}

/**
 * Takes the cookies of `block[at, stop)` out of the line `buf[start, end)`, in its
 * place, and answers its new end; `start` when no cookie is left. The others stay
 * byte for byte and in their order.
 */
function lineWithoutSessions(
  buf: StaticArray<u8>,
  start: i32,
  end: i32,
  block: StaticArray<u8>,
  at: i32,
  stop: i32,
): i32 {
  let out = start;
  let dropped = false;
  let isFirst = true;
  let isEmpty = true;
  for (let from = start; from <= end; ) {
    let to = from;
    while (to < end && readU8(buf, to) != 0x3b) to++;
    let pair = skipBlanks(buf, from, to);
    if (isSecure(buf, pair, to) && isListed(buf, pair, nameEnd(buf, pair, to), block, at, stop)) {
      dropped = true;
    } else {
      if (!isFirst) writeU8(buf, out++, 0x3b);
      // What becomes the first has no blank in front.
      else if (dropped) from = pair;
      copy(buf, out, buf, from, to - from);
      out += to - from;
      isFirst = false;
      if (pair < to) isEmpty = false;
    }
    from = to + 1;
  }
  return isEmpty ? start : out;
}

function skipBlanks(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  while (start < end && isBlank(readU8(buf, start))) start++;
  return start;
}

function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09;
}

function isSecure(buf: StaticArray<u8>, start: i32, end: i32): bool {
  return (
    end - start >= 8 && start >= 0 && end <= buf.length && load<u64>(changetype<usize>(buf) + start) == SECURE
  );
}

/** End of the name that a pair begins with, without blanks behind it. */
function nameEnd(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  let at = start;
  while (at < end && readU8(buf, at) != 0x3d) at++;
  while (at > start && isBlank(readU8(buf, at - 1))) at--;
  return at;
}

/** Whether the block has the name `buf[start, end)`. */
function isListed(
  buf: StaticArray<u8>,
  start: i32,
  end: i32,
  block: StaticArray<u8>,
  at: i32,
  stop: i32,
): bool {
  while (at < stop) {
    let name = at + COOKIE_ENTRY;
    let domain = name + <i32>readU8(block, at);
    if (domain > name && sameBytes(buf, start, end, block, name, domain)) return true;
    at = domain + <i32>readU8(block, at + 1);
  }
  return false;
}

/** SESSION_TOKEN_LENGTH digits of base64url. */
function isToken(buf: StaticArray<u8>, start: i32, end: i32): bool {
  if (end - start != SESSION_TOKEN_LENGTH) return false;
  for (let i = start; i < end; i++) {
    let byte = readU8(buf, i);
    if ((byte | 0x20) - 0x61 >= 26 && byte - 0x30 >= 10 && byte != 0x2d && byte != 0x5f) return false;
  }
  return true;
}
