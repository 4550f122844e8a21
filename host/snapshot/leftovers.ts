import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GRANTS_FILE_PREFIX, POLICY_FILE_PREFIX } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import { TEMPORARY_PREFIX } from './atomic-file.ts';

/** A guest that read the page before it was replaced has opened what it names by then. */
const REMOVE_AFTER_MS = 5_000;

interface Deps {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Removes files that no page names any more, after a while; the answer cancels it. */
export function removeLater({ directory, clock, log }: Deps, names: readonly string[]): () => void {
  return clock.after(REMOVE_AFTER_MS, () => {
    for (const name of names) {
      try {
        rmSync(join(directory, name), { force: true });
      } catch (error) {
        log.warn('an old file cannot be removed', { file: name, error: String(error) });
      }
    }
  });
}

/** The same for what earlier hosts left behind: everything of ours but `named`. */
export function removeStrangers(deps: Deps, named: ReadonlySet<string>): () => void {
  const prefixes = [POLICY_FILE_PREFIX, GRANTS_FILE_PREFIX, TEMPORARY_PREFIX];
  const names = list(deps.directory).filter(
    name => prefixes.some(prefix => name.startsWith(prefix)) && !named.has(name),
  );
  return removeLater(deps, names);
}

/** Nothing where the directory has just gone: the next heartbeat says so. */
function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
