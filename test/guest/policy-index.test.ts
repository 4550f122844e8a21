import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadPolicyEngine, WAYS_DIFFER } from '../../tools/policy-engine.mjs';
import { encodeRequest } from '../../tools/vectors-acl.mjs';

/**
 * The index may only leave out rules that cannot match: random policies of many
 * rules, judged rule by rule, by the index, and both from a snapshot in units.
 */
const engine = loadPolicyEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));

/** xorshift32: the same policies on every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const DOMAINS = [
  'app.test',
  'a.app.test',
  'b.app.test',
  'x.test',
  'kiosk.test',
  'john.u.test',
  'admins.g.test',
];
const DOMAIN_RULES: object[] = [
  { domain: 'app.test' },
  { domain: ['a.app.test', 'b.app.test', 'APP.test'] },
  { domain: '*.app.test' },
  { domain: '*.test' },
  { domain: 'KIOSK.test' },
  { domain: 'kio\u017fk.test' },
  { domain: '{user}.u.test' },
  { domain: '{group}.g.test' },
  { domain_regex: '^(a|x)\\.' },
  { domain: 'x.test', domain_regex: '^b\\.' },
];

/** Expressions and a path that each matches, for a number. */
const EXPRESSIONS: ((n: number) => [string, string])[] = [
  n => [`^/app-${n}/api([/?].*)?$`, `/app-${n}/api/x`],
  n => [`(?i)^/Admin-${n}`, `/aDMIN-${n}`],
  n => [`\\.(php${n}|asp)$`, `/x.php${n}`],
  n => [`^/x/[^/]+/y${n}`, `/x/abc/y${n}`],
  n => [`^/u${n}/(?P<User>[^/]+)/files`, `/u${n}/john/files`],
  n => [`(?i)ma\u017fk${n}`, `/MA%C5%BFK${n}`],
  n => [`(?i)kelvin-${n}`, `/%E2%84%AAelvin-${n}`],
  n => [`[ab]c${n}d?e`, `/bc${n}e`],
  n => [`(foo|bar${n}|qu+x)+z`, `/foobar${n}z`],
  n => [`^(/a${n}|/b${n}/[cd])`, `/b${n}/c`],
  n => [`^/${'long'.repeat(20)}${n}$`, `/${'long'.repeat(20)}${n}`],
  n => [`é${n}(ü|ö)`, `/%C3%A9${n}%C3%BC`],
  n => [`\\?q=${n}(&|$)`, `/search?q=${n}`],
  n => [`^.{${(n % 9) + 1}}$`, '/'.padEnd((n % 9) + 1, 'a')],
  n => [`[\\x{fffd}]${n}`, `/%FF${n}`],
  n => [`^/n${n}$|^/m${n}/`, `/m${n}/x`],
  n => [`(^/deep${n}){1,2}x`, `/deep${n}x`],
  n => [`\\bword${n}\\b`, `/a-word${n}-b`],
];

it.each([1, 2, 3, 4, 5, 6])('decides as without an index, policies from seed %i', seed => {
  const pick = random(seed * 0x9e3779b1);
  const policies = ['deny', 'one_factor', 'two_factor'];
  let decided = 0;
  for (let round = 0; round < 6; round++) {
    const paths: string[] = ['/', '/nothing?here=1', `/${'x'.repeat(300)}`];
    const rules = Array.from({ length: 3 + pick(120) }, () => {
      const resources = Array.from({ length: pick(4) }, () => {
        const make = EXPRESSIONS[pick(EXPRESSIONS.length)] as (n: number) => [string, string];
        const [expression, path] = make(pick(60));
        paths.push(path);
        return expression;
      });
      return {
        ...DOMAIN_RULES[pick(DOMAIN_RULES.length)],
        policy: policies[pick(3)],
        ...(resources.length > 0 && { resources }),
        ...(pick(4) === 0 && { methods: [pick(2) === 0 ? 'GET' : 'POST'] }),
        ...(pick(4) === 0 && { networks: ['10.0.0.0/8'] }),
        ...(pick(3) === 0 && { subject: pick(2) === 0 ? 'user:john' : 'group:admins' }),
        ...(pick(6) === 0 && { query: [[{ key: 'q', value: '1' }]] }),
        // Rules that name nothing but a domain would hide the others.
        ...(resources.length === 0 && { methods: ['PUT'] }),
      };
    });
    const problems = engine.compile({ access_control: { default_policy: 'deny', rules } });
    expect(problems.filter(problem => problem.severity === 'error')).toEqual([]);
    for (let i = 0; i < 150; i++) {
      let path = paths[pick(paths.length)] as string;
      if (pick(3) === 0) path += paths[pick(paths.length)] as string;
      if (pick(8) === 0) path = path.toUpperCase().replaceAll('%E2%84%AA', 'k');
      const host = DOMAINS[pick(DOMAINS.length)] as string;
      const named = pick(3);
      const answer = engine.authorize(
        encodeRequest({
          username: (['', 'john', 'JOHN'] as const)[named] ?? '',
          groups: named === 1 ? ['admins'] : [],
          ip: pick(2) === 0 ? '10.1.2.3' : '192.0.2.1',
          method: (['GET', 'POST', 'PUT'] as const)[pick(3)] ?? 'GET',
          url: `https://${pick(4) === 0 ? host.toUpperCase() : host}${path}`,
        }),
      );
      expect(answer, `${host}${path}`).not.toBe(WAYS_DIFFER);
      if (answer >> 3 > 0) decided++;
    }
  }
  // The rules were met, not only the default policy.
  expect(decided).toBeGreaterThan(100);
});

it('finds the last of thousands of rules, and of one rule with thousands of expressions', () => {
  const expressions = Array.from({ length: 3_000 }, (_, i) => `^/app-${i}/api([/?].*)?$`);
  const ask = (host: string, path: string) =>
    engine.authorize(encodeRequest({ ip: '10.0.0.1', method: 'GET', url: `https://${host}${path}` }));
  const problems = engine.compile({
    access_control: {
      default_policy: 'deny',
      rules: [
        ...expressions.map(resources => ({
          domain: 'many.test',
          policy: 'one_factor',
          resources: [resources],
        })),
        { domain: 'one.test', policy: 'two_factor', resources: expressions },
        ...Array.from({ length: 3_000 }, (_, i) => ({ domain: `d${i}.test`, policy: 'one_factor' })),
      ],
    },
  });
  expect(problems.filter(problem => problem.severity === 'error')).toEqual([]);
  expect(ask('many.test', '/app-2999/api/x')).toBe(1 | (3_000 << 3));
  expect(ask('many.test', '/app-3000/api/x')).toBe(0);
  expect(ask('one.test', '/app-2999/api')).toBe(2 | (3_001 << 3));
  expect(ask('one.test', '/app-/api')).toBe(0);
  expect(ask('d2999.test', '/')).toBe(1 | (6_001 << 3));
  expect(ask('d3000.test', '/')).toBe(0);
});
