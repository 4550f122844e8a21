import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a task took, and the sum of what came out. */
export interface Timed {
  readonly ns: number;
  readonly answer: number;
}

/** A Go program that does what a line asks for and answers with a line "nanoseconds answer". */
export class GoProgram {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #send: (line: string) => void;
  readonly #folder: string;

  /** `folder`: where its sources lie, for messages. */
  constructor(program: string, args: readonly string[], folder: string) {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#send = line => child.stdin.write(`${line}\n`);
    this.#folder = folder;
  }

  async ask(line: string): Promise<Timed> {
    this.#send(line);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the Go program of ${this.#folder} has ended early`);
    const [ns = Number.NaN, answer = Number.NaN] = String(value).split(' ').map(Number);
    return { ns, answer };
  }

  stop(): void {
    this.#process.kill();
  }
}
