import { closeSync, fchmodSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Read for the group, so that the proxy need not run as the same user. */
export const FILE_MODE = 0o640;
/** Begins the name of a file that is being written; a killed host leaves one behind. */
export const TEMPORARY_PREFIX = '.new-';

/**
 * Writes a file under a temporary name in the same directory and renames it,
 * so that a reader finds the old content or the new one. Synchronous: a
 * revocation is published in the step that makes it.
 */
export function writeFileAtomically(path: string, bytes: Uint8Array, suffix: string): void {
  const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${suffix}`);
  const fd = openSync(temporary, 'w', FILE_MODE);
  try {
    // Whatever the umask says: the guest reads as a member of the group.
    fchmodSync(fd, FILE_MODE);
    if (writeSync(fd, bytes, 0, bytes.length, 0) !== bytes.length) throw new Error('written in part');
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
