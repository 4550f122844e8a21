import { readFileSync } from 'node:fs';
import type { Problem } from './problem.ts';

/** 18,000 users, read in 3 s during which the heartbeat waits: it is stale after 5. */
export const MAX_TEXT_FILE = 4 * 1024 * 1024;

export type TextFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: Problem };

/** Reads a text file, or says what is wrong with it. Blocks: for the start and the command line. */
export function readTextFile(file: string, read: (file: string) => Uint8Array = readFileSync): TextFile {
  let bytes: Uint8Array;
  try {
    bytes = read(file);
  } catch (error) {
    return { ok: false, problem: fileProblem(file, error) };
  }
  return decodeText(file, bytes);
}

/** UTF-8 with or without a byte order mark. */
export function decodeText(file: string, bytes: Uint8Array): TextFile {
  if (bytes.length > MAX_TEXT_FILE) {
    return bad(file, 'file.too-large', `is larger than ${MAX_TEXT_FILE >> 20} MiB: correct the path`);
  }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return bad(file, 'file.encoding', 'is not UTF-8 text: save it in that encoding');
  }
}

/** What is wrong with a file that could not be read, from node's error. */
export function fileProblem(file: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return bad(file, 'file.missing', 'no such file: create it or correct its path').problem;
    case 'EACCES':
    case 'EPERM':
      return bad(
        file,
        'file.permission',
        'may not be read: give the user that runs Postern permission to read it and to enter the directories above it',
      ).problem;
    case 'EISDIR':
      return bad(
        file,
        'file.directory',
        'is a directory where a file is needed: correct the path (Docker makes a directory of a bind mount whose source does not exist)',
      ).problem;
    default:
      return bad(file, 'file.unreadable', `cannot be read (${code})`).problem;
  }
}

function bad(file: string, code: string, message: string): { ok: false; problem: Problem } {
  return { ok: false, problem: { code, severity: 'error', path: '', message, file } };
}
