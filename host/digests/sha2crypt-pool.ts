import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Sha2Question } from './sha2crypt-worker.ts';

/** Threads that have nothing to do. No more are ever made than questions are asked together. */
const idle: Thread[] = [];

/** Computes in a thread of its own: node has no asynchronous SHA-crypt, and the service must not stand still. */
export async function askWorker(question: Sha2Question): Promise<string> {
  const thread = idle.pop() ?? new Thread();
  const answer = await thread.ask(question);
  idle.push(thread);
  return answer;
}

class Thread {
  readonly #worker = new Worker(workerFile());
  #answer: ((text: string) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor() {
    this.#worker.on('message', (text: string) => this.#answer?.(text));
    this.#worker.on('error', () => this.#end());
    this.#worker.on('exit', () => this.#end());
  }

  async ask(question: Sha2Question): Promise<string> {
    // Waiting for a question keeps no process alive.
    this.#worker.ref();
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#answer = resolve;
        this.#fail = reject;
        this.#worker.postMessage(question);
      });
    } finally {
      this.#worker.unref();
    }
  }

  /** One that died is not asked again. */
  #end(): void {
    this.#fail?.(new Error('the thread for sha2crypt has failed'));
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
  }
}

/** Beside the bundle, or where the build puts it when run from source. */
function workerFile(): string {
  const candidates = ['./sha2crypt-worker.mjs', '../../dist/sha2crypt-worker.mjs'].map(path =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const file = candidates.find(path => existsSync(path));
  if (file === undefined) throw new Error('sha2crypt-worker.mjs is missing: run `npm run build`');
  return file;
}
