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
  ITEM_ASCII,
  PROGRAM,
  PROGRAM_NAMED,
} from './layout';
import { namedMatch } from './named-match';
import { Subject } from './subject';
import {
  bytes,
  itemCount,
  itemFlags,
  itemKind,
  itemLength,
  itemOffset,
  locateProgram,
  locateString,
  readItem,
} from './view';

/** `domain` and `domain_regex` of a rule are one list: any entry will do. */
export function domainMatches(list: i32, subject: Subject, target: Target): bool {
  let count = itemCount(list);
  for (let i = 0; i < count; i++) {
    readItem(list, i);
    if (entryMatches(subject, target)) return true;
  }
  return false;
}

/** True when the list could match the target's host for some subject. */
export function domainCouldMatch(list: i32, target: Target): bool {
  return domainMatches(list, nobody, target);
}

/** An anonymous subject matches wherever any subject would. */
const nobody = new Subject();

/** Whether the item read last matches. */
function entryMatches(subject: Subject, target: Target): bool {
  let host = target.host;
  let hostEnd = target.hostLength;
  let kind = itemKind;
  let len = itemLength;
  // Most entries of a policy name another host: their length tells.
  if (kind == DOMAIN_EXACT && target.hostAscii && len != hostEnd && (itemFlags & ITEM_ASCII) != 0)
    return false;
  if (kind == PROGRAM) {
    let program = locateProgram(itemOffset);
    return isMatch(bytes, program, host, 0, hostEnd);
  }
  if (kind == PROGRAM_NAMED) {
    let program = locateProgram(itemOffset);
    return namedMatch(bytes, program, host, 0, hostEnd, subject);
  }
  let start = locateString();
  let buf = bytes;
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
