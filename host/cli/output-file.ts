import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { makeDirectories } from '../directories.ts';
import { codeOf } from '../log/file-error.ts';
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
    throw new CommandError(`cannot write ${file}: ${reasonOf(error, WRITING)}`);
  }
}

/** Makes a directory for output, with those above it. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await makeDirectories(path);
  } catch (error) {
    throw new CommandError(`cannot make ${path}: ${reasonOf(error, MAKING)}`);
  }
}

function reasonOf(error: unknown, words: Readonly<Record<string, string>>): string {
  const code = codeOf(error);
  return words[code] ?? ANY[code] ?? code;
}

const ANY: Readonly<Record<string, string>> = {
  ENOTDIR: 'a file stands where a directory is needed; name another place',
  ENOSPC: 'the disk is full',
  EROFS: 'its file system is read-only',
  ENAMETOOLONG: 'its name is too long',
};
const WRITING: Readonly<Record<string, string>> = {
  EEXIST: 'it exists already; remove it first or name another',
  ENOENT: 'its directory does not exist; create it first',
  EACCES: 'its directory may not be written by this user',
  EISDIR: 'it is the name of a directory; write that of a file',
};
const MAKING: Readonly<Record<string, string>> = {
  EEXIST: 'a file has this name; name a directory',
  ENOENT: 'there is no place for files; name another',
  EACCES: 'the directory above it may not be written by this user',
};
