import { within } from '../bytes/bytes';
import * as handler from './http-handler';

/**
 * The request and its answer as the proxy's runtime gives them. The one place
 * where pointers meet the HTTP handler ABI.
 *
 * A getter writes nothing when the value is longer than the buffer, which then
 * still holds the previous request's bytes: every reader answers -1 instead of
 * a length in that case, and no caller may look at the buffer.
 */

/** Number of values the last `readHeader` found. */
export let headerCount: i32 = 0;

/** Bytes of the plugin's configuration (JSON) in `buf`, -1 when longer. */
export function readConfig(buf: StaticArray<u8>): i32 {
  return fitting(handler.get_config(changetype<usize>(buf), buf.length), buf);
}

export function readMethod(buf: StaticArray<u8>): i32 {
  return fitting(handler.get_method(changetype<usize>(buf), buf.length), buf);
}

/** Escaped path and raw query. */
export function readUri(buf: StaticArray<u8>): i32 {
  return fitting(handler.get_uri(changetype<usize>(buf), buf.length), buf);
}

/** `ip:port` of the socket peer. */
export function readSourceAddress(buf: StaticArray<u8>): i32 {
  return fitting(handler.get_source_addr(changetype<usize>(buf), buf.length), buf);
}

/** Names of all request headers, each with NUL behind it. */
export function readHeaderNames(buf: StaticArray<u8>): i32 {
  return fitting(<i32>handler.get_header_names(handler.REQUEST, changetype<usize>(buf), buf.length), buf);
}

/**
 * Values of one request header, each with NUL behind it; sets `headerCount`.
 * 0 when there is none.
 */
export function readHeader(name: StaticArray<u8>, buf: StaticArray<u8>): i32 {
  let countLen = handler.get_header_values(
    handler.REQUEST,
    changetype<usize>(name),
    name.length,
    changetype<usize>(buf),
    buf.length,
  );
  headerCount = <i32>(countLen >> 32);
  return fitting(<i32>countLen, buf);
}

/** As `readHeader`, for the name `names[start, end)`. */
export function readHeaderNamed(names: StaticArray<u8>, start: i32, end: i32, buf: StaticArray<u8>): i32 {
  headerCount = 0;
  if (!within(names, start, end - start)) return -1;
  let countLen = handler.get_header_values(
    handler.REQUEST,
    changetype<usize>(names) + start,
    end - start,
    changetype<usize>(buf),
    buf.length,
  );
  headerCount = <i32>(countLen >> 32);
  return fitting(<i32>countLen, buf);
}

/** Replaces a request header. */
export function setHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
  handler.set_header_value(
    handler.REQUEST,
    changetype<usize>(name),
    name.length,
    changetype<usize>(value) + start,
    end - start,
  );
}

/** Adds a line to a request header. */
export function addHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
  handler.add_header_value(
    handler.REQUEST,
    changetype<usize>(name),
    name.length,
    changetype<usize>(value) + start,
    end - start,
  );
}

/** As `setHeader`, for the name `names[from, to)`. */
export function setHeaderNamed(
  names: StaticArray<u8>,
  from: i32,
  to: i32,
  value: StaticArray<u8>,
  start: i32,
  end: i32,
): void {
  if (!within(names, from, to - from)) return;
  handler.set_header_value(
    handler.REQUEST,
    changetype<usize>(names) + from,
    to - from,
    changetype<usize>(value) + start,
    end - start,
  );
}

/** Removes a request header, named by a range. */
export function removeHeader(names: StaticArray<u8>, start: i32, end: i32): void {
  handler.remove_header(handler.REQUEST, changetype<usize>(names) + start, end - start);
}

/** Sets a header of the answer. */
export function setAnswerHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
  handler.set_header_value(
    handler.RESPONSE,
    changetype<usize>(name),
    name.length,
    changetype<usize>(value) + start,
    end - start,
  );
}

/** Answers in the backend's place, with `body[start, end)`. */
export function answer(status: i32, body: StaticArray<u8>, start: i32, end: i32): void {
  handler.set_status_code(status);
  if (end > start) handler.write_body(handler.RESPONSE, changetype<usize>(body) + start, end - start);
}

export function logInfo(message: StaticArray<u8>, end: i32): void {
  handler.log(handler.LOG_INFO, changetype<usize>(message), end);
}

export function logWarning(message: StaticArray<u8>, end: i32): void {
  handler.log(handler.LOG_WARN, changetype<usize>(message), end);
}

export function logError(message: StaticArray<u8>, end: i32): void {
  handler.log(handler.LOG_ERROR, changetype<usize>(message), end);
}

function fitting(len: i32, buf: StaticArray<u8>): i32 {
  return <u32>len <= <u32>buf.length ? len : -1;
}
