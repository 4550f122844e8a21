import { describe, expect, it } from 'vitest';
import { countingRegexp } from '../support/regexp-steps.ts';
import { corpus, fieldBytes } from '../support/regexp-wasm.ts';

const KIB = 1024;
/** An automaton takes one step a byte; its copy of the text into place takes some more. */
const AUTOMATON_STEPS_PER_BYTE = 1.2;
/** What the building of an automaton may cost besides, whatever the text. */
const BUILD_STEPS = 200;
/** The promise: a simulation looks at no instruction twice for one byte, */
const STEPS_PER_BYTE_AND_INSTRUCTION = 1;
/** besides taking the character and what lies around it. */
const STEPS_PER_BYTE = 8;
/** Twice as much text costs twice as much, and no text can cost more for each byte. */
const SLACK = 1.2;

const { engine, steps } = await countingRegexp();

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function filled(unit: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => unit[i % unit.length] ?? 0x61);
}

function compile(pattern: Uint8Array): void {
  expect(engine.compile(pattern)).toBeNull();
}

/** Instructions of the pattern as it is simulated. */
function instructions(pattern: Uint8Array): number {
  engine.automata(false);
  compile(pattern);
  engine.automata(true);
  const program = engine.program();
  return new DataView(program.buffer, program.byteOffset).getUint16(12, true);
}

/** What 64 KiB may take of a pattern with so many instructions. */
const promised = (count: number): number =>
  (STEPS_PER_BYTE_AND_INSTRUCTION * count + STEPS_PER_BYTE) * 64 * KIB;

describe('time is linear', () => {
  it.each(['(?s)^.*zz$', '(x+x+)+y', '(a|aa)+$', '(.*a){20}b'])('%s runs by its automaton', pattern => {
    compile(bytes(pattern));
    for (const unit of ['x', 'a', 'aab', 'ab z']) {
      const taken = steps(filled(bytes(unit), 64 * KIB));
      expect(taken, unit).toBeGreaterThan(0);
      expect(taken, unit).toBeLessThan(AUTOMATON_STEPS_PER_BYTE * 64 * KIB + BUILD_STEPS);
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
    const count = instructions(bytes(pattern));
    compile(bytes(pattern));
    for (const unit of units) {
      // The automaton is built as texts ask for it: once before anything is counted.
      steps(filled(bytes(unit), 64 * KIB));
      const [short, long] = [8 * KIB, 64 * KIB].map(length => steps(filled(bytes(unit), length)));
      expect(long, unit).toBeLessThan(promised(count));
      expect(long, unit).toBeLessThan(8 * SLACK * (short ?? 0));
    }
  });

  it('every adversarial pattern of the corpus', () => {
    const rows = corpus
      .map(line => JSON.parse(line))
      .filter(row => row.cat === 'adversarial' && row.valid !== false);
    expect(rows.length).toBeGreaterThan(10);
    const slow: string[] = [];
    for (const row of rows) {
      const pattern = fieldBytes(row, 'pattern');
      const count = instructions(pattern);
      compile(pattern);
      const input = fieldBytes(row, 'input');
      const taken = steps(filled(input.length > 0 ? input : bytes('a'), 64 * KIB));
      if (taken > promised(count)) slow.push(`${row.id} ${taken} steps, ${count} instructions`);
    }
    expect(slow).toEqual([]);
  });
});
