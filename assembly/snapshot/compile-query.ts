import { equalsAscii, equalsAsciiFold } from '../bytes/ascii';
import {
  ITEM_LAST,
  PROGRAM,
  QUERY_ABSENT,
  QUERY_EQUAL,
  QUERY_NOT_EQUAL,
  QUERY_NOT_PATTERN,
  QUERY_PATTERN,
  QUERY_PRESENT,
  QUERY_VALUE,
} from '../policy/layout';
import { text } from '../policy/query';
import { addItem, addString, beginList, endList, internProgram } from './blocks';
import {
  doc,
  docEnd,
  firstEntry,
  isAbsent,
  nextEntry,
  readKeys,
  readText,
  reportRaw,
  reportText,
  values,
  words,
} from './document';
import { firstItem, JSON_ARRAY, JSON_STRING, kindOf, nextItem } from './json';
import {
  ACL_QUERY_CASE,
  ACL_QUERY_KEY,
  ACL_QUERY_OPERATOR,
  ACL_QUERY_VALUE_MISSING,
  ACL_QUERY_VALUE_TYPE,
  ACL_QUERY_VALUE_UNUSED,
  POLICY_EMPTY,
} from './problem-codes';
import { path, popPath, pushIndex, pushKey, report } from './problems';

/** `query`, a list of AND lists of conditions; a condition that stands alone is an AND list of one. */
export function compileQuery(value: i32): i32 {
  beginList();
  let mark = path.len;
  let index = 0;
  for (let entry = firstEntry(value); entry >= 0; entry = nextEntry(value, entry)) {
    if (entry != value) pushIndex(index++);
    if (kindOf(doc, entry) == JSON_ARRAY) compileAll(entry);
    else compileCondition(entry, ITEM_LAST);
    popPath(mark);
  }
  return endList();
}

function compileAll(list: i32): void {
  let mark = path.len;
  let index = 0;
  let entry = firstItem(doc, list, docEnd);
  if (entry < 0) report(POLICY_EMPTY);
  while (entry >= 0) {
    let next = nextItem(doc, entry, docEnd);
    pushIndex(index++);
    compileCondition(entry, next < 0 ? ITEM_LAST : 0);
    popPath(mark);
    entry = next;
  }
}

/** Adds a condition: an item with its key and, where the operator wants one, an item with its value. */
function compileCondition(condition: i32, flags: u32): void {
  if (!readKeys(condition, 'operator key value')) return;
  let operatorValue = values[0];
  let key = values[1];
  let value = values[2];
  let mark = path.len;
  let operator = readOperator(operatorValue, value);
  if (isAbsent(key)) {
    report(ACL_QUERY_KEY);
  } else {
    pushKey('key');
    if (readText(key)) {
      if (words.len == 0) report(ACL_QUERY_KEY);
      addString(operator, flags, text, 0, words.len);
    }
    popPath(mark);
  }
  pushKey('value');
  compileValue(operator, operatorValue, value);
  popPath(mark);
}

/** QUERY_…, 0 when it was refused. Without an operator: `present` when there is no value, else `equal`. */
function readOperator(operator: i32, value: i32): u32 {
  if (!isAbsent(operator)) {
    let mark = path.len;
    pushKey('operator');
    let code: u32 = 0;
    let isText = readText(operator);
    if (isText && words.len > 0) {
      code = operatorCode();
      if (code == 0) reportText(isOperatorFold() ? ACL_QUERY_CASE : ACL_QUERY_OPERATOR);
    }
    popPath(mark);
    if (!isText || words.len > 0) return code;
  }
  if (isAbsent(value)) return QUERY_PRESENT;
  if (kindOf(doc, value) != JSON_STRING) return QUERY_EQUAL; // reported with the value
  return readText(value) && words.len == 0 ? QUERY_PRESENT : QUERY_EQUAL;
}

function compileValue(operator: u32, operatorValue: i32, value: i32): void {
  let absent = isAbsent(value);
  if (!absent && kindOf(doc, value) != JSON_STRING) {
    reportRaw(ACL_QUERY_VALUE_TYPE, value);
  } else if (operator == QUERY_PRESENT || operator == QUERY_ABSENT) {
    if (!absent && readText(value) && words.len > 0) reportRaw(ACL_QUERY_VALUE_UNUSED, operatorValue);
  } else if (operator != 0 && absent) {
    reportRaw(ACL_QUERY_VALUE_MISSING, operatorValue);
  } else if (operator == QUERY_PATTERN || operator == QUERY_NOT_PATTERN) {
    let program = internProgram(value);
    if (program >= 0) addItem(PROGRAM, 0, 0, program);
  } else if (operator != 0 && readText(value)) {
    addString(QUERY_VALUE, 0, text, 0, words.len);
  }
}

function operatorCode(): u32 {
  if (equalsAscii(text, 0, words.len, 'present')) return QUERY_PRESENT;
  if (equalsAscii(text, 0, words.len, 'absent')) return QUERY_ABSENT;
  if (equalsAscii(text, 0, words.len, 'equal')) return QUERY_EQUAL;
  if (equalsAscii(text, 0, words.len, 'not equal')) return QUERY_NOT_EQUAL;
  if (equalsAscii(text, 0, words.len, 'pattern')) return QUERY_PATTERN;
  return equalsAscii(text, 0, words.len, 'not pattern') ? QUERY_NOT_PATTERN : 0;
}

/**
 * True for an operator in another case. Authelia's validator takes it and its
 * matcher then drops the condition, so that the rule matches everything.
 */
function isOperatorFold(): bool {
  let end = words.len;
  return (
    equalsAsciiFold(text, 0, end, 'present') ||
    equalsAsciiFold(text, 0, end, 'absent') ||
    equalsAsciiFold(text, 0, end, 'equal') ||
    equalsAsciiFold(text, 0, end, 'not equal') ||
    equalsAsciiFold(text, 0, end, 'pattern') ||
    equalsAsciiFold(text, 0, end, 'not pattern')
  );
}
