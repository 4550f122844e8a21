import { Target } from '../http/target';
import { isMatch } from '../regexp/regexp';
import { PROGRAM, PROGRAM_NAMED } from './layout';
import { namedMatch } from './named-match';
import { Subject } from './subject';
import { bytes, itemCount, itemKind, itemOffset, locateProgram, readItem } from './view';

/** `resources`: any expression that matches the clean path with its query. */
export function resourceMatches(list: i32, subject: Subject, target: Target): bool {
  let count = itemCount(list);
  for (let i = 0; i < count; i++) {
    if (expressionMatches(list, i, subject, target)) return true;
  }
  return false;
}

/** Whether one expression of the list matches. */
export function expressionMatches(list: i32, index: i32, subject: Subject, target: Target): bool {
  readItem(list, index);
  if (itemKind != PROGRAM && itemKind != PROGRAM_NAMED) return false;
  let named = itemKind == PROGRAM_NAMED;
  let program = locateProgram(itemOffset);
  return named
    ? namedMatch(bytes, program, target.object, 0, target.objectLength, subject)
    : isMatch(bytes, program, target.object, 0, target.objectLength);
}
