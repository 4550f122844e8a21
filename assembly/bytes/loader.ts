/**
 * Between the engine's byte arrays and those a loader passes. Allocates, so
 * only the `exports.ts` files and the second entry may use it.
 */

/** A copy of what came from outside. */
export function bytesOf(input: Uint8Array): StaticArray<u8> {
  let bytes = new StaticArray<u8>(input.length);
  memory.copy(changetype<usize>(bytes), input.dataStart, input.length);
  return bytes;
}

/** A copy of `[start, end)` for the outside; both must lie in `buf`. */
export function arrayOf(buf: StaticArray<u8>, start: i32, end: i32): Uint8Array {
  let out = new Uint8Array(end - start);
  memory.copy(out.dataStart, changetype<usize>(buf) + start, end - start);
  return out;
}
