import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instantiateSync } from '@assemblyscript/loader';
import { GoProgram, type Timed } from '../support/go-program.ts';
import type { Workload } from './pack.ts';

/** Does the whole work so many times; answers its nanoseconds and the sum of what came out, as an i32. */
export type Task = (times: number) => Promise<Timed>;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  room(size: number): number;
  programOf(start: number): number;
  matchAll(times: number): number;
  compileAll(times: number): number;
  findAll(times: number): number;
}

/** `assembly/regexp/bench.ts` in Node. */
export function wasmTasks(code: Uint8Array) {
  const wasm = instantiateSync(code, {}).exports as unknown as Exports;
  wasm._initialize();
  const write = (bytes: Uint8Array) => {
    const at = wasm.room(bytes.length);
    new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
  };
  const task =
    (work: (times: number) => number): Task =>
    times => {
      const start = process.hrtime.bigint();
      const answer = work(times);
      return Promise.resolve({ ns: Number(process.hrtime.bigint() - start), answer });
    };
  return {
    load: write,
    /** The compiled program of a pattern. */
    programOf(pattern: string): Uint8Array {
      write(Buffer.from(pattern));
      const at = wasm.programOf(Buffer.byteLength(pattern));
      if (at === 0) throw new Error(`${pattern} is refused`);
      const size = new DataView(wasm.memory.buffer).getUint32(at, true);
      return new Uint8Array(wasm.memory.buffer, at, size).slice();
    },
    match: task(wasm.matchAll),
    compile: task(wasm.compileAll),
    captures: task(wasm.findAll),
  };
}

/** The tasks of bench/regexp/main.go, one at a time. */
export class GoTasks {
  readonly tasks: Record<string, Task>;
  readonly #program: GoProgram;

  constructor(program: string, wasm: string, workload: Workload, pack: Uint8Array) {
    const setup = join(process.cwd(), '.cache/bench/regexp-setup.json');
    const plain = (list: Workload['captures']) =>
      list.map(({ pattern, text }) => ({ Pattern: pattern, Text: Buffer.from(text).toString('base64') }));
    writeFileSync(
      setup,
      JSON.stringify({
        Wasm: wasm,
        Pack: Buffer.from(pack).toString('base64'),
        Patterns: workload.patterns,
        Pairs: plain(workload.pairs),
        CapturePatterns: workload.capturePatterns,
        Captures: plain(workload.captures),
      }),
    );
    this.#program = new GoProgram(program, [setup], 'bench/regexp');
    const names = ['go', 'wazero'].flatMap(engine =>
      ['match', 'compile', 'captures'].map(kind => `${engine}.${kind}`),
    );
    this.tasks = Object.fromEntries(
      names.map(name => [name, (times: number) => this.#program.ask(`${name} ${times}`)]),
    );
  }

  stop(): void {
    this.#program.stop();
  }
}
