import { readU32 } from '../bytes/bytes';
import { Target } from '../http/target';
import { findGroups, groupCount, groups } from './domain-index';
import {
  CANDIDATE_SIZE,
  CHECK_DOMAIN,
  GROUP_CANDIDATES,
  GROUP_FILTER,
  GROUP_MEMBERS,
  GROUP_NAME,
  LIST_ITEMS,
  MEMBER_SIZE,
  WHOLE_RULE,
} from './layout';
import { applyFilter, found, foundCount, resetFilter } from './path-filter';
import { bytes, locate, numberAt } from './view';

/**
 * The rules that can match a target, in the order of the policy: the lists of
 * its groups and of what their filters found, merged.
 */

/** Lists merged for one request. Where there are more, every rule is judged. */
const MAX_LISTS: i32 = 64;

/** A list being read: offset of what comes next, how many are left, bytes of each. */
const offsets = new StaticArray<i32>(MAX_LISTS);
const rests = new StaticArray<i32>(MAX_LISTS);
const sizes = new StaticArray<i32>(MAX_LISTS);
/** What each list has next. */
const members = new StaticArray<u32>(MAX_LISTS);
const items = new StaticArray<u32>(MAX_LISTS);
let listCount: i32 = 0;

/** Number of the rule to be judged next. */
export let candidateRule: i32 = 0;
/** Whether its domain must be looked at. */
export let candidateChecksDomain: bool = false;
/** The one expression of its resources to be tried, WHOLE_RULE for all that it has. */
export let candidateItem: u32 = 0;

/** Begins with the target's candidates; false when the policy must be judged rule by rule. */
export function openCandidates(target: Target): bool {
  listCount = 0;
  if (!findGroups(target)) return false;
  resetFilter();
  for (let i = 0; i < groupCount; i++) {
    if (!openGroup(unchecked(groups[i]), target)) return false;
  }
  return true;
}

function openGroup(group: i32, target: Target): bool {
  let at = locate(group, GROUP_NAME);
  let filter = <i32>readU32(bytes, at + GROUP_FILTER);
  let memberList = <i32>readU32(bytes, at + GROUP_MEMBERS);
  let count = <i32>readU32(bytes, at + GROUP_CANDIDATES);
  let nameBytes = (<i32>(readU32(bytes, at) & 0xffff) + 3) & ~3;
  if (filter != 0) {
    if (!applyFilter(filter, target))
      return addList(memberList + LIST_ITEMS, <i32>numberAt(memberList), MEMBER_SIZE);
    for (let i = 0; i < foundCount; i++) {
      let list = unchecked(found[i]);
      if (!addList(list + LIST_ITEMS, <i32>numberAt(list), CANDIDATE_SIZE)) return false;
    }
  }
  return addList(group + GROUP_NAME + nameBytes, count, CANDIDATE_SIZE);
}

function addList(offset: i32, count: i32, size: i32): bool {
  if (count <= 0) return true;
  if (listCount == MAX_LISTS) return false;
  let list = listCount++;
  unchecked((offsets[list] = offset));
  unchecked((rests[list] = count));
  unchecked((sizes[list] = size));
  step(list);
  return true;
}

/** Reads what the list has next; a list at its end has what comes behind every rule. */
function step(list: i32): void {
  if (unchecked(rests[list]--) <= 0) {
    unchecked((members[list] = u32.MAX_VALUE));
    unchecked((items[list] = u32.MAX_VALUE));
    return;
  }
  let size = unchecked(sizes[list]);
  let offset = unchecked(offsets[list]);
  let at = locate(offset, size);
  unchecked((members[list] = readU32(bytes, at)));
  unchecked((items[list] = size == CANDIDATE_SIZE ? readU32(bytes, at + 4) : WHOLE_RULE));
  unchecked((offsets[list] = offset + size));
}

/** Goes on to the next candidate; false when there is none left. */
export function nextCandidate(): bool {
  let best = -1;
  let bestRule = ~CHECK_DOMAIN;
  for (let i = 0; i < listCount; i++) {
    let rule = unchecked(members[i]) & ~CHECK_DOMAIN;
    if (rule >= bestRule) continue;
    best = i;
    bestRule = rule;
  }
  if (best < 0) return false;
  candidateRule = <i32>bestRule;
  candidateChecksDomain = (unchecked(members[best]) & CHECK_DOMAIN) != 0;
  candidateItem = unchecked(items[best]);
  step(best);
  return true;
}
