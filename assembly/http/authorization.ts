import { equalsAsciiFold, hasControl } from '../bytes/ascii';
import { decodeBase64 } from '../bytes/base64';
import { copy, readU8, wipe } from '../bytes/bytes';
import { isUtf8 } from '../bytes/utf8';
import {
  AUTHORIZATION_BASIC,
  AUTHORIZATION_BEARER_MALFORMED,
  AUTHORIZATION_MALFORMED,
  AUTHORIZATION_NONE,
  AUTHORIZATION_TOKEN,
  AUTHORIZATION_TOO_LARGE,
  MAX_AUTHORIZATION,
  MAX_PASSWORD,
  MAX_TOKEN,
  MAX_USERNAME,
} from '../contract';

/** Decoded size of the longest credential: user name, colon, password. */
const MAX_PAIR: i32 = MAX_USERNAME + 1 + MAX_PASSWORD;
/** Base64 of that, padded. */
const MAX_ENCODED_PAIR: i32 = ((MAX_PAIR + 2) / 3) * 4;

/**
 * What the client presented. A decoded Basic credential: `pair[0..colon)` is the
 * user name, `pair[colon+1..end)` the password. A token: `pair[0..end)`.
 */
export class BasicCredential {
  pair: StaticArray<u8> = new StaticArray<u8>(MAX_PAIR + 2);
  colon: i32 = 0;
  end: i32 = 0;

  /** Forgets the credential; called before each request is read. */
  clear(): void {
    if (this.end == 0) return;
    wipe(this.pair, 0, this.end);
    this.colon = 0;
    this.end = 0;
  }
}

/**
 * Reads the one value of `Authorization` in `[start, end)` of `buf` (RFC 9110
 * section 11.4: scheme in any case, a blank, token68; RFC 7617 section 2: base64
 * of `user-id:password`; RFC 6750 section 2.1). Fills `out` and answers
 * AUTHORIZATION_BASIC or AUTHORIZATION_TOKEN, or tells why not. Whether `Bearer`
 * counts at all is the policy's to say, see `enabledScheme`. Stricter than the RFC where a lax reading would let two parties see
 * two users: one blank, canonical base64, valid UTF-8, no control characters,
 * neither part empty (Authelia refuses these, too).
 */
export function parseAuthorization(buf: StaticArray<u8>, start: i32, end: i32, out: BasicCredential): i32 {
  out.clear();
  if (end - start > MAX_AUTHORIZATION) return AUTHORIZATION_TOO_LARGE;
  let at = start;
  while (at < end && unchecked(buf[at]) != 0x20) at++;
  let schemeEnd = at++;
  if (schemeEnd == start || at >= end) return AUTHORIZATION_MALFORMED;
  if (equalsAsciiFold(buf, start, schemeEnd, 'bearer')) {
    return parseToken(buf, at, end, out) == AUTHORIZATION_TOKEN
      ? AUTHORIZATION_TOKEN
      : AUTHORIZATION_BEARER_MALFORMED;
  }
  if (!equalsAsciiFold(buf, start, schemeEnd, 'basic')) return AUTHORIZATION_MALFORMED;
  if (end - at > MAX_ENCODED_PAIR) return AUTHORIZATION_TOO_LARGE;
  let size = decodeBase64(buf, at, end, out.pair, 0);
  if (size < 0) return AUTHORIZATION_MALFORMED;
  out.end = size;
  let outcome = splitPair(out);
  if (outcome != AUTHORIZATION_BASIC) out.clear();
  return outcome;
}

/**
 * Reads an API token in `[start, end)` of `buf` into `out`: printable ASCII
 * without blanks, as an imported one may be more than RFC 6750's token68. Over
 * the limit it is none of ours, perhaps the application's: malformed, not 431.
 */
export function parseToken(buf: StaticArray<u8>, start: i32, end: i32, out: BasicCredential): i32 {
  out.clear();
  if (end <= start) return AUTHORIZATION_NONE;
  if (end - start > MAX_TOKEN) return AUTHORIZATION_MALFORMED;
  for (let i = start; i < end; i++) {
    let byte = readU8(buf, i);
    if (byte < 0x21 || byte > 0x7e) return AUTHORIZATION_MALFORMED;
  }
  copy(out.pair, 0, buf, start, end - start);
  out.end = end - start;
  return AUTHORIZATION_TOKEN;
}

/**
 * The outcome of `parseAuthorization` where `Bearer` is enabled or not: then the
 * client gets what it would get without the header.
 */
export function enabledScheme(outcome: i32, bearer: bool): i32 {
  if (outcome == AUTHORIZATION_TOKEN) return bearer ? AUTHORIZATION_TOKEN : AUTHORIZATION_NONE;
  if (outcome == AUTHORIZATION_BEARER_MALFORMED) return bearer ? AUTHORIZATION_MALFORMED : AUTHORIZATION_NONE;
  return outcome;
}

/** RFC 7617 section 2: the user-id ends at the first colon; the password may hold more. */
function splitPair(credential: BasicCredential): i32 {
  let pair = credential.pair;
  let size = credential.end;
  if (hasControl(pair, 0, size)) return AUTHORIZATION_MALFORMED;
  let colon = 0;
  while (colon < size && unchecked(pair[colon]) != 0x3a) colon++;
  if (colon == 0 || colon >= size - 1) return AUTHORIZATION_MALFORMED;
  if (colon > MAX_USERNAME || size - colon - 1 > MAX_PASSWORD) return AUTHORIZATION_TOO_LARGE;
  if (!isUtf8(pair, 0, size)) return AUTHORIZATION_MALFORMED;
  credential.colon = colon;
  return AUTHORIZATION_BASIC;
}
