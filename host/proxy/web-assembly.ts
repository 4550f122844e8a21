/**
 * The little of the WebAssembly JavaScript API that is used here. TypeScript
 * declares it with the browser's globals only, which a Node program must not see.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** Functions by name. `never` parameters let each be declared with the types its signature gives. */
export type WasmImports = Readonly<Record<string, (...args: never[]) => unknown>>;

export type WasmModule = { readonly __module: unique symbol };

interface Api {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, WasmImports>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (limits: { initial: number }) => WasmMemory;
}

export const webAssembly = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;
