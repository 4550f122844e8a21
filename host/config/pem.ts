import type { ValueKey } from './keys.ts';
import type { Problem } from './problem.ts';
import { fileProblem } from './read-file.ts';
import type { Report } from './tree.ts';

/** The file in PEM that a key names: undefined when it is not set, null when it is no good, which has been reported. */
export type ReadPem = (path: ValueKey) => Uint8Array | undefined | null;

export interface PemSources {
  get(path: ValueKey): unknown;
  resolve(path: string): string;
  readFile(file: string): Uint8Array;
  readonly report: Report;
}

/** Reports a file that cannot be read or holds no PEM; whether the certificate or key in it is good is not looked at. */
export function pemReader({ get, resolve, readFile, report }: PemSources): ReadPem {
  return path => {
    const file = get(path);
    if (typeof file !== 'string' || file === '') return undefined;
    const where = resolve(file);
    let problem: Pick<Problem, 'code' | 'message'>;
    try {
      const bytes = readFile(where);
      if (Buffer.from(bytes).includes('-----BEGIN ')) return bytes;
      problem = { code: 'config.value', message: 'is no PEM file (`-----BEGIN …`)' };
    } catch (error) {
      problem = fileProblem(where, error);
    }
    report(problem.code, path, `${where}: ${problem.message}`);
    return null;
  };
}
