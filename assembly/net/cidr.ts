import { ipBits, ipHigh, ipLow, isIpv4, parseIp } from './ip';

/** First address of the network `parseCidr` read last, host bits cleared. */
export let firstHigh: u64 = 0;
export let firstLow: u64 = 0;
/** Its last address. */
export let lastHigh: u64 = 0;
export let lastLow: u64 = 0;

/**
 * Reads `address` or `address/prefix` (RFC 4632, RFC 4291 section 2.3) as a
 * range of addresses. A bare address is a network of one; host bits are
 * cleared. A network inside `::ffff:0:0/96` is the IPv4 network it maps.
 */
export function parseCidr(buf: StaticArray<u8>, start: i32, end: i32): bool {
  let slash = start;
  while (slash < end && slash < buf.length && unchecked(buf[slash]) != 0x2f) slash++;
  if (!parseIp(buf, start, slash)) return false;
  let prefix = slash == end ? ipBits : parsePrefix(buf, slash + 1, end);
  if (prefix < 0 || prefix > ipBits) return false;
  prefix += 128 - ipBits;
  let maskHigh: u64 = prefix >= 64 ? -1 : prefix == 0 ? 0 : (<u64>-1) << (64 - prefix);
  let maskLow: u64 = prefix >= 128 ? -1 : prefix <= 64 ? 0 : (<u64>-1) << (128 - prefix);
  firstHigh = ipHigh & maskHigh;
  firstLow = ipLow & maskLow;
  lastHigh = ipHigh | ~maskHigh;
  lastLow = ipLow | ~maskLow;
  return true;
}

/** True when the network read last is IPv4: `::/0` is not, though the mapped addresses lie in its range. */
export function isIpv4Network(): bool {
  return isIpv4(firstHigh, firstLow) && isIpv4(lastHigh, lastLow);
}

/** Up to three digits without leading zeros; -1 for anything else. */
function parsePrefix(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  if (end > buf.length || end <= start || end - start > 3) return -1;
  if (end - start > 1 && unchecked(buf[start]) == 0x30) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    let digit = <u32>unchecked(buf[i]) - 0x30;
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
