import { afterAll, describe, expect, it } from 'vitest';
import { prepare } from '../../bench/policy/prepare.ts';
import { nodeSequence } from '../../bench/policy/sequence.ts';
import { makeCase, REQUESTS, SHAPES, SIZES } from '../../bench/policy/shapes.ts';
import { entryOf } from '../../bench/policy/tables.ts';
import { principals } from '../../bench/support/policy.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const [principal] = principals(1);
if (principal === undefined) throw new Error('there is nobody to sign in');

afterAll(removeTempDirectories);

describe.each(SHAPES)('npm run bench -- policy: %s', shape => {
  it.each(SIZES)('meets the rules it means to meet, of %i', size => {
    const { rules, requests } = makeCase(shape, size);
    const decide = nodeSequence(rules, principal.username);
    for (const which of REQUESTS)
      for (const request of requests[which]) expect(decide(request)).toBe(request.position);
    expect(requests.last[0]?.position).toBe(size);
    const expressions = new Set(rules.map(rule => `${rule.domain} ${rule.expression}`));
    expect(expressions.size).toBe(size);
  });

  it('has the engine judge the requests, and gives the figures the names that programs read', () => {
    const prepared = prepare(makeCase(shape, 10), tempDirectory(), principal);
    prepared.files?.stop();
    expect(prepared.problem).toBe('');
    const figures = { last: [4_000, 5_000, 6_000], go: [400], node: [200], start: [150_000] };
    expect(entryOf({ ...prepared, deferred: false, figures, pages: 2 })).toEqual({
      shape,
      rules: 10,
      decide_ns: 5_000,
      go_ns: 400,
      node_ns: 200,
      compile_ms: expect.any(Number),
      snapshot_bytes: expect.any(Number),
      instantiate_us: 150,
      pages: 2,
    });
  });
});

describe('npm run bench -- policy: what is not measured', () => {
  it('is null, not a figure', () => {
    const prepared = prepare(makeCase('paths', 1), tempDirectory(), principal);
    prepared.files?.stop();
    const deferred = { ...prepared, deferred: true, figures: { go: [400], node: [200] }, pages: 2 };
    expect(entryOf(deferred)).toMatchObject({ decide_ns: null, instantiate_us: null, go_ns: 400 });
  });
});
