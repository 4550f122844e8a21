/**
 * Working space with one user at a time; nothing in it outlives the step that
 * wrote it. The guest's memory is held by every request in flight, so steps
 * that never overlap share it:
 *
 * - while a request is read: the value of the header at hand,
 * - while a grant is looked for: the slot at hand,
 * - while rules are judged: the regular expressions' matchers,
 * - when it is allowed: the joined groups,
 * - when it is deferred: `Postern-Request`, before and after encoding.
 */
export const SCRATCH_BYTES: i32 = 20_480;

export const scratch = new StaticArray<u8>(SCRATCH_BYTES);
