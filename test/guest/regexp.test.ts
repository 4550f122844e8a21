import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cases, corpus, randomFrom, regexp, runRegexpVectors } from '../support/regexp-wasm.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (part: Uint8Array): string => new TextDecoder().decode(part);
const own = readFileSync(new URL('../cases/regexp/own.jsonl', import.meta.url), 'utf8').split('\n');

/** Compiles and answers the error's text, '' when there is none. */
function compile(pattern: string): string {
  return regexp.compile(bytes(pattern))?.error ?? '';
}

describe.each([
  ['automaton', true],
  ['simulation', false],
])('answers by %s', (_name, automata) => {
  it.each([
    ['the corpus', corpus],
    ['own cases', own],
  ])('%s', (_file, lines) => {
    regexp.automata(automata);
    const result = runRegexpVectors(lines, regexp);
    regexp.automata(true);
    expect(result.mismatches).toEqual([]);
    expect(result.passed).toBeGreaterThan(50);
  });
});

describe('errors', () => {
  it.each(cases<{ pattern: string; error: string; part: string }>('errors'))(
    '$pattern: $error',
    ({ pattern, error, part }) => {
      const refused = regexp.compile(bytes(pattern));
      expect(refused && { error: refused.error, part: text(refused.part) }).toEqual({ error, part });
    },
  );

  it('an invalid byte is reported with the rest of the pattern', () => {
    const refused = regexp.compile(Uint8Array.from([0x61, 0xff, 0x62]));
    expect(refused?.error).toBe('invalid UTF-8');
    expect([...(refused?.part ?? [])]).toEqual([0xff, 0x62]);
  });
});

interface Found {
  pattern: string;
  input: string;
  groups: number;
  spans: number[] | null;
}

describe('captures', () => {
  it.each(cases<Found>('captures'))('$pattern on $input', ({ pattern, input, groups, spans }) => {
    expect(compile(pattern)).toBe('');
    expect(regexp.groups()).toBe(groups);
    expect(regexp.find(bytes(input))).toEqual(spans);
    regexp.automata(false);
    expect(compile(pattern)).toBe('');
    regexp.automata(true);
    expect(regexp.find(bytes(input))).toEqual(spans);
  });

  it('a text too long for backtracking is matched all the same', () => {
    expect(compile('^/(?P<Group>[^/]+)/.*/(?P<User>[^/]+)$')).toBe('');
    const path = `/ops/${'x/'.repeat(20_000)}bob`;
    expect(regexp.find(bytes(path))).toEqual([path.length - 3, path.length, 1, 4]);
  });
});

describe('limits', () => {
  it('accepts an alternation of 2,000 words and 16,000 characters', () => {
    expect(compile(Array.from({ length: 2_000 }, (_, i) => `w${i}x`).join('|'))).toBe('');
    expect(compile('[a-z]{1000}'.repeat(16))).toBe('');
  });

  it.each([
    ['instructions', '[a-z]{1000}'.repeat(17)],
    ['choices', '(?:a?b?c?d?e?){1000}'],
    ['expansion', `(${'(xx?)'.repeat(1_000)}){1000}`],
    [
      'classes of characters',
      Array.from({ length: 1_100 }, (_, i) => String.fromCodePoint(0x4e00 + 2 * i)).join(''),
    ],
    ['captures', '(?P<User>[a-z]{600})'],
  ])('refuses too many %s', (_what, pattern) => {
    expect(compile(pattern)).toBe('expression too large');
  });

  it('nesting is bounded by Go’s limit and drives no recursion', () => {
    expect(compile(`${'('.repeat(450)}a${')?'.repeat(450)}`)).toBe('');
    expect(compile(`${'('.repeat(2_000)}a${')'.repeat(2_000)}`)).toBe('expression nests too deeply');
    expect(compile('('.repeat(50_000))).toBe('missing closing )');
  });
});

describe('in the guest', () => {
  const inGuest = (pattern: string): string => {
    regexp.asGuest(true);
    const error = compile(pattern);
    regexp.asGuest(false);
    return error;
  };

  it('usual patterns compile in its scratch space, to the same programs', () => {
    for (const pattern of [
      '^/api/push([/?].*)?$',
      '(?i)^/admin/.*\\.json$',
      '\\b[\\w.-]{1,40}@(?P<User>x|y)$',
    ]) {
      expect(compile(pattern)).toBe('');
      const program = regexp.program();
      expect(inGuest(pattern)).toBe('');
      expect(regexp.program()).toEqual(program);
    }
  });

  it('a pattern beyond its scratch space is too large, not a trap', () => {
    expect(inGuest('a'.repeat(5_000))).toBe('expression too large');
    expect(inGuest('[a-z]{1000}'.repeat(10))).toBe('expression too large');
    expect(inGuest(`${'('.repeat(900)}a${')'.repeat(900)}`)).toBe('expression too large');
  });

  it('folding is known for ASCII and its two relatives', () => {
    expect(inGuest('(?i)^[j-t]+\u212a\u017f$')).toBe('');
    expect(regexp.isMatch(bytes('K\u212as\u017fkS'))).toBe(true);
    expect(regexp.isMatch(bytes('KéKS'))).toBe(false);
  });

  it.each(['\\pL', '[\\p{Greek}]', '(?i)é', '(?i)[à-ü]', '(?i)[^€]'])(
    '%s is refused, never guessed',
    pattern => {
      expect(inGuest(pattern)).toBe('Unicode classes and folding need a snapshot compiled by the host');
    },
  );

  it.each(['é', '[à-ü]', '(?i)[^a]', '(?i)\\W', '(?i:a)é'])('%s needs no tables', pattern => {
    expect(inGuest(pattern)).toBe('');
  });
});

describe('corrupted programs', () => {
  it('never trap, whatever their bytes are', () => {
    const random = randomFrom(20_26);
    const sources = ['^/a(b|c)*$', '(?m)^\\bx+$', '(?P<User>[^/]+)/é', '[ab]*a[ab]{40}c', '\\p{Greek}{2}|x'];
    const haystacks = ['/abcb', 'x\nxx', 'bob/é', 'ab'.repeat(200), 'αβ\u{1f600}', ''].map(bytes);
    for (let round = 0; round < 2_000; round++) {
      regexp.automata(round % 2 === 0);
      expect(compile(random.pick(sources))).toBe('');
      const program = regexp.program();
      for (let n = random.below(4); n >= 0; n--) {
        program[random.below(program.length)] = random.pick([0, 1, 127, 255, random.below(256)]);
      }
      regexp.load(random.next() < 0.2 ? program.subarray(0, random.below(program.length)) : program);
      for (const haystack of haystacks) {
        expect(typeof regexp.isMatch(haystack)).toBe('boolean');
        regexp.find(haystack);
      }
    }
    regexp.automata(true);
  });
});
