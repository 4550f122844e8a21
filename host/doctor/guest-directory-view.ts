import { closeSync, openSync, readdirSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  GRANTS_FILE_PREFIX,
  LABEL_STATE,
  POLICY_FILE_PREFIX,
  SNAPSHOT_ID,
  SNAPSHOT_UNITS,
  STATE_FILE,
} from '../../assembly/contract.ts';
import { deriveKey } from '../secret/derive.ts';
import { isTmpfs } from '../snapshot/guest-directory.ts';
import { decodeStatePage, type StatePage } from '../snapshot/state-page.ts';
import { reason } from './host-view.ts';

/** The guest directory as it is seen from here. */
export interface DirectoryView {
  readonly path: string;
  /** Why it cannot be looked at, e.g. `ENOENT`; the rest is then empty. */
  readonly problem: string | undefined;
  readonly isDirectory: boolean;
  readonly mode: number;
  readonly owner: number;
  readonly tmpfs: boolean;
  readonly state: StateView;
  /** Files that the page names. */
  readonly snapshot: FileView | undefined;
  readonly grants: (FileView & { readonly expectedSize: number }) | undefined;
}

export interface StateView {
  readonly problem: string | undefined;
  readonly owner: number | undefined;
  readonly mode: number | undefined;
  /** Undefined when it is missing, damaged or another secret's. */
  readonly page: StatePage | undefined;
  /** The page is good by the previous secret. */
  readonly previous: boolean;
}

export interface FileView {
  readonly name: string;
  readonly problem: string | undefined;
  readonly size: number;
  readonly mode: number;
}

const NONE = { isDirectory: false, mode: 0, owner: 0, tmpfs: false, snapshot: undefined, grants: undefined };
const NO_STATE: StateView = {
  problem: undefined,
  owner: undefined,
  mode: undefined,
  page: undefined,
  previous: false,
};

/** What cannot be read is a `problem`. @param path as the host sees it */
export function observeGuestDirectory(
  path: string,
  guestKey: Uint8Array,
  previousGuestKey: Uint8Array | undefined,
): DirectoryView {
  let stats: Stats;
  try {
    stats = statSync(path);
    readdirSync(path);
  } catch (error) {
    return { ...NONE, path, problem: reason(error), state: NO_STATE };
  }
  const state = observeState(join(path, STATE_FILE), guestKey, previousGuestKey);
  const { page } = state;
  const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');
  return {
    path,
    problem: undefined,
    isDirectory: stats.isDirectory(),
    mode: stats.mode & 0o777,
    owner: stats.uid,
    tmpfs: isTmpfs(path),
    state,
    snapshot: page && observeSnapshot(path, `${POLICY_FILE_PREFIX}${hex(page.snapshotId)}`, page.snapshotId),
    grants: page && {
      ...observeFile(path, `${GRANTS_FILE_PREFIX}${hex(page.tableId)}`),
      expectedSize: page.slotSize * page.slotCount,
    },
  };
}

function observeState(
  path: string,
  guestKey: Uint8Array,
  previousGuestKey: Uint8Array | undefined,
): StateView {
  try {
    const { uid, mode } = statSync(path);
    const bytes = readFileSync(path);
    const by = (key: Uint8Array) => decodeStatePage(bytes, deriveKey(key, LABEL_STATE));
    const page = by(guestKey);
    const previous =
      page === undefined && previousGuestKey !== undefined && by(previousGuestKey) !== undefined;
    return { problem: undefined, owner: uid, mode: mode & 0o777, page, previous };
  } catch (error) {
    return { ...NO_STATE, problem: reason(error) };
  }
}

function observeFile(directory: string, name: string): FileView {
  try {
    const { size, mode } = statSync(join(directory, name));
    return { name, problem: undefined, size, mode: mode & 0o777 };
  } catch (error) {
    return { name, problem: reason(error), size: 0, mode: 0 };
  }
}

/** Also whether it begins as the page says; the guest checks the rest. */
function observeSnapshot(directory: string, name: string, id: Uint8Array): FileView {
  const file = observeFile(directory, name);
  if (file.problem !== undefined) return file;
  if (file.size <= SNAPSHOT_UNITS) return { ...file, problem: 'truncated' };
  try {
    const fd = openSync(join(directory, name), 'r');
    try {
      const header = Buffer.alloc(SNAPSHOT_UNITS);
      readSync(fd, header, 0, SNAPSHOT_UNITS, 0);
      const named = header.subarray(SNAPSHOT_ID, SNAPSHOT_ID + id.length);
      return named.equals(id) ? file : { ...file, problem: 'it holds another snapshot' };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { ...file, problem: reason(error) };
  }
}
