import { MAX_VALUE } from './limits.ts';

/** A mistake of the program's, not of what it was asked: it must not depend on which store there is. */
export function checkValue(value: Uint8Array): void {
  if (value.length > MAX_VALUE) {
    throw new TypeError(`a value has at most ${MAX_VALUE} bytes, got ${value.length}`);
  }
}

/** It stands in Redis as it is. */
export function checkLabel(label: string): void {
  if (!/^[A-Za-z0-9_-]{0,64}$/.test(label)) throw new TypeError('a label is `[A-Za-z0-9_-]*`, at most 64');
}
