import { equalsAscii, holdsAny, lowerAscii } from '../bytes/ascii';
import { within } from '../bytes/bytes';
import { MAX_METHOD, MAX_URI } from '../contract';
import { canonicalHost, MAX_HOST_NAME } from './host-name';
import { cleanUri, PATH_OK, SCAN_BEHIND } from './path';
import { REASON_HOST, REASON_METHOD, REASON_SCHEME, REASON_URI, REASON_URI_LENGTH } from './reason';

// Schemes. Zero is none.
export const SCHEME_HTTPS: i32 = 1;
export const SCHEME_WSS: i32 = 2;
export const SCHEME_HTTP: i32 = 3;
export const SCHEME_WS: i32 = 4;

/** Clean path, `/` and `?` may be added: see `cleanUri`. */
export const MAX_OBJECT: i32 = MAX_URI + 2;

/**
 * What is asked for, as rules see it. One instance serves all requests; each
 * `read…` replaces what it holds. Ranges begin at 0 of their buffers, which
 * belong to the target.
 */
export class Target {
  method: StaticArray<u8> = new StaticArray<u8>(MAX_METHOD);
  methodLength: i32 = 0;
  /** SCHEME_… */
  scheme: i32 = 0;
  /** Canonical host: lower case, without port and trailing dot. */
  host: StaticArray<u8> = new StaticArray<u8>(MAX_HOST_NAME);
  hostLength: i32 = 0;
  /** No byte of the host is above 127; so for every canonical one. */
  hostAscii: bool = true;
  /** What `resources` match: decoded and cleaned path, `?` and the raw query when there is one. */
  object: StaticArray<u8> = new StaticArray<u8>(MAX_OBJECT + SCAN_BEHIND);
  objectLength: i32 = 0;
  /** First byte of the raw query in `object`; `objectLength` when there is none. */
  queryStart: i32 = 0;
  /** Some byte of the path is `;` as received: parameters, which some backends cut off (`dropParameters`). */
  pathParameters: bool = false;
  /** Some byte of the query is `;`. */
  querySemicolon: bool = false;
  /** 0, or the REASON_… why a backend could read the path differently. */
  ambiguity: i32 = 0;

  reset(): void {
    this.methodLength = this.scheme = this.hostLength = this.objectLength = this.queryStart = 0;
    this.ambiguity = 0;
    this.pathParameters = this.querySemicolon = false;
  }

  /** True for `http` and `ws`. */
  isPlain(): bool {
    return this.scheme != SCHEME_HTTPS && this.scheme != SCHEME_WSS;
  }

  /** Answers 0 or REASON_METHOD. Authelia refuses any byte outside `A`-`Z`, and so no case is folded. */
  readMethod(buf: StaticArray<u8>, start: i32, end: i32): i32 {
    let len = end - start;
    this.methodLength = 0;
    if (len < 1 || len > MAX_METHOD || !within(buf, start, len)) return REASON_METHOD;
    for (let i = 0; i < len; i++) {
      let byte = unchecked(buf[start + i]);
      if (<u32>byte - 0x41 > 25) return REASON_METHOD;
      unchecked((this.method[i] = byte));
    }
    // A tunnel has no path for rules to see.
    if (equalsAscii(this.method, 0, len, 'CONNECT')) return REASON_METHOD;
    this.methodLength = len;
    return 0;
  }

  /** Answers 0 or REASON_SCHEME. */
  readScheme(buf: StaticArray<u8>, start: i32, end: i32): i32 {
    this.scheme = schemeCode(buf, start, end);
    return this.scheme == 0 ? REASON_SCHEME : 0;
  }

  /** `Host` as received: answers 0 or REASON_HOST. */
  readHost(buf: StaticArray<u8>, start: i32, end: i32): i32 {
    this.hostLength = canonicalHost(buf, start, end, this.host);
    this.hostAscii = true;
    return this.hostLength == 0 ? REASON_HOST : 0;
  }

  /**
   * Escaped path and raw query as received. Answers 0 or a REASON_…; what a
   * backend could read differently is not refused here but noted in
   * `ambiguity`, because it depends on the domain's rules (see `admission`).
   */
  readUri(buf: StaticArray<u8>, start: i32, end: i32): i32 {
    this.objectLength = this.queryStart = this.ambiguity = 0;
    if (end - start > MAX_URI) return REASON_URI_LENGTH;
    if (!within(buf, start, end - start) || start >= end || unchecked(buf[start]) != 0x2f) return REASON_URI;
    // Go refuses control bytes in a request line, and a space ends the target.
    if (holdsAny(buf, start, end, 0x21, 0x7f)) return REASON_URI;
    return cleanUri(buf, start, end, this) ? PATH_OK : REASON_URI;
  }
}

function schemeCode(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  let len = end - start;
  if (len < 2 || len > 5 || !within(buf, start, len)) return 0;
  if (unchecked(buf[start]) == 0) return 0; // would vanish in the number
  // The letters as one number, lower case: at most 5 of them.
  let word: u64 = 0;
  for (let i = start; i < end; i++) word = (word << 8) | lowerAscii(unchecked(buf[i]));
  if (word == 0x68_74_74_70_73) return SCHEME_HTTPS;
  if (word == 0x77_73_73) return SCHEME_WSS;
  if (word == 0x68_74_74_70) return SCHEME_HTTP;
  return word == 0x77_73 ? SCHEME_WS : 0;
}
