import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';

/** A function of `dist/embed.wasm`: typed arrays, numbers and booleans in and out. */
// biome-ignore lint/suspicious/noExplicitAny: results are compared by the tests, which know their types
type Wrapped = (...args: (Uint8Array | number | bigint | boolean)[]) => any;

const { exports } = instantiateSync(
  readFileSync(new URL('../../dist/embed.wasm', import.meta.url)),
  {},
) as unknown as { exports: Record<string, CallableFunction> & Record<string, unknown> };
(exports._initialize as () => void)();

const loader = exports as unknown as {
  Uint8Array_ID: { value: number };
  __newArray(id: number, values: Uint8Array): number;
  __pin(pointer: number): number;
  __unpin(pointer: number): void;
  __collect(): void;
  __getUint8Array(pointer: number): Uint8Array;
};

/** Functions that answer a `Uint8Array`; all others answer a number or boolean. */
const ARRAYS = new Set(['grantTag', 'grantFind', 'grantVerdictTag']);
/** Functions that answer a boolean. */
const BOOLEANS = new Set(['grantKeys']);

function wrap(name: string): Wrapped {
  const call = exports[name] as (...args: unknown[]) => number;
  return (...args) => {
    const pinned: number[] = [];
    const plain = args.map(arg => {
      if (!(arg instanceof Uint8Array)) return arg;
      const pointer = loader.__pin(loader.__newArray(loader.Uint8Array_ID.value, arg));
      pinned.push(pointer);
      return pointer;
    });
    const result = call(...plain);
    const answer = ARRAYS.has(name)
      ? loader.__getUint8Array(result)
      : BOOLEANS.has(name)
        ? result !== 0
        : result;
    for (const pointer of pinned) loader.__unpin(pointer);
    loader.__collect();
    return answer;
  };
}

/** The function `name` that the engine's second entry exports. */
export function embedded(name: string): Wrapped {
  if (typeof exports[name] !== 'function') throw new TypeError(`dist/embed.wasm exports no ${name}`);
  return wrap(name);
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
