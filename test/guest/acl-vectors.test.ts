import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { POLICY_BYPASS } from '../../assembly/contract.ts';
import { encodeRequest, runAclVectors } from '../../tools/vectors-acl.mjs';
import urls from '../cases/acl/urls.json' with { type: 'json' };
import { policy } from '../support/policy-engine.ts';

const corpus = gunzipSync(readFileSync(new URL('../cases/acl/corpus.jsonl.gz', import.meta.url)))
  .toString('utf8')
  .split('\n');

type Document = Parameters<typeof policy.compile>[0];

function load(problems: ReturnType<typeof policy.compile>) {
  const image = policy.image();
  if (image.length > 0 && !policy.load(image)) throw new Error('the image does not load');
  return problems;
}

const engine = {
  compile: (document: Document) => load(policy.compile(document)),
  authorize: policy.authorize,
};

it('decides as Authelia does', () => {
  const { passed, failed, mismatches } = runAclVectors(corpus, engine);
  expect(mismatches).toEqual([]);
  expect(failed).toBe(0);
  // 183 configurations are refused for `{group}-x…` and count once
  expect(passed).toBe(7_304);
});

it('decides the same with the limits of the guest', () => {
  const guest = { ...engine, compile: (document: Document) => load(policy.compile(document, true)) };
  const { failed, mismatches } = runAclVectors(corpus.slice(0, 100), guest);
  expect(mismatches).toEqual([]);
  expect(failed).toBe(0);
});

it('counts a wrong expectation as a failure and shows it', () => {
  const line = JSON.stringify({
    id: 'x1',
    access_control: { default_policy: 'one_factor' },
    requests: [
      {
        username: '',
        groups: [],
        ip: '10.0.0.1',
        method: 'GET',
        url: 'https://a.test/',
        expected: 'deny',
        matched_rule: 1,
        has_subjects: false,
      },
    ],
  });
  expect(runAclVectors([line, ''], engine)).toEqual({
    passed: 0,
    failed: 1,
    mismatches: ["x1 request 0: GET https://a.test/ as '': one_factor rule 0, expected deny rule 1"],
  });
});

it('sees of a URL what Go sees', () => {
  policy.use({ access_control: { rules: [{ domain_regex: '', query: { key: 'k' }, policy: 'bypass' }] } });
  const seen = urls.map(({ url }) => {
    const answer = policy.authorize(encodeRequest({ url, method: 'GET' }));
    return {
      url,
      host: policy.targetHost(),
      object: policy.targetObject(),
      has_k: (answer & 3) === POLICY_BYPASS,
    };
  });
  expect(seen).toEqual(urls);
});

it('survives requests cut off anywhere', () => {
  const request = encodeRequest({
    username: 'john',
    groups: ['dev', 'ops'],
    ip: '::ffff:10.0.0.1',
    method: 'GET',
    url: 'https://a.test/x?y=1',
  });
  for (let length = 0; length < request.length; length++) {
    expect(policy.authorize(request.subarray(0, length))).toBeGreaterThanOrEqual(-1);
  }
});
