import { copy, readU32 } from './bytes/bytes';
import { arrayOf, bytesOf } from './bytes/loader';
import { ByteWriter } from './bytes/writer';
import {
  AUTHORIZATION_BASIC,
  AUTHORIZATION_MALFORMED,
  AUTHORIZATION_NONE,
  AUTHORIZATION_SESSION,
  AUTHORIZATION_TOO_LARGE,
  MAX_AUTHORIZATION,
  MAX_TOKEN,
} from './contract';
import { HeaderSink, setIdentity } from './gate/identity';
import { Claims } from './grant/claims';
import { BasicCredential, enabledScheme, parseAuthorization, parseToken } from './http/authorization';
import { ClientAddress } from './http/client-address';
import { areCookiesTooLong, COOKIE_STEP, SessionCookies, withoutSessions } from './http/cookie';
import { foldName } from './http/fold-name';
import { reasonText } from './http/reason';
import { Target } from './http/target';
import { parseCidr } from './net/cidr';
import { formatIp, ipHigh, ipLow, MAX_IP_TEXT, parseIp } from './net/ip';
import { addNetwork, beginSet, contains, networkSetSize } from './net/network-set';
import { hasTwoReadings } from './policy/ambiguity';
import { admission, authorize, hasSubjects, position, stricterWithoutParameters } from './policy/authorizer';
import { explain } from './policy/explain';
import {
  FLAG_BEARER,
  FLAG_FOLD_NAMES,
  IMAGE_COOKIES,
  IMAGE_COOKIES_LENGTH,
  IMAGE_FLAGS,
  IMAGE_TOKEN_HEADER,
  IMAGE_TOKEN_HEADER_LENGTH,
  IMAGE_TRUSTED,
} from './policy/layout';
import {
  backend,
  denial as denialMode,
  findSettings,
  identityAt,
  identityIsOwn,
  identityLength,
} from './policy/settings';
import { Subject } from './policy/subject';
import { MISSING_METHOD, missing } from './policy/unknown';
import { verdict } from './policy/verdict';
import {
  clearFault,
  fault,
  headerField,
  isImageOpen,
  locate,
  locateSet,
  bytes as policyBytes,
} from './policy/view';
import { installUnicodeTables } from './regexp/unicode-tables';
import { HOST_RULES, reserveForHost } from './snapshot/compile';
import { enableIndex } from './snapshot/indexer';

/**
 * The engine's second entry, for the host, the command line and the tests:
 * loaded through @assemblyscript/loader, so parameters are managed arrays. The
 * decisions are the guest's, not copies of them.
 */

export * from './crypto/exports';
export * from './gate/exports';
export * from './grant/exports';
export * from './regexp/exports';
export * from './snapshot/exports';

/** Longest principal; a slot of the grant table holds less. */
const MAX_CLAIMS: i32 = 64 * 1024;

reserveForHost();
installUnicodeTables();
enableIndex();

/** Sixteen headers of a principal with long names. */
const MAX_HEADERS: i32 = 256 * 1024;

const target = new Target();
const subject = new Subject();
const claims = new Claims(MAX_CLAIMS);
const credential = new BasicCredential();
const client = new ClientAddress();
const address = new ByteWriter(new StaticArray<u8>(MAX_IP_TEXT));
/** No record of the grant table holds more. */
const networks = new ByteWriter(new StaticArray<u8>(MAX_CLAIMS));

/**
 * Judges one request. `fields`: method, scheme, host, URI and client address,
 * each behind its u32 length; `principal`: claims as in a grant, empty for
 * nobody; `failed`: a credential was sent and is no good. Answers the verdict in
 * bits 0-3, the policy in bits 4-7, bit 8 when the matched rule names subjects;
 * or minus the REASON_… for a target that is refused. An empty method or URI is
 * one that the proxy did not tell; where rules ask for it the answer is to
 * forbid, with bit 9 for the URI or bit 10 for the method.
 */
export function decide(fields: Uint8Array, principal: Uint8Array, level: i32, failed: bool): i32 {
  let buf = bytesOf(fields);
  let reason = readTarget(buf);
  if (reason != 0) return -reason;
  reason = admission(target);
  if (reason != 0) return -reason;
  let unknown = missing(target, target.objectLength == 0, target.methodLength == 0);
  if (unknown != 0) return unknown == MISSING_METHOD ? 1 << 10 : 1 << 9;
  let clientStart = fieldStart(buf, 4);
  client.set(buf, clientStart, fieldEnd(buf, clientStart));
  subject.reset();
  subject.hasAddress = client.known;
  subject.addressHigh = client.high;
  subject.addressLow = client.low;
  if (principal.length > 0) {
    copy(claims.buf, 0, bytesOf(principal), 0, principal.length);
    if (!claims.parse(0, principal.length)) return 0;
    subject.buf = claims.buf;
    subject.userStart = claims.userStart;
    subject.userEnd = claims.userEnd;
    subject.groupsAt = claims.groupsStart;
    subject.groupCount = claims.groupCount;
  }
  let policy = authorize(subject, target);
  if (hasTwoReadings(target)) {
    let byRule = position;
    policy = stricterWithoutParameters(policy, subject, target);
    // Whoever asks why is shown the reading that decided.
    if (position == byRule) readTarget(buf);
  }
  return verdict(policy, hasSubjects, level, failed) | (policy << 4) | (hasSubjects ? 1 << 8 : 0);
}

/** Position of the rule that decided last, from 1; 0 for the default policy. */
export function decisionPosition(): i32 {
  return position;
}

/** DENIAL_… that the configuration says for the host of the request judged last; 0 when it says nothing. */
export function decisionDenial(): u32 {
  findSettings(target);
  return denialMode;
}

/** Of the request judged last: for each rule a byte of the criteria it has and a byte of those that hold (`explain.ts`). */
export function decisionExplain(): Uint8Array {
  let out = new ByteWriter(new StaticArray<u8>(2 * HOST_RULES));
  explain(subject, target, out);
  return arrayOf(out.buf, 0, out.len);
}

/** Canonical host of the request judged last. */
export function decisionHost(): Uint8Array {
  return arrayOf(target.host, 0, target.hostLength);
}

/** BACKEND_… of the host of the request judged last. */
export function decisionBackend(): i32 {
  findSettings(target);
  return <i32>backend;
}

/** What `resources` saw of the request judged last. */
export function decisionObject(): Uint8Array {
  return arrayOf(target.object, 0, target.objectLength);
}

/** Above the longest of the published reasons. */
const MAX_REASON: i32 = 256;

/** Published text of a REASON_…. */
export function decisionReason(reason: i32): Uint8Array {
  let out = new ByteWriter(new StaticArray<u8>(MAX_REASON));
  out.ascii(reasonText(reason));
  return arrayOf(out.buf, 0, out.len);
}

/** AUTHORIZATION_… of the one value of the header; the name is folded where the loaded policy says so. */
export function readAuthorization(value: Uint8Array): i32 {
  if (value.length > MAX_AUTHORIZATION) return AUTHORIZATION_TOO_LARGE;
  let outcome = parseAuthorization(bytesOf(value), 0, value.length, credential);
  let flags = headerField(IMAGE_FLAGS);
  if (outcome == AUTHORIZATION_BASIC && (flags & FLAG_FOLD_NAMES) != 0) foldName(credential);
  outcome = enabledScheme(outcome, (flags & FLAG_BEARER) != 0);
  if (outcome == AUTHORIZATION_NONE) credential.clear();
  return outcome;
}

/** AUTHORIZATION_… of the one value of the token header; its text is in `credentialPair`. */
export function readToken(value: Uint8Array): i32 {
  if (value.length > MAX_TOKEN) return AUTHORIZATION_MALFORMED;
  return parseToken(bytesOf(value), 0, value.length, credential);
}

/** Name of the token header in the loaded policy, empty without one. */
export function tokenHeader(): Uint8Array {
  if (!isImageOpen()) return new Uint8Array(0);
  let len = <i32>headerField(IMAGE_TOKEN_HEADER_LENGTH);
  let at = locate(<i32>headerField(IMAGE_TOKEN_HEADER), len);
  return arrayOf(policyBytes, at, at + len);
}

/** User name, colon and password of the value read last; wiped by `forgetCredential`. */
export function credentialPair(): Uint8Array {
  return arrayOf(credential.pair, 0, credential.end);
}

/** Where in the pair the colon stands. */
export function credentialColon(): i32 {
  return credential.colon;
}

export function forgetCredential(): void {
  credential.clear();
}

const cookies = new SessionCookies();
/** Where the block of the cookies that are sessions begins in `policyBytes`, and where it ends. */
let cookiesAt: i32 = 0;
let cookiesEnd: i32 = 0;

/** Finds that block in the loaded policy; false where there are no sessions. */
function locateCookies(): bool {
  if (!isImageOpen()) return false;
  clearFault();
  let len = <i32>headerField(IMAGE_COOKIES_LENGTH);
  cookiesAt = locate(<i32>headerField(IMAGE_COOKIES), len);
  cookiesEnd = cookiesAt + len;
  return len > 0 && fault == 0;
}

/**
 * AUTHORIZATION_SESSION, _NONE or _TOO_LARGE of the `Cookie` lines, a NUL behind each,
 * on a host as it was received; the token is in `credentialPair`.
 */
export function readSession(host: Uint8Array, lines: Uint8Array): i32 {
  credential.clear();
  cookies.clear();
  let count = 0;
  for (let i = 0; i < lines.length; i++) if (lines[i] == 0) count++;
  if (!locateCookies()) return AUTHORIZATION_NONE;
  if (areCookiesTooLong(lines.length, count, i32.MAX_VALUE)) return AUTHORIZATION_TOO_LARGE;
  if (asked.readHost(bytesOf(host), 0, host.length) != 0) return AUTHORIZATION_NONE;
  let buf = new StaticArray<u8>(lines.length + COOKIE_STEP);
  memory.copy(changetype<usize>(buf), lines.dataStart, lines.length);
  cookies.find(buf, lines.length, policyBytes, cookiesAt, cookiesEnd, asked.host, asked.hostLength);
  let size = cookies.tokenEnd - cookies.tokenStart;
  if (size == 0 || !copy(credential.pair, 0, buf, cookies.tokenStart, size)) return AUTHORIZATION_NONE;
  credential.end = size;
  return AUTHORIZATION_SESSION;
}

/** Domain on whose hosts the cookie that was read last counts. */
export function sessionDomain(): Uint8Array {
  return arrayOf(asked.host, asked.hostLength - cookies.domainLength, asked.hostLength);
}

/** The `Cookie` lines, a NUL behind each, without any session's cookie; lines of which nothing is left are gone. */
export function stripSessions(lines: Uint8Array): Uint8Array {
  let buf = bytesOf(lines);
  if (!locateCookies()) return arrayOf(buf, 0, buf.length);
  return arrayOf(buf, 0, withoutSessions(buf, buf.length, policyBytes, cookiesAt, cookiesEnd));
}

/** Collects headers: name and value, each behind its u16 length. */
class HeaderList extends HeaderSink {
  readonly out: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_HEADERS));

  setHeaderNamed(
    names: StaticArray<u8>,
    from: i32,
    to: i32,
    value: StaticArray<u8>,
    start: i32,
    end: i32,
  ): void {
    this.out.u16(to - from);
    this.out.bytes(names, from, to);
    this.out.u16(end - start);
    this.out.bytes(value, start, end);
  }
}

const headers = new HeaderList();
const teller = new Claims(MAX_CLAIMS);

/**
 * What the backend of a host is told of a principal (claims as in a grant, empty
 * for nobody), as the guest tells it. `own`: what the endpoint that is asked sends
 * (`identityCompile`), empty for none; it yields to what `domains` say of the host.
 * The first byte tells what could not be told: bit 0 the whole principal, who is
 * refused, bit 1 a group, bit 2 the display name, bit 3 the mail address. Then
 * come the headers, name and value each behind its u16 length.
 */
export function identityHeaders(host: Uint8Array, principal: Uint8Array, own: Uint8Array): Uint8Array {
  let out = headers.out;
  out.reset();
  out.u8(1);
  if (!readSettings(host)) return arrayOf(out.buf, 0, 1);
  let block = policyBytes;
  let end = identityLength;
  let at = 0;
  if (own.length > 0 && !identityIsOwn) {
    block = bytesOf(own);
    end = own.length;
  } else {
    at = locate(identityAt, identityLength);
    block = policyBytes;
    end = at + identityLength;
    if (fault != 0) return arrayOf(out.buf, 0, 1);
  }
  let known: Claims | null = null;
  if (principal.length > 0) {
    if (principal.length > MAX_CLAIMS) return arrayOf(out.buf, 0, 1);
    copy(teller.buf, 0, bytesOf(principal), 0, principal.length);
    if (!teller.parse(0, principal.length)) return arrayOf(out.buf, 0, 1);
    known = teller;
  }
  if (!setIdentity(headers, block, at, end, known) || out.overflow) return arrayOf(out.buf, 0, 1);
  let untold = 0;
  if (known !== null) {
    if (!known.groupsArePlain) untold |= 2;
    if (known.toldNameEnd != known.nameEnd) untold |= 4;
    if (known.toldEmailEnd != known.emailEnd) untold |= 8;
  }
  out.buf[0] = <u8>untold;
  return arrayOf(out.buf, 0, out.len);
}

const asked = new Target();

/** Finds the settings of a host as it was received; false when it is none. */
function readSettings(host: Uint8Array): bool {
  if (!isImageOpen() || asked.readHost(bytesOf(host), 0, host.length) != 0) return false;
  clearFault();
  findSettings(asked);
  return fault == 0;
}

/** Whether forwarding headers from this peer count (`trusted_proxies`). */
export function isTrustedProxy(peer: Uint8Array): bool {
  client.setPeer(bytesOf(peer), 0, peer.length);
  let trusted = locateSet(<i32>headerField(IMAGE_TRUSTED));
  return client.isTrusted(policyBytes, trusted);
}

/** Canonical text of the client's address, empty when it cannot be told. `forwardedFor`: values with NUL behind each. */
export function clientAddress(peer: Uint8Array, forwardedFor: Uint8Array): Uint8Array {
  client.setPeer(bytesOf(peer), 0, peer.length);
  let trusted = locateSet(<i32>headerField(IMAGE_TRUSTED));
  client.walk(policyBytes, trusted, bytesOf(forwardedFor), 0, forwardedFor.length);
  address.reset();
  if (client.known) formatIp(client.high, client.low, address);
  return arrayOf(address.buf, 0, address.len);
}

/**
 * The set of the networks in `list`, addresses or CIDRs with NUL behind each, as
 * a grant's claims carry it; empty when one of them is none.
 */
export function networkSet(list: Uint8Array): Uint8Array {
  let buf = bytesOf(list);
  networks.reset();
  beginSet(networks);
  let start = 0;
  for (let i = 0; i < buf.length; i++) {
    if (buf[i] != 0) continue;
    if (!parseCidr(buf, start, i)) return new Uint8Array(0);
    addNetwork(networks);
    start = i + 1;
  }
  if (start != buf.length || networks.overflow) return new Uint8Array(0);
  return arrayOf(networks.buf, 0, networks.len);
}

/** Whether an address in text lies in the set; one that cannot be told lies in none. */
export function inNetworkSet(set: Uint8Array, client: Uint8Array): bool {
  let buf = bytesOf(set);
  let text = bytesOf(client);
  if (networkSetSize(buf, 0, buf.length) != buf.length) return false;
  return parseIp(text, 0, text.length) && contains(buf, 0, ipHigh, ipLow);
}

function readTarget(buf: StaticArray<u8>): i32 {
  target.reset();
  let at = fieldStart(buf, 0);
  let reason = 0;
  if (fieldEnd(buf, at) > at) reason = target.readMethod(buf, at, fieldEnd(buf, at));
  if (reason != 0) return reason;
  at = fieldStart(buf, 1);
  reason = target.readScheme(buf, at, fieldEnd(buf, at));
  if (reason != 0) return reason;
  at = fieldStart(buf, 2);
  reason = target.readHost(buf, at, fieldEnd(buf, at));
  if (reason != 0) return reason;
  at = fieldStart(buf, 3);
  return fieldEnd(buf, at) > at ? target.readUri(buf, at, fieldEnd(buf, at)) : 0;
}

/** First byte of length-prefixed field `index`. */
function fieldStart(buf: StaticArray<u8>, index: i32): i32 {
  let at = 4;
  for (let i = 0; i < index; i++) at = fieldEnd(buf, at) + 4;
  return at;
}

function fieldEnd(buf: StaticArray<u8>, start: i32): i32 {
  return start + <i32>readU32(buf, start - 4);
}
