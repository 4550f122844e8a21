import { ByteWriter } from '../bytes/writer';
import { MAX_COOKIE_NAME, MAX_HOST, SESSION_COOKIE_PREFIX } from '../contract';
import {
  IMAGE_COOKIES,
  IMAGE_COOKIES_LENGTH,
  IMAGE_SIGN_IN,
  ITEM_ASCII,
  MAX_COOKIES,
  SIGN_IN_ADDRESS,
  SIGN_IN_DOMAIN,
} from '../policy/layout';
import { text } from '../policy/query';
import { addString, beginList, endList, internString, setHeader } from './blocks';
import { doc, docEnd, isAbsent, readKeys, readText, reportRaw, values, words } from './document';
import { firstItem, JSON_ARRAY, kindOf, nextItem } from './json';
import { POLICY_LIST, POLICY_SIZE, POLICY_TEXT } from './problem-codes';
import { path, popPath, pushIndex, pushKey, report } from './problems';

/** Longest domain: its length stands in one byte. */
const MAX_DOMAIN: i32 = 255;

/** The block of `http/cookie.ts`. */
const cookies = new ByteWriter(new StaticArray<u8>(MAX_COOKIES));
/** Some domain has a cookie. */
let hasCookies: bool = false;
const domain = new ByteWriter(new StaticArray<u8>(MAX_HOST));

/**
 * `sign_in`: `{ domain, address, cookie }` of each cookie domain, in the host's
 * own writing (`policy/sign-in.ts`). In the host only, behind the policy's id.
 */
export function compileSignIn(value: i32): void {
  if (isAbsent(value)) return;
  pushKey('sign_in');
  if (kindOf(doc, value) != JSON_ARRAY) {
    report(POLICY_LIST);
  } else {
    let mark = path.len;
    let index = 0;
    cookies.reset();
    hasCookies = false;
    beginList();
    for (let entry = firstItem(doc, value, docEnd); entry >= 0; entry = nextItem(doc, entry, docEnd)) {
      pushIndex(index++);
      if (readKeys(entry, 'domain address cookie')) {
        let address = values[1];
        let cookie = values[2];
        domain.reset();
        if (readText(values[0])) {
          addString(SIGN_IN_DOMAIN, ITEM_ASCII, text, 0, words.len);
          domain.bytes(text, 0, words.len);
        }
        if (readText(address)) addAddress(address);
        addCookie(cookie);
      }
      popPath(mark);
    }
    setHeader(IMAGE_SIGN_IN, endList());
    if (hasCookies) {
      if (cookies.overflow) report(POLICY_SIZE);
      setHeader(IMAGE_COOKIES, internString(cookies.buf, 0, cookies.len));
      setHeader(IMAGE_COOKIES_LENGTH, cookies.len);
    }
  }
  popPath(0);
}

/** The text goes into `Location` and into JSON as it is. */
function addAddress(value: i32): void {
  for (let i = 0; i < words.len; i++) {
    let byte = <u32>unchecked(text[i]);
    if (byte == 0 || (byte > 0x20 && byte < 0x7f && byte != 0x22 && byte != 0x5c)) continue;
    reportRaw(POLICY_TEXT, value);
    return;
  }
  addString(SIGN_IN_ADDRESS, ITEM_ASCII, text, 0, words.len);
}

/**
 * Adds the domain read last with the cookie of its sessions. One without a cookie
 * is added, too: that of a domain above it does not count there.
 */
function addCookie(value: i32): void {
  words.reset();
  if (!isAbsent(value)) {
    if (!readText(value)) return;
    if (!isCookieName() || domain.overflow || domain.len > MAX_DOMAIN) {
      reportRaw(POLICY_TEXT, value);
      return;
    }
    hasCookies = true;
  }
  if (domain.overflow || domain.len > MAX_DOMAIN) return;
  cookies.u8(words.len);
  cookies.u8(domain.len);
  cookies.bytes(text, 0, words.len);
  cookies.bytes(domain.buf, 0, domain.len);
}

/** Whether the text read last is a token of RFC 6265 section 4.1.1 that only a secure origin can set. */
function isCookieName(): bool {
  let len = words.len;
  let prefix = SESSION_COOKIE_PREFIX;
  if (len <= prefix.length || len > MAX_COOKIE_NAME) return false;
  for (let i = 0; i < prefix.length; i++) {
    if (<u32>unchecked(text[i]) != <u32>prefix.charCodeAt(i)) return false;
  }
  for (let i = 0; i < len; i++) {
    let byte = <u32>unchecked(text[i]);
    if (byte <= 0x20 || byte >= 0x7f || isSeparator(byte)) return false;
  }
  return true;
}

/** RFC 2616 section 2.2. */
function isSeparator(byte: u32): bool {
  const separators = '()<>@,;:\\"/[]?={}';
  for (let i = 0; i < separators.length; i++) {
    if (byte == <u32>separators.charCodeAt(i)) return true;
  }
  return false;
}
