/**
 * The http-wasm HTTP handler ABI (https://http-wasm.io/http-handler-abi/), one
 * declaration per host function in the ABI's own spelling. All pointers are
 * offsets into linear memory. A getter given a buffer that is too small writes
 * nothing and returns the length it would have needed: only `request.ts` may
 * call these.
 */

/** Values of `kind`. */
export const REQUEST: i32 = 0;
export const RESPONSE: i32 = 1;

/** Levels of `log`. */
export const LOG_INFO: i32 = 0;
export const LOG_WARN: i32 = 1;
export const LOG_ERROR: i32 = 2;

@external("http_handler", "get_config")
export declare function get_config(buf: usize, limit: i32): i32;

@external("http_handler", "log")
export declare function log(level: i32, message: usize, length: i32): void;

@external("http_handler", "get_method")
export declare function get_method(buf: usize, limit: i32): i32;

@external("http_handler", "get_uri")
export declare function get_uri(buf: usize, limit: i32): i32;

/** Count in the upper, length in the lower 32 bits; each name ends with NUL. */
@external("http_handler", "get_header_names")
export declare function get_header_names(kind: i32, buf: usize, limit: i32): u64;

/** Count in the upper, length in the lower 32 bits; each value ends with NUL. */
@external("http_handler", "get_header_values")
export declare function get_header_values(kind: i32, name: usize, name_len: i32, buf: usize, limit: i32): u64;

@external("http_handler", "set_header_value")
export declare function set_header_value(kind: i32, name: usize, name_len: i32, value: usize, value_len: i32): void;

@external("http_handler", "add_header_value")
export declare function add_header_value(kind: i32, name: usize, name_len: i32, value: usize, value_len: i32): void;

@external("http_handler", "remove_header")
export declare function remove_header(kind: i32, name: usize, name_len: i32): void;

@external("http_handler", "write_body")
export declare function write_body(kind: i32, body: usize, body_len: i32): void;

@external("http_handler", "set_status_code")
export declare function set_status_code(status: i32): void;

/** `ip:port` of the socket peer. */
@external("http_handler", "get_source_addr")
export declare function get_source_addr(buf: usize, limit: i32): i32;
