/**
 * Hashes of the index, the same where it is made and where it is read. Nobody's
 * secret: they only lead to what is then compared byte by byte, or to rules that
 * are then judged.
 */

/** Empty domain name. */
export const NAME_SEED: u32 = 0x811c_9dc5;

/** The hash of a name with `byte` in front of it: names are read from the right, suffixes come on the way. */
export function nameHash(hash: u32, byte: u32): u32 {
  return (hash ^ byte) * 0x0100_0193;
}

/** Lengths of the literal texts searched for anywhere; a longer one is known by a window of it. */
export const WINDOW_LENGTHS = memory.data<u8>([2, 3, 4, 6, 8, 12, 16, 24]);
export const WINDOW_KINDS: i32 = 8;

/** Length of window kind `kind`. */
export function windowLength(kind: i32): i32 {
  return <i32>load<u8>(WINDOW_LENGTHS + kind);
}

/** Beginnings are known by at most so many bytes. */
export const MAX_BEGINNING: i32 = 255;

/** Multiplier of the hash of running text. */
export const TEXT_FACTOR: u32 = 0x0100_01b3;

/** Key of a beginning of `len` bytes whose text hash is `hash`. */
export function beginningKey(hash: u32, len: i32): u32 {
  return scramble(hash + <u32>len * 0x9e37_79b1);
}

/** Key of a window. */
export function windowKey(hash: u32, kind: i32): u32 {
  return scramble(~hash - <u32>(kind + 1) * 0x85eb_ca77);
}

/** Spreads what differs anywhere over all bits. */
export function scramble(hash: u32): u32 {
  hash ^= hash >> 16;
  hash *= 0x7feb_352d;
  hash ^= hash >> 15;
  hash *= 0x846c_a68b;
  return hash ^ (hash >> 16);
}

/** Slot where a key belongs in a table of `slots`. */
export function slotOf(key: u32, slots: u32): u32 {
  return <u32>((<u64>key * slots) >> 32);
}
