import { availableParallelism } from 'node:os';
import { parseDigest, verifyDigest } from '../digests/parse.ts';
import { FairQueue } from './fair-queue.ts';
import { type Origin, originOf } from './origin.ts';

/**
 * Memory of all verifications that run together, KiB: five of Authelia's
 * default digests (64 MiB), with which the host stays below 600 MiB. A costlier
 * digest runs alone.
 */
export const MAX_VERIFY_MEMORY_KIB = 327_680;
/** At 0.15 s each on two cores the last one waits five seconds; a proxy does not wait much longer. */
export const MAX_VERIFY_QUEUE = 64;

export type VerifyResult = 'success' | 'failure' | 'error';

export interface PasswordVerifierOptions {
  /** Verifications that run together. Default: the number of cores. */
  readonly concurrency?: number;
  readonly maxMemoryKib?: number;
  readonly maxQueue?: number;
  /** Off the event loop; tests give their own. */
  readonly verify?: (digest: string, password: string) => Promise<boolean>;
  readonly onResult?: (result: VerifyResult) => void;
}

/** Too many verifications wait already. */
export class QueueFullError extends Error {
  constructor() {
    super('too many password verifications are waiting');
    this.name = 'QueueFullError';
  }
}

interface Job {
  readonly memoryKib: number;
  readonly run: () => Promise<void>;
  readonly refuse: () => void;
}

/** Somebody without an address: all of these are one client and one account. */
const ANYBODY = originOf('', '');

/** Verifies digests of all kinds, bounded in concurrency, memory and waiting, in an order that is fair to all. */
export class PasswordVerifier {
  readonly #concurrency: number;
  readonly #maxMemoryKib: number;
  readonly #verify: (digest: string, password: string) => Promise<boolean>;
  readonly #onResult: (result: VerifyResult) => void;
  readonly #queue: FairQueue<Job>;
  #memoryKib = 0;

  constructor(options: PasswordVerifierOptions = {}) {
    this.#concurrency = Math.max(1, options.concurrency ?? availableParallelism());
    this.#maxMemoryKib = options.maxMemoryKib ?? MAX_VERIFY_MEMORY_KIB;
    this.#queue = new FairQueue(options.maxQueue ?? MAX_VERIFY_QUEUE);
    this.#verify = options.verify ?? verifyDigest;
    this.#onResult = options.onResult ?? (() => {});
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Whether the password fits the digest; rejects with `QueueFullError`, also
   * after a while, or when the digest cannot be verified.
   */
  verify(digest: string, password: string, origin: Origin = ANYBODY): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const run = async () => {
        try {
          const good = await this.#verify(digest, password);
          this.#onResult(good ? 'success' : 'failure');
          resolve(good);
        } catch {
          this.#onResult('error');
          // The library's text could quote the digest.
          reject(new Error('the password digest cannot be verified'));
        }
      };
      const refuse = () => reject(new QueueFullError());
      this.#queue.push({ memoryKib: memoryOf(digest), run, refuse }, origin);
      this.#next();
      this.#queue.surplus()?.refuse();
    });
  }

  /** Waits as `verify` does, and computes nothing: for whoever is refused whatever the password is. */
  turn(origin: Origin): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = async () => resolve();
      this.#queue.push({ memoryKib: 0, run, refuse: () => reject(new QueueFullError()) }, origin);
      this.#next();
      this.#queue.surplus()?.refuse();
    });
  }

  /** Nobody overtakes who is next, so that a costly digest is not starved by cheap ones. */
  #next(): void {
    for (;;) {
      const running = this.#queue.running;
      const job = running < this.#concurrency ? this.#queue.peek() : undefined;
      if (job === undefined) return;
      if (running > 0 && this.#memoryKib + job.memoryKib > this.#maxMemoryKib) return;
      this.#queue.take();
      this.#memoryKib += job.memoryKib;
      void job.run().then(() => {
        this.#queue.finish(job);
        this.#memoryKib -= job.memoryKib;
        this.#next();
      });
    }
  }
}

/** KiB; a digest that cannot be read counts as nothing and fails to verify at once. */
function memoryOf(text: string): number {
  const parsed = parseDigest(text);
  return parsed.ok ? parsed.digest.memoryKib : 0;
}
