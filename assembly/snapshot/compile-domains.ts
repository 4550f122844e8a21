import { equalsAsciiFold, isAlpha, isDigit, lowerAscii } from '../bytes/ascii';
import { DOMAIN_EXACT, DOMAIN_GROUP, DOMAIN_SUFFIX, DOMAIN_USER, ITEM_ASCII } from '../policy/layout';
import { text } from '../policy/query';
import { addString } from './blocks';
import { firstEntry, nextEntry, readText, reportText, words } from './document';
import {
  ACL_DOMAIN_GROUP,
  ACL_DOMAIN_NEVER,
  ACL_DOMAIN_STAR,
  ACL_DOMAIN_USER,
  POLICY_EMPTY,
  POLICY_TEMPLATE,
} from './problem-codes';
import { path, popPath, pushIndex, report } from './problems';

/** `{user}` and `{group}` were used. */
export let domainsNameSubjects: bool = false;

/**
 * Adds the entries of a list of domains to the list being built; a single one
 * may stand alone. Placeholders are allowed in rules only.
 */
export function compileDomains(value: i32, placeholders: bool): void {
  domainsNameSubjects = false;
  let mark = path.len;
  let index = 0;
  for (let entry = firstEntry(value); entry >= 0; entry = nextEntry(value, entry)) {
    if (entry != value) pushIndex(index++);
    if (readText(entry)) compileDomain(placeholders);
    popPath(mark);
  }
}

/** Adds the domain in `words`. Only these beginnings are special, as in Authelia; all else is literal. */
function compileDomain(placeholders: bool): void {
  let len = words.len;
  if (len == 0) {
    report(POLICY_EMPTY);
  } else if (equalsAsciiFold(text, 0, min(len, 6), '{user}')) {
    compilePlaceholder(placeholders, DOMAIN_USER, 6);
  } else if (equalsAsciiFold(text, 0, min(len, 7), '{group}')) {
    compilePlaceholder(placeholders, DOMAIN_GROUP, 7);
  } else {
    let suffix = len > 1 && text[0] == 0x2a && text[1] == 0x2e;
    warnAboutLiteral(suffix ? 2 : 0);
    addLower(suffix ? DOMAIN_SUFFIX : DOMAIN_EXACT, suffix ? 1 : 0);
  }
}

/** Adds `{user}` or `{group}`, `len` bytes long, with what follows. */
function compilePlaceholder(allowed: bool, kind: u32, len: i32): void {
  domainsNameSubjects = true;
  if (!allowed) reportText(POLICY_TEMPLATE);
  else if (kind == DOMAIN_USER) reportText(ACL_DOMAIN_USER);
  // The group is the host's first label, so without a dot there is nothing it could be.
  else if (words.len == len || text[len] != 0x2e) reportText(ACL_DOMAIN_GROUP);
  addLower(kind, len);
}

/** Warns about a literal that looks like a pattern, or that no `Host` can be equal to. */
function warnAboutLiteral(start: i32): void {
  let star = false;
  let never = text[words.len - 1] == 0x2e;
  for (let i = start; i < words.len; i++) {
    let byte = unchecked(text[i]);
    if (byte == 0x2a) star = true;
    else if (!isAlpha(byte) && !isDigit(byte) && byte != 0x2d && byte != 0x2e && byte != 0x5f) never = true;
  }
  if (star) reportText(ACL_DOMAIN_STAR);
  else if (never) reportText(ACL_DOMAIN_NEVER);
}

function addLower(kind: u32, start: i32): void {
  let flags = ITEM_ASCII;
  for (let i = start; i < words.len; i++) {
    let byte = unchecked(text[i]);
    if (byte > 0x7f) flags = 0;
    unchecked((text[i] = <u8>lowerAscii(byte)));
  }
  addString(kind, flags, text, start, words.len);
}
