import { readFileSync } from 'node:fs';
import binaryen from 'binaryen';

/** Bytes of a guest written by hand: `floor`, which does nothing, or `calls`. */
export function assemble(name: 'floor' | 'calls'): Uint8Array {
  const module = binaryen.parseText(readFileSync(`bench/${name}.wat`, 'utf8'));
  if (!module.validate()) throw new Error(`bench/${name}.wat is not valid`);
  return module.emitBinary();
}
