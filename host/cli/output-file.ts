import { writeFileSync } from 'node:fs';
import { CommandError } from './io.ts';

/** Writes a new file and never over another; `mode` counts whatever the umask allows more. */
export function writeNewFile(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode, flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const reason =
      {
        EEXIST: 'it exists already; remove it first or name another',
        ENOENT: 'its directory does not exist; create it first',
        EACCES: 'its directory may not be written by this user',
        EROFS: 'its file system is read-only',
      }[code] ?? code;
    throw new CommandError(`cannot write ${file}: ${reason}`);
  }
}
