import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../host/policy/engine.ts';
import { policy } from '../support/policy-engine.ts';
import { workedMs } from '../support/stopwatch.ts';

/** `severity code path: message` of each problem. */
function problems(document: PolicyDocument | string, asGuest = false): string[] {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  return policy
    .compileText(text, asGuest)
    .problems.map(({ severity, code, path, message }) => `${severity} ${code} ${path}: ${message}`);
}

const rule = (criteria: object): PolicyDocument => ({
  access_control: { rules: [{ domain: 'a.test', policy: 'one_factor', ...criteria }] },
});
const ok: PolicyDocument = rule({});
const R = 'access_control.rules[0]';

describe('problems, word for word', () => {
  const cases: [string, PolicyDocument | string, string[]][] = [
    ['nothing wrong', ok, []],
    ['no JSON', '{"a":', ['error policy.json : the policy is no JSON at byte 6']],
    ['another kind of JSON', '[]', ['error policy.type : must be an object with keys']],
    [
      'no rules',
      {},
      [
        'error acl.rules.none access_control: there are no rules: add some, or set `default_policy` to `one_factor` or `two_factor`',
      ],
    ],
    [
      'no rules and bypass',
      { access_control: { default_policy: 'bypass', rules: [] } },
      [
        'error acl.rules.none access_control: there are no rules: add some, or set `default_policy` to `one_factor` or `two_factor`',
      ],
    ],
    ['no rules and one_factor', { access_control: { default_policy: 'one_factor' } }, []],
    [
      'unknown keys',
      {
        acces_control: 1,
        access_control: {
          rule: [],
          rules: [{ domain: 'a.test', policy: 'deny', path: ['^/x'], users: 'x', color: 1 }],
        },
      } as PolicyDocument,
      [
        'error policy.key.unknown acces_control: `acces_control` is no key here: the keys are access_control, definitions, trusted_proxies, allow_http, ambiguous_paths, realm, fold_names, tokens, domains, identity_headers, denial, directory, key_file',
        'error policy.key.unknown access_control.rule: `rule` is no key here: write `rules`',
        `error policy.key.unknown ${R}.path: \`path\` is no key here: write \`resources\``,
        `error policy.key.unknown ${R}.users: \`users\` is no key here: write \`subject\``,
        `error policy.key.unknown ${R}.color: \`color\` is no key here: the keys are domain, domain_regex, policy, subject, networks, methods, resources, query`,
      ],
    ],
    [
      'a key twice',
      '{"access_control":{"rules":[{"domain":"a.test","policy":"deny","policy":"bypass"}]}}',
      [`error policy.key.twice ${R}.policy: \`policy\` is given twice: keep one`],
    ],
    [
      'bad default policy',
      { access_control: { default_policy: 'Deny', rules: [{ domain: 'a.test', policy: 'deny' }] } },
      [
        'error acl.policy access_control.default_policy: `Deny` is no policy: write `bypass`, `one_factor`, `two_factor` or `deny`',
      ],
    ],
    [
      'bad policy of a rule',
      rule({ policy: 'allow' }),
      [
        `error acl.policy ${R}.policy: \`allow\` is no policy: write \`bypass\`, \`one_factor\`, \`two_factor\` or \`deny\``,
      ],
    ],
    [
      'no policy',
      rule({ policy: undefined }),
      [`error acl.policy.missing ${R}: the rule has no policy: add \`policy\``],
    ],
    [
      'no domain',
      rule({ domain: undefined }),
      [`error acl.domain.missing ${R}: the rule has no domain: add \`domain\` or \`domain_regex\``],
    ],
    [
      'empty lists of domains',
      rule({ domain: [], domain_regex: null }),
      [`error acl.domain.missing ${R}: the rule has no domain: add \`domain\` or \`domain_regex\``],
    ],
    [
      'empty domain',
      rule({ domain: [''] }),
      [`error policy.empty ${R}.domain[0]: must not be empty: write a value or remove it`],
    ],
    [
      'a group without its dot',
      rule({ domain: ['{group}-x.test', '{GROUP}'] }),
      [
        `error acl.domain.group ${R}.domain[0]: \`{group}-x.test\` can match no group: write a dot behind \`{group}\``,
        `error acl.domain.group ${R}.domain[1]: \`{GROUP}\` can match no group: write a dot behind \`{group}\``,
      ],
    ],
    [
      'a number for a domain',
      rule({ domain: 7 }),
      [`error policy.type ${R}.domain: \`7\` must be text: put it in quotes`],
    ],
    [
      'unknown subject prefix',
      rule({ subject: ['usr:alice', ['group:a', 'alice'], 'User:bob'] }),
      [
        `error acl.subject.prefix ${R}.subject[0]: \`usr:alice\` is no subject: begin it with \`user:\`, \`group:\` or \`oauth2:client:\``,
        `error acl.subject.prefix ${R}.subject[1][1]: \`alice\` is no subject: begin it with \`user:\`, \`group:\` or \`oauth2:client:\``,
        `error acl.subject.prefix ${R}.subject[2]: \`User:bob\` is no subject: begin it with \`user:\`, \`group:\` or \`oauth2:client:\``,
      ],
    ],
    [
      'subjects that name nobody',
      rule({ subject: ['user:', 'group:  ', [], ''] }),
      [0, 1, 2, 3].map(
        i => `error policy.empty ${R}.subject[${i}]: must not be empty: write a value or remove it`,
      ),
    ],
    [
      'a blank behind the comma, as in Authelia no subject',
      rule({ subject: 'user:a, group:b' }),
      [
        `warning acl.subject.comma ${R}.subject: \`user:a, group:b\` names subjects that must all match: a comma means and; write a list for or`,
        `error acl.subject.prefix ${R}.subject: \` group:b\` is no subject: begin it with \`user:\`, \`group:\` or \`oauth2:client:\``,
      ],
    ],
    [
      'subject under bypass',
      rule({ policy: 'bypass', subject: 'user:a' }),
      [
        `error acl.bypass.subject ${R}.subject: a bypass rule asks nobody who they are: remove \`subject\` or write another policy`,
      ],
    ],
    [
      'User in domain_regex under bypass',
      rule({ policy: 'bypass', domain_regex: '^(?P<User>\\w+)\\.test$' }),
      [
        `error acl.bypass.domain_regex ${R}.domain_regex: a bypass rule asks nobody who they are: remove the groups \`User\` and \`Group\``,
      ],
    ],
    [
      'bad expressions',
      rule({
        resources: ['^/a(b', '\\8'],
        domain_regex: '[',
        query: [{ key: 'k', operator: 'pattern', value: '*' }],
      }),
      [
        `error acl.expression ${R}.domain_regex: \`[\` is no expression: missing closing ]`,
        `error acl.expression ${R}.resources[0]: \`^/a(b\` is no expression: missing closing )`,
        `error acl.expression ${R}.resources[1]: \`\\8\` is no expression: invalid escape sequence`,
        `error acl.expression ${R}.query[0].value: \`*\` is no expression: missing argument to repetition operator`,
      ],
    ],
    [
      'the offending part of an expression',
      rule({ resources: 'ab[z-a]c' }),
      [
        `error acl.expression ${R}.resources: \`ab[z-a]c\` is no expression: invalid character class range: \`z-a\` at byte 4`,
      ],
    ],
    [
      'methods',
      rule({ methods: ['get', 'GET', 'POST', 'GET', 'GET,HEAD', ''] }),
      [
        `error acl.method ${R}.methods[0]: \`get\` is no method: write \`GET\`, \`POST\` or another in upper case`,
        `error acl.method.twice ${R}.methods[3]: \`GET\` is listed twice: keep one`,
        `error acl.method ${R}.methods[4]: \`GET,HEAD\` is no method: write \`GET\`, \`POST\` or another in upper case`,
        `error acl.method ${R}.methods[5]: \`\` is no method: write \`GET\`, \`POST\` or another in upper case`,
      ],
    ],
    [
      'networks',
      rule({ networks: ['10.0.0.0/33', 'internal', '10.0.0.1,10.0.0.2'] }),
      [0, 1, 2].map(
        i =>
          `error acl.network ${R}.networks[${i}]: \`${['10.0.0.0/33', 'internal', '10.0.0.1,10.0.0.2'][i]}\` is no network: write an address, a CIDR such as \`10.0.0.0/8\`, or a defined name`,
      ),
    ],
    [
      'definitions of networks',
      {
        definitions: { network: { a: ['10.0.0.0/8', 'b'], b: [] }, user_attributes: { x: {} } },
        access_control: {
          networks: [
            { name: 'a', networks: '10.0.0.1' },
            { networks: 'x' },
            { name: '', networks: '::1' },
            5,
          ],
          rules: [{ domain: 'a.test', policy: 'deny', networks: 'a' }],
        },
      },
      [
        'warning policy.unused definitions.user_attributes: is not used',
        'error acl.network definitions.network.a[1]: `b` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
        'error policy.empty definitions.network.b: must not be empty: write a value or remove it',
        'error acl.network.twice access_control.networks[0]: `a` is defined twice: keep one',
        'error acl.network.name access_control.networks[1]: the network has no name: add `name`',
        'error acl.network access_control.networks[1].networks: `x` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
        'error acl.network.name access_control.networks[2]: the network has no name: add `name`',
        'error policy.type access_control.networks[3]: must be an object with keys',
      ],
    ],
    [
      'query conditions',
      rule({
        query: [
          { key: 'k', operator: 'Equal', value: '1' },
          [{ key: 'k', operator: 'is', value: '1' }, { operator: 'present' }],
          { key: '', value: 'x' },
          { key: 'k', operator: 'equal' },
          { key: 'k', operator: 'absent', value: 'x' },
          { key: 'k', value: 7 },
          [],
          { key: 'k', op: 'x' },
          'k=1',
        ],
      }),
      [
        `error acl.query.operator.case ${R}.query[0].operator: \`Equal\` is no operator: write it in lower case`,
        `error acl.query.operator ${R}.query[1][0].operator: \`is\` is no operator: write \`present\`, \`absent\`, \`equal\`, \`not equal\`, \`pattern\` or \`not pattern\``,
        `error acl.query.key ${R}.query[1][1]: the condition has no key: add \`key\``,
        `error acl.query.key ${R}.query[2].key: the condition has no key: add \`key\``,
        `error acl.query.value.missing ${R}.query[3].value: \`"equal"\` needs a value: add \`value\``,
        `error acl.query.value.unused ${R}.query[4].value: \`"absent"\` takes no value: remove \`value\``,
        `error acl.query.value.type ${R}.query[5].value: \`7\` must be text: put it in quotes`,
        `error policy.empty ${R}.query[6]: must not be empty: write a value or remove it`,
        `error policy.key.unknown ${R}.query[7].op: \`op\` is no key here: the keys are operator, key, value`,
        `error policy.type ${R}.query[8]: must be an object with keys`,
      ],
    ],
    [
      'realm',
      { ...ok, realm: 'a"b' },
      [
        'error policy.realm realm: `"a\\"b"` is no realm: write at most 128 printable ASCII characters without quotes and backslashes',
      ],
    ],
    [
      'ambiguous_paths',
      { ...ok, ambiguous_paths: 'keep' as 'clean' },
      [
        'error policy.ambiguous_paths ambiguous_paths: `keep` must be `refuse`, `clean` or a list of domains under the key `clean`',
      ],
    ],
    [
      'placeholders outside rules',
      { ...ok, allow_http: ['{user}.test', '{group}.test'] },
      [
        'error policy.domain.template allow_http[0]: `{user}.test` names no domain: `{user}` and `{group}` stand in rules only',
        'error policy.domain.template allow_http[1]: `{group}.test` names no domain: `{user}` and `{group}` stand in rules only',
      ],
    ],
    [
      'trusted_proxies',
      { ...ok, trusted_proxies: ['10.0.0.0/8', 'proxy.test'] },
      [
        'error acl.network trusted_proxies[1]: `proxy.test` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
      ],
    ],
    [
      'warnings about domains',
      rule({
        domain: ['*x.test', 'a.*.test', '*.b.test', '{user}.test', 'bücher.test', 'a.test:8443', 'a.test.'],
      }),
      [
        `warning acl.domain.star ${R}.domain[0]: \`*x.test\` is taken literally: only \`*.\` at the beginning stands for any name`,
        `warning acl.domain.star ${R}.domain[1]: \`a.*.test\` is taken literally: only \`*.\` at the beginning stands for any name`,
        `warning acl.domain.user ${R}.domain[3]: \`{user}.test\` matches user names in lower case only, because hosts are lower-cased`,
        ...[4, 5, 6].map(
          i =>
            `warning acl.domain.never ${R}.domain[${i}]: \`${['bücher.test', 'a.test:8443', 'a.test.'][i - 4]}\` matches no host: write an ASCII name without scheme, port, path and last dot`,
        ),
      ],
    ],
    [
      'warnings under bypass',
      rule({ policy: 'bypass', domain: '{group}.test', resources: '^/(?P<Group>\\w+)' }),
      [
        `warning acl.bypass.domain ${R}.domain: lets everybody in without a name, but not others who are signed in`,
        `warning acl.bypass.resource ${R}.resources: lets everybody in without a name, but not others who are signed in`,
      ],
    ],
    [
      'criteria that are there and empty',
      rule({ subject: [], networks: null, methods: [] }),
      ['subject', 'networks', 'methods'].map(
        key =>
          `warning acl.criterion.empty ${R}.${key}: is empty and so matches everything: remove it or add an entry`,
      ),
    ],
    [
      'a mapped address',
      rule({ networks: '::ffff:10.0.0.1' }),
      [
        `warning acl.network.mapped ${R}.networks: \`::ffff:10.0.0.1\` is read as \`::/32\`, as Authelia does: write the IPv4 address`,
      ],
    ],
    [
      'long and odd values',
      rule({ policy: `a\n\u007f"\\${'é'.repeat(100)}` }),
      [
        `error acl.policy ${R}.policy: \`a\\x0a\\x7f"\\${'é'.repeat(30)}...\` is no policy: write \`bypass\`, \`one_factor\`, \`two_factor\` or \`deny\``,
      ],
    ],
  ];

  it.each(cases)('%s', (_name, document, expected) => {
    expect(problems(document)).toEqual(expected);
    expect(policy.image().length > 0).toBe(!expected.some(line => line.startsWith('error')));
  });
});

describe('limits', () => {
  it('refuses more than 64 rules in the guest', () => {
    const rules = Array.from({ length: 65 }, (_, i) => ({ domain: `h${i}.test`, policy: 'deny' }));
    expect(problems({ access_control: { rules } })).toEqual([]);
    expect(problems({ access_control: { rules: rules.slice(1) } }, true)).toEqual([]);
    expect(problems({ access_control: { rules } }, true)).toEqual([
      'error policy.limit.rules access_control.rules[64]: too many rules: merge them or give the policy to the host; the limit is 64',
    ]);
  });

  it('refuses more than 16 KiB in the guest', () => {
    const text = JSON.stringify(ok);
    expect(problems(text + ' '.repeat(16_384 - text.length), true)).toEqual([]);
    expect(problems(text + ' '.repeat(16_385 - text.length), true)).toEqual([
      'error policy.limit.size : the policy is too large: give it to the host, not inline',
    ]);
  });

  it('refuses a list of more than 128 entries in the guest', () => {
    const methods = Array.from({ length: 129 }, (_, i) => `user:u${i}`);
    expect(problems(rule({ subject: methods.slice(1) }), true)).toEqual([]);
    expect(problems(rule({ subject: methods }), true)).toEqual([
      `error policy.limit.entries ${R}.subject: too many entries in one list: split the rule; the limit is 128`,
    ]);
  });

  it('refuses a text of more than 8 KiB', () => {
    expect(problems(rule({ domain: 'a'.repeat(8_193) }))).toEqual([
      `error policy.limit.text ${R}.domain: \`${'a'.repeat(64)}...\` is too long: the limit is 8192 bytes`,
    ]);
  });

  it('says that there is more, and shows errors before warnings', () => {
    const domain = Array.from({ length: 60 }, (_, i) => `{user}.d${i}.test`);
    const found = problems(rule({ domain, policy: 'x', methods: ['a', 'b'] }), true);
    expect(found.filter(line => line.startsWith('error')).map(line => line.split(' ')[1])).toEqual([
      'acl.policy',
      'acl.method',
      'acl.method',
    ]);
    expect(found.at(-1)).toBe('warning policy.more : there are more warnings than fit here');
    const methods = Array.from({ length: 60 }, (_, i) => `m${i}`);
    expect(problems(rule({ methods }), true).at(-1)).toBe(
      'error policy.more : there are more errors than fit here',
    );
    expect(policy.compileText(JSON.stringify(rule({ methods })), true).errors).toBe(60);
  });

  it('compiles thousands of rules', () => {
    const rules = Array.from({ length: 5_000 }, (_, i) => ({
      domain: [`h${i}.test`, '*.all.test'],
      policy: 'two_factor',
      subject: [['group:ops', `user:u${i}`]],
      networks: ['10.0.0.0/8', `192.0.2.${i % 256}`],
      resources: ['^/api/.*$', '^/x$'],
    }));
    const before = workedMs();
    expect(problems({ access_control: { rules } })).toEqual([]);
    expect(workedMs() - before).toBeLessThan(3_000);
    // what is equal is stored once
    expect(policy.image().length).toBeLessThan(5_000 * 180);
  });
});

describe('texts', () => {
  it('are lower case and without a period at the end', () => {
    for (const line of policy.problemTexts()) {
      const [code, ...words] = line.split(' ');
      expect(code).toMatch(/^(policy|acl)(\.[a-z_]+)+$/);
      expect(line).toMatch(/[^.]$/);
      expect(words.join(' ')).toMatch(/^[a-z]|^$/);
    }
  });
});

describe('a damaged document', () => {
  it('never traps and always says why', () => {
    const text = JSON.stringify({
      ...rule({
        domain: ['*.a.test', '{user}.b.test'],
        domain_regex: '^x$',
        subject: [['user:a', 'group:b'], 'user:c'],
        networks: ['10.0.0.0/8', 'n'],
        methods: 'GET',
        resources: ['^/(a|b)+$'],
        query: [[{ key: 'k', operator: 'pattern', value: '^\\d+$' }, { key: 'j' }]],
      }),
      definitions: { network: { n: ['::1', '192.0.2.0/24'] } },
    });
    const pieces = ['null', '7', '"x"', '[]', '{}', 'true', '[[[]]]', '{"a":{}}'];
    for (let at = 0; at < text.length; at++) {
      for (const piece of [pieces[at % pieces.length] as string, '']) {
        const damaged = text.slice(0, at) + piece + text.slice(at + 1 + (at % 7));
        const { errors, problems: found } = policy.compileText(damaged, at % 2 === 0);
        expect(found.filter(problem => problem.severity === 'error').length > 0).toBe(errors > 0);
        if (errors === 0) expect(policy.load(policy.image())).toBe(true);
      }
      // a value replaced as a whole
      if (!'"[{'.includes(text[at] as string)) continue;
      for (let end = at + 1; end <= text.length; end++) {
        const value = text.slice(at, end);
        try {
          JSON.parse(value);
        } catch {
          continue;
        }
        for (const piece of pieces) policy.compileText(text.slice(0, at) + piece + text.slice(end));
        break;
      }
    }
  });
});
