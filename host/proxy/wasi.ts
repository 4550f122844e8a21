import { EBADF, EFAULT, EINVAL, EISDIR, ENAMETOOLONG, ENOSYS } from './errno.ts';
import { type GuestMemory, GuestTrap } from './memory.ts';
import type { MountTable, Result } from './mounts.ts';
import type { WasmImports } from './web-assembly.ts';

/**
 * The WASI preview 1 calls a guest may use, as Traefik's runtime answers them:
 * only the real-time clock is real, the monotonic one advances a millisecond
 * per reading and random bytes are the same in every instance. A guest that
 * imports anything else does not start.
 */

export interface WasiContext {
  readonly memory: GuestMemory;
  readonly env: Readonly<Record<string, string>>;
  readonly files: MountTable;
  /** Milliseconds since 1970. */
  now(): number;
  /** Text written to standard output or error (Traefik drops it). */
  print(text: string): void;
}

/** `proc_exit`: the instance is closed, every later call of it fails. */
export class GuestExit extends GuestTrap {}

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const LOOKUP_SYMLINK_FOLLOW = 1;
// oflags of path_open.
const O_CREAT = 1;
const O_DIRECTORY = 2;
const O_TRUNC = 8;
/** fdflags of path_open. */
const FD_APPEND = 1;
const RIGHT_FD_WRITE = 1n << 6n;

const FILETYPE_UNKNOWN = 0n;
const FILETYPE_DIRECTORY = 3n;
const FILETYPE_REGULAR = 4n;

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** The imports of module `wasi_snapshot_preview1`. */
export function wasiImports(context: WasiContext): WasmImports {
  const { memory, files } = context;
  const variables = Object.entries(context.env).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  const fault = (fits: boolean): number => (fits ? 0 : EFAULT);
  let monotonic = 0n;
  let random = 0x2545_f491;

  /** Gathers into or scatters from the byte ranges of an iovec array, ending at the first short transfer. */
  function transfer(
    iovs: number,
    count: number,
    result: number,
    step: (range: Uint8Array) => Result<number>,
  ): number {
    const table = memory.bytes(iovs, count * 8);
    if (table === undefined) return EFAULT;
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    let total = 0;
    for (let at = 0; at < table.length; at += 8) {
      const length = view.getUint32(at + 4, true);
      if (length === 0) continue;
      const range = memory.bytes(view.getUint32(at, true), length);
      if (range === undefined) return EFAULT;
      const moved = step(range);
      if ('errno' in moved) return moved.errno;
      total += moved.value;
      if (moved.value < length) break;
    }
    return fault(memory.writeU32(result, total));
  }

  return {
    clock_time_get(clock: number, _precision: bigint, result: number) {
      if (clock === CLOCK_REALTIME) {
        const time = BigInt(Math.floor(context.now() * 1_000)) * 1_000n;
        return fault(memory.writeU64(result, time));
      }
      if (clock !== CLOCK_MONOTONIC) return EINVAL;
      const fits = memory.writeU64(result, monotonic);
      monotonic += NANOSECONDS_PER_MILLISECOND;
      return fault(fits);
    },

    environ_sizes_get(count: number, size: number) {
      const length = variables.reduce((sum, variable) => sum + variable.length, 0);
      return fault(memory.writeU32(count, variables.length) && memory.writeU32(size, length));
    },
    environ_get(environ: number, buf: number) {
      let at = buf >>> 0;
      for (const [index, variable] of variables.entries()) {
        if (!memory.writeU32((environ >>> 0) + index * 4, at) || !memory.write(at, variable)) return EFAULT;
        at += variable.length;
      }
      return 0;
    },

    fd_prestat_get(fd: number, result: number) {
      const name = files.mountPoint(fd);
      if (name === undefined) return EBADF;
      // Tag 0: a directory; then the length of its name.
      return fault(memory.writeU64(result, BigInt(Buffer.byteLength(name)) << 32n));
    },
    fd_prestat_dir_name(fd: number, path: number, length: number) {
      const name = files.mountPoint(fd);
      if (name === undefined) return EBADF;
      const bytes = Buffer.from(name);
      if (bytes.length < length >>> 0) return ENAMETOOLONG;
      return fault(memory.write(path, bytes.subarray(0, length >>> 0)));
    },

    path_open(
      dir: number,
      dirFlags: number,
      path: number,
      pathLength: number,
      oflags: number,
      rights: bigint,
      _inheriting: bigint,
      fdFlags: number,
      result: number,
    ) {
      const name = memory.bytes(path, pathLength);
      if (name === undefined) return EFAULT;
      if (name.length === 0) return EINVAL;
      const directory = (oflags & O_DIRECTORY) !== 0;
      const writes = (oflags & (O_CREAT | O_TRUNC)) !== 0 || (fdFlags & FD_APPEND) !== 0;
      if (writes || (rights & RIGHT_FD_WRITE) !== 0n) return directory ? EISDIR : ENOSYS;
      const text = Buffer.from(name).toString('utf8');
      const opened = files.open(dir, text, (dirFlags & LOOKUP_SYMLINK_FOLLOW) !== 0, directory);
      if ('errno' in opened) return opened.errno;
      if (memory.writeU32(result, opened.value)) return 0;
      files.close(opened.value);
      return EFAULT;
    },
    fd_read: (fd: number, iovs: number, count: number, result: number) =>
      transfer(iovs, count, result, range => files.read(fd, range)),
    fd_pread(fd: number, iovs: number, count: number, offset: bigint, result: number) {
      let at = Number(BigInt.asIntN(64, offset));
      if (at < 0) return EINVAL;
      return transfer(iovs, count, result, range => {
        const moved = files.read(fd, range, at);
        if ('value' in moved) at += moved.value;
        return moved;
      });
    },
    fd_close: (fd: number) => files.close(fd),
    fd_filestat_get(fd: number, result: number) {
      if (memory.bytes(result, 64) === undefined) return EFAULT;
      const found = files.stat(fd);
      if ('errno' in found) return found.errno;
      const { value } = found;
      const type = value.isFile()
        ? FILETYPE_REGULAR
        : value.isDirectory()
          ? FILETYPE_DIRECTORY
          : FILETYPE_UNKNOWN;
      const fields = [value.dev, value.ino, type, value.nlink, value.size];
      const times = [value.atimeNs, value.mtimeNs, value.ctimeNs];
      for (const [index, field] of [...fields, ...times].entries())
        memory.writeU64(result + index * 8, field);
      return 0;
    },
    fd_write(fd: number, iovs: number, count: number, result: number) {
      if (fd !== 1 && fd !== 2) return EBADF;
      return transfer(iovs, count, result, range => {
        context.print(Buffer.from(range).toString('utf8'));
        return { value: range.length };
      });
    },

    random_get(buf: number, length: number) {
      const target = memory.bytes(buf, length);
      if (target === undefined) return EFAULT;
      for (const index of target.keys()) {
        random ^= random << 13;
        random ^= random >>> 17;
        random ^= random << 5;
        target[index] = random;
      }
      return 0;
    },
    proc_exit(code: number) {
      throw new GuestExit(`module closed with exit_code(${code >>> 0})`);
    },
  };
}
