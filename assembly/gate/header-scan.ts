import { equalsAsciiFold, lowerAscii } from '../bytes/ascii';
import { readU8, readU64, within } from '../bytes/bytes';
import { NAMES_FIRST, NAMES_LENGTHS } from '../policy/layout';

/**
 * One pass over the request's header names (design: "Headers are the guest's").
 * Finds which headers the gate must read, and which must not reach the backend:
 * a backend that reads headers through CGI, WSGI or PHP cannot tell `-` from `_`
 * or `.`, and some make `_` of whatever is no letter or digit, so a name counts in
 * all these spellings and any case.
 */

/** Names to remove from one request; nobody sends more by accident. */
const MAX_REMOVALS: i32 = 64;
/** Bytes looked at together. The buffer of names is that much longer than what is in it. */
export const SCAN_STEP: i32 = 16;

// What eight bytes of a name can be held against, as numbers (little-endian).
/** Makes `A`-`Z` lower case and leaves `-` and digits. Nothing but a letter becomes a letter; other bytes may turn into `-` or digits. */
const LOWER: u64 = (u64.MAX_VALUE / 0xff) * 0x20;
/** The first five, six and seven bytes. */
const FIVE: u64 = ((<u64>1) << 40) - 1;
const SIX: u64 = ((<u64>1) << 48) - 1;
const SEVEN: u64 = ((<u64>1) << 56) - 1;
const AUTHORIZ: u64 = ((<u64>0x7a69726f) << 32) | 0x68747561;
const RIZATION: u64 = ((<u64>0x6e6f6974) << 32) | 0x617a6972;
const CONNECTI: u64 = ((<u64>0x69746365) << 32) | 0x6e6e6f63;
const FORWARDE: u64 = ((<u64>0x65647261) << 32) | 0x77726f66;
const COOKIE: u64 = ((<u64>0x6569) << 32) | 0x6b6f6f63;
const HTTP2: u64 = ((<u64>0x32) << 32) | 0x70747468;
const POSTERN: u64 = ((<u64>0x6e7265) << 32) | 0x74736f70;
const REMOTE: u64 = ((<u64>0x6574) << 32) | 0x6f6d6572;
const UPGRADE: u64 = ((<u64>0x656461) << 32) | 0x72677075;
const FORWAR: u64 = ((<u64>0x7261) << 32) | 0x77726f66;

// A byte of a name is none of `-`, `0`-`9`, `A`-`Z` and `a`-`z` when the classes of its two halves
// share a bit: 1 is row 0x2x, 2 row 0x3x, 4 rows 0x4x and 0x6x, 8 rows 0x5x and 0x7x.
const ODD_LOW: v128 = i8x16(5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 11, 11, 10, 11, 11);
const ODD_HIGH: v128 = i8x16(0, 0, 1, 2, 4, 8, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);

export class HeaderScan {
  /** Ranges `[2i, 2i+1)` of the names buffer to remove. */
  removals: StaticArray<i32> = new StaticArray<i32>(MAX_REMOVALS * 2);
  removalCount: i32 = 0;
  hasAuthorization: bool = false;
  hasCookie: bool = false;
  hasForwardedFor: bool = false;
  hasForwardedProto: bool = false;
  hasConnection: bool = false;
  hasUpgrade: bool = false;
  /** Some name holds a byte that is no letter, digit or hyphen. */
  private hasOtherSpelling: bool = false;

  /**
   * Reads `names[0..len)`, each name with NUL behind it and SCAN_STEP bytes of any
   * kind behind the last; false when there is too much to remove.
   */
  scan(names: StaticArray<u8>, len: i32): bool {
    this.removalCount = 0;
    this.hasAuthorization = false;
    this.hasCookie = false;
    this.hasForwardedFor = false;
    this.hasForwardedProto = false;
    this.hasConnection = false;
    this.hasUpgrade = false;
    if (!within(names, 0, len + SCAN_STEP)) return false;
    let buf = changetype<usize>(names);
    let other = i8x16.splat(0);
    for (let at = 0; at < len; at += SCAN_STEP) {
      let bytes = v128.load(buf + at);
      let low = i8x16.swizzle(ODD_LOW, v128.and(bytes, i8x16.splat(0x0f)));
      let high = i8x16.swizzle(ODD_HIGH, i8x16.shr_u(bytes, 4));
      other = v128.or(other, v128.and(low, high));
    }
    this.hasOtherSpelling = v128.any_true(other);
    let start = 0;
    for (let at = 0; at < len; at += SCAN_STEP) {
      // A bit for each NUL.
      let ends = i8x16.bitmask(i8x16.eq(v128.load(buf + at), i8x16.splat(0)));
      for (; ends != 0; ends &= ends - 1) {
        let end = at + ctz(ends);
        if (end >= len) return true;
        if (end > start && !this.see(names, start, end)) return false;
        start = end + 1;
      }
    }
    return true;
  }

  /**
   * Adds to the removals what the last `scan` read and `block[at, end)` lists, in
   * any spelling; everything that could be a spelling of another name where
   * nothing is listed. False when there is too much to remove.
   */
  scanListed(names: StaticArray<u8>, len: i32, block: StaticArray<u8>, at: i32, end: i32): bool {
    if (at == end && !this.hasOtherSpelling) return true;
    let lengths = at == end ? 0 : readU64(block, at + NAMES_LENGTHS);
    let start = 0;
    for (let i = 0; i < len; i++) {
      if (readU8(names, i) != 0) continue;
      let hit =
        at == end
          ? isAlias(names, start, i)
          : ((lengths >> ((<u64>(i - start) - 1) & 63)) & 1) != 0 &&
            isListed(names, start, i, block, at + NAMES_FIRST, end);
      if (hit && !this.remove(start, i)) return false;
      start = i + 1;
    }
    return true;
  }

  /**
   * Sorts a name by its first eight bytes; few names of a request pass this sieve,
   * which lets through more than is meant, and are looked at closely.
   */
  private see(names: StaticArray<u8>, start: i32, end: i32): bool {
    let first = load<u64>(changetype<usize>(names) + start) | LOWER;
    switch (<u32>first & 0xff) {
      case 0x61: // a
        if (
          first == AUTHORIZ &&
          end - start == 13 &&
          (load<u64>(changetype<usize>(names) + start, 5) | LOWER) == RIZATION
        )
          this.hasAuthorization = true;
        return true;
      case 0x63: // c
        if ((first & SIX) == COOKIE && end - start == 6) this.hasCookie = true;
        else if (first == CONNECTI && equalsAsciiFold(names, start, end, 'connection'))
          this.hasConnection = true;
        return true;
      case 0x66: // f: RFC 7239, which nothing here reads and a backend might
        return first == FORWARDE && spells(names, start, end, 'forwarded') ? this.remove(start, end) : true;
      case 0x68: // h
        return (first & FIVE) == HTTP2 && spells(names, start, end, 'http2-settings')
          ? this.remove(start, end)
          : true;
      case 0x70: // p
        return (first & SEVEN) == POSTERN && begins(names, start, end, 'postern-')
          ? this.remove(start, end)
          : true;
      case 0x72: // r
        return (first & SIX) == REMOTE && isIdentity(names, start, end) ? this.remove(start, end) : true;
      case 0x75: // u
        if ((first & SEVEN) == UPGRADE && equalsAsciiFold(names, start, end, 'upgrade'))
          this.hasUpgrade = true;
        return true;
      case 0x78: // x, and what stands for a hyphen
        return this.seeExtension(names, start, end, first >> 16);
      default:
        return true;
    }
  }

  /** A name that begins with `x`; `word` is bytes 2 to 7 of it. */
  private seeExtension(names: StaticArray<u8>, start: i32, end: i32, word: u64): bool {
    if (word == FORWAR) {
      if (this.hasOtherSpelling && begins(names, start, end, 'x-forwarded-') && isAlias(names, start, end))
        return this.remove(start, end);
      if (equalsAsciiFold(names, start, end, 'x-forwarded-for')) this.hasForwardedFor = true;
      else if (equalsAsciiFold(names, start, end, 'x-forwarded-proto')) this.hasForwardedProto = true;
      return true;
    }
    if (this.hasOtherSpelling && spells(names, start, end, 'x-real-ip') && isAlias(names, start, end))
      return this.remove(start, end);
    return isOverride(names, start, end) ? this.remove(start, end) : true;
  }

  private remove(start: i32, end: i32): bool {
    if (this.removalCount == MAX_REMOVALS) return false;
    this.removals[this.removalCount * 2] = start;
    this.removals[this.removalCount * 2 + 1] = end;
    this.removalCount++;
    return true;
  }
}

function isIdentity(names: StaticArray<u8>, start: i32, end: i32): bool {
  // The canonical spelling is overwritten on every pass and needs no removal.
  if (!begins(names, start, end, 'remote-')) return false;
  return (
    spells(names, start, end, 'remote-user') ||
    spells(names, start, end, 'remote-groups') ||
    spells(names, start, end, 'remote-name') ||
    spells(names, start, end, 'remote-email')
  );
}

/** Whether the name is one of `block[at, end)`, each in lower case behind its length, in any spelling. */
function isListed(
  names: StaticArray<u8>,
  start: i32,
  end: i32,
  block: StaticArray<u8>,
  at: i32,
  stop: i32,
): bool {
  while (at < stop) {
    let len = <i32>readU8(block, at);
    if (len == end - start) {
      let i = 0;
      while (i < len && hyphened(readU8(names, start + i)) == readU8(block, at + 1 + i)) i++;
      if (i == len) return true;
    }
    at += 1 + len;
  }
  return false;
}

/** A byte of a name in its one spelling. */
function hyphened(byte: u32): u32 {
  let lower = lowerAscii(byte);
  return isAlphanumeric(lower) ? lower : 0x2d;
}

/** Headers by which a client makes some backends see another path or method than the rules saw. */
function isOverride(names: StaticArray<u8>, start: i32, end: i32): bool {
  return (
    spells(names, start, end, 'x-original-url') ||
    spells(names, start, end, 'x-rewrite-url') ||
    spells(names, start, end, 'x-http-method-override') ||
    spells(names, start, end, 'x-http-method') ||
    spells(names, start, end, 'x-method-override')
  );
}

/** True when the name holds `_`, `.` or another character that some backends read as `-`. */
function isAlias(names: StaticArray<u8>, start: i32, end: i32): bool {
  for (let i = start; i < end; i++) {
    let byte = readU8(names, i);
    if (byte != 0x2d && !isAlphanumeric(byte)) return true;
  }
  return false;
}

/** True when the name is `literal` (lower case) in any spelling. */
function spells(names: StaticArray<u8>, start: i32, end: i32, literal: string): bool {
  return end - start == literal.length && begins(names, start, end, literal);
}

/** True when the name begins with `literal` (lower case) in any spelling. */
function begins(names: StaticArray<u8>, start: i32, end: i32, literal: string): bool {
  let len = literal.length;
  if (end - start < len || start < 0 || end > names.length) return false;
  for (let i = 0; i < len; i++) {
    if (hyphened(unchecked(names[start + i])) != <u32>literal.charCodeAt(i)) return false;
  }
  return true;
}

function isAlphanumeric(byte: u32): bool {
  return <u32>lowerAscii(byte) - 0x61 < 26 || byte - 0x30 < 10;
}
