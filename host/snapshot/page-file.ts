import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import { isFull } from '../log/file-error.ts';
import { writeFileAtomically } from './atomic-file.ts';

/**
 * Writes the state page: by renaming, or where the disk is full into the file
 * that is there, which takes no new space. A guest that reads in just that
 * moment finds a page whose MAC is wrong and defers for half a second; without
 * a heartbeat it would refuse every new credential. Answers the error of the
 * full disk; throws when there is no page to write into, either.
 */
export function writePage(path: string, page: Uint8Array, suffix: string): unknown {
  try {
    writeFileAtomically(path, page, suffix);
    return undefined;
  } catch (error) {
    if (!isFull(error)) throw error;
    overwrite(path, page, error);
    return error;
  }
}

function overwrite(path: string, page: Uint8Array, full: unknown): void {
  let fd: number;
  try {
    // Not what a link names: the host writes in its own directory only.
    fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  } catch {
    throw full;
  }
  try {
    if (writeSync(fd, page, 0, page.length, 0) !== page.length) throw full;
    ftruncateSync(fd, page.length);
  } finally {
    closeSync(fd);
  }
}
