import { HeaderMap, type HeaderPair } from './header-map.ts';
import { type Exchange, handlerImports } from './http-wasm.ts';
import { guestMemory } from './memory.ts';
import { MountTable } from './mounts.ts';
import { type GuestResponse, ResponseWriter } from './response-writer.ts';
import { GuestExit, wasiImports } from './wasi.ts';
import { type WasmMemory, webAssembly } from './web-assembly.ts';

/** Levels that `log` receives (http-wasm). */
export const LOG_DEBUG = -1;
export const LOG_INFO = 0;
export const LOG_WARN = 1;
export const LOG_ERROR = 2;

/** Idle instances kept for later; in Traefik the garbage collector drops them. Two pages each: 8 MiB. */
const MAX_IDLE = 64;

export interface GuestPoolOptions {
  readonly wasm: Uint8Array;
  /** The plugin's configuration, given to the guest as JSON. */
  readonly config: object;
  readonly env: Readonly<Record<string, string>>;
  /** Path in the guest to the directory it shows, read-only. */
  readonly mounts: Readonly<Record<string, string>>;
  log(level: number, message: string): void;
  /** The guest's clock in milliseconds since 1970. */
  now?(): number;
}

/** Strings are latin-1, one character per byte. */
export interface GuestRequest {
  readonly method: string;
  /** Escaped path and raw query. */
  readonly uri: string;
  /** With `Host`. Order and spelling as received. */
  readonly headers: readonly HeaderPair[];
  /** `ip:port` of the peer. */
  readonly sourceAddress: string;
  /** Default `HTTP/1.1`. */
  readonly protocol?: string;
  /** Only for guests that read it; what is streamed past the guest is not given. */
  readonly body?: Uint8Array;
}

export interface GuestOutcome {
  /** Whether the request goes on to the next handler. */
  readonly next: boolean;
  readonly method: string;
  readonly uri: string;
  /** Request headers after the guest's edits, canonical names, `Host` first. */
  readonly headers: readonly HeaderPair[];
  /** Body that the guest wrote in place of the client's. */
  readonly body?: Uint8Array;
  /** What the guest answered; absent when `next`. */
  readonly response?: GuestResponse;
  /** Text of the trap that ended the call. */
  readonly trap?: string;
}

/** One instance, held by one request from `acquire` to `release`. */
export interface Guest {
  handle(request: GuestRequest): GuestOutcome;
  /**
   * Ends the request and gives the instance back. After `next` the guest hears
   * of the backend's answer first: `answer` holds its headers, undefined when
   * the backend failed.
   */
  release(answer?: { readonly headers: readonly HeaderPair[] }): void;
}

export interface GuestPool {
  acquire(): Guest;
  /** Instances idle and in use. */
  readonly size: { readonly idle: number; readonly busy: number };
  /** Drops idle instances, as a garbage collection in Traefik does. */
  drain(): void;
  /** Drains, and lets busy instances go when they are released. */
  close(): void;
}

interface Instance {
  exchange: Exchange | undefined;
  readonly files: MountTable;
  handleRequest(): bigint;
  handleResponse(context: number, failed: number): void;
  exited: string | undefined;
}

/** Compiles the module and starts one instance, so that a guest that cannot start is an error here. */
export function createGuestPool(options: GuestPoolOptions): GuestPool {
  const compiled = new webAssembly.Module(Uint8Array.from(options.wasm));
  const config = Buffer.from(JSON.stringify(options.config));
  const now = options.now ?? Date.now;
  const idle: Instance[] = [];
  let busy = 0;
  let closed = false;

  function start(): Instance {
    let linear: WasmMemory | undefined;
    const memory = guestMemory(() => linear as WasmMemory);
    const files = new MountTable(options.mounts);
    const state = { exchange: undefined as Exchange | undefined };
    const wasm = new webAssembly.Instance(compiled, {
      http_handler: handlerImports({ memory, config, log: options.log, exchange: () => state.exchange }),
      wasi_snapshot_preview1: wasiImports({
        memory,
        env: options.env,
        files,
        now,
        print: text => options.log(LOG_INFO, text.trimEnd()),
      }),
    });
    const { exports } = wasm;
    if (!(exports.memory instanceof webAssembly.Memory)) throw new Error("guest doesn't export its memory");
    linear = exports.memory;
    for (const name of ['_start', '_initialize']) callable(exports, name)?.();
    const handleRequest = callable(exports, 'handle_request');
    const handleResponse = callable(exports, 'handle_response');
    if (handleRequest === undefined) throw new Error("guest doesn't export handle_request");
    if (handleResponse === undefined) throw new Error("guest doesn't export handle_response");
    return Object.assign(state, {
      files,
      handleRequest: () => BigInt(handleRequest() as bigint),
      handleResponse: (context: number, failed: number) => void handleResponse(context, failed),
      exited: undefined,
    });
  }

  function giveBack(instance: Instance): void {
    busy--;
    if (closed || idle.length >= MAX_IDLE) instance.files.closeAll();
    else idle.push(instance);
  }

  function drain(): void {
    for (const instance of idle.splice(0)) instance.files.closeAll();
  }

  idle.push(start());
  return {
    acquire() {
      const instance = idle.pop() ?? start();
      busy++;
      return holdGuest(instance, options.log, () => giveBack(instance));
    },
    get size() {
      return { idle: idle.length, busy };
    },
    drain,
    close() {
      closed = true;
      drain();
    },
  };
}

function callable(
  exports: Record<string, unknown>,
  name: string,
): ((...args: number[]) => unknown) | undefined {
  const found = exports[name];
  return typeof found === 'function' ? (found as (...args: number[]) => unknown) : undefined;
}

function holdGuest(instance: Instance, log: GuestPoolOptions['log'], giveBack: () => void): Guest {
  let context: number | undefined;
  let released = false;

  /** Runs the guest; the text of its trap, if it traps. */
  function run(call: () => void): string | undefined {
    if (instance.exited !== undefined) return instance.exited;
    try {
      call();
      return undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof GuestExit) instance.exited = message;
      return message;
    }
  }

  return {
    handle(request) {
      const exchange = newExchange(request);
      instance.exchange = exchange;
      let result = 0n;
      const trap = run(() => {
        result = BigInt.asUintN(64, instance.handleRequest());
      });
      const edited = outcomeOf(exchange);
      if (trap !== undefined) {
        log(LOG_ERROR, `guest trapped in handle_request: ${trap}`);
        exchange.response.setStatus(500);
        return { ...edited, next: false, response: exchange.response.finish(), trap };
      }
      if ((result & 0xffff_ffffn) === 0n)
        return { ...edited, next: false, response: exchange.response.finish() };
      context = Number(result >> 32n);
      exchange.passed = true;
      return { ...edited, next: true };
    },
    release(answer) {
      if (released) return;
      released = true;
      if (context !== undefined && instance.exchange !== undefined) {
        instance.exchange.answer = HeaderMap.from(answer?.headers ?? []);
        const reqContext = context;
        const trap = run(() => instance.handleResponse(reqContext, answer === undefined ? 1 : 0));
        if (trap !== undefined) log(LOG_ERROR, `guest trapped in handle_response: ${trap}`);
      }
      instance.exchange = undefined;
      giveBack();
    },
  };
}

function newExchange(request: GuestRequest): Exchange {
  const headers = HeaderMap.from(request.headers);
  const host = headers.get('Host') ?? '';
  headers.delete('Host');
  return {
    method: request.method,
    uri: request.uri,
    protocol: request.protocol ?? 'HTTP/1.1',
    host,
    headers,
    sourceAddress: request.sourceAddress,
    body: request.body,
    newBody: undefined,
    response: new ResponseWriter(),
    answer: undefined,
    passed: false,
  };
}

function outcomeOf(exchange: Exchange): Omit<GuestOutcome, 'next'> {
  const headers = exchange.headers.clone();
  // What the guest wrote under this name is never sent: the request keeps the host it was routed by.
  headers.delete('Host');
  const host: HeaderPair[] = exchange.host === '' ? [] : [['Host', exchange.host]];
  return {
    method: exchange.method,
    uri: exchange.uri,
    headers: [...host, ...headers.pairs()],
    ...(exchange.newBody && { body: exchange.newBody }),
  };
}
