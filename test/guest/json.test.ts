import { describe, expect, it } from 'vitest';
import { policy } from '../support/policy-engine.ts';

const SYNTAX = 1;
const DEPTH = 2;
const ESCAPE = 3;
const UTF8 = 4;
const END = 5;

describe('JSON', () => {
  it.each([
    '{}',
    '[]',
    ' [ ] ',
    '{"a":{"b":[1,-2.5e+3,0,0.1E-2,true,false,null,"x"]}}',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00"',
    '[[[[[]]]]]',
    '0',
    'null',
    '\t\r\n[1\t,\r2\n]',
    '["é€😀\u007f"]',
    '{"":1,"":2}',
  ])('accepts %s', text => {
    expect(policy.json(text)).toEqual({ code: 0, at: 0 });
  });

  it.each([
    ['', END, 0],
    ['  ', END, 2],
    ['[', END, 1],
    ['{', END, 1],
    ['{"a"', END, 4],
    ['{"a":', END, 5],
    ['["a', END, 3],
    ['["a\\"]', END, 6],
    ['[1,]', SYNTAX, 3],
    ['{"a":1,}', SYNTAX, 7],
    ['{a:1}', SYNTAX, 1],
    ["['a']", SYNTAX, 1],
    ['[1 2]', SYNTAX, 3],
    ['{"a" 1}', SYNTAX, 5],
    ['[1}', SYNTAX, 2],
    ['{"a":1]', SYNTAX, 6],
    ['[] []', SYNTAX, 3],
    ['[01]', SYNTAX, 1],
    ['[+1]', SYNTAX, 1],
    ['[.5]', SYNTAX, 1],
    ['[1.]', SYNTAX, 1],
    ['[1e]', SYNTAX, 1],
    ['[-]', SYNTAX, 1],
    ['[NaN]', SYNTAX, 1],
    ['[nul]', SYNTAX, 1],
    ['[truely]', SYNTAX, 5],
    ['["a\nb"]', SYNTAX, 3],
    ['["\u0000"]', SYNTAX, 2],
    ['/**/[]', SYNTAX, 0],
    ['\ufeff[]', SYNTAX, 0],
    ['["\\x"]', ESCAPE, 2],
    ['["\\u12g4"]', ESCAPE, 2],
    ['["\\ud800"]', ESCAPE, 2],
    ['["\\ud800\\u0041"]', ESCAPE, 2],
    ['["\\udc00"]', ESCAPE, 2],
    [`${'['.repeat(33)}${']'.repeat(33)}`, DEPTH, 32],
    ['['.repeat(100_000), DEPTH, 32],
  ])('refuses %j', (text, code, at) => {
    expect(policy.json(text)).toEqual({ code, at });
  });

  it('refuses bytes that are no UTF-8', () => {
    for (const bad of [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      expect(policy.json(Uint8Array.from([0x22, ...bad, 0x22]))).toEqual({ code: UTF8, at: 1 });
    }
  });

  it('agrees with JSON.parse on mutations of a document', () => {
    const seed = '{"a":[1,"x\\u0041\\n",{"b":null}],"c":-0.5e1,"d":{"e":true,"f":[]}}';
    const alphabet = '{}[]",:\\u0aeE.-+1tfn \n';
    let state = 1;
    const random = (limit: number): number => {
      state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
      return state % limit;
    };
    for (let round = 0; round < 3_000; round++) {
      const chars = [...seed];
      for (let edits = 1 + random(3); edits > 0; edits--) {
        const at = random(chars.length);
        const char = alphabet[random(alphabet.length)] as string;
        if (random(2) === 0) chars.splice(at, 1);
        else chars.splice(at, random(2), char);
      }
      const text = chars.join('');
      let good = true;
      try {
        JSON.parse(text);
      } catch {
        good = false;
      }
      expect([text, policy.json(text).code === 0]).toEqual([text, good]);
    }
  });

  it('finds values and resolves escapes', () => {
    const text = '{"x":{"k":1},"l":[1,[2,"]"]],"k":"a\\u00e9\\ud83d\\ude00\\n\\"","n":12}';
    expect(policy.jsonFind(text, 'k')).toBe('aé😀\n"');
    expect(policy.jsonFind(text, 'l')).toBe('[1,[2,"]"]]');
    expect(policy.jsonFind(text, 'n')).toBe('12');
    expect(policy.jsonFind(text, 'missing')).toBe('');
  });
});
