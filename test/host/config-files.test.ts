import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../host/config/problem.ts';
import { MAX_TEXT_FILE, readTextFile } from '../../host/config/read-file.ts';

/** What is said of a file whose reading fails with `code`. */
function message(code: string): string {
  const read = readTextFile('users.yml', () => {
    throw Object.assign(new Error(`${code}: secret text of node`), { code });
  });
  return read.ok ? 'read' : formatProblem(read.problem);
}

describe('text file', () => {
  it.each([
    ['ENOENT', 'users.yml: no such file: create it or correct its path'],
    ['ENOTDIR', 'users.yml: no such file: create it or correct its path'],
    [
      'EACCES',
      'users.yml: may not be read: give the user that runs Postern permission to read it and to enter the directories above it',
    ],
    [
      'EISDIR',
      'users.yml: is a directory where a file is needed: correct the path (Docker makes a directory of a bind mount whose source does not exist)',
    ],
    ['EIO', 'users.yml: cannot be read (EIO)'],
  ])('that cannot be read (%s)', (code, expected) => expect(message(code)).toBe(expected));

  it('is UTF-8 of bounded size, with or without a byte order mark', () => {
    const read = (bytes: Uint8Array) => readTextFile('f', () => bytes);
    expect(read(Buffer.from('\ufeffä'))).toEqual({ ok: true, text: 'ä' });
    expect(read(Buffer.from([0xc3]))).toMatchObject({
      problem: { message: 'is not UTF-8 text: save it in that encoding' },
    });
    expect(read(Buffer.alloc(MAX_TEXT_FILE + 1))).toMatchObject({
      problem: { message: 'is larger than 4 MiB: correct the path' },
    });
  });
});
