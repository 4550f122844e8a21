/** What the gate asks of the machine it runs on. Implemented over WASI by `guest.ts`. */
export abstract class System {
  /** The plugin's configuration (JSON) into `buf`; its length, -1 when it does not fit. */
  abstract config(buf: StaticArray<u8>): i32;
  /** Descriptor of the file at `path[0..end)`, an absolute path in the guest; -1 when it cannot be opened. */
  abstract open(path: StaticArray<u8>, end: i32): i32;
  /** Reads up to `len` bytes at `offset` into `buf` at `at`; answers how many, -1 on any error. */
  abstract read(fd: i32, offset: u64, buf: StaticArray<u8>, at: i32, len: i32): i32;
  abstract close(fd: i32): void;
  /** Copies an environment variable into `out`; its length, -1 when it is not set or does not fit. */
  abstract variable(name: string, out: StaticArray<u8>): i32;
  abstract logWarning(message: StaticArray<u8>, end: i32): void;
  abstract logError(message: StaticArray<u8>, end: i32): void;
}
