import { HeaderSink } from './identity';

/**
 * What the gate asks of the proxy about one request. Implemented over the
 * http-wasm ABI by `guest.ts`. Readers answer the number of bytes written to
 * `buf`, -1 when the value is longer than `buf`, whose content is then stale.
 */
export abstract class Exchange extends HeaderSink {
  /** Number of values the last `header` found. */
  headerCount: i32 = 0;
  abstract method(buf: StaticArray<u8>): i32;
  /** Escaped path and raw query. */
  abstract uri(buf: StaticArray<u8>): i32;
  /** `ip:port` of the socket peer. */
  abstract sourceAddress(buf: StaticArray<u8>): i32;
  /** Every name with NUL behind it. */
  abstract headerNames(buf: StaticArray<u8>): i32;
  /** Every value with NUL behind it; sets `headerCount`. */
  abstract header(name: StaticArray<u8>, buf: StaticArray<u8>): i32;
  /** As `header`, for the name `names[start, end)`. */
  abstract headerNamed(names: StaticArray<u8>, start: i32, end: i32, buf: StaticArray<u8>): i32;
  abstract setHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void;
  /** Adds a line to a header. */
  abstract addHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void;
  /** Removes the header whose name is `names[start, end)`. */
  abstract removeHeader(names: StaticArray<u8>, start: i32, end: i32): void;
  abstract setAnswerHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void;
  /** Answers in the backend's place, with `body[start, end)`. */
  abstract answer(status: i32, body: StaticArray<u8>, start: i32, end: i32): void;
}
