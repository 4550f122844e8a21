/** Bytes before a literal's characters: how many there are, u16. */
export const TEXT_HEADER: usize = 2;

/**
 * What type `string` is in the engine: an ASCII literal in static memory, one
 * byte a character (see tools/pack-text.mjs). AssemblyScript's own strings
 * take two bytes a character and twenty more.
 */
// @ts-expect-error: decorators are the compiler's, of classes only elsewhere
@unmanaged
export class Text {
  get length(): i32 {
    return <i32>load<u16>(changetype<usize>(this));
  }

  /** Byte `i`, which must lie within. */
  charCodeAt(i: i32): i32 {
    return <i32>load<u8>(changetype<usize>(this) + TEXT_HEADER + i);
  }
}
