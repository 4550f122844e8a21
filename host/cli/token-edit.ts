import { loadEngine } from '../policy/load-engine.ts';
import { type Edit, editTokens, LockedError } from '../tokens/edit.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, type Io } from './io.ts';
import type { CommonOptions } from './token-options.ts';
import type { TokenSource } from './token-source.ts';

/** Changes the tokens file under its lock. */
export async function edit<T>(source: TokenSource, change: (edit: Edit) => T): Promise<T> {
  try {
    return await editTokens(source.file, loadEngine(engineFile()), change);
  } catch (error) {
    if (error instanceof LockedError) throw new CommandError(error.message);
    throw error;
  }
}

/** The one time that a token is shown. */
export function show(
  io: Io,
  options: CommonOptions,
  name: string,
  id: string,
  token: string,
  file: string,
): void {
  io.stdout.write(options.json ? `${JSON.stringify({ name, id, token })}\n` : `${token}\n`);
  io.stderr.write(`${name}, secret ${id}, written to ${file}; the token is not shown again\n`);
}
