import { sameBytes } from '../bytes/bytes';
import { inGroups } from './groups';
import {
  isLastItem,
  itemAt,
  itemCount,
  itemKind,
  itemLength,
  itemStart,
  SUBJECT_CLIENT,
  SUBJECT_GROUP,
  SUBJECT_USER,
} from './layout';
import { Subject } from './subject';

/**
 * `subject`: alternatives, each an AND list that ends with a marked item. Names
 * are compared exactly. Nobody matches every list: signing in could make the
 * visitor any of them.
 */
export function subjectMatches(buf: StaticArray<u8>, image: i32, list: i32, subject: Subject): bool {
  if (subject.isAnonymous()) return true;
  let count = itemCount(buf, list);
  let all = true;
  for (let i = 0; i < count; i++) {
    let item = itemAt(list, i);
    if (all) all = isSubject(buf, image, item, subject);
    if (isLastItem(buf, item)) {
      if (all) return true;
      all = true;
    }
  }
  return false;
}

function isSubject(buf: StaticArray<u8>, image: i32, item: i32, subject: Subject): bool {
  let start = itemStart(buf, image, item);
  let end = start + itemLength(buf, item);
  switch (itemKind(buf, item)) {
    case SUBJECT_USER:
      return sameBytes(buf, start, end, subject.buf, subject.userStart, subject.userEnd);
    case SUBJECT_GROUP:
      return inGroups(buf, start, end, subject);
    case SUBJECT_CLIENT:
      return sameBytes(buf, start, end, subject.buf, subject.clientIdStart, subject.clientIdEnd);
    default:
      return false;
  }
}
