import './abi/abort';
import * as request from './abi/request';
import * as system from './abi/system';
import { scratch } from './bytes/scratch';
import { Exchange } from './gate/exchange';
import { Service } from './gate/service';
import { System } from './gate/system';

/** The plugin's entry: joins the gate to the two ABIs. Wiring only. */

/** The request in the proxy's hands, through the http-wasm ABI. */
class HttpWasmExchange extends Exchange {
  method(buf: StaticArray<u8>): i32 {
    return request.readMethod(buf);
  }

  uri(buf: StaticArray<u8>): i32 {
    return request.readUri(buf);
  }

  sourceAddress(buf: StaticArray<u8>): i32 {
    return request.readSourceAddress(buf);
  }

  headerNames(buf: StaticArray<u8>): i32 {
    return request.readHeaderNames(buf);
  }

  header(name: StaticArray<u8>, buf: StaticArray<u8>): i32 {
    let len = request.readHeader(name, buf);
    this.headerCount = request.headerCount;
    return len;
  }

  headerNamed(names: StaticArray<u8>, start: i32, end: i32, buf: StaticArray<u8>): i32 {
    let len = request.readHeaderNamed(names, start, end, buf);
    this.headerCount = request.headerCount;
    return len;
  }

  setHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
    request.setHeader(name, value, start, end);
  }

  addHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
    request.addHeader(name, value, start, end);
  }

  setHeaderNamed(
    names: StaticArray<u8>,
    from: i32,
    to: i32,
    value: StaticArray<u8>,
    start: i32,
    end: i32,
  ): void {
    request.setHeaderNamed(names, from, to, value, start, end);
  }

  removeHeader(names: StaticArray<u8>, start: i32, end: i32): void {
    request.removeHeader(names, start, end);
  }

  setAnswerHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
    request.setAnswerHeader(name, value, start, end);
  }

  answer(status: i32, body: StaticArray<u8>, start: i32, end: i32): void {
    request.answer(status, body, start, end);
  }
}

/** Files of the proxy's mounts, variables and log. */
class WasiSystem extends System {
  config(buf: StaticArray<u8>): i32 {
    return request.readConfig(buf);
  }

  open(path: StaticArray<u8>, end: i32): i32 {
    return system.openFile(path, end);
  }

  read(fd: i32, offset: u64, buf: StaticArray<u8>, at: i32, len: i32): i32 {
    return system.readFile(fd, offset, buf, at, len);
  }

  close(fd: i32): void {
    system.closeFile(fd);
  }

  variable(name: string, out: StaticArray<u8>): i32 {
    return system.readVariable(name, out, scratch);
  }

  logWarning(message: StaticArray<u8>, end: i32): void {
    request.logWarning(message, end);
  }

  logError(message: StaticArray<u8>, end: i32): void {
    request.logError(message, end);
  }
}

const service = new Service(new HttpWasmExchange(), new WasiSystem());
service.start();

/** http-wasm: the lower bit says whether the request goes on. The upper half, a context for the answer, is not used. */
export function handle_request(): u64 {
  return service.handle(system.now()) ? 1 : 0;
}

/** http-wasm: called with the backend's answer, of which the guest changes nothing. */
export function handle_response(_context: u32, _isError: u32): void {}
