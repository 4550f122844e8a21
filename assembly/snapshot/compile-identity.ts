import { equalsAscii, isAlpha, isDigit, lowerAscii } from '../bytes/ascii';
import { readU8, readU16, readU32, writeU8, writeU32, writeU64 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../contract';
import {
  ENTRY_IDENTITY,
  ENTRY_IDENTITY_LENGTH,
  ENTRY_SIZE,
  FIELD_EMAIL,
  FIELD_GROUPS,
  FIELD_NAME,
  FIELD_USER,
  IDENTITY_HEADERS,
  IDENTITY_SEPARATOR,
  MAX_IDENTITY_HEADERS,
  MAX_IDENTITY_NAME,
  MAX_IDENTITY_NAMES,
  MAX_IDENTITY_SEPARATOR,
  MAX_IDENTITY_TEMPLATE,
  NAMES_FIRST,
  NAMES_LENGTHS,
} from '../policy/layout';
import { text } from '../policy/query';
import { image, imageStart, intern } from './blocks';
import { doc, docEnd, isAbsent, readText, reportRaw, reportText, textIs, words } from './document';
import { firstItem, JSON_OBJECT, keyValue, kindOf, nextItem, readString } from './json';
import {
  POLICY_IDENTITY_LIMIT,
  POLICY_IDENTITY_NAME,
  POLICY_IDENTITY_PRESET,
  POLICY_IDENTITY_SEPARATOR,
  POLICY_IDENTITY_TEMPLATE,
  POLICY_IDENTITY_TWICE,
} from './problem-codes';
import { path, popPath, pushBytes, report, reportNumber } from './problems';
import { isReservedName } from './reserved-names';

/** `identity_headers`: names and templates, into a block as `policy/layout.ts` draws it. */

/** Length of the block compiled last. */
export let identityLength: i32 = 0;

/**
 * Offset in the image of the block; 0 when something was wrong and reported.
 * Absent is Authelia's. Other presets come as names and templates: the host
 * knows them, and a guest needs none.
 */
export function compileIdentity(value: i32): i32 {
  let at = image.len;
  image.u16(0);
  image.u32(0);
  if (isAbsent(value)) {
    addAuthelia(at);
  } else if (kindOf(doc, value) != JSON_OBJECT) {
    if (!readText(value) || !textIs('authelia')) {
      if (words.len > 0) reportText(POLICY_IDENTITY_PRESET);
      image.len = at;
      return 0;
    }
    addAuthelia(at);
  } else {
    compileHeaders(value, at);
  }
  identityLength = image.len - at;
  return intern(at);
}

function addAuthelia(at: i32): void {
  separate(at, 0x2c);
  addHeader(at, HEADER_USER, FIELD_USER);
  addHeader(at, HEADER_GROUPS, FIELD_GROUPS);
  addHeader(at, HEADER_NAME, FIELD_NAME);
  addHeader(at, HEADER_EMAIL, FIELD_EMAIL);
}

function addHeader(at: i32, name: string, field: u32): void {
  image.u8(name.length);
  image.u8(1);
  image.ascii(name);
  image.u8(field);
  count(at);
}

function count(at: i32): void {
  if (!image.overflow) image.buf[at]++;
}

function separate(at: i32, byte: u32): void {
  if (image.overflow) return;
  writeU8(image.buf, at + 1, 1);
  writeU8(image.buf, at + IDENTITY_SEPARATOR, byte);
}

function compileHeaders(value: i32, at: i32): void {
  separate(at, 0x2c);
  let mark = path.len;
  let named = false;
  for (let key = firstItem(doc, value, docEnd); key >= 0; ) {
    let template = keyValue(doc, key, docEnd);
    words.reset();
    readString(doc, key, docEnd, words);
    pushBytes(text, 0, words.len);
    if (textIs('separator')) {
      compileSeparator(template, at);
    } else {
      named = true;
      compileHeader(template, at);
    }
    popPath(mark);
    key = nextItem(doc, template, docEnd);
  }
  if (!named) report(POLICY_IDENTITY_PRESET);
  if (image.overflow) return;
  let headers = <i32>readU8(image.buf, at);
  if (headers > MAX_IDENTITY_HEADERS) reportNumber(POLICY_IDENTITY_LIMIT, MAX_IDENTITY_HEADERS);
}

/** One to four visible ASCII characters that are neither letters nor digits; blanks may stand among them. */
function compileSeparator(value: i32, at: i32): void {
  if (!readText(value)) return;
  let good = words.len > 0 && words.len <= MAX_IDENTITY_SEPARATOR;
  for (let i = 0; i < words.len; i++) {
    let byte = <u32>unchecked(text[i]);
    if (byte < 0x20 || byte > 0x7e || isAlpha(byte) || isDigit(byte)) good = false;
  }
  if (!good) {
    reportText(POLICY_IDENTITY_SEPARATOR);
    return;
  }
  if (image.overflow) return;
  writeU8(image.buf, at + 1, words.len);
  for (let i = 0; i < words.len; i++) writeU8(image.buf, at + IDENTITY_SEPARATOR + i, text[i]);
}

/** One header, whose name is in `words`. */
function compileHeader(template: i32, at: i32): void {
  let len = words.len;
  if (!isName(len)) {
    reportText(POLICY_IDENTITY_NAME);
    return;
  }
  if (holdsName(at, image.len, text, len)) {
    reportText(POLICY_IDENTITY_TWICE);
    return;
  }
  let header = image.len;
  image.u8(len);
  image.u8(0);
  image.bytes(text, 0, len);
  let from = image.len;
  let isText = readText(template);
  let good = isText && writeTemplate() && image.len - from <= MAX_IDENTITY_TEMPLATE;
  if (isText && !good && !image.overflow) reportRaw(POLICY_IDENTITY_TEMPLATE, template);
  if (image.overflow) return;
  if (!good || readU8(image.buf, at) == 0xff) {
    image.len = header;
    return;
  }
  writeU8(image.buf, header + 1, image.len - from);
  count(at);
}

/** Whether the text is a name that means nothing to anybody yet. */
function isName(len: i32): bool {
  if (len == 0 || len > MAX_IDENTITY_NAME) return false;
  for (let i = 0; i < len; i++) {
    let byte = <u32>unchecked(text[i]);
    // Other characters of RFC 9110's tokens some proxies drop, or take for `-`.
    if (!isAlpha(byte) && !isDigit(byte) && (byte != 0x2d || i == 0)) return false;
  }
  return !isReservedName(text, len);
}

/** Appends the template in `words`, placeholders as FIELD_…; false when it is none. */
function writeTemplate(): bool {
  let len = words.len;
  for (let i = 0; i < len; ) {
    let byte = <u32>unchecked(text[i]);
    if (byte < 0x20 || byte == 0x7f || byte == 0x7d) return false;
    if (byte != 0x7b) {
      // White space around a value does not arrive.
      if (byte == 0x20 && (i == 0 || i == len - 1)) return false;
      image.u8(byte);
      i++;
      continue;
    }
    let end = i + 1;
    while (end < len && unchecked(text[end]) != 0x7d) end++;
    let field = fieldNamed(i + 1, end);
    if (field == 0 || end == len) return false;
    image.u8(field);
    i = end + 1;
  }
  return true;
}

function fieldNamed(start: i32, end: i32): u32 {
  if (equalsAscii(text, start, end, 'username')) return FIELD_USER;
  if (equalsAscii(text, start, end, 'groups')) return FIELD_GROUPS;
  if (equalsAscii(text, start, end, 'name')) return FIELD_NAME;
  return equalsAscii(text, start, end, 'email') ? FIELD_EMAIL : 0;
}

/** Whether the block at `at` has a header of this name in any case. */
function holdsName(at: i32, end: i32, name: StaticArray<u8>, len: i32): bool {
  let header = at + IDENTITY_HEADERS;
  while (header < end) {
    let length = <i32>readU8(image.buf, header);
    if (length == len && sameFold(header + 2, name, 0, len)) return true;
    header += 2 + length + <i32>readU8(image.buf, header + 1);
  }
  return false;
}

/** Whether the image has at `at` the name, in any case. */
function sameFold(at: i32, name: StaticArray<u8>, start: i32, len: i32): bool {
  for (let i = 0; i < len; i++) {
    if (lowerAscii(readU8(image.buf, at + i)) != lowerAscii(readU8(name, start + i))) return false;
  }
  return true;
}

// --- Names ------------------------------------------------------------------------------

/** Offset in the image of the names of the headers in all entries (`compile-domain-settings.ts`); 0 for none. */
export function internNames(entries: ByteWriter): i32 {
  let at = image.len;
  image.u32(0);
  image.u64(0);
  let lengths: u64 = 0;
  let found = 0;
  for (let entry = 0; entry < entries.len; entry += ENTRY_SIZE) {
    let length = <i32>readU16(entries.buf, entry + ENTRY_IDENTITY_LENGTH);
    if (length == 0 || image.overflow) continue;
    let header = imageStart + <i32>readU32(entries.buf, entry + ENTRY_IDENTITY);
    let end = header + length;
    header += IDENTITY_HEADERS;
    while (header < end && !image.overflow) {
      let len = <i32>readU8(image.buf, header);
      if (!isListed(at, header + 2, len) && !isKnownToAll(header + 2, len)) {
        lengths |= (<u64>1) << ((<u64>len - 1) & 63);
        found++;
        image.u8(len);
        for (let i = 0; i < len; i++) image.u8(lowerAscii(readU8(image.buf, header + 2 + i)));
      }
      header += 2 + len + <i32>readU8(image.buf, header + 1);
    }
  }
  if (found == 0 || image.overflow) {
    if (!image.overflow) image.len = at;
    return 0;
  }
  if (found > MAX_IDENTITY_NAMES) reportNumber(POLICY_IDENTITY_LIMIT, MAX_IDENTITY_NAMES);
  writeU32(image.buf, at, image.len - at);
  writeU64(image.buf, at + NAMES_LENGTHS, lengths);
  return intern(at);
}

function isListed(list: i32, name: i32, len: i32): bool {
  for (let at = list + NAMES_FIRST; at < image.len; ) {
    let length = <i32>readU8(image.buf, at);
    if (length == len && sameFold(name, image.buf, at + 1, len)) return true;
    at += 1 + length;
  }
  return false;
}

/** `Remote-…` are removed by every guest (`gate/header-scan.ts`). */
function isKnownToAll(name: i32, len: i32): bool {
  return (
    isLiteral(name, len, HEADER_USER) ||
    isLiteral(name, len, HEADER_GROUPS) ||
    isLiteral(name, len, HEADER_NAME) ||
    isLiteral(name, len, HEADER_EMAIL)
  );
}

function isLiteral(name: i32, len: i32, literal: string): bool {
  if (len != literal.length) return false;
  for (let i = 0; i < len; i++) {
    if (lowerAscii(readU8(image.buf, name + i)) != lowerAscii(literal.charCodeAt(i))) return false;
  }
  return true;
}
