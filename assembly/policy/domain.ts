import { sameBytes, within } from '../bytes/bytes';
import { Target } from '../http/target';
import { isMatch } from '../regexp/regexp';
import { equalFold } from './fold';
import { inGroupsFold } from './groups';
import {
  DOMAIN_EXACT,
  DOMAIN_GROUP,
  DOMAIN_SUFFIX,
  DOMAIN_USER,
  isAsciiItem,
  itemAt,
  itemCount,
  itemKind,
  itemLength,
  itemStart,
  PROGRAM,
  PROGRAM_NAMED,
} from './layout';
import { namedMatch } from './named-match';
import { Subject } from './subject';

/** `domain` and `domain_regex` of a rule are one list: any entry will do. */
export function domainMatches(
  buf: StaticArray<u8>,
  image: i32,
  list: i32,
  subject: Subject,
  target: Target,
): bool {
  let count = itemCount(buf, list);
  for (let i = 0; i < count; i++) {
    if (entryMatches(buf, image, itemAt(list, i), subject, target)) return true;
  }
  return false;
}

/** True when the list could match the target's host for some subject. */
export function domainCouldMatch(buf: StaticArray<u8>, image: i32, list: i32, target: Target): bool {
  return domainMatches(buf, image, list, nobody, target);
}

/** An anonymous subject matches wherever any subject would. */
const nobody = new Subject();

function entryMatches(buf: StaticArray<u8>, image: i32, item: i32, subject: Subject, target: Target): bool {
  let host = target.host;
  let hostEnd = target.hostLength;
  let kind = itemKind(buf, item);
  // Most entries of a policy name another host: their length tells.
  if (kind == DOMAIN_EXACT && target.hostAscii && itemLength(buf, item) != hostEnd && isAsciiItem(buf, item))
    return false;
  let start = itemStart(buf, image, item);
  if (kind == PROGRAM) return isMatch(buf, start, host, 0, hostEnd);
  if (kind == PROGRAM_NAMED) return namedMatch(buf, start, host, 0, hostEnd, subject);
  let len = itemLength(buf, item);
  let end = start + len;
  if (!within(buf, start, len)) return false;
  if (kind == DOMAIN_EXACT) return equalFold(host, 0, hostEnd, buf, start, end);
  if (kind == DOMAIN_SUFFIX) return equalFold(host, hostEnd - len, hostEnd, buf, start, end);
  if (kind != DOMAIN_USER && kind != DOMAIN_GROUP) return false;
  if (subject.isAnonymous()) {
    return hostEnd > len && equalFold(host, hostEnd - len, hostEnd, buf, start, end);
  }
  // Authelia compares what follows the placeholder, and the user name, byte by byte.
  if (!sameBytes(host, hostEnd - len, hostEnd, buf, start, end)) return false;
  let labelEnd = hostEnd - len;
  if (kind == DOMAIN_USER)
    return sameBytes(host, 0, labelEnd, subject.buf, subject.userStart, subject.userEnd);
  // The rest begins at the first dot, so the group's label holds none. Without a dot it matches nobody.
  if (len == 0 || unchecked(buf[start]) != 0x2e) return false;
  for (let i = 0; i < labelEnd; i++) {
    if (unchecked(host[i]) == 0x2e) return false;
  }
  return inGroupsFold(host, 0, labelEnd, subject);
}
