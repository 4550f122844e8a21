import { hexValue, isDigit } from '../bytes/ascii';
import { within } from '../bytes/bytes';
import { MAX_URI } from '../contract';
import { parseIp } from '../net/ip';
import { cleanUri } from './path';
import { Target } from './target';

/**
 * Reads a whole URL as Authelia does (Go's `url.ParseRequestURI` and
 * `URL.Hostname`): the host keeps its case and a last dot, an IPv6 literal
 * loses its brackets. For the vectors, which compare with Authelia byte by
 * byte; requests are read by `Target.read…`. False for what Go refuses.
 */
export function readUrl(buf: StaticArray<u8>, start: i32, end: i32, target: Target): bool {
  target.hostLength = target.objectLength = target.queryStart = target.ambiguity = 0;
  if (!within(buf, start, end - start)) return false;
  for (let i = start; i < end; i++) {
    if (unchecked(buf[i]) < 0x20 || unchecked(buf[i]) == 0x7f) return false;
  }
  let at = start;
  while (at < end && unchecked(buf[at]) != 0x3a) at++;
  let scheme = target.readScheme(buf, start, at);
  if (scheme != 0 || end - at < 3 || buf[at + 1] != 0x2f || buf[at + 2] != 0x2f) return false;
  let authority = at + 3;
  let authorityEnd = authority;
  while (authorityEnd < end && unchecked(buf[authorityEnd]) != 0x2f && unchecked(buf[authorityEnd]) != 0x3f)
    authorityEnd++;
  for (let i = authority; i < authorityEnd; i++) {
    if (unchecked(buf[i]) == 0x40) authority = i + 1;
  }
  if (!readAuthority(buf, authority, authorityEnd, target)) return false;
  return end - authorityEnd <= MAX_URI && cleanUri(buf, authorityEnd, end, target);
}

function readAuthority(buf: StaticArray<u8>, start: i32, end: i32, target: Target): bool {
  let hostEnd = end;
  let port = end;
  if (start < end && unchecked(buf[start]) == 0x5b) {
    let close = end - 1;
    while (close > start && unchecked(buf[close]) != 0x5d) close--;
    if (close == start) return false;
    port = close + 1;
    hostEnd = close;
    start++;
    if (!parseIp(buf, start, close)) return false;
  } else {
    for (let i = start; i < end; i++) {
      if (unchecked(buf[i]) == 0x3a) port = hostEnd = i;
    }
  }
  // `:` and digits, or nothing
  if (port < end && unchecked(buf[port]) != 0x3a) return false;
  for (let i = port + 1; i < end; i++) {
    if (!isDigit(unchecked(buf[i]))) return false;
  }
  let len = 0;
  target.hostAscii = true;
  for (let i = start; i < hostEnd; i++) {
    let byte = <u32>unchecked(buf[i]);
    if (byte == 0x25) {
      if (hostEnd - i < 3) return false;
      let high = hexValue(unchecked(buf[i + 1]));
      let low = hexValue(unchecked(buf[i + 2]));
      if ((high | low) < 0) return false;
      byte = (high << 4) | low;
      // Go takes escapes above ASCII, and `%25`, which RFC 6874 wants before a zone.
      if (byte < 0x80 && byte != 0x25) return false;
      i += 2;
    } else if (!isHostByte(byte)) {
      return false;
    }
    if (len >= target.host.length) return false;
    if (byte > 0x7f) target.hostAscii = false;
    unchecked((target.host[len++] = <u8>byte));
  }
  target.hostLength = len;
  return true;
}

/** Bytes Go takes in a host: RFC 3986 section 3.2.2, quotes and angle brackets, and all above ASCII. */
function isHostByte(byte: u32): bool {
  switch (byte) {
    case 0x20:
    case 0x23:
    case 0x40:
    case 0x5b:
    case 0x5c:
    case 0x5e:
    case 0x60:
    case 0x7b:
    case 0x7c:
    case 0x7d:
      return false;
    default:
      return true;
  }
}
