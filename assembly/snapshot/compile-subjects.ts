import { equalsAscii } from '../bytes/ascii';
import { ITEM_LAST, SUBJECT_CLIENT, SUBJECT_GROUP, SUBJECT_USER } from '../policy/layout';
import { text } from '../policy/query';
import { addString, beginList, endList, markLast } from './blocks';
import { doc, docEnd, firstEntry, nextEntry, readText, reportText, words } from './document';
import { firstItem, JSON_ARRAY, kindOf, nextItem } from './json';
import { ACL_SUBJECT_COMMA, ACL_SUBJECT_PREFIX, POLICY_EMPTY } from './problem-codes';
import { path, popPath, pushIndex, report, reportValue } from './problems';

/**
 * `subject` in all its shapes, as a list of AND lists: `a`, `[a, b]` (or),
 * `[[a, b], c]` (and inside or). Authelia splits a text that is no part of an
 * inner list at its commas, and these parts must all match.
 */
export function compileSubjects(value: i32): i32 {
  beginList();
  let mark = path.len;
  let index = 0;
  for (let entry = firstEntry(value); entry >= 0; entry = nextEntry(value, entry)) {
    if (entry != value) pushIndex(index++);
    if (kindOf(doc, entry) == JSON_ARRAY) compileAll(entry);
    else if (readText(entry)) compileSplit();
    popPath(mark);
  }
  return endList();
}

function compileAll(list: i32): void {
  let mark = path.len;
  let index = 0;
  let entry = firstItem(doc, list, docEnd);
  if (entry < 0) report(POLICY_EMPTY);
  for (; entry >= 0; entry = nextItem(doc, entry, docEnd)) {
    pushIndex(index++);
    if (readText(entry)) addSubject(0, words.len);
    popPath(mark);
  }
  markLast(ITEM_LAST);
}

function compileSplit(): void {
  let start = 0;
  for (let at = 0; at <= words.len; at++) {
    if (at < words.len && unchecked(text[at]) != 0x2c) continue;
    if (start == 0 && at < words.len) reportText(ACL_SUBJECT_COMMA);
    addSubject(start, at);
    start = at + 1;
  }
  markLast(ITEM_LAST);
}

/** Adds `text[start, end)`: a prefix and a name, with blanks around the name cut. */
function addSubject(start: i32, end: i32): void {
  let kind: u32 = 0;
  let from = start;
  if (hasPrefix(start, end, 'user:')) {
    kind = SUBJECT_USER;
    from += 5;
  } else if (hasPrefix(start, end, 'group:')) {
    kind = SUBJECT_GROUP;
    from += 6;
  } else if (hasPrefix(start, end, 'oauth2:client:')) {
    kind = SUBJECT_CLIENT;
    from += 14;
  }
  while (from < end && unchecked(text[from]) == 0x20) from++;
  let to = end;
  while (to > from && unchecked(text[to - 1]) == 0x20) to--;
  if (from == to) report(POLICY_EMPTY);
  else if (kind == 0) reportValue(ACL_SUBJECT_PREFIX, text, start, end);
  else addString(kind, 0, text, from, to);
}

function hasPrefix(start: i32, end: i32, prefix: string): bool {
  return end - start >= prefix.length && equalsAscii(text, start, start + prefix.length, prefix);
}
