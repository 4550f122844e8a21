import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, posix, sep } from 'node:path';
import { EBADF, EISDIR, EMFILE, ENOTDIR, EPERM, errnoOf } from './errno.ts';

/** Standard streams come first, then one descriptor per mount. */
const FIRST_MOUNT = 3;
/** A guest that forgets to close is stopped here and not at the process's limit. */
const MAX_FILES = 64;

interface Mount {
  readonly guestPath: string;
  readonly hostPath: string;
}

interface OpenFile {
  readonly fd: number;
  /** Of `read`; `readAt` leaves it alone. */
  offset: number;
}

/** A value, or the WASI error number that stands in its place. */
export type Result<T> = { readonly value: T } | { readonly errno: number };

/** The file descriptors of one guest instance: read-only directories and the files opened below them. */
export class MountTable {
  readonly #entries: (Mount | OpenFile | undefined)[];

  /** `mounts` maps the path in the guest to the directory it shows. */
  constructor(mounts: Readonly<Record<string, string>>) {
    const list = Object.entries(mounts).map(([guestPath, hostPath]) => ({ guestPath, hostPath }));
    this.#entries = [...new Array<undefined>(FIRST_MOUNT).fill(undefined), ...list];
  }

  /** The guest path of a mount; undefined for anything else. */
  mountPoint(fd: number): string | undefined {
    const entry = this.#entries[fd];
    return entry !== undefined && 'guestPath' in entry ? entry.guestPath : undefined;
  }

  /**
   * Opens `path` below mount `dir` for reading. A path that leaves the mount is
   * EPERM, also by a symbolic link; links are followed only if `follow`.
   */
  open(dir: number, path: string, follow: boolean, directory: boolean): Result<number> {
    const mount = this.#entries[dir];
    if (mount === undefined) return { errno: EBADF };
    if (!('guestPath' in mount)) return { errno: ENOTDIR };
    const clean = posix.normalize(path);
    if (clean.startsWith('/') || clean.split('/').includes('..') || clean.includes('\0')) {
      return { errno: EPERM };
    }
    const free = this.#entries.indexOf(undefined, FIRST_MOUNT);
    const slot = free === -1 ? this.#entries.length : free;
    if (slot >= FIRST_MOUNT + MAX_FILES) return { errno: EMFILE };
    const plain = clean.replace(/\/$/, '');
    const target = join(mount.hostPath, plain);
    try {
      const root = realpathSync(mount.hostPath);
      const inside = root.endsWith(sep) ? root : root + sep;
      const real =
        follow || plain === '.'
          ? realpathSync(target)
          : join(realpathSync(join(target, '..')), posix.basename(plain));
      if (real !== root && !real.startsWith(inside)) return { errno: EPERM };
      // The path is resolved: a link that appears there meanwhile is not followed. A pipe must not block.
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      const slash = plain === clean ? '' : '/';
      const fd = openSync(real + slash, directory ? flags | constants.O_DIRECTORY : flags);
      this.#entries[slot] = { fd, offset: 0 };
      return { value: slot };
    } catch (error) {
      return { errno: errnoOf(error) };
    }
  }

  /** Fills `target` from `offset`, or from where the last `read` ended; answers the number of bytes. */
  read(fd: number, target: Uint8Array, offset?: number): Result<number> {
    const entry = this.#entries[fd];
    if (entry === undefined) return { errno: EBADF };
    if ('guestPath' in entry) return { errno: EISDIR };
    try {
      const count = readSync(entry.fd, target, 0, target.length, offset ?? entry.offset);
      if (offset === undefined) entry.offset += count;
      return { value: count };
    } catch (error) {
      return { errno: errnoOf(error) };
    }
  }

  stat(fd: number): Result<BigIntStats> {
    const entry = this.#entries[fd];
    if (entry === undefined) return { errno: EBADF };
    try {
      const options = { bigint: true } as const;
      return {
        value: 'guestPath' in entry ? statSync(entry.hostPath, options) : fstatSync(entry.fd, options),
      };
    } catch (error) {
      return { errno: errnoOf(error) };
    }
  }

  /** Answers 0 or an error number. */
  close(fd: number): number {
    const entry = this.#entries[fd];
    if (entry === undefined) return EBADF;
    this.#entries[fd] = undefined;
    if ('fd' in entry) closeSync(entry.fd);
    return 0;
  }

  closeAll(): void {
    for (const fd of this.#entries.keys()) this.close(fd);
  }
}
