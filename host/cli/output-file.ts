import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { CommandError } from './io.ts';

/** Writes a new file, as a whole or not at all, and never over another; `mode` counts whatever the umask allows more. */
export function writeNewFile(file: string, text: string, mode: number): void {
  try {
    const opened = openSync(file, 'wx', mode);
    try {
      writeFileSync(opened, text);
      fsyncSync(opened);
    } catch (error) {
      // Half of it would keep the next attempt from the name.
      rmSync(file, { force: true });
      throw error;
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const reason =
      {
        EEXIST: 'it exists already; remove it first or name another',
        ENOENT: 'its directory does not exist; create it first',
        EACCES: 'its directory may not be written by this user',
        ENOSPC: 'the disk is full',
        EROFS: 'its file system is read-only',
      }[code] ?? code;
    throw new CommandError(`cannot write ${file}: ${reason}`);
  }
}
