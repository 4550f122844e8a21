import { readFileSync } from 'node:fs';
import binaryen from 'binaryen';

/** Bytes of a guest written by hand: `floor`, which does nothing, or `calls`; without the lines that `leave` names. */
export function assemble(
  name: 'floor' | 'calls',
  leave: (line: string) => boolean = () => false,
): Uint8Array {
  const lines = readFileSync(`bench/${name}.wat`, 'utf8').split('\n');
  const module = binaryen.parseText(lines.filter(line => !leave(line)).join('\n'));
  if (!module.validate()) throw new Error(`bench/${name}.wat is not valid`);
  return module.emitBinary();
}
