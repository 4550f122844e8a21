import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

function make(parent: string): string {
  const path = mkdtempSync(join(parent, 'postern-test-'));
  if (made.length === 0) process.once('exit', removeTempDirectories);
  made.push(path);
  return path;
}

/** A new empty directory, removed when the test process ends or by `removeTempDirectories`. */
export function tempDirectory(): string {
  return make(tmpdir());
}

/** As `tempDirectory`, on tmpfs where the machine has one: containers have no tmpfs at `/run`. */
export function guestDirectory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return make('/dev/shm');
  } catch {
    return make(tmpdir());
  }
}

/** Removes all directories made so far; call it in `afterAll`. */
export function removeTempDirectories(): void {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
}
