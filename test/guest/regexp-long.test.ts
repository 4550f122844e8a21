import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { corpus, fieldBytes, randomFrom, regexp } from '../support/regexp-wasm.ts';

/** Long texts have matchers of their own: what they answer must be what the others do. */

interface Row {
  id: string;
  valid?: boolean;
}

/** Inputs of the corpus by pattern, as bytes. */
const patterns = new Map<string, Buffer[]>();
for (const line of corpus) {
  const row: Row = JSON.parse(line);
  if (row.valid === false) continue;
  const pattern = Buffer.from(fieldBytes(row, 'pattern')).toString('latin1');
  const inputs = patterns.get(pattern) ?? [];
  inputs.push(Buffer.from(fieldBytes(row, 'input')));
  patterns.set(pattern, inputs);
}

/** Characters, and bytes that are parts of some: cut anywhere, they are invalid. */
const PARTS = ['a', 'é', '中', '\u{1f600}', '\n', ' '].map(text => Buffer.from(text));
const BROKEN = [
  [0x80],
  [0xc3],
  [0xe0, 0x9f, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x8f],
  [0xf4, 0x90, 0x80, 0x80],
  [0xff],
];

function longTexts(inputs: Buffer[], random: ReturnType<typeof randomFrom>): Buffer[] {
  const fill = (length: number, parts: readonly Buffer[]): Buffer => {
    const chosen: Buffer[] = [];
    for (let size = 0; size < length; ) {
      const part = random.pick(parts);
      chosen.push(part);
      size += part.length;
    }
    return Buffer.concat(chosen);
  };
  const own = [...inputs.filter(input => input.length > 0 && input.length < 300), ...PARTS];
  const broken = [...PARTS, ...BROKEN.map(bytes => Buffer.from(bytes))];
  // 4 KiB and a few bytes: behind the table's copy, and cut inside a character now and then.
  return [
    fill(4097 + random.below(8), own),
    Buffer.concat([fill(4090, broken), random.pick(own)]).subarray(0, 4097 + random.below(4)),
    Buffer.concat([random.pick(own), Buffer.alloc(4096, random.pick(own)), random.pick(own)]),
    fill(300, own),
  ];
}

describe('long texts', () => {
  it('get the same answer from the automaton and from the simulation', () => {
    const random = randomFrom(1);
    const different: string[] = [];
    let found = 0;
    let compared = 0;
    for (const [pattern, inputs] of patterns) {
      const bytes = Buffer.from(pattern, 'latin1');
      const texts = longTexts(inputs, random);
      const answers = [true, false].map(on => {
        regexp.automata(on);
        const refused = regexp.compile(bytes);
        regexp.automata(true);
        return refused === null ? texts.map(text => regexp.isMatch(text)) : [];
      });
      answers[0]?.forEach((answer, i) => {
        compared++;
        if (answer) found++;
        if (answer !== answers[1]?.[i]) different.push(`${JSON.stringify(pattern)} on text ${i}`);
      });
    }
    expect(different).toEqual([]);
    // Neither answer is rare.
    expect(found).toBeGreaterThan(compared / 10);
    expect(compared - found).toBeGreaterThan(compared / 10);
  });

  it.each([
    ['^(?:[^b]|中)*b$', `${'中a'.repeat(2_000)}b`, true],
    ['^(?:[^b]|中)*b$', `${'中a'.repeat(2_000)}bb`, false],
    ['\\bzz\\b', `${'zzz '.repeat(1_500)}zz`, true],
    ['\\bzz\\b', `${'zzz '.repeat(1_500)}z`, false],
    ['(?m)^x$', `${'xy\n'.repeat(3_000)}x`, true],
    ['^\\x{FFFD}+$', '\ufffd'.repeat(3_000), true],
    ['^[^\\x{10000}-\\x{10FFFF}]*$', `${'é'.repeat(3_000)}\u{10ffff}`, false],
  ])('%s', (pattern, text, match) => {
    expect(regexp.compile(Buffer.from(pattern))).toBeNull();
    expect(regexp.isMatch(Buffer.from(text))).toBe(match);
  });

  it('answer no match where the automaton is corrupted', () => {
    const random = randomFrom(2);
    expect(regexp.compile(Buffer.from('^(?:ab?[c-f]|中)*x$'))).toBeNull();
    const program = regexp.program();
    const text = Buffer.from('abcacad中'.repeat(700));
    for (let i = 0; i < 2_000; i++) {
      const damaged = Uint8Array.from(program);
      for (let k = 0; k < 3; k++) damaged[8 + random.below(damaged.length - 8)] = random.below(256);
      regexp.load(damaged);
      expect(typeof regexp.isMatch(text)).toBe('boolean');
    }
  });
});
