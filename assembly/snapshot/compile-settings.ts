import { DEFAULT_REALM } from '../contract';
import { parseCidr } from '../net/cidr';
import { addNetwork, beginSet } from '../net/network-set';
import {
  DOMAIN_EXACT,
  DOMAIN_SUFFIX,
  IMAGE_ALLOW_HTTP,
  IMAGE_REALM,
  IMAGE_REALM_LENGTH,
  IMAGE_TOKEN_HEADER,
  IMAGE_TOKEN_HEADER_LENGTH,
  IMAGE_TRUSTED,
  ITEM_ASCII,
  MAX_TOKEN_HEADER,
} from '../policy/layout';
import { text } from '../policy/query';
import { addString, beginList, endList, image, intern, internString, setHeader } from './blocks';
import { compileDomains } from './compile-domains';
import { compileNetworks } from './compile-networks';
import { doc, isAbsent, readKeys, readText, reportRaw, reportText, values, words } from './document';
import { JSON_FALSE, JSON_TRUE, kindOf } from './json';
import { POLICY_BOOLEAN, POLICY_REALM, POLICY_TOKEN_HEADER } from './problem-codes';
import { path, popPath, pushKey } from './problems';

/** The policy's settings besides rules, each into its field of the image's header. */

/** Longest realm; browsers show the first words of it. */
const MAX_REALM: i32 = 128;

/** `trusted_proxies`: whose forwarding headers count. An empty list trusts nobody. */
export function compileTrusted(value: i32): void {
  if (isAbsent(value)) {
    let at = image.len;
    beginSet(image);
    addLiteral('127.0.0.0/8');
    addLiteral('::1');
    setHeader(IMAGE_TRUSTED, intern(at));
    return;
  }
  pushKey('trusted_proxies');
  setHeader(IMAGE_TRUSTED, compileNetworks(value, false));
  popPath(0);
}

function addLiteral(cidr: string): void {
  words.reset();
  words.ascii(cidr);
  if (parseCidr(text, 0, words.len)) addNetwork(image);
}

/** `allow_http`: domains that may be asked for without encryption. */
export function compileAllowHttp(value: i32): void {
  beginList();
  if (isAbsent(value)) {
    words.reset();
    words.ascii('.localhost');
    addString(DOMAIN_SUFFIX, ITEM_ASCII, text, 0, words.len);
    addString(DOMAIN_EXACT, ITEM_ASCII, text, 1, words.len);
  } else {
    pushKey('allow_http');
    compileDomains(value, false);
    popPath(0);
  }
  setHeader(IMAGE_ALLOW_HTTP, endList());
}

/** `realm` of the Basic challenge: a quoted-string (RFC 9110 section 5.6.4) without escapes. */
export function compileRealm(value: i32): void {
  words.reset();
  words.ascii(DEFAULT_REALM);
  if (!isAbsent(value)) {
    pushKey('realm');
    if (readText(value)) {
      let good = words.len > 0 && words.len <= MAX_REALM;
      for (let i = 0; i < words.len; i++) {
        let byte = unchecked(text[i]);
        if (byte < 0x20 || byte > 0x7e || byte == 0x22 || byte == 0x5c) good = false;
      }
      if (!good) reportRaw(POLICY_REALM, value);
    }
    popPath(0);
  }
  setHeader(IMAGE_REALM, internString(text, 0, words.len));
  setHeader(IMAGE_REALM_LENGTH, words.len);
}

/** `fold_names`: whether the case of user names counts for nothing; default false. */
export function readFoldNames(value: i32): bool {
  return readBoolean(value, 'fold_names');
}

/** A setting of its own or the key of another; default false. */
export function readBoolean(value: i32, key: string): bool {
  if (isAbsent(value)) return false;
  let kind = kindOf(doc, value);
  if (kind != JSON_TRUE && kind != JSON_FALSE) {
    let mark = path.len;
    pushKey(key);
    reportRaw(POLICY_BOOLEAN, value);
    popPath(mark);
  }
  return kind == JSON_TRUE;
}

/**
 * `tokens`: in which ways API tokens are taken besides Basic passwords. True
 * for `bearer`; the name in `header` goes into the image.
 */
export function compileTokens(value: i32): bool {
  if (isAbsent(value)) return false;
  let bearer = false;
  pushKey('tokens');
  if (readKeys(value, 'bearer header')) {
    let header = values[1];
    bearer = readBoolean(values[0], 'bearer');
    if (!isAbsent(header)) compileTokenHeader(header);
  }
  popPath(0);
  return bearer;
}

function compileTokenHeader(value: i32): void {
  let mark = path.len;
  pushKey('header');
  if (readText(value)) {
    let good = words.len > 0 && words.len <= MAX_TOKEN_HEADER;
    for (let i = 0; i < words.len; i++) {
      let byte = unchecked(text[i]);
      // Other characters of RFC 9110's tokens some proxies drop, or take for `-`.
      if (!isAlphanumeric(byte) && byte != 0x2d) good = false;
    }
    if (good) {
      setHeader(IMAGE_TOKEN_HEADER, internString(text, 0, words.len));
      setHeader(IMAGE_TOKEN_HEADER_LENGTH, words.len);
    } else {
      reportText(POLICY_TOKEN_HEADER);
    }
  }
  popPath(mark);
}

function isAlphanumeric(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte - 0x30 < 10;
}
