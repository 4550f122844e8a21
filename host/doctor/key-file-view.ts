import { timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseGuestKey } from '../secret/secret.ts';
import { reason } from './host-view.ts';

/** Traefik's key file as it is seen from here; never the key. */
export interface KeyFileView {
  readonly path: string;
  /** Undefined when the file cannot be looked at, see `problem`. */
  readonly mode: number | undefined;
  readonly key: 'current' | 'previous' | 'foreign' | 'bad' | 'unreadable';
  /** What is wrong with file or text. */
  readonly problem: string | undefined;
  /** Whether the root secret's file lies in the same directory, which the plugin is given as a whole. */
  readonly besideSecret: boolean;
}

/** Never throws. @param secretFile the root secret's, where it comes from one */
export function observeKeyFile(
  path: string,
  guestKey: Uint8Array,
  previousGuestKey: Uint8Array | undefined,
  secretFile: string | undefined,
): KeyFileView {
  const besideSecret = secretFile !== undefined && dirname(resolve(secretFile)) === dirname(resolve(path));
  let mode: number | undefined;
  try {
    mode = statSync(path).mode & 0o777;
    const parsed = parseGuestKey(readFileSync(path, 'utf8'));
    if (!parsed.ok) return { path, mode, key: 'bad', problem: parsed.problem.message, besideSecret };
    const is = (key: Uint8Array | undefined) => key !== undefined && timingSafeEqual(parsed.key, key);
    const key = is(guestKey) ? 'current' : is(previousGuestKey) ? 'previous' : 'foreign';
    return { path, mode, key, problem: undefined, besideSecret };
  } catch (error) {
    return { path, mode, key: 'unreadable', problem: reason(error), besideSecret };
  }
}
