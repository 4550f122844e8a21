import { scratch } from '../bytes/scratch';
import { MATCHER_BYTES, MAX_ALTS } from './limits';

/**
 * The matchers' scratch space, used by one match at a time and meaningless
 * afterwards. Sets of instructions are bit sets, so their size follows from the
 * program:
 *
 *     seen | set A | set B | stack (u16 per choice) | the rest
 */
const space = scratch;

let setBytes: usize = 0;
let stack: usize = 0;
let rest: usize = 0;

/** Lays the space out for a program of `count` instructions. `MATCHER_BYTES` holds the largest. */
export function arrange(count: u32): void {
  setBytes = ((count + 63) >> 6) << 3;
  stack = changetype<usize>(space) + 3 * setBytes;
  rest = stack + ((2 * min(count, <u32>MAX_ALTS) + 7) & ~7);
}

/** Bytes of a set, a multiple of 8. */
export function setSize(): usize {
  return setBytes;
}
export function seenSet(): usize {
  return changetype<usize>(space);
}
export function setA(): usize {
  return changetype<usize>(space) + setBytes;
}
export function setB(): usize {
  return changetype<usize>(space) + 2 * setBytes;
}
export function stackBase(): usize {
  return stack;
}
export function stackEnd(): usize {
  return rest;
}
/** For what else a matcher needs, up to `spaceEnd`. */
export function restBase(): usize {
  return rest;
}
/** The whole space, for matchers with a layout of their own. */
export function wholeBase(): usize {
  return changetype<usize>(space);
}
export function spaceEnd(): usize {
  return changetype<usize>(space) + MATCHER_BYTES;
}
