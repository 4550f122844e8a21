import { describe, expect, it } from 'vitest';
import { corpus, fieldBytes, regexp } from '../support/regexp-wasm.ts';

const KIB = 1024;
/** The promise, for 64 KiB: ms up to 64 instructions, and ns per byte and instruction beyond. */
const SMALL_MS = 20;
const NS_PER_STEP = 5;
/** What measuring on a busy machine may add; the quickest of several runs is taken besides. */
const NOISE = 1.5;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function filled(unit: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => unit[i % unit.length] ?? 0x61);
}

/** Milliseconds for one match of the pattern compiled last, the best of some runs. */
function cost(text: Uint8Array, runs = 5): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    let times = 1;
    for (;;) {
      const start = performance.now();
      regexp.repeat(text, times);
      const spent = performance.now() - start;
      if (spent > 1 || times >= 65_536) {
        best = Math.min(best, spent / times);
        break;
      }
      times *= 4;
    }
  }
  return best;
}

/**
 * How much more 64 KiB cost than 1 KiB: both measured in turn, so that a busy
 * machine slows both down, and the best of each.
 */
function ratio(unit: Uint8Array): number {
  const short = filled(unit, KIB);
  const long = filled(unit, 64 * KIB);
  let bestShort = Number.POSITIVE_INFINITY;
  let bestLong = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) {
    bestShort = Math.min(bestShort, cost(short, 1));
    bestLong = Math.min(bestLong, cost(long, 1));
  }
  return bestLong / bestShort;
}

function compile(pattern: Uint8Array): void {
  expect(regexp.compile(pattern)).toBeNull();
}

/** Instructions of the pattern as it is simulated. */
function instructions(pattern: Uint8Array): number {
  regexp.automata(false);
  compile(pattern);
  regexp.automata(true);
  const program = regexp.program();
  return new DataView(program.buffer, program.byteOffset).getUint16(12, true);
}

describe('time is linear', () => {
  it.each(['(x+x+)+y', '(a|aa)+$', '(.*a){20}b'])('%s runs by its automaton', pattern => {
    compile(bytes('(?s)^.*zz$'));
    const reference = cost(filled(bytes('ab z'), 64 * KIB), 9);
    compile(bytes(pattern));
    for (const unit of ['x', 'a', 'aab']) {
      expect(cost(filled(bytes(unit), 64 * KIB), 9)).toBeLessThan(4 * NOISE * reference);
    }
  });

  it.each([
    ['[ab]*a[ab]{40}c', ['a', 'ab', 'aabbab']],
    ['a{1000}b', ['a']],
    ['(?s)x.{900}y', ['x', 'xab', 'abxxab']],
    ['(?:a?){400}a{400}b', ['a']],
    ['\\b(?:\\w{1,30} ){8}$', ['abc ', 'a b cd']],
    ['(?m)^(?:[ab]{1,20}-?){12}$', ['a', 'ab-', 'ab\n']],
  ])('%s, simulated', (pattern, units) => {
    const steps = instructions(bytes(pattern));
    compile(bytes(pattern));
    for (const unit of units) {
      const long = cost(filled(bytes(unit), 64 * KIB));
      expect(long).toBeLessThan(NOISE * Math.max(SMALL_MS, (NS_PER_STEP * steps * 64 * KIB) / 1e6));
      expect(ratio(bytes(unit))).toBeLessThan(70 * NOISE);
    }
  });

  it('every adversarial pattern of the corpus', () => {
    const rows = corpus
      .map(line => JSON.parse(line))
      .filter(row => row.cat === 'adversarial' && row.valid !== false);
    const slow: string[] = [];
    for (const row of rows) {
      const pattern = fieldBytes(row, 'pattern');
      const steps = instructions(pattern);
      compile(pattern);
      const input = fieldBytes(row, 'input');
      const spent = cost(filled(input.length > 0 ? input : bytes('a'), 64 * KIB), 1);
      if (spent > NOISE * Math.max(SMALL_MS, (NS_PER_STEP * steps * 64 * KIB) / 1e6)) {
        slow.push(`${row.id} ${spent.toFixed(1)} ms`);
      }
    }
    expect(slow).toEqual([]);
  });
});
