import { Target } from '../http/target';
import { isMatch } from '../regexp/regexp';
import { itemAt, itemCount, itemKind, itemStart, PROGRAM, PROGRAM_NAMED } from './layout';
import { namedMatch } from './named-match';
import { Subject } from './subject';

/** `resources`: any expression that matches the clean path with its query. */
export function resourceMatches(
  buf: StaticArray<u8>,
  image: i32,
  list: i32,
  subject: Subject,
  target: Target,
): bool {
  let count = itemCount(buf, list);
  for (let i = 0; i < count; i++) {
    let item = itemAt(list, i);
    let kind = itemKind(buf, item);
    let program = itemStart(buf, image, item);
    if (kind == PROGRAM) {
      if (isMatch(buf, program, target.object, 0, target.objectLength)) return true;
    } else if (kind == PROGRAM_NAMED) {
      if (namedMatch(buf, program, target.object, 0, target.objectLength, subject)) return true;
    }
  }
  return false;
}
