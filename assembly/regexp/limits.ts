import { SCRATCH_BYTES } from '../bytes/scratch';

/** Limits of the regular expression engine, all checked when a pattern is compiled. */

/**
 * Instructions of a program: fourteen bits in an instruction (see `prog.ts`),
 * and the matcher's scratch below holds every such program, so that what the
 * host accepts always runs in the guest. Enough for an alternation of 2,000
 * words or for `[a-z]{1000}` sixteen times over; Go allows 3.3 million.
 */
export const MAX_INSTS: i32 = 16_384;

/** Choices among them (`|`, `*`, `?`, ...): each may put one place on the matcher's stack. */
export const MAX_ALTS: i32 = 4096;

/** Instructions before jumps are taken out: every choice comes with one jump at most. */
export const MAX_RAW_INSTS: i32 = MAX_INSTS + MAX_ALTS;

/**
 * Classes of characters that a program tells apart. Eleven bits in a range of
 * the alphabet, and a set of classes takes one bit each: 128 bytes.
 */
export const MAX_CLASSES: u32 = 1024;

/** Sets of classes in one program: the distinct bracket expressions of a pattern. */
export const MAX_SETS: u32 = 4096;

/** `a{1000}` and nested counts up to this product, Go's own limit. */
export const MAX_REPEAT: i32 = 1000;

/** Height of the syntax tree, Go's own limit. Nothing here recurses on it. */
export const MAX_HEIGHT: i32 = 1000;

/** Go's limit on the expanded size of an expression, kept so that errors come in Go's order. */
export const MAX_SIZE: u32 = 3_355_443;

/**
 * Bytes of an automaton's table in the policy image. 4 KiB is 200 states over
 * 20 classes, four times what the largest usual access rule needs; a pattern
 * beyond is simulated.
 */
export const MAX_DFA_BYTES: i32 = 4096;

/** States of an automaton: one byte in its table. */
export const MAX_DFA_STATES: i32 = 256;

/**
 * Scratch space of the matchers: the 20 KiB that `bytes/scratch.ts` shares out. The largest
 * simulation needs 14 KiB (three sets of 2 KiB, a stack of two bytes per
 * choice), the rest makes long texts faster; captures need 40 bytes per
 * consuming instruction, so programs with `User` or `Group` are refused above
 * some 500 of them.
 */
export const MATCHER_BYTES: i32 = SCRATCH_BYTES;

/**
 * Scratch space to compile in, that the guest lends: some 500 pattern
 * characters. The host lends more.
 */
export const GUEST_COMPILER_BYTES: i32 = 24_576;
export const HOST_COMPILER_BYTES: i32 = 6_291_456;
