import { readU32 } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { captures, compile, findGroups, isMatch, reserveCompiler } from './regexp';
import { installUnicodeTables } from './unicode-tables';

/**
 * The engine as an entry of its own, for `npm run bench -- regexp`: built with
 * the options of the plugin, with more memory. What is measured loops in here, so
 * that no runtime's calls into a module count.
 *
 * All data is one pack, little-endian u32s and bytes:
 *
 *     pairs, patterns, captures: the numbers of records
 *     pairs     { program, textStart, textEnd }
 *     patterns  { start, end }
 *     captures  { program, textStart, textEnd }
 */
const HEAD: i32 = 12;
const PAIR: i32 = 12;
const PATTERN: i32 = 8;

let pack = new StaticArray<u8>(0);
const program = new ByteWriter(new StaticArray<u8>(65_536));
const compilerSpace = new StaticArray<u8>(1_048_576);

installUnicodeTables();

/** Makes room for a pack of `size` bytes and answers where to write it. */
export function room(size: i32): usize {
  pack = new StaticArray<u8>(size);
  return changetype<usize>(pack);
}

/** Compiles the pattern that is all of the pack, `size` bytes; answers where its program lies, 0 when refused. */
export function programOf(size: i32): usize {
  program.reset();
  reserveCompiler(compilerSpace);
  return compile(pack, 0, size, program) == 0 ? changetype<usize>(program.buf) : 0;
}

function pairMatches(record: i32): bool {
  return isMatch(pack, readU32(pack, record), pack, readU32(pack, record + 4), readU32(pack, record + 8));
}

/** Matches every pair, `times` times over; answers how often one matched. */
export function matchAll(times: i32): i32 {
  let end = HEAD + <i32>readU32(pack, 0) * PAIR;
  let found = 0;
  for (let i = 0; i < times; i++) {
    for (let record = HEAD; record < end; record += PAIR) {
      if (pairMatches(record)) found++;
    }
  }
  return found;
}

/** Compiles every pattern, `times` times over; answers how many were refused. */
export function compileAll(times: i32): i32 {
  let start = HEAD + <i32>readU32(pack, 0) * PAIR;
  let end = start + <i32>readU32(pack, 4) * PATTERN;
  let refused = 0;
  for (let i = 0; i < times; i++) {
    for (let record = start; record < end; record += PATTERN) {
      program.reset();
      reserveCompiler(compilerSpace);
      if (compile(pack, readU32(pack, record), readU32(pack, record + 4), program) != 0) refused++;
    }
  }
  return refused;
}

/** Finds the groups of every record of `captures`, `times` times over; answers a sum of their places. */
export function findAll(times: i32): i32 {
  let start = HEAD + <i32>readU32(pack, 0) * PAIR + <i32>readU32(pack, 4) * PATTERN;
  let end = start + <i32>readU32(pack, 8) * PAIR;
  let sum = 0;
  for (let i = 0; i < times; i++) {
    for (let record = start; record < end; record += PAIR) {
      let from = <i32>readU32(pack, record + 4);
      if (!findGroups(pack, readU32(pack, record), pack, from, readU32(pack, record + 8))) continue;
      for (let k = 0; k < 4; k++) sum += (captures[k] < 0 ? -1 : captures[k] - from) * (k + 1);
    }
  }
  return sum;
}
