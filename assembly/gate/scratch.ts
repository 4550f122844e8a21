/**
 * Working space with one user at a time; nothing in it outlives the step that
 * wrote it. Memory per request in flight is the guest's memory, so that:
 *
 * - at start: the environment, then what the policy compiler needs,
 * - while a request is read: the value of the header at hand,
 * - when it is allowed: the joined groups,
 * - when it is deferred: `Postern-Request`, before and after encoding.
 */
export const SCRATCH_BYTES: i32 = 24 * 1024;

export const scratch = new StaticArray<u8>(SCRATCH_BYTES);
