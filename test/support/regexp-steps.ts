import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import type { RegexpEngine } from './regexp-wasm.ts';

const { regexpEngine } = (await import(new URL('../../tools/regexp-engine.mjs', import.meta.url).href)) as {
  regexpEngine: (wasm: object) => RegexpEngine;
};

/** `embed.wasm` with a call of `env.log_execution` at each function's entry, each turn of a loop and each return. */
async function instrumented(): Promise<Uint8Array> {
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.readBinary(readFileSync(new URL('../../dist/embed.wasm', import.meta.url)));
  module.runPasses(['log-execution']);
  return module.emitBinary();
}

/**
 * The engine of the built `embed.wasm`, counting its steps. Between two steps
 * lies straight code, so their number bounds the time, and unlike the time it is
 * the same on every machine and in every run.
 */
export async function countingRegexp(): Promise<{
  engine: RegexpEngine;
  /** Steps of one match of the pattern compiled last, the building of its automaton included. */
  steps(text: Uint8Array): number;
}> {
  let count = 0;
  const env: Record<string, () => void> = {
    log_execution() {
      count++;
    },
  };
  const wasm = instantiateSync<{ _initialize(): void }>(await instrumented(), { env }).exports;
  wasm._initialize();
  const engine = regexpEngine(wasm);
  return {
    engine,
    steps(text) {
      const before = count;
      engine.repeat(text, 1);
      return count - before;
    },
  };
}
