import { readU8, readU32, sameBytes, within } from '../bytes/bytes';
import * as wasi from './wasi';

/**
 * Clock, environment and read-only files, the one place where pointers meet
 * WASI. Files are named by their path in the guest; mounts are what the proxy
 * pre-opened.
 */

/** Longest path the guest opens, and longest mount point it recognises. */
const MAX_PATH: i32 = 512;
/** File descriptors 0-2 are standard streams; a proxy mounts a handful. */
const FIRST_MOUNT: i32 = 3;
const LAST_MOUNT: i32 = 34;
/** `environ_get` writes everything at once; a proxy passes the guest only what `settings.envs` names. */
const MAX_ENVIRONMENT: i32 = 4_096;
const MAX_VARIABLES: i32 = 64;
/** Bytes of scratch that `readVariable` needs: four a variable, and the text. */
export const ENVIRONMENT_SCRATCH: i32 = MAX_VARIABLES * 4 + MAX_ENVIRONMENT;

/** Two words for results: iovec, file descriptor, count, prestat. */
const result = new StaticArray<u8>(16);
const mountName = new StaticArray<u8>(MAX_PATH);

/** Milliseconds since 1970; 0 when there is no clock, which makes every page and grant stale. */
export function now(): u64 {
  if (wasi.clock_time_get(wasi.CLOCK_REALTIME, 1_000_000, changetype<usize>(result)) != 0) return 0;
  return load<u64>(changetype<usize>(result)) / 1_000_000;
}

/**
 * Opens the file at `path[0..end)` for reading. Answers a descriptor, -1 when
 * no mount holds the path or the file cannot be opened.
 */
export function openFile(path: StaticArray<u8>, end: i32): i32 {
  for (let mount = FIRST_MOUNT; mount <= LAST_MOUNT; mount++) {
    // No mount, or one from where nothing is (yet), which wazero tells in the same way: there may be more behind it.
    if (wasi.fd_prestat_get(mount, changetype<usize>(result)) != 0) continue;
    let nameLen = <i32>readU32(result, 4);
    if (nameLen <= 0 || nameLen > MAX_PATH) continue;
    if (wasi.fd_prestat_dir_name(mount, changetype<usize>(mountName), nameLen) != 0) continue;
    while (nameLen > 0 && readU8(mountName, nameLen - 1) == 0x2f) nameLen--;
    if (nameLen + 1 >= end || readU8(path, nameLen) != 0x2f) continue;
    if (!sameBytes(path, 0, nameLen, mountName, 0, nameLen)) continue;
    let errno = wasi.path_open(
      mount,
      1, // follow symbolic links: Kubernetes mounts secrets as links
      changetype<usize>(path) + nameLen + 1,
      end - nameLen - 1,
      0,
      wasi.RIGHT_FD_READ | wasi.RIGHT_FD_SEEK,
      0,
      0,
      changetype<usize>(result),
    );
    if (errno == 0) return <i32>readU32(result, 0);
  }
  return -1;
}

/** Reads up to `len` bytes at `offset` of the file into `buf` at `at`; answers how many, -1 on any error. */
export function readFile(fd: i32, offset: u64, buf: StaticArray<u8>, at: i32, len: i32): i32 {
  if (!within(buf, at, len)) return -1;
  store<u32>(changetype<usize>(result), <u32>(changetype<usize>(buf) + at));
  store<u32>(changetype<usize>(result) + 4, <u32>len);
  let errno = wasi.fd_pread(fd, changetype<usize>(result), 1, offset, changetype<usize>(result) + 8);
  if (errno != 0) return -1;
  let got = <i32>readU32(result, 8);
  return got >= 0 && got <= len ? got : -1;
}

export function closeFile(fd: i32): void {
  wasi.fd_close(fd);
}

/**
 * Copies the value of environment variable `name` into `out`; answers its
 * length, -1 when it is not set or does not fit. `scratch` has ENVIRONMENT_SCRATCH
 * bytes and is wiped.
 */
export function readVariable(name: string, out: StaticArray<u8>, scratch: StaticArray<u8>): i32 {
  if (wasi.environ_sizes_get(changetype<usize>(result), changetype<usize>(result) + 4) != 0) return -1;
  let count = <i32>readU32(result, 0);
  let size = <i32>readU32(result, 4);
  if (count <= 0 || count > MAX_VARIABLES || size <= 0 || size > MAX_ENVIRONMENT) return -1;
  let text = MAX_VARIABLES * 4;
  if (!within(scratch, text, size)) return -1;
  if (wasi.environ_get(changetype<usize>(scratch), changetype<usize>(scratch) + text) != 0) return -1;
  let at = text;
  for (let i = 0; i < count; i++) {
    let end = at;
    while (end < text + size && readU8(scratch, end) != 0) end++;
    if (
      end - at > name.length &&
      readU8(scratch, at + name.length) == 0x3d &&
      startsWith(scratch, at, name)
    ) {
      let start = at + name.length + 1;
      if (end - start > out.length) return -1;
      memory.copy(changetype<usize>(out), changetype<usize>(scratch) + start, end - start);
      return end - start;
    }
    at = end + 1;
  }
  return -1;
}

function startsWith(buf: StaticArray<u8>, at: i32, literal: string): bool {
  for (let i = 0; i < literal.length; i++) {
    if (readU8(buf, at + i) != <u32>literal.charCodeAt(i)) return false;
  }
  return true;
}
