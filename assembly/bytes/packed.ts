import { ByteWriter } from './writer';

/**
 * Texts that people read, one byte a character (`tools/pack-text.mjs` makes them
 * when the module is built). A text is its address; 0 is none.
 */

/** Never called: every call becomes an address. */
export function packed(_text: string): usize {
  return 0;
}

export function packedLength(text: usize): i32 {
  return text == 0 ? 0 : <i32>load<u16>(text);
}

/** Byte `i` of a text that has that many. */
export function packedAt(text: usize, i: i32): u32 {
  return load<u8>(text + 2 + i);
}

/** Appends a text. */
export function writePacked(text: usize, out: ByteWriter): void {
  let len = packedLength(text);
  for (let i = 0; i < len; i++) out.u8(packedAt(text, i));
}
