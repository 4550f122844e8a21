import { parentPort } from 'node:worker_threads';
import { type Sha2Variant, sha2crypt } from './sha2crypt-hash.ts';

/** What the worker is asked; it answers with the text of `sha2crypt`. */
export interface Sha2Question {
  readonly variant: Sha2Variant;
  readonly password: string;
  readonly salt: string;
  readonly rounds: number;
}

parentPort?.on('message', ({ variant, password, salt, rounds }: Sha2Question) => {
  parentPort?.postMessage(sha2crypt(variant, password, salt, rounds));
});
