import { lowerAscii } from '../bytes/ascii';
import { copy, readU8, readU16, readU32, sameBytes } from '../bytes/bytes';
import { MAX_HOST_NAME } from '../http/host-name';
import { Target } from '../http/target';
import { NAME_SEED, nameHash, scramble, slotOf } from './hashes';
import {
  FLAG_INDEX,
  GROUP_NAME,
  IMAGE_ANY_GROUP,
  IMAGE_EXACT,
  IMAGE_EXACT_SLOTS,
  IMAGE_FLAGS,
  IMAGE_SUFFIX,
  IMAGE_SUFFIX_BITS,
  IMAGE_SUFFIX_SLOTS,
  SLOT_SIZE,
} from './layout';
import { bytes, fault, headerByte, headerField, imageTurn, locate } from './view';

/**
 * Which rules can concern a host: those of the group with its name, of the
 * groups with one of its endings, and of the group for any host. Names are
 * compared; a hash alone decides nothing.
 */

/** Groups of one host. A policy with more wildcards above one host is judged rule by rule. */
const MAX_GROUPS: i32 = 24;

/** Offsets of the groups found last. */
export const groups = new StaticArray<i32>(MAX_GROUPS);
export let groupCount: i32 = 0;

// What was found last is good for the same host in the same image, which never changes: most requests of an instance.
let foundTurn: u32 = 0;
const foundHost = new StaticArray<u8>(MAX_HOST_NAME);
/** Length of that host; 0 while nothing has been found. */
let foundLength: i32 = 0;
/** Counts the searches: who remembers something of a host knows by it that the host is the same. */
export let hostTurn: u32 = 0;

/** Finds the groups of the target's host; false when the policy has no index that tells. */
export function findGroups(target: Target): bool {
  let len = target.hostLength;
  if (
    foundTurn == imageTurn &&
    foundLength > 0 &&
    target.hostAscii &&
    sameBytes(foundHost, 0, foundLength, target.host, 0, len)
  ) {
    return true;
  }
  foundLength = 0;
  hostTurn++;
  if (!searchGroups(target)) return false;
  if (fault == 0 && copy(foundHost, 0, target.host, 0, len)) {
    foundTurn = imageTurn;
    foundLength = len;
  }
  return true;
}

function searchGroups(target: Target): bool {
  groupCount = 0;
  // The index holds ASCII names; what else folds to one is for the rules to say.
  if ((headerField(IMAGE_FLAGS) & FLAG_INDEX) == 0 || !target.hostAscii) return false;
  let host = target.host;
  let hash = NAME_SEED;
  for (let i = target.hostLength - 1; i >= 0; i--) {
    let byte = lowerAscii(readU8(host, i));
    hash = nameHash(hash, byte);
    if (byte != 0x2e) continue;
    let key = scramble(hash);
    if (((headerByte(IMAGE_SUFFIX_BITS + ((key >> 3) & 31)) >> (key & 7)) & 1) == 0) continue;
    if (!addGroup(IMAGE_SUFFIX, IMAGE_SUFFIX_SLOTS, key, target, i)) return false;
  }
  if (!addGroup(IMAGE_EXACT, IMAGE_EXACT_SLOTS, scramble(hash), target, 0)) return false;
  let any = <i32>headerField(IMAGE_ANY_GROUP);
  return any == 0 || add(any);
}

/** Adds the group of the host's name from `from` on, when the table has one; false when there are too many. */
function addGroup(table: i32, slotsField: i32, key: u32, target: Target, from: i32): bool {
  let slots = headerField(slotsField);
  if (slots == 0) return true;
  let start = <i32>headerField(table);
  let slot = slotOf(key, slots);
  for (let tries: u32 = 0; tries < slots; tries++) {
    let at = locate(start + <i32>slot * SLOT_SIZE, SLOT_SIZE);
    let group = <i32>readU32(bytes, at + 4);
    if (group == 0) return true;
    if (readU32(bytes, at) == key && isNamed(group, target, from)) return add(group);
    if (++slot == slots) slot = 0;
  }
  return true;
}

function isNamed(group: i32, target: Target, from: i32): bool {
  let len = target.hostLength - from;
  let at = locate(group, GROUP_NAME + len);
  if (<i32>readU16(bytes, at) != len) return false;
  for (let i = 0; i < len; i++) {
    if (readU8(bytes, at + GROUP_NAME + i) != <u32>lowerAscii(readU8(target.host, from + i))) return false;
  }
  return true;
}

function add(group: i32): bool {
  if (groupCount == MAX_GROUPS) return false;
  unchecked((groups[groupCount++] = group));
  return true;
}
