import { copy, readU32 } from './bytes/bytes';
import { arrayOf, bytesOf } from './bytes/loader';
import { ByteWriter } from './bytes/writer';
import { AUTHORIZATION_BASIC, AUTHORIZATION_TOO_LARGE, MAX_AUTHORIZATION } from './contract';
import { Claims } from './grant/claims';
import { BasicCredential, parseAuthorization } from './http/authorization';
import { ClientAddress } from './http/client-address';
import { foldName } from './http/fold-name';
import { reasonText } from './http/reason';
import { Target } from './http/target';
import { formatIp, MAX_IP_TEXT } from './net/ip';
import { admission, authorize, hasSubjects, position } from './policy/authorizer';
import { FLAG_FOLD_NAMES, IMAGE_FLAGS, IMAGE_TRUSTED } from './policy/layout';
import { Subject } from './policy/subject';
import { verdict } from './policy/verdict';
import { headerField, locateSet, bytes as policyBytes } from './policy/view';
import { installUnicodeTables } from './regexp/unicode-tables';
import { reserveForHost } from './snapshot/compile';
import { enableIndex } from './snapshot/indexer';

/**
 * The engine's second entry, for the host, the command line and the tests:
 * loaded through @assemblyscript/loader, so parameters are managed arrays. The
 * decisions are the guest's, not copies of them.
 */

export * from './crypto/exports';
export * from './grant/exports';
export * from './regexp/exports';
export * from './snapshot/exports';

/** Longest principal; a slot of the grant table holds less. */
const MAX_CLAIMS: i32 = 64 * 1024;

reserveForHost();
installUnicodeTables();
enableIndex();

const target = new Target();
const subject = new Subject();
const claims = new Claims(MAX_CLAIMS);
const credential = new BasicCredential();
const client = new ClientAddress();
const address = new ByteWriter(new StaticArray<u8>(MAX_IP_TEXT));

/**
 * Judges one request. `fields`: method, scheme, host, URI and client address,
 * each behind its u32 length; `principal`: claims as in a grant, empty for
 * nobody; `failed`: a credential was sent and is no good. Answers the verdict in
 * bits 0-3, the policy in bits 4-7, bit 8 when the matched rule names subjects;
 * or minus the REASON_… for a target that is refused.
 */
export function decide(fields: Uint8Array, principal: Uint8Array, level: i32, failed: bool): i32 {
  let buf = bytesOf(fields);
  let reason = readTarget(buf);
  if (reason != 0) return -reason;
  reason = admission(target);
  if (reason != 0) return -reason;
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
  return verdict(policy, hasSubjects, level, failed) | (policy << 4) | (hasSubjects ? 1 << 8 : 0);
}

/** Position of the rule that decided last, from 1; 0 for the default policy. */
export function decisionPosition(): i32 {
  return position;
}

/** Published text of a REASON_…. */
export function decisionReason(reason: i32): string {
  return reasonText(reason);
}

/** AUTHORIZATION_… of the one value of the header; the name is folded where the loaded policy says so. */
export function readAuthorization(value: Uint8Array): i32 {
  if (value.length > MAX_AUTHORIZATION) return AUTHORIZATION_TOO_LARGE;
  let outcome = parseAuthorization(bytesOf(value), 0, value.length, credential);
  let folds = (headerField(IMAGE_FLAGS) & FLAG_FOLD_NAMES) != 0;
  if (outcome == AUTHORIZATION_BASIC && folds) foldName(credential);
  return outcome;
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

function readTarget(buf: StaticArray<u8>): i32 {
  target.reset();
  let at = fieldStart(buf, 0);
  let reason = target.readMethod(buf, at, fieldEnd(buf, at));
  if (reason != 0) return reason;
  at = fieldStart(buf, 1);
  reason = target.readScheme(buf, at, fieldEnd(buf, at));
  if (reason != 0) return reason;
  at = fieldStart(buf, 2);
  reason = target.readHost(buf, at, fieldEnd(buf, at));
  if (reason != 0) return reason;
  at = fieldStart(buf, 3);
  return target.readUri(buf, at, fieldEnd(buf, at));
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
