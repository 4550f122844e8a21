import asc from 'assemblyscript/asc';

/**
 * A guest that does what the request's path says, to test the runtimes
 * themselves. It is no part of the product.
 *
 * | path | what it does |
 * |---|---|
 * | `/allow…`, `/defer…` | removes the client's verdict, sets `Postern-Verdict` to `allow-<config>` or `defer-<config>` |
 * | any, with `X-Verdict: allow` | as `/allow…` |
 * | `/none…` | goes on without a verdict |
 * | `/answer` | 401 with a header, a body, and a header that comes too late |
 * | `/empty` | neither passes on nor answers |
 * | `/trap` | traps after setting a header |
 * | `/exit` | calls `proc_exit(3)` |
 * | `/names` | answers the request header names as it was given them |
 * | `/count` | answers a digit: how many requests this instance has handled |
 * | `/file` | answers what `/mount/state` holds, or the error number as a character behind `!` |
 * | `/body` | answers the request's body |
 */
const source = `
@external("http_handler", "get_config") declare function get_config(buf: usize, limit: i32): i32;
@external("http_handler", "get_uri") declare function get_uri(buf: usize, limit: i32): i32;
@external("http_handler", "get_header_names") declare function get_header_names(kind: i32, buf: usize, limit: i32): u64;
@external("http_handler", "get_header_values") declare function get_header_values(kind: i32, name: usize, nameLen: i32, buf: usize, limit: i32): u64;
@external("http_handler", "set_header_value") declare function set_header_value(kind: i32, name: usize, nameLen: i32, value: usize, valueLen: i32): void;
@external("http_handler", "remove_header") declare function remove_header(kind: i32, name: usize, nameLen: i32): void;
@external("http_handler", "read_body") declare function read_body(kind: i32, buf: usize, limit: i32): u64;
@external("http_handler", "write_body") declare function write_body(kind: i32, buf: usize, length: i32): void;
@external("http_handler", "set_status_code") declare function set_status_code(status: i32): void;
@external("http_handler", "log") declare function log(level: i32, message: usize, length: i32): void;
@external("wasi_snapshot_preview1", "proc_exit") declare function proc_exit(code: i32): void;
@external("wasi_snapshot_preview1", "path_open") declare function path_open(dir: i32, dirflags: i32, path: usize, pathLen: i32, oflags: i32, rights: u64, inheriting: u64, fdflags: i32, fd: usize): i32;
@external("wasi_snapshot_preview1", "fd_pread") declare function fd_pread(fd: i32, iovs: usize, count: i32, offset: u64, nread: usize): i32;
@external("wasi_snapshot_preview1", "fd_close") declare function fd_close(fd: i32): i32;

const SIZE: i32 = 16384;
const uri = new StaticArray<u8>(SIZE);
const data = new StaticArray<u8>(SIZE);
const cell = new StaticArray<u32>(4);
let handled = 0;

function asks(path: string): bool {
  for (let i = 0; i < path.length; i++) if (<i32>uri[i] != path.charCodeAt(i)) return false;
  return true;
}
function ptr(text: string): usize { return changetype<usize>(String.UTF8.encode(text)); }
function at(offset: i32): usize { return changetype<usize>(data) + offset; }
function answer(length: i32): u64 { set_status_code(200); write_body(1, at(0), length); return 0; }
function verdict(word: string): u64 {
  remove_header(0, ptr("postern-verdict"), 15);
  let prefix = ptr(word);
  memory.copy(at(0), prefix, 6);
  let length = get_config(at(6), SIZE - 6);
  // The configuration is {"tag":"…"}.
  memory.copy(at(6), at(6 + 8), length - 10);
  set_header_value(0, ptr("Postern-Verdict"), 15, at(0), 6 + length - 10);
  set_header_value(0, ptr("remote-user"), 11, ptr("john"), 4);
  return 1 | (<u64>7 << 32);
}
function file(): u64 {
  let errno = path_open(3, 1, ptr("state"), 5, 0, 2, 0, 0, changetype<usize>(cell));
  if (errno == 0) {
    let fd = <i32>cell[0];
    cell[1] = <u32>at(0);
    cell[2] = SIZE;
    errno = fd_pread(fd, changetype<usize>(cell) + 4, 1, 0, changetype<usize>(cell) + 12);
    fd_close(fd);
  }
  if (errno == 0) return answer(<i32>cell[3]);
  data[0] = 0x21;
  data[1] = <u8>errno;
  return answer(2);
}

export function handle_request(): u64 {
  handled++;
  memory.fill(changetype<usize>(uri), 0, SIZE);
  get_uri(changetype<usize>(uri), SIZE);
  if (get_header_values(0, ptr("X-Verdict"), 9, at(0), SIZE) == (<u64>1 << 32 | 6)) return verdict("allow-");
  if (asks("/allow")) return verdict("allow-");
  if (asks("/defer")) return verdict("defer-");
  if (asks("/none")) return 1;
  if (asks("/empty")) return 0;
  if (asks("/exit")) proc_exit(3);
  if (asks("/file")) return file();
  if (asks("/names")) return answer(<i32>get_header_names(0, at(0), SIZE));
  if (asks("/body")) return answer(<i32>read_body(0, at(0), SIZE));
  if (asks("/count")) { data[0] = <u8>(0x30 + handled); return answer(1); }
  if (asks("/answer")) {
    set_header_value(1, ptr("www-authenticate"), 16, ptr("Basic"), 5);
    set_status_code(401);
    set_header_value(1, ptr("X-Late"), 6, ptr("1"), 1);
    write_body(1, ptr("go away"), 7);
    return 0;
  }
  set_header_value(1, ptr("X-Before"), 8, ptr("1"), 1);
  unreachable();
  return 0;
}

export function handle_response(context: i32, failed: i32): void {
  data[0] = <u8>(0x30 + context);
  data[1] = <u8>(0x30 + failed);
  log(1, at(0), 2);
}

export function abort(_message: usize, _file: usize, _line: u32, _column: u32): void { unreachable(); }
`;

let built: Promise<Uint8Array> | undefined;

/** The module's bytes; compiled once per process, which takes about a second. */
export function probeGuest(): Promise<Uint8Array> {
  built ??= compile();
  return built;
}

async function compile(): Promise<Uint8Array> {
  const flags = {
    runtime: 'stub',
    exportStart: '_initialize',
    use: ['abort=probe/abort'],
    disable: 'bulk-memory',
  };
  const result = await asc.compileString({ 'probe.ts': source }, flags as never);
  if (result.error !== null || result.binary === null) {
    throw new Error(`probe guest does not compile: ${result.stderr.toString()}`);
  }
  return result.binary;
}
