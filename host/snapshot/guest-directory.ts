import { chmodSync, mkdirSync, rmSync, type Stats, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config/problem.ts';
import { codeOf, isFull } from '../log/file-error.ts';
import type { Logger } from '../log/logger.ts';
import { TEMPORARY_PREFIX } from './atomic-file.ts';

/** `f_type` of tmpfs, linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;
const DIRECTORY_MODE = 0o750;
/** Write bits of group and others: whoever writes there can bring revoked grants back. */
const FOREIGN_WRITE = 0o022;

/**
 * Makes the guest directory if it is missing, and refuses (`ConfigError`) one
 * that the host cannot use or that others can write.
 */
export function prepareGuestDirectory(path: string, log: Logger): void {
  const stats = statOrCreate(path);
  if (!stats.isDirectory()) {
    throw refused(
      'guest.directory.kind',
      `${path} is not a directory: remove it, or name a directory of Postern's own`,
    );
  }
  const mode = stats.mode & 0o777;
  if ((mode & FOREIGN_WRITE) !== 0) {
    throw refused(
      'guest.directory.mode',
      `${path} can be written by others (mode ${mode.toString(8).padStart(4, '0')}), who could bring revoked grants back: run \`chmod 750 ${path}\``,
    );
  }
  tryWriting(path);
  if (!isTmpfs(path)) {
    log.warn(
      'guest directory is not on tmpfs: grants reach a disk, and reading them is slower; mount a tmpfs there',
      { directory: path },
    );
  }
}

/** Whether what is written there stays in memory. */
export function isTmpfs(path: string): boolean {
  return statfsSync(path).type === TMPFS_MAGIC;
}

function statOrCreate(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw unusable(path, error);
  }
  try {
    // Not the directories above it: a mount that is missing must not become a directory on disk.
    mkdirSync(path, { mode: DIRECTORY_MODE });
    chmodSync(path, DIRECTORY_MODE);
    return statSync(path);
  } catch (error) {
    throw refused(
      'guest.directory.create',
      `${path} does not exist and cannot be made (${codeOf(error)}): make it with mode 750, owned by the user that Postern runs as`,
    );
  }
}

/** Only an attempt tells: permissions, read-only mounts and security modules all have a say. */
function tryWriting(path: string): void {
  const probe = join(path, `${TEMPORARY_PREFIX}probe-${process.pid}`);
  try {
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    // Whatever is told to others goes through the host all the same, until there is room.
    if (!isFull(error)) throw unusable(path, error);
    rmSync(probe, { force: true });
  }
}

function unusable(path: string, error: unknown): ConfigError {
  return refused(
    'guest.directory.write',
    `${path} is not writable (${codeOf(error)}): make it belong to the user that Postern runs as, on a mount that is not read-only`,
  );
}

function refused(code: string, message: string): ConfigError {
  return new ConfigError([{ code, severity: 'error', path: 'guest.directory', message }]);
}
