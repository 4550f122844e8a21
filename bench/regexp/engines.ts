import { Buffer } from 'node:buffer';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { instantiateSync } from '@assemblyscript/loader';
import type { Workload } from './pack.ts';

/** Does the whole work so many times; answers its nanoseconds and the sum of what came out, as an i32. */
export type Task = (times: number) => Promise<{ ns: number; answer: number }>;

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
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

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
    const child = spawn(program, [setup], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const names = ['go', 'wazero'].flatMap(engine =>
      ['match', 'compile', 'captures'].map(kind => `${engine}.${kind}`),
    );
    this.tasks = Object.fromEntries(
      names.map(name => [
        name,
        async times => {
          child.stdin.write(`${name} ${times}\n`);
          const { value, done } = await this.#lines.next();
          if (done === true) throw new Error('the Go program of bench/regexp has ended early');
          const [ns = Number.NaN, answer = Number.NaN] = String(value).split(' ').map(Number);
          return { ns, answer };
        },
      ]),
    );
  }

  stop(): void {
    this.#process.kill();
  }
}
