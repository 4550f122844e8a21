import { readU8, readU16 } from '../bytes/bytes';
import { scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import { Claims } from '../grant/claims';
import {
  FIELD_EMAIL,
  FIELD_GROUPS,
  FIELD_NAME,
  FIELD_USER,
  IDENTITY_HEADERS,
  IDENTITY_SEPARATOR,
} from '../policy/layout';

/** Where identity headers go. */
export abstract class HeaderSink {
  /** Sets the header whose name is `names[from, to)`. */
  abstract setHeaderNamed(
    names: StaticArray<u8>,
    from: i32,
    to: i32,
    value: StaticArray<u8>,
    start: i32,
    end: i32,
  ): void;
}

/** Joined groups, and behind them the value of a template at hand. */
const joined = new ByteWriter(scratch);
/** Where in it the groups end. */
let groupsEnd: i32 = 0;

/**
 * Sets every header of the block `block[at, end)` (`policy/layout.ts`), empty
 * for an anonymous visitor (`claims` null), so that no copy of the client's
 * remains. False when the principal cannot be told, and then nobody may come in:
 * without a name it would be another principal. Nor when a header has no name,
 * which no compiler writes and no proxy takes.
 */
export function setIdentity(
  sink: HeaderSink,
  block: StaticArray<u8>,
  at: i32,
  end: i32,
  claims: Claims | null,
): bool {
  let header = at + IDENTITY_HEADERS;
  if (claims === null) {
    while (header < end) {
      let name = header + 2;
      let template = name + <i32>readU8(block, header);
      header = template + <i32>readU8(block, header + 1);
      if (template == name) return false;
      if (header > template) sink.setHeaderNamed(block, name, template, scratch, 0, 0);
    }
    return true;
  }
  let separator = at + IDENTITY_SEPARATOR;
  let separatorEnd = separator + <i32>readU8(block, at + 1);
  claims.look(block, separator, separatorEnd);
  if (!claims.userIsPlain) return false;
  joined.reset();
  joinGroups(claims, block, separator, separatorEnd);
  // More than any proxy passes on.
  if (joined.overflow) return false;
  groupsEnd = joined.len;
  while (header < end) {
    let name = header + 2;
    let template = name + <i32>readU8(block, header);
    let next = template + <i32>readU8(block, header + 1);
    header = next;
    if (template == name) return false;
    if (next == template) continue;
    let field = next - template == 1 ? readU8(block, template) : 0;
    if (field == FIELD_USER) {
      sink.setHeaderNamed(block, name, template, claims.buf, claims.userStart, claims.userEnd);
    } else if (field == FIELD_GROUPS) {
      sink.setHeaderNamed(block, name, template, joined.buf, 0, groupsEnd);
    } else if (field == FIELD_NAME) {
      sink.setHeaderNamed(block, name, template, claims.buf, claims.nameStart, claims.toldNameEnd);
    } else if (field == FIELD_EMAIL) {
      sink.setHeaderNamed(block, name, template, claims.buf, claims.emailStart, claims.toldEmailEnd);
    } else {
      joined.len = groupsEnd;
      compose(claims, block, template, next);
      if (joined.overflow) return false;
      sink.setHeaderNamed(block, name, template, joined.buf, groupsEnd, joined.len);
    }
  }
  return true;
}

/** Appends what a template says of the principal. */
function compose(claims: Claims, block: StaticArray<u8>, at: i32, end: i32): void {
  for (; at < end; at++) {
    let byte = readU8(block, at);
    if (byte == FIELD_USER) joined.bytes(claims.buf, claims.userStart, claims.userEnd);
    else if (byte == FIELD_GROUPS) joined.bytes(joined.buf, 0, groupsEnd);
    else if (byte == FIELD_NAME) joined.bytes(claims.buf, claims.nameStart, claims.toldNameEnd);
    else if (byte == FIELD_EMAIL) joined.bytes(claims.buf, claims.emailStart, claims.toldEmailEnd);
    else joined.u8(byte);
  }
}

/** Joins the groups that can be told: see `Claims.look`. */
function joinGroups(claims: Claims, block: StaticArray<u8>, separator: i32, separatorEnd: i32): void {
  let buf = claims.buf;
  let at = claims.groupsStart;
  for (let i = 0; i < claims.groupCount; i++) {
    let start = at + 2;
    at = start + <i32>readU16(buf, at);
    if (!claims.groupsArePlain && !claims.isGroupPlain(start, at, block, separator, separatorEnd)) continue;
    if (joined.len > 0) joined.bytes(block, separator, separatorEnd);
    joined.bytes(buf, start, at);
  }
}
