import { readU8, readU16, readU32 } from '../bytes/bytes';
import { Target } from '../http/target';
import { domainCouldMatch } from './domain';
import { findGroups, groupCount, groups, hostTurn } from './domain-index';
import {
  ENTRY_BACKEND,
  ENTRY_DENIAL,
  ENTRY_IDENTITY,
  ENTRY_IDENTITY_LENGTH,
  ENTRY_PATHS,
  ENTRY_SIZE,
  FLAG_SETTINGS,
  GROUP_NAME,
  GROUP_SETTINGS,
  IMAGE_FLAGS,
  IMAGE_SETTINGS,
  SETTINGS_ENTRIES,
  SETTINGS_NAMES,
} from './layout';
import { bytes, fault, headerField, locate, numberAt } from './view';

/**
 * What the configuration says about the target's host (`domains`). Each setting
 * comes from the first entry that has the host and says something about it,
 * else from the one for every host.
 */

/** Offset and length in the image of the identity headers. */
export let identityAt: i32 = 0;
export let identityLength: i32 = 0;
/** Whether an entry for the host names them, not the one for every host. */
export let identityIsOwn: bool = false;
/** DENIAL_…; 0 is what suits whoever answers. */
export let denial: u32 = 0;
/** PATHS_…. */
export let paths: u32 = 0;
/** BACKEND_…; 0 is any other, too. */
export let backend: u32 = 0;

/** `hostTurn` of the host that these are of; 0 while they are of none. */
let foundTurn: u32 = 0;

/** Finds the settings of the target's host; when a part of the policy could not be had, `fault` says so. */
export function findSettings(target: Target): void {
  // Most requests of an instance are for the host of the one before.
  let groupsAreKnown = findGroups(target);
  if (groupsAreKnown && foundTurn == hostTurn) return;
  let isIndexed = groupsAreKnown && (headerField(IMAGE_FLAGS) & FLAG_SETTINGS) != 0;
  foundTurn = 0;
  identityAt = identityLength = 0;
  denial = paths = backend = 0;
  let block = <i32>headerField(IMAGE_SETTINGS);
  if (isIndexed) takeFromGroups();
  else takeFromEntries(block, target);
  identityIsOwn = identityLength > 0;
  take(block + SETTINGS_ENTRIES);
  if (fault == 0) foundTurn = hostTurn;
}

/** Takes what the group with the longest name says that says anything. */
function takeFromGroups(): void {
  for (let i = groupCount - 1; i >= 0; i--) {
    let at = locate(unchecked(groups[i]), GROUP_NAME);
    let entry = <i32>readU32(bytes, at + GROUP_SETTINGS);
    if (entry == 0) continue;
    take(entry);
    return;
  }
}

function takeFromEntries(block: i32, target: Target): void {
  let count = <i32>numberAt(block);
  for (let i = 1; i < count && fault == 0; i++) {
    let entry = block + SETTINGS_ENTRIES + i * ENTRY_SIZE;
    if (domainCouldMatch(<i32>numberAt(entry), target)) take(entry);
  }
}

/** Takes from the entry at an offset what is not known yet. */
function take(entry: i32): void {
  let at = locate(entry, ENTRY_SIZE);
  if (identityLength == 0) {
    identityAt = <i32>readU32(bytes, at + ENTRY_IDENTITY);
    identityLength = <i32>readU16(bytes, at + ENTRY_IDENTITY_LENGTH);
  }
  if (denial == 0) denial = readU8(bytes, at + ENTRY_DENIAL);
  if (paths == 0) paths = readU8(bytes, at + ENTRY_PATHS);
  if (backend == 0) backend = readU8(bytes, at + ENTRY_BACKEND);
}

/** Offset of the block of all identity headers' names; 0 when there is none. */
export function identityNames(): i32 {
  return <i32>numberAt(<i32>headerField(IMAGE_SETTINGS) + SETTINGS_NAMES);
}
