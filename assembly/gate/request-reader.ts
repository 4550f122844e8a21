import { copy, wipe } from '../bytes/bytes';
import { literal } from '../bytes/literal';
import { SCRATCH_BYTES, scratch } from '../bytes/scratch';
import {
  AUTHORIZATION_MALFORMED,
  AUTHORIZATION_NONE,
  AUTHORIZATION_SESSION,
  AUTHORIZATION_TOO_LARGE,
  MAX_AUTHORIZATION,
  MAX_FORWARDED_FOR,
  MAX_HEADER_NAMES,
  MAX_METHOD,
  MAX_URI,
} from '../contract';
import { BasicCredential, parseAuthorization, parseToken } from '../http/authorization';
import { ClientAddress } from '../http/client-address';
import { areCookiesTooLong, SessionCookies, withoutSessions } from '../http/cookie';
import { REASON_HOST, REASON_METHOD, REASON_SCHEME, REASON_URI_LENGTH } from '../http/reason';
import { Target } from '../http/target';
import { IMAGE_TRUSTED } from '../policy/layout';
import { bytes, fault, headerField, locateSet } from '../policy/view';
import { Exchange } from './exchange';
import { COOKIE, sendCookies } from './header-edits';
import { HeaderScan, SCAN_STEP } from './header-scan';

export const AUTHORIZATION = literal('Authorization');
const HOST = literal('Host');
const FORWARDED_FOR = literal('X-Forwarded-For');
const FORWARDED_PROTO = literal('X-Forwarded-Proto');

/** `https`, and room to see that a longer value is none. */
const MAX_SCHEME: i32 = 16;
/** Raw `Host`, kept for the deferral. */
const MAX_RAW_HOST: i32 = 512;

/**
 * Reads one request into buffers of its own, each field once and within its
 * limit. `X-Forwarded-Host`, `-Uri` and `-Method` are never read: a client behind
 * a trusted peer writes them as it likes, while the proxy routes by the rest.
 */
export class RequestReader {
  readonly names: StaticArray<u8> = new StaticArray<u8>(MAX_HEADER_NAMES + SCAN_STEP);
  readonly scan: HeaderScan = new HeaderScan();
  readonly target: Target = new Target();
  readonly credential: BasicCredential = new BasicCredential();
  readonly client: ClientAddress = new ClientAddress();
  /** As `readCookies` found them; nothing before. */
  readonly cookies: SessionCookies = new SessionCookies();
  /** Where behind the names those of the lines wait that the backend may have; 0 when there was no room. */
  private otherStart: i32 = 0;
  private otherEnd: i32 = 0;
  /** As received, for the deferral. */
  readonly uri: StaticArray<u8> = new StaticArray<u8>(MAX_URI);
  uriEnd: i32 = 0;
  readonly host: StaticArray<u8> = new StaticArray<u8>(MAX_RAW_HOST);
  hostEnd: i32 = 0;
  readonly scheme: StaticArray<u8> = new StaticArray<u8>(MAX_SCHEME);
  schemeEnd: i32 = 0;
  /** Bytes of `names` in use. */
  namesEnd: i32 = 0;
  private clientResolved: bool = false;

  constructor(private exchange: Exchange) {}

  /** Forgets the last request and scans this one's header names; false when they are over a limit. */
  begin(): bool {
    this.credential.clear();
    this.clientResolved = false;
    this.cookies.clear();
    this.otherStart = 0;
    let len = this.exchange.headerNames(this.names);
    this.namesEnd = len;
    return len >= 0 && len <= MAX_HEADER_NAMES && this.scan.scan(this.names, len);
  }

  /**
   * Adds the headers of these names to those to be removed (`policy/layout.ts`,
   * `block[at, end)`); false when there are too many.
   */
  removeNames(block: StaticArray<u8>, at: i32, end: i32): bool {
    return this.scan.scanListed(this.names, this.namesEnd, block, at, end);
  }

  /** Adds all headers whose names could be spellings of others. */
  removeAliases(): bool {
    return this.scan.scanListed(this.names, this.namesEnd, this.names, 0, 0);
  }

  /** Method, URI, scheme and host into `target`; answers 0 or a REASON_…. */
  readTarget(): i32 {
    let exchange = this.exchange;
    let target = this.target;
    let len = exchange.method(scratch);
    if (len < 0 || len > MAX_METHOD) return REASON_METHOD;
    let reason = target.readMethod(scratch, 0, len);
    if (reason != 0) return reason;
    this.uriEnd = exchange.uri(this.uri);
    if (this.uriEnd < 0) return REASON_URI_LENGTH;
    reason = target.readUri(this.uri, 0, this.uriEnd);
    if (reason != 0) return reason;
    this.hostEnd = this.readSingle(HOST, this.host);
    if (this.hostEnd < 0) return REASON_HOST;
    reason = target.readHost(this.host, 0, this.hostEnd);
    if (reason != 0) return reason;
    this.schemeEnd = this.scan.hasForwardedProto ? this.readSingle(FORWARDED_PROTO, this.scheme) : -1;
    if (this.schemeEnd < 0) return REASON_SCHEME;
    return target.readScheme(this.scheme, 0, this.schemeEnd);
  }

  /** The one value of a header into `buf`: its length without the NUL, -1 when there is not exactly one or it is too long. */
  private readSingle(name: StaticArray<u8>, buf: StaticArray<u8>): i32 {
    let len = this.exchange.header(name, buf);
    return this.exchange.headerCount == 1 && len > 0 ? len - 1 : -1;
  }

  /** AUTHORIZATION_…; fills `credential`. */
  readAuthorization(): i32 {
    if (!this.scan.hasAuthorization) return AUTHORIZATION_NONE;
    let len = this.exchange.header(AUTHORIZATION, scratch);
    if (len < 0 || len > MAX_AUTHORIZATION) return AUTHORIZATION_TOO_LARGE;
    // RFC 9110 section 5.3: a field that is no list has one line.
    if (this.exchange.headerCount != 1 || len == 0) return AUTHORIZATION_MALFORMED;
    let outcome = parseAuthorization(scratch, 0, len - 1, this.credential);
    wipe(scratch, 0, len);
    return outcome;
  }

  /**
   * AUTHORIZATION_…; fills `credential` from the token header that `name[start,
   * end)` is. Asked only where the policy names one: the call is the cost.
   */
  readTokenHeader(name: StaticArray<u8>, start: i32, end: i32): i32 {
    let len = this.exchange.headerNamed(name, start, end, scratch);
    if (len < 0) return AUTHORIZATION_MALFORMED;
    if (this.exchange.headerCount == 0) return AUTHORIZATION_NONE;
    if (this.exchange.headerCount != 1) return AUTHORIZATION_MALFORMED;
    let outcome = parseToken(scratch, 0, len - 1, this.credential);
    wipe(scratch, 0, len);
    return outcome;
  }

  /**
   * Reads the `Cookie` lines to the beginning of the scratch space and looks for those
   * of `block[at, end)` among them; answers their length, a NUL behind each line, -1
   * when they are over the limit.
   */
  private readCookies(block: StaticArray<u8>, at: i32, end: i32): i32 {
    let len = this.exchange.header(COOKIE, scratch);
    if (areCookiesTooLong(len, this.exchange.headerCount, SCRATCH_BYTES)) return -1;
    this.cookies.find(scratch, len, block, at, end, this.target.host, this.target.hostLength);
    return len;
  }

  /** AUTHORIZATION_…; fills `credential` from the session's cookie on the target's host. */
  readSession(block: StaticArray<u8>, at: i32, end: i32): i32 {
    let len = this.readCookies(block, at, end);
    if (len < 0) return AUTHORIZATION_TOO_LARGE;
    let cookies = this.cookies;
    if (!cookies.present) return AUTHORIZATION_NONE;
    let size = cookies.tokenEnd - cookies.tokenStart;
    if (size > 0 && copy(this.credential.pair, 0, scratch, cookies.tokenStart, size))
      this.credential.end = size;
    // Mostly a few are left, and need not be read again.
    let other = withoutSessions(scratch, len, block, at, end);
    let room = this.namesEnd + SCAN_STEP;
    if (copy(this.names, room, scratch, 0, other)) {
      this.otherStart = room;
      this.otherEnd = room + other;
    }
    wipe(scratch, 0, len);
    return this.credential.end > 0 ? AUTHORIZATION_SESSION : AUTHORIZATION_NONE;
  }

  /** Keeps the cookies of `block[at, end)` from the backend; false when the lines are over the limit. */
  removeSessions(block: StaticArray<u8>, at: i32, end: i32): bool {
    let cookies = this.cookies;
    if (cookies.looked && !cookies.present) return true;
    if (this.otherStart > 0) {
      sendCookies(this.exchange, this.names, this.otherStart, this.otherEnd);
      return true;
    }
    let len = this.readCookies(block, at, end);
    if (len < 0) return false;
    if (cookies.present) {
      let other = withoutSessions(scratch, len, block, at, end);
      sendCookies(this.exchange, scratch, 0, other);
    }
    return true;
  }

  /** Finds the client's address by the trusted proxies of the policy; false when a field is over its limit, or `fault` says more. */
  resolveClient(): bool {
    if (this.clientResolved) return true;
    let len = this.exchange.sourceAddress(scratch);
    if (len < 0) return false;
    this.client.setPeer(scratch, 0, len);
    if (this.scan.hasForwardedFor) {
      let trusted = locateSet(<i32>headerField(IMAGE_TRUSTED));
      if (fault != 0) return false;
      if (this.client.isTrusted(bytes, trusted)) {
        len = this.exchange.header(FORWARDED_FOR, scratch);
        if (len < 0 || len > MAX_FORWARDED_FOR) return false;
        this.client.walk(bytes, trusted, scratch, 0, len);
      }
    }
    this.clientResolved = true;
    return true;
  }
}
