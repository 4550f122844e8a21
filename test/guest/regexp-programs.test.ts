import { describe, expect, it } from 'vitest';
import { cases, regexp } from '../support/regexp-wasm.ts';

const HEAD = 24 + 128;
const ASSERTIONS = ['begin-text', 'begin-line', 'end-text', 'end-line', 'word-boundary', 'no-word-boundary'];
const CAPTURES = ['user-start', 'user-end', 'group-start', 'group-end'];

/** Listing of a program's instructions, one a line; the layout is the one of `assembly/regexp/prog.ts`. */
function listing(program: Uint8Array): string[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const ranges = view.getUint16(10, true);
  const lines = [];
  for (let pc = 0; pc < view.getUint16(12, true); pc++) {
    const inst = view.getUint32(HEAD + 4 * ranges + 4 * pc, true);
    const out = (inst >>> 4) & 0x3fff;
    const arg = inst >>> 18;

    const text = [
      `class ${arg} -> ${out}`,
      `set ${arg} -> ${out}`,
      `any -> ${out}`,
      `alt -> ${out}, ${arg}`,
      `assert ${ASSERTIONS[Math.log2(arg)]} -> ${out}`,
      `capture ${CAPTURES[arg]} -> ${out}`,
      'match',
    ][inst & 15];
    lines.push(`${pc} ${text}`);
  }
  return lines;
}

describe('programs', () => {
  it.each(cases<{ pattern: string; program: string[] }>('programs'))('$pattern', ({ pattern, program }) => {
    regexp.automata(false);
    expect(regexp.compile(new TextEncoder().encode(pattern))).toBeNull();
    regexp.automata(true);
    expect(listing(regexp.program())).toEqual(program);
  });

  it('an automaton takes the place of the instructions, unless captures are asked for', () => {
    regexp.compile(new TextEncoder().encode('^/api/push([/?].*)?$'));
    expect(listing(regexp.program())).toEqual([]);
    expect(regexp.program().length).toBeLessThan(320);
    regexp.compile(new TextEncoder().encode('^/(?P<User>[^/]+)$'));
    expect(listing(regexp.program()).length).toBe(8);
  });
});
