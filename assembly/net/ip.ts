import { hexValue } from '../bytes/ascii';
import { ByteWriter } from '../bytes/writer';

/**
 * IP addresses in text: RFC 4291 section 2.2 for IPv6, dotted decimal for IPv4.
 * Refused are zones, leading zeros, and every short or octal form of IPv4 that
 * programs read in different ways. An address is 128 bits in two u64; an IPv4
 * address is its mapped form `::ffff:a.b.c.d`, so that both spellings are equal.
 */

/** `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` */
export const MAX_IP_TEXT: i32 = 45;

/** Upper half of the address `parseIp` read last. */
export let ipHigh: u64 = 0;
/** Lower half. */
export let ipLow: u64 = 0;
/** 32 when that text was dotted decimal, else 128: what a prefix length counts from. */
export let ipBits: i32 = 0;

const groups = new StaticArray<u16>(8);

/** True when the 128 bits are an IPv4 address (RFC 4291 section 2.5.5.2). */
export function isIpv4(high: u64, low: u64): bool {
  return high == 0 && low >> 32 == 0xffff;
}

/** Reads an address into `ipHigh` and `ipLow`; false, and zeros there, when the range holds anything else. */
export function parseIp(buf: StaticArray<u8>, start: i32, end: i32): bool {
  ipHigh = 0;
  ipLow = 0;
  ipBits = 0;
  if (start < 0 || end > buf.length || end - start < 2 || end - start > MAX_IP_TEXT) return false;
  for (let i = start; i < end; i++) {
    if (unchecked(buf[i]) == 0x3a) return parseIpv6(buf, start, end);
  }
  let address = parseDotted(buf, start, end);
  if (address < 0) return false;
  ipLow = 0xffff_0000_0000 | <u64>address;
  ipBits = 32;
  return true;
}

/** Four decimal numbers to 255 without leading zeros; -1 for anything else. */
function parseDotted(buf: StaticArray<u8>, start: i32, end: i32): i64 {
  let address: i64 = 0;
  let at = start;
  for (let part = 0; part < 4; part++) {
    if (part > 0) {
      if (at >= end || unchecked(buf[at]) != 0x2e) return -1;
      at++;
    }
    let begin = at;
    let value = 0;
    while (at < end && at - begin < 3) {
      let digit = <u32>unchecked(buf[at]) - 0x30;
      if (digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    if (at == begin || value > 255 || (at - begin > 1 && unchecked(buf[begin]) == 0x30)) return -1;
    address = (address << 8) | value;
  }
  return at == end ? address : -1;
}

function parseIpv6(buf: StaticArray<u8>, start: i32, end: i32): bool {
  let count = 0;
  let gap = -1; // index of the group before which `::` stands
  let at = start;
  if (unchecked(buf[at]) == 0x3a) {
    if (unchecked(buf[at + 1]) != 0x3a) return false;
    gap = 0;
    at += 2;
  }
  while (at < end) {
    if (count == 8) return false;
    let begin = at;
    let value = 0;
    while (at < end && at - begin < 4) {
      let digit = hexValue(unchecked(buf[at]));
      if (digit < 0) break;
      value = (value << 4) | digit;
      at++;
    }
    if (at == begin) return false;
    if (at < end && unchecked(buf[at]) == 0x2e) {
      if (gap < 0 ? count != 6 : count > 6) return false;
      let tail = parseDotted(buf, begin, end);
      if (tail < 0) return false;
      unchecked((groups[count++] = <u16>(tail >> 16)));
      unchecked((groups[count++] = <u16>tail));
      break;
    }
    unchecked((groups[count++] = <u16>value));
    if (at == end) break;
    if (unchecked(buf[at]) != 0x3a || ++at == end) return false;
    if (unchecked(buf[at]) == 0x3a) {
      if (gap >= 0) return false;
      gap = count;
      at++;
    }
  }
  if (gap < 0 ? count != 8 : count == 8) return false;
  let zeros = 8 - count;
  for (let i = 0; i < 8; i++) {
    let from = gap < 0 || i < gap ? i : i - zeros;
    let group: u64 = gap >= 0 && i >= gap && i < gap + zeros ? 0 : <u64>unchecked(groups[from]);
    if (i < 4) ipHigh = (ipHigh << 16) | group;
    else ipLow = (ipLow << 16) | group;
  }
  ipBits = 128;
  return true;
}

function groupAt(high: u64, low: u64, index: i32): u32 {
  let half = index < 4 ? high : low;
  return <u32>(half >> ((3 - (index & 3)) << 4)) & 0xffff;
}

/** Appends the canonical text: dotted decimal, or RFC 5952 section 4. */
export function formatIp(high: u64, low: u64, out: ByteWriter): void {
  if (isIpv4(high, low)) {
    for (let shift = 24; shift >= 0; shift -= 8) {
      out.decimal((low >> shift) & 0xff);
      if (shift > 0) out.u8(0x2e);
    }
    return;
  }
  let gap = -1;
  let gapLength = 1; // a single zero group is not shortened
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groupAt(high, low, i + run) == 0) run++;
    if (run > gapLength) {
      gap = i;
      gapLength = run;
    }
    i += run;
  }
  for (let i = 0; i < 8; i++) {
    if (i == gap) {
      out.ascii('::');
      i += gapLength - 1;
      continue;
    }
    if (i > 0 && !(gap >= 0 && i == gap + gapLength)) out.u8(0x3a);
    let group = groupAt(high, low, i);
    let shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;
    for (; shift >= 0; shift -= 4) {
      let digit = (group >> shift) & 15;
      out.u8(digit < 10 ? 0x30 + digit : 0x57 + digit);
    }
  }
}
