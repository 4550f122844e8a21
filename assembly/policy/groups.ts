import { sameBytes } from '../bytes/bytes';
import { equalFold } from './fold';
import { groupEnd, Subject } from './subject';

/** True when the text is one of the subject's groups, byte for byte. */
export function inGroups(text: StaticArray<u8>, start: i32, end: i32, subject: Subject): bool {
  let at = subject.groupsAt;
  for (let i = 0; i < subject.groupCount; i++) {
    let next = groupEnd(subject.buf, at);
    if (next < 0) return false;
    if (sameBytes(text, start, end, subject.buf, at + 2, next)) return true;
    at = next;
  }
  return false;
}

/** True when the text is one of the subject's groups under case folding. */
export function inGroupsFold(text: StaticArray<u8>, start: i32, end: i32, subject: Subject): bool {
  let at = subject.groupsAt;
  for (let i = 0; i < subject.groupCount; i++) {
    let next = groupEnd(subject.buf, at);
    if (next < 0) return false;
    if (equalFold(text, start, end, subject.buf, at + 2, next)) return true;
    at = next;
  }
  return false;
}
