import { canonicalName, HeaderMap } from './header-map.ts';
import { type GuestMemory, GuestTrap } from './memory.ts';
import { parseRequestTarget } from './request-uri.ts';
import type { ResponseWriter } from './response-writer.ts';
import type { WasmImports } from './web-assembly.ts';

/**
 * The host side of the http-wasm HTTP handler ABI
 * (https://http-wasm.io/http-handler-abi/) as Traefik 3.7 runs it: what guests
 * see there in numbers, spellings and traps, they see here. The differences are
 * that no feature is granted (buffering would break streaming) and that a
 * request's body can be read only where the caller passed one.
 */

/** One exchange as the guest sees and edits it. */
export interface Exchange {
  method: string;
  uri: string;
  readonly protocol: string;
  /** What the request was routed by; edits of `Host` do not change it. */
  readonly host: string;
  readonly headers: HeaderMap;
  readonly sourceAddress: string;
  /** Body still unread; undefined when it is streamed past the guest. */
  body: Uint8Array | undefined;
  /** Body that the guest wrote in place of the client's. */
  newBody: Uint8Array | undefined;
  readonly response: ResponseWriter;
  /** Headers of the backend's answer, once it is there. */
  answer: HeaderMap | undefined;
  /** Set when the request has been passed on: nothing can be edited any more. */
  passed: boolean;
}

export interface HandlerContext {
  readonly memory: GuestMemory;
  /** The plugin's configuration as JSON text. */
  readonly config: Uint8Array;
  log(level: number, message: string): void;
  /** The exchange in progress; undefined while the module initialises. */
  exchange(): Exchange | undefined;
}

// Values of `kind`.
const REQUEST = 0;
const RESPONSE = 1;
const REQUEST_TRAILERS = 2;
const RESPONSE_TRAILERS = 3;

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** The guest's imports of module `http_handler` (http-wasm.io/http-handler-abi). */
export function handlerImports(context: HandlerContext): WasmImports {
  const { memory } = context;

  function current(): Exchange {
    const exchange = context.exchange();
    if (exchange === undefined) throw new GuestTrap('no request in progress');
    return exchange;
  }

  function editable(operation: string): Exchange {
    const exchange = current();
    if (exchange.passed) throw new GuestTrap(`can't ${operation} after next handler`);
    return exchange;
  }

  /** Answers the length; writes nothing when that is over the limit, nor outside the memory. */
  function give(buf: number, limit: number, value: Uint8Array): number {
    if (value.length <= limit >>> 0 && value.length > 0) memory.write(buf, value);
    return value.length;
  }

  /** As `give` for a list: count above, length below, NUL behind each; outside the memory is a trap. */
  function giveAll(buf: number, limit: number, values: readonly string[]): bigint {
    if (values.length === 0) return 0n;
    const bytes = latin1(`${values.join('\0')}\0`);
    if (bytes.length <= limit >>> 0 && !memory.write(buf, bytes)) throw new GuestTrap('out of memory');
    return (BigInt(values.length) << 32n) | BigInt(bytes.length);
  }

  /** The headers a kind names; trailers are not supported, so they are always empty. */
  function headersOf(kind: number): HeaderMap {
    if (kind === REQUEST) return current().headers;
    if (kind === RESPONSE) return current().answer ?? current().response.headers;
    if (kind === REQUEST_TRAILERS || kind === RESPONSE_TRAILERS) return new HeaderMap();
    throw new GuestTrap(`unsupported header kind: ${kind}`);
  }

  function editableHeaders(operation: string, kind: number): HeaderMap {
    editable(`${operation} header`);
    if (kind === REQUEST_TRAILERS || kind === RESPONSE_TRAILERS) {
      throw new GuestTrap(`can't ${operation} trailers: not supported`);
    }
    return headersOf(kind);
  }

  function headerName(at: number, length: number): string {
    if (length === 0) throw new GuestTrap('HTTP header name cannot be empty');
    return memory.readLatin1(at, length, 'name');
  }

  return {
    enable_features: (_features: number) => 0,
    get_config: (buf: number, limit: number) => give(buf, limit, context.config),
    log_enabled: (_level: number) => 1,
    log(level: number, message: number, length: number) {
      context.log(level, Buffer.from(memory.read(message, length, 'message')).toString('utf8'));
    },

    get_method: (buf: number, limit: number) => give(buf, limit, latin1(current().method)),
    set_method(method: number, length: number) {
      const exchange = editable('set method');
      if (length === 0) throw new GuestTrap('HTTP method cannot be empty');
      exchange.method = memory.readLatin1(method, length, 'method');
    },
    get_uri: (buf: number, limit: number) => give(buf, limit, latin1(current().uri)),
    set_uri(uri: number, length: number) {
      const exchange = editable('set uri');
      const text = length === 0 ? '/' : memory.readLatin1(uri, length, 'uri');
      if (parseRequestTarget(text) === undefined) throw new GuestTrap('invalid URI for request');
      exchange.uri = text;
    },
    get_protocol_version: (buf: number, limit: number) => give(buf, limit, latin1(current().protocol)),
    get_source_addr: (buf: number, limit: number) => give(buf, limit, latin1(current().sourceAddress)),

    get_header_names(kind: number, buf: number, limit: number) {
      const names = headersOf(kind).names();
      if (kind === REQUEST && current().host !== '') names.push('Host');
      const sorted = names.sort((a, b) => (a < b ? -1 : 1));
      return giveAll(
        buf,
        limit,
        sorted.map(name => name.toLowerCase()),
      );
    },
    get_header_values(kind: number, name: number, nameLength: number, buf: number, limit: number) {
      const wanted = headerName(name, nameLength);
      const headers = headersOf(kind);
      const isHost = kind === REQUEST && canonicalName(wanted) === 'Host';
      return giveAll(buf, limit, isHost ? [current().host] : headers.values(wanted));
    },
    set_header_value(kind: number, name: number, nameLength: number, value: number, valueLength: number) {
      const headers = editableHeaders('set', kind);
      headers.set(headerName(name, nameLength), memory.readLatin1(value, valueLength, 'value'));
    },
    add_header_value(kind: number, name: number, nameLength: number, value: number, valueLength: number) {
      const headers = editableHeaders('add', kind);
      headers.add(headerName(name, nameLength), memory.readLatin1(value, valueLength, 'value'));
    },
    remove_header(kind: number, name: number, nameLength: number) {
      editableHeaders('remove', kind).delete(headerName(name, nameLength));
    },

    read_body(kind: number, buf: number, limit: number) {
      if (kind !== REQUEST) throw new GuestTrap('can only read the request body: response buffering is off');
      const exchange = editable('read request body');
      if (exchange.body === undefined) throw new GuestTrap('the request body is streamed past the guest');
      if (limit === 0) throw new GuestTrap('buf_limit==0 reading body');
      const target = memory.read(buf, limit, 'body');
      const part = exchange.body.subarray(0, target.length);
      target.set(part);
      exchange.body = exchange.body.subarray(part.length);
      // The end is seen only by a read that is not filled.
      return BigInt(part.length) | (part.length < target.length ? 1n << 32n : 0n);
    },
    write_body(kind: number, buf: number, length: number) {
      const bytes = memory.read(buf, length, 'body');
      const exchange = editable('write body');
      if (kind === REQUEST) exchange.newBody = Buffer.concat([exchange.newBody ?? Buffer.alloc(0), bytes]);
      else if (kind === RESPONSE) exchange.response.write(bytes);
      else throw new GuestTrap(`unsupported body kind: ${kind}`);
    },

    get_status_code(): number {
      current();
      // Go asserts the buffering writer here and panics without it.
      throw new GuestTrap('the status can only be read with response buffering');
    },
    set_status_code(status: number) {
      editable('set status code').response.setStatus(status >>> 0);
    },
  };
}
