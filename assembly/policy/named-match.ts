import { captures, findGroups, isMatch, namedGroups } from '../regexp/regexp';
import { equalFold } from './fold';
import { inGroupsFold } from './groups';
import { Subject } from './subject';

/** Bits of `namedGroups`. */
export const NAMES_USER: i32 = 1;
export const NAMES_GROUP: i32 = 2;

/**
 * An expression with a group named `User` or `Group`: what these capture in the
 * leftmost-first match must be the subject's name and one of its groups, under
 * case folding. For nobody the match alone is enough. A group that took no
 * part captures the empty text, as in Go.
 */
export function namedMatch(
  program: StaticArray<u8>,
  at: i32,
  text: StaticArray<u8>,
  start: i32,
  end: i32,
  subject: Subject,
): bool {
  if (subject.isAnonymous()) return isMatch(program, at, text, start, end);
  if (!findGroups(program, at, text, start, end)) return false;
  let named = namedGroups(program, at);
  if ((named & NAMES_USER) != 0) {
    let from = max(captures[0], 0);
    if (!equalFold(text, from, max(captures[1], from), subject.buf, subject.userStart, subject.userEnd))
      return false;
  }
  if ((named & NAMES_GROUP) != 0) {
    let from = max(captures[2], 0);
    if (!inGroupsFold(text, from, max(captures[3], from), subject)) return false;
  }
  return true;
}
