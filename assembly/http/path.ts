import { hexValue } from '../bytes/ascii';
import { copyBytes } from '../bytes/bytes';
import { isUtf8 } from '../bytes/utf8';
import { MAX_URI } from '../contract';
import {
  REASON_BACKSLASH,
  REASON_CONTROL,
  REASON_DELIMITER,
  REASON_DOT_SEGMENT,
  REASON_DOUBLE_ENCODING,
  REASON_DOUBLE_SLASH,
  REASON_ENCODED_SLASH,
  REASON_UTF8,
} from './reason';
import { Target } from './target';

/** Bytes of any kind behind the longest object, so that sixteen can be looked at from each byte of it. */
export const SCAN_BEHIND: i32 = 16;

/** What `cleanUri` writes is complete. */
export const PATH_OK: i32 = 0;

/**
 * Writes to `target.object` the string that Authelia's `resources` match
 * (`utils.URLPathFullClean`): the path decoded as Go's `url.Parse` does, then
 * cleaned as Go's `path.Clean` does, the trailing slash put back, and `?` with
 * the raw query when that is not empty. Notes what another program could read
 * differently. False when an escape is bad (Go refuses the request) or the
 * result does not fit.
 */
export function cleanUri(buf: StaticArray<u8>, start: i32, end: i32, target: Target): bool {
  let out = target.object;
  target.objectLength = target.queryStart = 0;
  target.pathParameters = target.querySemicolon = false;
  if (end - start > MAX_URI) return false;
  if (copyPlain(buf, start, end, target)) return true;
  let pathEnd = start;
  while (pathEnd < end && unchecked(buf[pathEnd]) != 0x3f) pathEnd++;
  let decoded = decodePath(buf, start, pathEnd, target);
  if (decoded < 0) return false;
  if (!isUtf8(out, 0, decoded)) note(target, REASON_UTF8);
  noteSegments(target, decoded);
  let slash = decoded > 1 && unchecked(out[decoded - 1]) == 0x2f;
  let len = cleanPath(out, decoded);
  if (slash) unchecked((out[len++] = 0x2f));
  target.queryStart = len;
  if (end - pathEnd > 1) {
    for (let i = pathEnd; i < end; i++) {
      let byte = unchecked(buf[i]);
      if (byte == 0x23) note(target, REASON_DELIMITER);
      else if (byte == 0x3b) target.querySemicolon = true;
      unchecked((out[len++] = buf[i]));
    }
    target.queryStart++;
  }
  target.objectLength = len;
  return true;
}

/**
 * The usual request: a path in ASCII of which decoding and cleaning change
 * nothing and nobody reads anything else, and a query without `#`. True when
 * it is one; then `target` is complete. `[start, end)` lies inside `buf` and is no
 * longer than MAX_URI.
 */
function copyPlain(buf: StaticArray<u8>, start: i32, end: i32, target: Target): bool {
  if (start >= end || unchecked(buf[start]) != 0x2f) return false;
  let out = changetype<usize>(target.object);
  copyBytes(out, changetype<usize>(buf) + start, end - start);
  let len = end - start;
  let pathEnd = len;
  let semicolon: u32 = 0;
  let parameters: u32 = 0;
  for (let at = 0; at < len; at += 16) {
    let bytes = v128.load(out + at);
    // A bit for each byte at hand.
    let valid: u32 = len - at < 16 ? (1 << (len - at)) - 1 : 0xffff;
    let path = valid;
    if (pathEnd == len) {
      let mark = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x3f))) & valid;
      if (mark != 0) {
        pathEnd = at + ctz(mark);
        path = (mark & -mark) - 1;
      }
    } else {
      path = 0;
    }
    if (path != 0 && (i8x16.bitmask(unusual(bytes, v128.load(out + at, 1))) & path) != 0) return false;
    if ((i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x23))) & valid) != 0) return false;
    let semicolons: u32 = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x3b)));
    semicolon |= semicolons & (valid ^ path);
    parameters |= semicolons & path;
  }
  target.querySemicolon = semicolon != 0;
  target.pathParameters = parameters != 0;
  let hasQuery = len - pathEnd > 1;
  target.objectLength = hasQuery ? len : pathEnd;
  target.queryStart = hasQuery ? pathEnd + 1 : pathEnd;
  return true;
}

/**
 * Marks the bytes of a path that need a closer look: escapes, backslashes,
 * control bytes, those above ASCII, and a slash with another or a dot behind it.
 */
function unusual(bytes: v128, next: v128): v128 {
  let odd = v128.or(i8x16.eq(bytes, i8x16.splat(0x25)), i8x16.eq(bytes, i8x16.splat(0x5c)));
  // As signed numbers those above ASCII are below zero.
  odd = v128.or(odd, v128.or(i8x16.lt_s(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x7f))));
  let slash = i8x16.eq(bytes, i8x16.splat(0x2f));
  let again = v128.or(i8x16.eq(next, i8x16.splat(0x2f)), i8x16.eq(next, i8x16.splat(0x2e)));
  return v128.or(odd, v128.and(slash, again));
}

function note(target: Target, reason: i32): void {
  if (target.ambiguity == 0) target.ambiguity = reason;
}

/** Decodes `%XX` into `target.object`; answers the length, -1 at a bad escape. */
function decodePath(buf: StaticArray<u8>, start: i32, end: i32, target: Target): i32 {
  let out = target.object;
  let len = 0;
  for (let at = start; at < end; at++) {
    let byte = <u32>unchecked(buf[at]);
    if (byte == 0x25) {
      if (end - at < 3) return -1;
      let high = hexValue(unchecked(buf[at + 1]));
      let low = hexValue(unchecked(buf[at + 2]));
      if ((high | low) < 0) return -1;
      byte = (high << 4) | low;
      at += 2;
      if (byte == 0x2f) note(target, REASON_ENCODED_SLASH);
      else if (byte == 0x3f || byte == 0x23 || byte == 0x3b) note(target, REASON_DELIMITER);
    } else if (byte == 0x23) {
      note(target, REASON_DELIMITER); // a fragment does not belong in a request
    } else if (byte == 0x3b) {
      target.pathParameters = true;
    }
    if (byte == 0x5c) note(target, REASON_BACKSLASH);
    else if (byte < 0x20 || byte == 0x7f) note(target, REASON_CONTROL);
    unchecked((out[len++] = <u8>byte));
  }
  return len;
}

/**
 * Notes what a second look at the decoded path would read anew: escapes, empty
 * segments, and those that are `.` or `..`, also before `;` (RFC 3986 section
 * 3.3, parameters).
 */
function noteSegments(target: Target, end: i32): void {
  let out = target.object;
  for (let at = 0; at < end - 2; at++) {
    if (unchecked(out[at]) == 0x25 && (hexValue(out[at + 1]) | hexValue(out[at + 2])) >= 0)
      note(target, REASON_DOUBLE_ENCODING);
  }
  let start = 1;
  for (let at = 1; at <= end; at++) {
    if (at < end && unchecked(out[at]) != 0x2f) continue;
    if (at == start && at < end) note(target, REASON_DOUBLE_SLASH);
    let dots = 0;
    while (start + dots < at && unchecked(out[start + dots]) == 0x2e) dots++;
    if ((dots == 1 || dots == 2) && (start + dots == at || unchecked(out[start + dots]) == 0x3b))
      note(target, REASON_DOT_SEGMENT);
    start = at + 1;
  }
}

/**
 * Makes the target the one that is left when everything from `;` to the end of
 * its segment is cut off, as Java's servers do (RFC 3986 section 3.3).
 */
export function dropParameters(target: Target): void {
  let out = target.object;
  let hasQuery = target.queryStart < target.objectLength;
  let pathEnd = hasQuery ? target.queryStart - 1 : target.objectLength;
  let decoded = 0;
  let cut = false;
  for (let at = 0; at < pathEnd; at++) {
    let byte = unchecked(out[at]);
    if (byte == 0x2f) cut = false;
    else if (byte == 0x3b) cut = true;
    if (!cut) unchecked((out[decoded++] = byte));
  }
  let slash = decoded > 1 && unchecked(out[decoded - 1]) == 0x2f;
  let len = cleanPath(out, decoded);
  if (slash && len > 1) unchecked((out[len++] = 0x2f));
  // The query follows with its mark, which is further on than where it goes.
  let end = target.objectLength;
  for (let at = pathEnd; at < end; at++) unchecked((out[len++] = out[at]));
  target.queryStart = hasQuery ? len - (end - pathEnd) + 1 : len;
  target.objectLength = len;
  target.pathParameters = false;
}

/** Go's `path.Clean` in place on `[0, end)`, which begins with `/` or is empty; answers the length. */
export function cleanPath(path: StaticArray<u8>, end: i32): i32 {
  if (end == 0) {
    path[0] = 0x2e;
    return 1;
  }
  let len = 1;
  let at = 1;
  while (at < end) {
    let start = at;
    while (at < end && unchecked(path[at]) != 0x2f) at++;
    let size = at - start;
    at++;
    if (size == 0 || (size == 1 && unchecked(path[start]) == 0x2e)) continue;
    if (size == 2 && unchecked(path[start]) == 0x2e && unchecked(path[start + 1]) == 0x2e) {
      while (len > 1 && unchecked(path[len - 1]) != 0x2f) len--;
      if (len > 1) len--;
      continue;
    }
    if (len > 1) unchecked((path[len++] = 0x2f));
    for (let i = 0; i < size; i++) unchecked((path[len++] = path[start + i]));
  }
  return len;
}
