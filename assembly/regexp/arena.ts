/**
 * The compiler's scratch space, lent by the caller. Character classes and later
 * stages grow from the bottom, the syntax tree and stacks from the top. What
 * does not fit sets `full` and is given a harmless place, so that each stage
 * checks once.
 */

const NONE = new StaticArray<u8>(0);

/** Top bytes nobody reads: where nodes that do not fit are written. */
const SPILL: i32 = 64;

let space: StaticArray<u8> = NONE;
let low: i32 = 0;
let high: i32 = 0;
let overflowed: bool = false;

/**
 * Lends `buf` to the compiler until the next call. It is written by `compile`
 * only, so between two compilations the caller may use it for anything.
 */
export function reserveCompiler(buf: StaticArray<u8>): void {
  space = buf;
}

/** Empties the arena; false when nothing was lent. */
export function resetArena(): bool {
  low = 0;
  high = (space.length & ~7) - SPILL;
  overflowed = false;
  return high > 0;
}

/** True when something did not fit since `resetArena`. */
export function arenaFull(): bool {
  return overflowed;
}

/** Address of `bytes` new zeroed bytes at the top, 8-byte aligned. */
export function takeHigh(bytes: i32): usize {
  let size = (bytes + 7) & ~7;
  if (size < 0 || size > high - low) {
    overflowed = true;
    memory.fill(changetype<usize>(space) + space.length - SPILL, 0, SPILL);
    return changetype<usize>(space) + space.length - SPILL;
  }
  high -= size;
  memory.fill(changetype<usize>(space) + high, 0, size);
  return changetype<usize>(space) + high;
}

/** Gives back the last `bytes` taken at the top. */
export function dropHigh(bytes: i32): void {
  high += (bytes + 7) & ~7;
}

/** Gives back everything at the top. */
export function clearHigh(): void {
  high = (space.length & ~7) - SPILL;
}

/** Address of `bytes` new bytes at the bottom, 0 when they do not fit. Contents are undefined. */
export function takeLow(bytes: i32): usize {
  let size = (bytes + 7) & ~7;
  if (size < 0 || size > high - low) {
    overflowed = true;
    return 0;
  }
  let at = low;
  low += size;
  return changetype<usize>(space) + at;
}

/** Bytes left between the two ends. */
export function arenaLeft(): i32 {
  return high - low;
}

/** Marks of the bottom, to give back what a stage took there. */
export function lowMark(): i32 {
  return low;
}

export function dropLow(mark: i32): void {
  low = mark;
}

/** Address of the bottom's offset `at`. */
export function lowAddress(at: i32): usize {
  return changetype<usize>(space) + at;
}
