import { describe, expect, it } from 'vitest';
import {
  LEVEL_NONE,
  LEVEL_ONE_FACTOR,
  LEVEL_TWO_FACTORS,
  POLICY_BYPASS,
  POLICY_DENY,
  POLICY_ONE_FACTOR,
  POLICY_TWO_FACTOR,
  VERDICT_ALLOW,
  VERDICT_CHALLENGE,
  VERDICT_FORBID,
} from '../../assembly/contract.ts';
import { type AclRequest, encodeRequest } from '../../tools/vectors-acl.mjs';
import { policy } from '../support/policy-engine.ts';
import { workedMs } from '../support/stopwatch.ts';

const A = VERDICT_ALLOW;
const C = VERDICT_CHALLENGE;
const F = VERDICT_FORBID;

describe('verdict', () => {
  // rows: policy, rule names subjects; columns: no, one, two factors, failed credential
  it.each([
    ['bypass', POLICY_BYPASS, false, [A, A, A, A]],
    ['bypass, subjects', POLICY_BYPASS, true, [A, A, A, A]],
    ['one_factor', POLICY_ONE_FACTOR, false, [C, A, A, C]],
    ['one_factor, subjects', POLICY_ONE_FACTOR, true, [C, A, A, C]],
    ['two_factor', POLICY_TWO_FACTOR, false, [C, C, A, C]],
    ['two_factor, subjects', POLICY_TWO_FACTOR, true, [C, C, A, C]],
    ['deny', POLICY_DENY, false, [F, F, F, C]],
    ['deny, subjects', POLICY_DENY, true, [C, F, F, C]],
    ['unknown', 4, false, [F, F, F, C]],
    ['negative', -1, false, [F, F, F, C]],
  ] as const)('%s', (_name, demanded, subjects, [none, one, two, failed]) => {
    expect(policy.verdict(demanded, subjects, LEVEL_NONE, false)).toBe(none);
    expect(policy.verdict(demanded, subjects, LEVEL_ONE_FACTOR, false)).toBe(one);
    expect(policy.verdict(demanded, subjects, LEVEL_TWO_FACTORS, false)).toBe(two);
    for (const level of [LEVEL_NONE, LEVEL_ONE_FACTOR, LEVEL_TWO_FACTORS]) {
      expect(policy.verdict(demanded, subjects, level, true)).toBe(failed);
    }
    // an unknown level proves nothing
    for (const level of [-1, 3, 255]) expect(policy.verdict(demanded, subjects, level, false)).toBe(none);
  });
});

describe('case folding', () => {
  it.each([
    ['', ''],
    ['abc', 'ABC'],
    ['k', '\u212a'],
    ['S', 'ſ'],
    ['équipe', 'ÉQUIPE'],
    ['ß', 'ẞ'],
    ['ΣΑΣ', 'σας'],
    ['ДА', 'да'],
    ['ǆ', 'ǅ'],
    ['𐐀', '𐐨'],
    ['ꭰ', 'Ꭰ'],
  ])('%j equals %j', (a, b) => {
    expect(policy.equalFold(a, b)).toBe(true);
    expect(policy.equalFold(b, a)).toBe(true);
  });

  it.each([
    ['a', 'b'],
    ['a', 'aa'],
    ['', 'a'],
    ['@', '`'],
    ['[', '{'],
    ['ß', 'ss'],
    ['é', 'e\u0301'],
    ['i', 'ı'],
    ['I', 'İ'],
    ['\u00d7', '\u00f7'],
    ['日', '日本'],
  ])('%j does not equal %j', (a, b) => {
    expect(policy.equalFold(a, b)).toBe(false);
    expect(policy.equalFold(b, a)).toBe(false);
  });

  it('reads each byte that is no UTF-8 as U+FFFD, as Go does', () => {
    expect(policy.equalFold(Uint8Array.from([0xff]), Uint8Array.from([0xfe]))).toBe(true);
    expect(policy.equalFold(Uint8Array.from([0xff]), '\ufffd')).toBe(true);
    expect(policy.equalFold(Uint8Array.from([0xe2, 0x82]), Uint8Array.from([0xff]))).toBe(false);
  });
});

/** `policy position`, with `*` when the rule names subjects. */
function judge(rules: object[], request: AclRequest, more: object = {}): string {
  policy.use({ access_control: { rules }, ...more });
  const answer = policy.authorize(
    encodeRequest({ method: 'GET', url: 'https://a.test/', ip: '192.0.2.1', ...request }),
  );
  if (answer < 0) return 'unreadable';
  return `${['deny', 'one_factor', 'two_factor', 'bypass'][answer & 3]} ${answer >> 3}${answer & 4 ? '*' : ''}`;
}

describe('subjects', () => {
  const john = { username: 'john', groups: ['dev', 'ops'] };
  const rule = (subject: unknown) => [{ domain: 'a.test', policy: 'one_factor', subject }];
  it.each([
    ['one', 'user:john', john, true],
    ['a list means or', ['user:bob', 'group:ops'], john, true],
    ['an inner list means and', [['user:john', 'group:ops']], john, true],
    ['an inner list with one that fails', [['user:john', 'group:admins']], john, false],
    ['or of and', [['user:bob'], ['group:dev', 'group:ops']], john, true],
    ['a comma means and', 'user:john,group:admins', john, false],
    ['a comma in a list means and', ['user:john,group:ops'], john, true],
    ['no comma in an inner list', [['group:a,b']], { username: 'x', groups: ['a,b'] }, true],
    ['blanks around the name', 'user:  john ', john, true],
    ['names are exact', 'user:John', john, false],
    ['groups are exact', 'group:DEV', john, false],
    ['a group is no user', 'user:dev', john, false],
    ['groups without a user', 'group:dev', { groups: ['dev'] }, true],
    ['groups without a user, another group', 'group:ops', { groups: ['dev'] }, false],
    ['a client', 'oauth2:client:ci', { client_id: 'ci' }, true],
    ['another client', 'oauth2:client:ci', { client_id: 'cd' }, false],
    ['a user is no client', 'oauth2:client:john', john, false],
    ['a client is no user', 'user:ci', { client_id: 'ci' }, false],
    ['nobody could be anybody', 'user:bob', {}, true],
    ['an empty group is somebody', 'user:bob', { groups: [''] }, false],
  ])('%s', (_name, subject, request, matches) => {
    expect(judge(rule(subject), request)).toBe(matches ? 'one_factor 1*' : 'deny 0');
  });
});

describe('domains', () => {
  const on = (domain: unknown, host: string, request: AclRequest = {}) =>
    judge([{ domain, policy: 'two_factor' }], { url: `https://${host}/`, ...request }) !== 'deny 0';
  it.each([
    ['a.test', 'a.test', true],
    ['A.Test', 'a.TEST', true],
    ['a.test', 'a.test.', false],
    ['a.test', 'b.a.test', false],
    ['*.a.test', 'b.a.test', true],
    ['*.a.test', 'c.b.A.test', true],
    ['*.a.test', '.a.test', true],
    ['*.a.test', 'a.test', false],
    ['*.a.test', 'ba.test', false],
    ['*a.test', 'ba.test', false],
    ['*a.test', '*a.test', true],
    ['*', 'a.test', false],
    ['{user}.a.test', 'x.a.test', true],
    ['{USER}.a.test', 'x.y.A.test', true],
    ['{user}.a.test', '.a.test', false],
    ['{group}.a.test', 'x.a.test', true],
    ['{group}.a.test', 'localhost', false],
    [['x.test', 'a.test'], 'a.test', true],
  ])('%j and %s for nobody: %s', (domain, host, matches) => {
    expect(on(domain, host)).toBe(matches);
  });

  it.each([
    ['{user}.a.test', 'john.a.test', true],
    ['{user}.a.test', 'John.a.test', false],
    ['{user}.a.test', 'john.A.test', false],
    ['{user}.a.test', 'x.a.test', false],
    ['{user}.a.test', 'x.john.a.test', false],
    ['{user}-x.a.test', 'john-x.a.test', true],
    ['{user}', 'john', true],
    ['{group}.a.test', 'dev.a.test', true],
    ['{group}.a.test', 'DEV.a.test', true],
    ['{group}.a.test', 'dev.A.test', false],
    ['{group}.a.test', 'qa.a.test', false],
    ['{group}.a.test', 'x.dev.a.test', false],
    ['{group}.a.test', 'localhost', false],
    ['{group}.a.test', 'a.test', false],
    ['{group}.a.test', '.a.test', false],
  ])('%j and %s for john of dev: %s', (domain, host, matches) => {
    expect(on(domain, host, { username: 'john', groups: ['ops', 'dev'] })).toBe(matches);
  });

  it('compares captured names under case folding, and lets nobody pass', () => {
    const rules = [{ domain_regex: '^(?P<User>[^.]+)-(?P<Group>[^.]+)\\.test$', policy: 'one_factor' }];
    const john = { username: 'John', groups: ['Équipe'] };
    expect(judge(rules, { ...john, url: 'https://john-%C3%A9quipe.test/' })).toBe('one_factor 1*');
    expect(judge(rules, { ...john, url: 'https://john-dev.test/' })).toBe('deny 0');
    expect(judge(rules, { ...john, url: 'https://bob-%C3%A9quipe.test/' })).toBe('deny 0');
    expect(judge(rules, { url: 'https://bob-dev.test/' })).toBe('one_factor 1*');
  });

  it('reads a group that took no part as empty', () => {
    const rules = [{ domain: 'a.test', resources: '^/(?:u/(?P<User>\\w+))?$', policy: 'one_factor' }];
    expect(judge(rules, { username: 'john', url: 'https://a.test/u/JOHN' })).toBe('one_factor 1*');
    expect(judge(rules, { username: 'john', url: 'https://a.test/' })).toBe('deny 0');
    expect(judge(rules, { groups: ['x'], url: 'https://a.test/' })).toBe('one_factor 1*');
  });
});

describe('queries', () => {
  const on = (query: unknown, search: string) =>
    judge([{ domain: 'a.test', query, policy: 'one_factor' }], { url: `https://a.test/${search}` }) !==
    'deny 0';
  const k = (operator: string, value?: string) => [{ key: 'k', operator, value }];
  it.each([
    [[{ key: 'k' }], '?k', true],
    [[{ key: 'k' }], '?K', false],
    [[{ key: 'k', value: '1' }], '?k=1', true],
    [[{ key: 'k', value: '' }], '?k=7', true],
    [k('present'), '?%6b', true],
    [k('present'), '?k;', false],
    [k('absent'), '', true],
    [k('absent'), '?k', false],
    [k('equal', '1'), '?k=2&k=1', false],
    [k('equal', '1'), '?k=1&k=2', true],
    [k('equal', ''), '', true],
    [k('equal', ''), '?k', true],
    [k('equal', 'a b'), '?k=a+b', true],
    [k('equal', 'a b'), '?k=a%20b', true],
    [k('equal', 'a+b'), '?k=a%2Bb', true],
    [k('equal', '1=2'), '?k=1=2', true],
    [k('equal', '1'), '?k=%zz&k=1', true],
    [k('equal', '1'), '?k=2;x&k=1', true],
    [k('equal', 'é'), '?k=%C3%A9', true],
    [k('not equal', '1'), '', true],
    [k('not equal', '1'), '?k=1', false],
    [k('pattern', '^$'), '', true],
    [k('pattern', '^\\d+$'), '?k=12', true],
    [k('not pattern', '\\d'), '', true],
    [k('not pattern', '\\d'), '?k=a1', false],
    [[[{ key: 'a' }, { key: 'b' }]], '?a&b', true],
    [[[{ key: 'a' }, { key: 'b' }]], '?a', false],
    [
      [[{ key: 'a' }, { key: 'b', value: '1' }], [{ key: 'c', operator: 'pattern', value: '^x' }]],
      '?c=xy',
      true,
    ],
    [
      [[{ key: 'a' }, { key: 'b', value: '1' }], [{ key: 'c', operator: 'pattern', value: '^x' }]],
      '?a&b=2',
      false,
    ],
    [{ key: 'k' }, '?k', true],
  ])('%j and %s: %s', (query, search, matches) => {
    expect(on(query, search)).toBe(matches);
  });
});

describe('methods and networks', () => {
  it('compares methods exactly, and GET is not HEAD', () => {
    const rules = [{ domain: 'a.test', methods: ['GET', 'UNLOCK'], policy: 'bypass' }];
    expect(judge(rules, { method: 'GET' })).toBe('bypass 1');
    expect(judge(rules, { method: 'UNLOCK' })).toBe('bypass 1');
    for (const method of ['get', 'HEAD', '', 'GETX', 'BREW']) expect(judge(rules, { method })).toBe('deny 0');
  });

  it('expands names from both places, and no address lies in no network', () => {
    const rules = [{ domain: 'a.test', networks: ['lan', 'vpn', '192.0.2.7'], policy: 'bypass' }];
    const more = {
      definitions: { network: { lan: ['10.0.0.0/8', 'fd00::/8'] } },
      access_control: { rules, networks: [{ name: 'vpn', networks: '172.16.0.0/12' }] },
    };
    for (const ip of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1', '172.31.0.1', '192.0.2.7']) {
      expect(judge(rules, { ip }, more)).toBe('bypass 1');
    }
    for (const ip of ['', '11.0.0.1', 'fe00::1', '10.1.2.3:80', 'x', '192.0.2.8']) {
      expect(judge(rules, { ip }, more)).toBe('deny 0');
    }
    expect(judge([{ domain: 'a.test', networks: ['0.0.0.0/0', '::/0'], policy: 'bypass' }], { ip: '' })).toBe(
      'deny 0',
    );
  });

  it('keeps out whom a rule denies by network when nobody knows where they are', () => {
    const rules = [
      { domain: 'a.test', networks: ['192.0.2.0/24'], policy: 'deny' },
      { domain: 'a.test', networks: ['10.0.0.0/8'], policy: 'bypass' },
      { domain: 'a.test', policy: 'one_factor' },
    ];
    expect(judge(rules, { ip: '192.0.2.9' })).toBe('deny 1');
    expect(judge(rules, { ip: '10.0.0.1' })).toBe('bypass 2');
    expect(judge(rules, { ip: '198.51.100.1' })).toBe('one_factor 3');
    for (const ip of ['', 'a', '10.1.2.3:80', 'unknown']) expect(judge(rules, { ip })).toBe('deny 1');
    // Other criteria count as they do.
    const others = [
      { domain: 'a.test', networks: '192.0.2.0/24', methods: ['POST'], policy: 'deny' },
      ...rules.slice(1),
    ];
    expect(judge(others, { ip: '' })).toBe('one_factor 3');
    expect(judge(others, { ip: '', method: 'POST' })).toBe('deny 1');
  });

  it('takes the first rule that matches', () => {
    const rules = [
      { domain: 'a.test', methods: 'POST', policy: 'deny' },
      { domain: ['b.test', 'a.test'], policy: 'two_factor' },
      { domain: 'a.test', policy: 'bypass' },
    ];
    expect(judge(rules, {})).toBe('two_factor 2');
    expect(
      judge(rules, { url: 'https://c.test/' }, { access_control: { rules, default_policy: 'one_factor' } }),
    ).toBe('one_factor 0');
  });
});

it('explains each criterion of each rule', () => {
  const DOMAIN = 1;
  const METHODS = 2;
  const NETWORKS = 4;
  const SUBJECT = 8;
  const RESOURCES = 16;
  const QUERY = 32;
  const all = DOMAIN | METHODS | NETWORKS | SUBJECT | RESOURCES | QUERY;
  const rules = [
    { domain: 'b.test', policy: 'deny' },
    {
      domain: 'a.test',
      methods: 'POST',
      networks: '10.0.0.0/8',
      subject: 'user:bob',
      resources: '^/x',
      query: [{ key: 'k' }],
      policy: 'deny',
    },
    { domain: 'a.test', methods: 'GET', subject: 'user:john', policy: 'one_factor' },
  ];
  expect(judge(rules, { username: 'john' })).toBe('one_factor 3*');
  expect([...policy.explain()]).toEqual([
    DOMAIN,
    all & ~DOMAIN,
    all,
    DOMAIN,
    DOMAIN | METHODS | SUBJECT,
    all,
  ]);
});

describe('a damaged image', () => {
  const document = {
    access_control: {
      default_policy: 'bypass',
      rules: [
        { domain: 'a.test', networks: ['10.0.0.0/8', '2001:db8::/32'], policy: 'deny' },
        {
          domain: ['*.a.test', '{user}.a.test'],
          subject: [['user:john', 'group:dev'], 'group:ops'],
          policy: 'deny',
        },
        {
          domain_regex: '^(?P<User>\\w+)\\.b\\.test$',
          resources: '^/(a|b)+$',
          methods: 'GET',
          policy: 'deny',
        },
        {
          domain: '*.test',
          query: [{ key: 'k', operator: 'pattern', value: '^\\d+$' }],
          policy: 'two_factor',
        },
      ],
    },
  };
  const requests = [
    'https://a.test/',
    'https://x.a.test/',
    'https://john.b.test/abab',
    'https://c.test/?k=12',
  ].map(url => encodeRequest({ username: 'john', groups: ['dev', 'x'], method: 'GET', ip: '10.1.1.1', url }));

  function image(): Uint8Array {
    policy.use(document);
    return policy.image();
  }

  it('does not load when it is cut, grown, foreign or empty', () => {
    const good = image();
    for (let length = 0; length < good.length; length++) {
      expect(policy.load(good.subarray(0, length))).toBe(false);
    }
    expect(policy.load(Buffer.concat([good, Buffer.of(0)]))).toBe(false);
    for (const at of [0, 4]) {
      const foreign = good.slice();
      foreign[at] = (foreign[at] as number) + 1;
      expect(policy.load(foreign)).toBe(false);
    }
    expect(policy.load(new Uint8Array(200))).toBe(false);
    expect(policy.load(good)).toBe(true);
  });

  it('neither traps nor loops whatever its bytes are', () => {
    const good = image();
    const before = workedMs();
    let loaded = 0;
    for (let at = 0; at < good.length; at++) {
      for (const value of [0, 1, 0x7f, 0xff, (good[at] as number) ^ 1]) {
        const damaged = good.slice();
        damaged[at] = value;
        if (at % 4 === 0 && value === 0xff) damaged.fill(0xff, at, at + 4);
        if (!policy.load(damaged)) continue;
        loaded++;
        for (const request of requests) {
          const answer = policy.authorize(request);
          expect(answer).toBeGreaterThanOrEqual(0);
        }
        for (const host of ['a.test', 'x.b.test']) policy.target('GET', 'http', host, '/a//b?k=1&k=2');
      }
    }
    expect(loaded).toBeGreaterThan(0);
    expect(workedMs() - before).toBeLessThan(20_000);
  });
});
