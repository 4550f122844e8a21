import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf } from './log/file-error.ts';

/**
 * Makes a directory, and those above it that are missing, unless it is there.
 * One by one: Node's `recursive` never ends where nothing can be made, as in
 * `/proc/x/y`.
 *
 * @param mode of those that are made
 * @throws the system's error, with its `code`; EEXIST and ENOTDIR where a file stands in the way
 */
export async function makeDirectories(path: string, mode = 0o777): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await make(at, mode)); at = dirname(at)) missing.push(at);
  for (const at of missing.reverse()) await mkdir(at, { mode }).catch(error => refuseOthers(at, error));
}

/** False when the one above is missing, too. */
async function make(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && dirname(path) !== path) return false;
    await refuseOthers(path, error);
  }
  return true;
}

/** It may be there already, or have been made by somebody else meanwhile. */
async function refuseOthers(path: string, error: unknown): Promise<void> {
  const isThere = await stat(path).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isThere) throw error;
}
