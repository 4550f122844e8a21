import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommandError } from './io.ts';

/** Beside the bundle, or where the build puts it when run from source. */
export function engineFile(): string {
  const candidates = ['./embed.wasm', '../../dist/embed.wasm'].map(path =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find(path => existsSync(path));
  if (found === undefined) {
    throw new CommandError(
      'the decision engine (embed.wasm) is missing: run `npm run build`, or install Postern again',
    );
  }
  return found;
}
