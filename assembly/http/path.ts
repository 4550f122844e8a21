import { hexValue } from '../bytes/ascii';
import { isUtf8 } from '../bytes/utf8';
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
  let pathEnd = start;
  while (pathEnd < end && unchecked(buf[pathEnd]) != 0x3f) pathEnd++;
  if (end - start + 2 > out.length) return false;
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
      if (unchecked(buf[i]) == 0x23) note(target, REASON_DELIMITER);
      unchecked((out[len++] = buf[i]));
    }
    target.queryStart++;
  }
  target.objectLength = len;
  return true;
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
