import { sameBytes } from '../bytes/bytes';
import { inGroups } from './groups';
import { SUBJECT_CLIENT, SUBJECT_GROUP, SUBJECT_USER } from './layout';
import { Subject } from './subject';
import { bytes, isLastItem, itemCount, itemKind, itemLength, locateString, readItem } from './view';

/**
 * `subject`: alternatives, each an AND list that ends with a marked item. Names
 * are compared exactly. Nobody matches every list: signing in could make the
 * visitor any of them.
 */
export function subjectMatches(list: i32, subject: Subject): bool {
  if (subject.isAnonymous()) return true;
  let count = itemCount(list);
  let all = true;
  for (let i = 0; i < count; i++) {
    readItem(list, i);
    if (all) all = isSubject(subject);
    if (isLastItem()) {
      if (all) return true;
      all = true;
    }
  }
  return false;
}

/** Whether the item read last names the subject. */
function isSubject(subject: Subject): bool {
  let start = locateString();
  let end = start + itemLength;
  switch (itemKind) {
    case SUBJECT_USER:
      return sameBytes(bytes, start, end, subject.buf, subject.userStart, subject.userEnd);
    case SUBJECT_GROUP:
      return inGroups(bytes, start, end, subject);
    case SUBJECT_CLIENT:
      return sameBytes(bytes, start, end, subject.buf, subject.clientIdStart, subject.clientIdEnd);
    default:
      return false;
  }
}
