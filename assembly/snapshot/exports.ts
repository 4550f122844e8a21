import { copy, readU16, readU32 } from '../bytes/bytes';
import { arrayOf, bytesOf } from '../bytes/loader';
import { TEXT_HEADER } from '../bytes/text';
import { ByteWriter } from '../bytes/writer';
import { MAX_METHOD } from '../contract';
import { HmacKey } from '../crypto/hmac';
import { reasonText } from '../http/reason';
import { Target } from '../http/target';
import { readUrl } from '../http/target-url';
import { ipHigh, ipLow, parseIp } from '../net/ip';
import { admission, authorize, hasSubjects, position, useIndex } from '../policy/authorizer';
import { explain } from '../policy/explain';
import { equalFold } from '../policy/fold';
import { Subject } from '../policy/subject';
import { verdict } from '../policy/verdict';
import { fault, isImageOpen, openResident } from '../policy/view';
import { closeImage, openImage } from './blocks';
import { compilePolicy, HOST_RULES, reserveForGuest, reserveForHost } from './compile';
import { compileIdentity } from './compile-identity';
import { closeDocument, openDocument } from './document';
import { checkImage } from './image';
import {
  checkJson,
  findValue,
  JSON_STRING,
  jsonErrorAt,
  kindOf,
  readString,
  rootValue,
  valueEnd,
} from './json';
import { PROBLEM_CODES, problemText } from './problem-codes';
import { beginProblems, errorCount, problems } from './problems';
import { openSnapshot, SNAPSHOT_BAD, SNAPSHOT_OPENED } from './snapshot-file';
import { ImageFile, UnitCache } from './unit-cache';

/**
 * The policy for the host, the tests and the vectors, through the loader. The
 * module's entry must re-export these.
 */

export * from '../net/exports';

/** For the loader. */
export const Uint8Array_ID = idof<Uint8Array>();

/** Largest image: a policy of the host's limit cannot become larger than this without being refused. */
const IMAGE_BYTES: i32 = 67_108_864;

const NONE = new StaticArray<u8>(0);
const compiled = new ByteWriter(NONE);
let loaded: StaticArray<u8> = NONE;
const cache = new UnitCache();
const target = new Target();
const subject = new Subject();

/** Compiles a policy document; the number of errors. `asGuest` compiles with the guest's limits. */
export function policyCompile(json: Uint8Array, asGuest: bool): i32 {
  if (asGuest) reserveForGuest();
  else reserveForHost();
  if (compiled.buf.length == 0) compiled.buf = new StaticArray<u8>(IMAGE_BYTES);
  compiled.reset();
  let document = bytesOf(json);
  return compilePolicy(document, 0, document.length, compiled);
}

/** The image compiled last, empty when it had errors. */
export function policyImage(): Uint8Array {
  return arrayOf(compiled.buf, 0, compiled.len);
}

/** Problems of the compilation last, as JSON text of an array. */
export function policyProblems(): Uint8Array {
  return arrayOf(problems.buf, 0, problems.len);
}

/** Code, blank and text of each problem there is, one a line. */
export function policyProblemTexts(): Uint8Array {
  let out = new ByteWriter(new StaticArray<u8>(16_384));
  for (let i = 0; i < PROBLEM_CODES; i++) {
    let line = problemText(i);
    if (line.length == 0) continue;
    out.ascii(line);
    out.u8(10);
  }
  return arrayOf(out.buf, 0, out.len);
}

/** Block of identity headers made of JSON, names with templates; empty when something is wrong with them. */
export function identityCompile(json: Uint8Array): Uint8Array {
  let buf = bytesOf(json);
  let out = new ByteWriter(new StaticArray<u8>(json.length * 2 + 64));
  if (checkJson(buf, 0, buf.length) != 0) return new Uint8Array(0);
  beginProblems();
  openDocument(buf, buf.length);
  openImage(out);
  compileIdentity(rootValue(buf, 0, buf.length));
  closeImage();
  closeDocument();
  return errorCount == 0 && !out.overflow ? arrayOf(out.buf, 0, out.len) : new Uint8Array(0);
}

/** Makes an image the one that decides; false, and the one before stays, when it is none. */
export function policyLoad(image: Uint8Array): bool {
  let bytes = bytesOf(image);
  if (!checkImage(bytes, 0, bytes.length)) return false;
  loaded = bytes;
  return openResident(bytes, 0, bytes.length);
}

/** A snapshot file in memory. */
class MemoryFile extends ImageFile {
  constructor(private content: StaticArray<u8>) {
    super();
  }

  read(offset: u64, buf: StaticArray<u8>, len: i32): i32 {
    let rest = max<i64>(this.content.length - <i64>offset, 0);
    let count = <i32>min<i64>(rest, len);
    return copy(buf, 0, this.content, <i32>offset, count) ? count : -1;
  }
}

/** The snapshot file given last, and what it was opened by. */
let held: MemoryFile = new MemoryFile(NONE);
const heldKey = new HmacKey();
let heldId: StaticArray<u8> = NONE;

/** As `policyLoad` of a snapshot file, read in units as a guest reads it; SNAPSHOT_…. */
export function policyLoadSnapshot(file: Uint8Array, snapshotKey: Uint8Array, id: Uint8Array): i32 {
  if (!heldKey.setKey(bytesOf(snapshotKey), 0, snapshotKey.length)) return SNAPSHOT_BAD;
  held = new MemoryFile(bytesOf(file));
  heldId = bytesOf(id);
  return openSnapshot(cache, held, heldKey, heldId, 0);
}

/**
 * Judges from now on by the image loaded last, rule by rule (0) or by its index
 * (1), or by the snapshot loaded last (2 and 3, the same): all must agree.
 */
export function policyJudgeBy(way: i32): bool {
  useIndex((way & 1) != 0);
  if (way < 2) return openResident(loaded, 0, loaded.length);
  return openSnapshot(cache, held, heldKey, heldId, 0) == SNAPSHOT_OPENED;
}

/** FAULT_… of the decision last: a part of the policy could not be had. */
export function policyFault(): i32 {
  return fault;
}

/** Error of `checkJson` and, from bit 8, the offset it was found at; 0 for good JSON. */
export function jsonCheck(text: Uint8Array): i32 {
  let buf = bytesOf(text);
  let code = checkJson(buf, 0, buf.length);
  return code == 0 ? 0 : code | (jsonErrorAt << 8);
}

/** Walks good JSON: the value under `key` of the root object, its text when it is a string, else its bytes. */
export function jsonFind(text: Uint8Array, key: Uint8Array): Uint8Array {
  let buf = bytesOf(text);
  let value = findValue(buf, rootValue(buf, 0, buf.length), buf.length, textOf(key));
  if (value < 0) return new Uint8Array(0);
  let out = new ByteWriter(new StaticArray<u8>(buf.length));
  if (kindOf(buf, value) == JSON_STRING) readString(buf, value, buf.length, out);
  else out.bytes(buf, value, valueEnd(buf, value, buf.length));
  return arrayOf(out.buf, 0, out.len);
}

/** `equalFold` of two texts. */
export function foldEqual(a: Uint8Array, b: Uint8Array): bool {
  return equalFold(bytesOf(a), 0, a.length, bytesOf(b), 0, b.length);
}

/** What `verdict` answers. */
export function policyVerdict(policy: i32, hasSubjects: bool, level: i32, failed: bool): i32 {
  return verdict(policy, hasSubjects, level, failed);
}

/** Where the field of a request begins and ends. */
let fieldStart: i32 = 0;
let fieldEnd: i32 = 0;

function nextField(buf: StaticArray<u8>): void {
  let at = fieldEnd;
  let len: i32 = readU32(buf, at);
  fieldStart = min(at + 4, buf.length);
  fieldEnd = min(fieldStart + max(len, 0), buf.length);
}

/**
 * Judges one row of the vectors as Authelia's authorizer would: u32 length ‖
 * bytes of user name, client id, address, method, URL, groups; the groups are
 * u16 length ‖ bytes each. Nothing is made canonical but the path. Answers -1
 * for a URL that cannot be read, else policy + 4 × has-subjects + 8 × position.
 */
export function vectorAuthorize(request: Uint8Array): i32 {
  let buf = bytesOf(request);
  subject.reset();
  target.reset();
  subject.buf = buf;
  fieldEnd = 0;
  nextField(buf);
  subject.userStart = fieldStart;
  subject.userEnd = fieldEnd;
  nextField(buf);
  subject.clientIdStart = fieldStart;
  subject.clientIdEnd = fieldEnd;
  nextField(buf);
  subject.hasAddress = parseIp(buf, fieldStart, fieldEnd);
  subject.addressHigh = ipHigh;
  subject.addressLow = ipLow;
  nextField(buf);
  let methodLength = min(fieldEnd - fieldStart, MAX_METHOD);
  copy(target.method, 0, buf, fieldStart, methodLength);
  target.methodLength = methodLength;
  nextField(buf);
  let readable = readUrl(buf, fieldStart, fieldEnd, target);
  nextField(buf);
  subject.groupsAt = fieldStart;
  let at = fieldStart;
  while (at < fieldEnd) {
    at += 2 + readU16(buf, at);
    subject.groupCount++;
  }
  if (!readable) return -1;
  let policy = authorize(subject, target);
  return policy | (hasSubjects ? 4 : 0) | (position << 3);
}

/** Of the row judged last: for each rule a byte of the criteria it has and a byte of those that hold (`explain.ts`). */
export function vectorExplain(): Uint8Array {
  let out = new ByteWriter(new StaticArray<u8>(2 * HOST_RULES));
  explain(subject, target, out);
  return arrayOf(out.buf, 0, out.len);
}

/**
 * Reads a target as the guest does: u32 length ‖ bytes of method, scheme, host,
 * URI. Answers 0, or the REASON_… why it is refused, by the loaded policy when
 * there is one.
 */
export function targetRead(request: Uint8Array): i32 {
  let buf = bytesOf(request);
  target.reset();
  fieldEnd = 0;
  nextField(buf);
  let reason = target.readMethod(buf, fieldStart, fieldEnd);
  if (reason != 0) return reason;
  nextField(buf);
  reason = target.readScheme(buf, fieldStart, fieldEnd);
  if (reason != 0) return reason;
  nextField(buf);
  reason = target.readHost(buf, fieldStart, fieldEnd);
  if (reason != 0) return reason;
  nextField(buf);
  reason = target.readUri(buf, fieldStart, fieldEnd);
  if (reason != 0 || !isImageOpen()) return reason;
  return admission(target);
}

/** Host that `targetRead` made of its third field. */
export function targetHost(): Uint8Array {
  return arrayOf(target.host, 0, target.hostLength);
}

/** What `resources` would match. */
export function targetObject(): Uint8Array {
  return arrayOf(target.object, 0, target.objectLength);
}

/** Why a backend could read the target's path differently; 0 when it could not. */
export function targetAmbiguity(): i32 {
  return target.ambiguity;
}

/** Published text of a REASON_…. */
export function targetReason(reason: i32): Uint8Array {
  let words = reasonText(reason);
  let out = new ByteWriter(new StaticArray<u8>(words.length));
  out.ascii(words);
  return arrayOf(out.buf, 0, out.len);
}

/** Bytes as the engine's literals are (`bytes/text.ts`). */
function textOf(bytes: Uint8Array): string {
  let text = new StaticArray<u8>(<i32>TEXT_HEADER + bytes.length);
  store<u16>(changetype<usize>(text), <u16>bytes.length);
  for (let i = 0; i < bytes.length; i++) text[<i32>TEXT_HEADER + i] = bytes[i];
  return changetype<string>(text);
}
