import { timingSafeEqual } from 'node:crypto';

/** In constant time for equal lengths. */
export function sameEpoch(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
