/** The few WASI preview 1 calls the guest needs, in the ABI's own spelling. All return 0 or an errno. */

export const CLOCK_REALTIME: i32 = 0;
/** Right to read, enough for `path_open` of a plain file. */
export const RIGHT_FD_READ: u64 = 1 << 1;
/** Right to seek; `fd_pread` needs it by the specification. */
export const RIGHT_FD_SEEK: u64 = 1 << 2;

@external("wasi_snapshot_preview1", "clock_time_get")
export declare function clock_time_get(clock: i32, precision: u64, time: usize): i32;

@external("wasi_snapshot_preview1", "environ_sizes_get")
export declare function environ_sizes_get(count: usize, size: usize): i32;

@external("wasi_snapshot_preview1", "environ_get")
export declare function environ_get(environ: usize, buf: usize): i32;

@external("wasi_snapshot_preview1", "fd_prestat_get")
export declare function fd_prestat_get(fd: i32, prestat: usize): i32;

@external("wasi_snapshot_preview1", "fd_prestat_dir_name")
export declare function fd_prestat_dir_name(fd: i32, path: usize, path_len: i32): i32;

@external("wasi_snapshot_preview1", "path_open")
export declare function path_open(
  dir: i32, dirflags: i32, path: usize, path_len: i32, oflags: i32,
  rights_base: u64, rights_inheriting: u64, fdflags: i32, fd: usize,
): i32;

@external("wasi_snapshot_preview1", "fd_pread")
export declare function fd_pread(fd: i32, iovs: usize, iovs_len: i32, offset: u64, nread: usize): i32;

@external("wasi_snapshot_preview1", "fd_close")
export declare function fd_close(fd: i32): i32;
