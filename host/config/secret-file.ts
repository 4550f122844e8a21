import { isAbsolute } from 'node:path';
import { readTextFile } from './read-file.ts';

export type SecretFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Where a file of a secret is named. */
export interface SecretFileName {
  /** As it was written. */
  readonly name: string;
  /** Where that leads to. */
  readonly path: string;
  /** The key or variable that takes the secret itself. */
  readonly key: string;
}

/**
 * Reads a file that holds a secret. People also write the secret itself where
 * its file is to be named: a relative name at which there is no file is
 * therefore shown nowhere.
 */
export function readSecretFile(
  { name, path, key }: SecretFileName,
  readFile?: (file: string) => Uint8Array,
): SecretFile {
  const read = readTextFile(path, readFile);
  if (read.ok) return read;
  const { code, message } = read.problem;
  if (isAbsolute(name) || THERE.has(code)) return { ok: false, code, message: `${path}: ${message}` };
  return {
    ok: false,
    code,
    message: `no such file: write the path of one, or the secret itself into \`${key}\` (what stands here is not shown, for it may be the secret)`,
  };
}

/** Something lies there, so it was meant as a path. */
const THERE: ReadonlySet<string> = new Set([
  'file.permission',
  'file.directory',
  'file.too-large',
  'file.encoding',
]);
