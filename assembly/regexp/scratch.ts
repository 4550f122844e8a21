import { MATCHER_BYTES, MAX_ALTS, MAX_INSTS } from './limits';

/**
 * The matchers' scratch space, used by one match at a time and meaningless
 * afterwards. Sets of instructions are bit sets of `MAX_INSTS` bits.
 *
 *     seen | set A | set B | stack (u16 per choice) | the rest
 */
const space = new StaticArray<u8>(MATCHER_BYTES);

export const SET_BYTES: i32 = MAX_INSTS >> 3;

const SEEN: i32 = 0;
const SET_A: i32 = SET_BYTES;
const SET_B: i32 = SET_BYTES * 2;
const STACK: i32 = SET_BYTES * 3;
const REST: i32 = STACK + MAX_ALTS * 2;

export function seenSet(): usize {
  return changetype<usize>(space) + SEEN;
}
export function setA(): usize {
  return changetype<usize>(space) + SET_A;
}
export function setB(): usize {
  return changetype<usize>(space) + SET_B;
}
export function stackBase(): usize {
  return changetype<usize>(space) + STACK;
}
export function stackEnd(): usize {
  return changetype<usize>(space) + REST;
}
/** For what else a matcher needs, to the end of the scratch space. */
export function restBase(): usize {
  return changetype<usize>(space) + REST;
}
export function restEnd(): usize {
  return changetype<usize>(space) + MATCHER_BYTES;
}
/** The whole scratch space, for matchers with a layout of their own. */
export function wholeBase(): usize {
  return changetype<usize>(space);
}
