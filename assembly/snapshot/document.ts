import { equalsAscii } from '../bytes/ascii';
import { ByteWriter } from '../bytes/writer';
import { text } from '../policy/query';
import {
  firstItem,
  JSON_ARRAY,
  JSON_NULL,
  JSON_OBJECT,
  JSON_STRING,
  keyValue,
  kindOf,
  nextItem,
  readString,
  valueEnd,
} from './json';
import {
  POLICY_KEY_TWICE,
  POLICY_KEY_UNKNOWN,
  POLICY_OBJECT,
  POLICY_TEXT,
  POLICY_TEXT_LONG,
} from './problem-codes';
import {
  beginProblem,
  endProblem,
  path,
  popPath,
  problems,
  problemWords,
  pushBytes,
  report,
  reportValue,
  shown,
} from './problems';

const NONE = new StaticArray<u8>(0);

/** The document being compiled, proved to be JSON. */
export let doc: StaticArray<u8> = NONE;
export let docEnd: i32 = 0;

export function openDocument(buf: StaticArray<u8>, end: i32): void {
  doc = buf;
  docEnd = end;
}

/** Lets go of the document's buffer. */
export function closeDocument(): void {
  doc = NONE;
  docEnd = 0;
}

/** The text `readText` read last, in `text[0, words.len)`. */
export const words = new ByteWriter(text);

/** Reads a string into `words`; false, and a problem reported, when the value is none or too long. */
export function readText(value: i32): bool {
  words.reset();
  if (kindOf(doc, value) != JSON_STRING) {
    reportRaw(POLICY_TEXT, value);
    return false;
  }
  readString(doc, value, docEnd, words);
  if (!words.overflow) return true;
  reportValue(POLICY_TEXT_LONG, text, 0, words.len);
  words.reset();
  return false;
}

/** Reports a problem that shows the value as the document spells it. */
export function reportRaw(problem: i32, value: i32): void {
  reportValue(problem, doc, value, valueEnd(doc, value, docEnd));
}

/** Reports a problem that shows the text read last. */
export function reportText(problem: i32): void {
  reportValue(problem, text, 0, words.len);
}

/** True when the text read last is this. */
export function textIs(literal: string): bool {
  return equalsAscii(text, 0, words.len, literal);
}

/** Place in a list of words separated by blanks of the text read last; -1 when it is not there. */
export function textPlace(known: string): i32 {
  return wordPlace(known, 0, words.len);
}

/** True when the value is absent or null. */
export function isAbsent(value: i32): bool {
  return value < 0 || kindOf(doc, value) == JSON_NULL;
}

// --- Lists that may be one value ------------------------------------------------------

/** First entry of a list, or the value itself when it is no list; -1 when there is none. */
export function firstEntry(value: i32): i32 {
  if (isAbsent(value)) return -1;
  return kindOf(doc, value) == JSON_ARRAY ? firstItem(doc, value, docEnd) : value;
}

/** The entry behind `entry` of the value given to `firstEntry`; -1 at the end. */
export function nextEntry(value: i32, entry: i32): i32 {
  return kindOf(doc, value) == JSON_ARRAY ? nextItem(doc, entry, docEnd) : -1;
}

// --- Objects ----------------------------------------------------------------------------

/** Most keys an object of the policy has. */
const MAX_KEYS: i32 = 15;

/** Values `readKeys` found, by the place of their key in its list; -1 where there was none. */
export const values = new StaticArray<i32>(MAX_KEYS);

/**
 * Finds the values of the keys in `known`, a list separated by blanks, into
 * `values`; null counts as absent. Other keys are reported, and so are values
 * that are no object: false then.
 */
export function readKeys(object: i32, known: string): bool {
  for (let i = 0; i < MAX_KEYS; i++) values[i] = -1;
  if (isAbsent(object)) return true;
  if (kindOf(doc, object) != JSON_OBJECT) {
    report(POLICY_OBJECT);
    return false;
  }
  let seen: u32 = 0;
  for (let key = firstItem(doc, object, docEnd); key >= 0; ) {
    let value = keyValue(doc, key, docEnd);
    words.reset();
    readString(doc, key, docEnd, words);
    let place = wordPlace(known, 0, words.len);
    if (place < 0) {
      reportUnknown(known);
    } else {
      if ((seen & (1 << place)) != 0) reportKey(POLICY_KEY_TWICE);
      seen |= 1 << place;
      values[place] = value;
    }
    key = nextItem(doc, value, docEnd);
  }
  return true;
}

function reportKey(problem: i32): void {
  let mark = path.len;
  pushBytes(text, 0, words.len);
  reportText(problem);
  popPath(mark);
}

function reportUnknown(known: string): void {
  let mark = path.len;
  pushBytes(text, 0, words.len);
  beginProblem(POLICY_KEY_UNKNOWN);
  shown(text, 0, words.len);
  problems.u8(0x20);
  problemWords(POLICY_KEY_UNKNOWN);
  let place = meantPlace(known);
  if (place >= 0) {
    problems.ascii('write `');
    appendWord(known, place);
    problems.u8(0x60);
  } else {
    problems.ascii('the keys are ');
    for (let i = 0; i < known.length; i++) {
      let code = known.charCodeAt(i);
      // What nobody should write stands behind a second blank.
      if (code == 0x20 && known.charCodeAt(i + 1) == 0x20) break;
      if (code == 0x20) problems.u8(0x2c);
      problems.u8(code);
    }
  }
  endProblem();
  popPath(mark);
}

/** Place of `text[start, end)` in a list of words separated by blanks; -1 when it is not there. */
function wordPlace(known: string, start: i32, end: i32): i32 {
  let place = 0;
  if (end == start) return -1;
  for (let at = 0; at < known.length; at++, place++) {
    let from = at;
    while (at < known.length && known.charCodeAt(at) != 0x20) at++;
    if (at - from != end - start) continue;
    let i = 0;
    while (i < at - from && <u32>unchecked(text[start + i]) == <u32>known.charCodeAt(from + i)) i++;
    if (i == at - from) return place;
  }
  return -1;
}

/** Place of the key that a wrong one stands for: singular for plural or the reverse, or a mistake often made. */
function meantPlace(known: string): i32 {
  let len = words.len;
  if (len == 0 || len >= text.length - 1) return -1;
  let place = -1;
  if (unchecked(text[len - 1]) == 0x73) place = wordPlace(known, 0, len - 1);
  if (place < 0) {
    text[len] = 0x73;
    place = wordPlace(known, 0, len + 1);
  }
  if (place >= 0) return place;
  if (textIs('path') || textIs('paths')) return placeOf(known, 'resources');
  if (textIs('user') || textIs('users') || textIs('group') || textIs('groups'))
    return placeOf(known, 'subject');
  if (textIs('ip') || textIs('ips')) return placeOf(known, 'networks');
  if (textIs('regex')) return placeOf(known, 'domain_regex');
  return textIs('default') ? placeOf(known, 'default_policy') : -1;
}

function placeOf(known: string, key: string): i32 {
  let place = 0;
  for (let at = 0; at < known.length; at++, place++) {
    let i = 0;
    while (i < key.length && at + i < known.length && known.charCodeAt(at + i) == key.charCodeAt(i)) i++;
    at += i;
    if (i == key.length && (at == known.length || known.charCodeAt(at) == 0x20)) return place;
    while (at < known.length && known.charCodeAt(at) != 0x20) at++;
  }
  return -1;
}

function appendWord(known: string, place: i32): void {
  let at = 0;
  for (; place > 0; place--) {
    while (at < known.length && known.charCodeAt(at) != 0x20) at++;
    at++;
  }
  for (; at < known.length && known.charCodeAt(at) != 0x20; at++) problems.u8(known.charCodeAt(at));
}
