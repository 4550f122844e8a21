import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { formatProblem } from '../../host/config/problem.ts';
import { createSecret } from '../../host/secret/secret.ts';

const BASE = `authentication_backend: { file: { path: users.yml } }
access_control: { default_policy: deny, rules: [{ domain: a.example.com, policy: one_factor }] }
`;
const ES = `elasticsearch: { hosts: ['https://es:9200'], username: postern, password: p, peers: [127.0.0.1] }\n`;

function parse(text: string, env: Record<string, string> = {}) {
  const { config, problems } = parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text: BASE + text },
    env: { POSTERN_SECRET: createSecret(), ...env },
    isTerminal: false,
  });
  const told = (severity: string) =>
    problems
      .filter(problem => problem.severity === severity)
      .map(({ file: _, line: __, ...problem }) => formatProblem(problem));
  return { ...config, errors: told('error'), warnings: told('warning') };
}

describe("elastauth's list of groups", () => {
  const list = 'group_whitelist: [a]\n';

  it.each([
    ['true', ['a']],
    ['TRUE', ['a']],
    ['t', ['a']],
    ['1', ['a']],
    ['false', undefined],
    ['F', undefined],
    ['0', undefined],
    ['', ['a']],
  ])('with the variable %j counts as %j', (value, expected) => {
    const { elasticsearch, errors } = parse(ES + list, { ELASTAUTH_ENABLE_GROUP_WHITELIST: value });
    expect([elasticsearch?.groupWhitelist, errors]).toEqual([expected, []]);
  });

  it.each([
    ['enable_group_whitelist: true\n', ['a']],
    ['enable_group_whitelist: "true"\n', ['a']],
    ['enable_group_whitelist: false\n', undefined],
    ['', ['a']],
  ])('with %j in the file counts as %j', (text, expected) => {
    expect(parse(ES + list + text).elasticsearch?.groupWhitelist).toEqual(expected);
  });

  it('must be there when it is asked for, and is never guessed', () => {
    expect(parse(`${ES}enable_group_whitelist: true\n`).errors.join()).toContain(
      'elasticsearch.group_whitelist: missing',
    );
    for (const env of ['yes', 'on', 'maybe']) {
      expect(parse(ES + list, { ELASTAUTH_ENABLE_GROUP_WHITELIST: env }).errors).toEqual([
        `ELASTAUTH_ENABLE_GROUP_WHITELIST: must be \`true\` or \`false\`, got "${env}"`,
      ]);
    }
    expect(parse(`${ES + list}enable_group_whitelist: perhaps\n`).errors).toHaveLength(1);
  });
});

describe("elastauth's durations", () => {
  it.each([
    ['1h', 3_600],
    ['1.5h', 5_400],
    ['.5h', 1_800],
    ['1h0m0s', 3_600],
    ['1h0.1s', 3_601],
    ['500ms', 1],
    ['90m', 5_400],
    ['1m', 60],
    // Not Go's: plain seconds, and Authelia's days and months.
    ['60', 60],
    ['1d', 86_400],
    ['1M', 2_592_000],
  ])('%s', (text, seconds) => {
    for (const { cache, errors } of [
      parse(`${ES}cache: { expiration: ${text} }\n`),
      parse(`${ES}cache_expire: ${text}\n`),
      parse(ES, { ELASTAUTH_CACHE_EXPIRE: text }),
      parse(ES, { ELASTAUTH_CACHE_EXPIRATION: text }),
    ]) {
      expect([cache?.expirationSeconds, errors]).toEqual([seconds, []]);
    }
  });

  it.each(['0', '0s', '-1h', '1x', '1.5.5h', '1e3s', 'h', '1,5h'])('%s is none', text => {
    expect(parse(ES, { ELASTAUTH_CACHE_EXPIRE: text }).errors.join()).toMatch(
      /^ELASTAUTH_CACHE_EXPIRE: must be/,
    );
  });
});

describe("elastauth's switches", () => {
  it.each([
    ['1', true],
    ['t', true],
    ['TRUE', true],
    ['True', true],
    ['0', false],
    ['F', false],
    ['false', false],
  ])('%s', (text, expected) => {
    for (const { cache, errors } of [
      parse(`${ES}extend_cache: ${text}\n`),
      parse(`${ES}cache: { extend_cache: '${text}' }\n`),
      parse(ES, { ELASTAUTH_EXTEND_CACHE: text }),
      parse(ES, { ELASTAUTH_CACHE_EXTEND_CACHE: text }),
    ])
      expect([cache?.extend, errors]).toEqual([expected, []]);
    for (const { elasticsearch, errors } of [
      parse(`${ES}elasticsearch_dry_run: ${text}\n`),
      parse(ES, { ELASTAUTH_ELASTICSEARCH_DRY_RUN: text }),
    ])
      expect([elasticsearch?.dryRun, errors]).toEqual([expected, []]);
  });

  it('of any other word are mistakes', () => {
    for (const name of ['ELASTAUTH_EXTEND_CACHE', 'ELASTAUTH_ELASTICSEARCH_DRY_RUN'])
      expect(parse(ES, { [name]: 'yes' }).errors).toEqual([
        `${name}: must be \`true\` or \`false\`, got "yes"`,
      ]);
  });
});

describe('our own account', () => {
  const withAccount = (text: string) => parse(`elasticsearch: { hosts: ['https://es:9200'], ${text} }\n`);

  it.each(['bm9uZTpub25l', 'VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==', 'essu_abc'])(
    'may have the key %s',
    key => {
      expect(withAccount(`api_key: ${key}`).errors).toEqual([]);
    },
  );

  it.each(['id:key', '"a\\nb"', '"a b"', '"ApiKey abc"', 'jö'])('may not have the key %s', key => {
    expect(withAccount(`api_key: ${key}`).errors).toEqual([
      'elasticsearch.api_key: must be what Elasticsearch gives as `encoded`, in one line: not `id:api_key`',
    ]);
  });

  it('has a name that Basic can send', () => {
    expect(withAccount('username: "a:b", password: p').errors).toEqual([
      'elasticsearch.username: must not hold a colon: Basic authentication cannot send it',
    ]);
  });
});

describe('what is wrong with an address is said without the password in it', () => {
  const LOGIN = 'ann:pa55word@';
  it.each([
    `elasticsearch: 'https://${LOGIN}es:9200'`,
    `elasticsearch: ['https://${LOGIN}es:9200']`,
    `elasticsearch: { hosts: [['https://${LOGIN}es:9200']], username: e, password: p }`,
    `elasticsearch: { hosts: { 'https://${LOGIN}es:9200': 1 }, username: e, password: p }`,
    `elasticsearch: { hosts: ['${LOGIN}es:9200'], username: e, password: p }`,
    `elasticsearch_host: 'https://${LOGIN}es:9200'`,
    `redis_host: '${LOGIN}redis:6379'`,
    `redis_host: ':pa55word@redis'`,
    `redis_host: 'redis://:pa55w@rd@redis'`,
    `cache: 'redis://${LOGIN}redis'`,
    `cache: { redis: 'redis://${LOGIN}redis' }`,
    `cache: { redis: { cluster: { nodes: ['redis://${LOGIN}redis:6379'] } } }`,
    `cache: { redis: { cluster: { nodes: [{ host: 'redis://${LOGIN}redis' }] } } }`,
    `cache: { redis: { high_availability: { sentinel_name: m, nodes: ['${LOGIN}s'] } } }`,
    `session: { redis: { host: '${LOGIN}redis' } }`,
  ])('%s', text => {
    const { errors } = parse(`${text}\n`);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.join()).not.toMatch(/pa55w|rd@/);
  });

  it.each(['ELASTAUTH_REDIS_HOST', 'ELASTAUTH_ELASTICSEARCH_HOST', 'POSTERN_CACHE_REDIS_CLUSTER_NODES'])(
    '%s',
    name => {
      for (const value of [`${LOGIN}a:1`, `redis://${LOGIN}a:1`]) {
        const { errors } = parse('', { [name]: value });
        expect(errors.length).toBeGreaterThan(0);
        expect(errors.join()).not.toContain('pa55word');
      }
    },
  );
});

describe('keys that say different things', () => {
  it.each([
    [{ ELASTAUTH_ELASTICSEARCH_HOST: 'https://a:1', ELASTAUTH_ELASTICSEARCH_HOSTS: 'https://b:1' }, 1],
    [{ ELASTAUTH_CACHE_EXPIRE: '1h', ELASTAUTH_CACHE_EXPIRATION: '2h' }, 1],
    [{ ELASTAUTH_REDIS_HOST: 'a', ELASTAUTH_CACHE_REDIS_HOST: 'b' }, 1],
    [{ ELASTAUTH_CACHE_EXPIRE: '1h', ELASTAUTH_CACHE_EXPIRATION: '1h' }, 0],
  ])('of elastauth, %j, are %i mistakes', (env, count) => {
    const { errors } = parse(ES, env);
    expect(errors).toHaveLength(count);
    for (const error of errors) expect(error).toMatch(/must be unset, or `ELASTAUTH_\w+`: both say/);
  });

  it('of ours win, and the variable of elastauth is said to be idle', () => {
    const env = { ELASTAUTH_CACHE_EXPIRE: '2h', POSTERN_CACHE_EXPIRATION: '1h' };
    const { cache, errors, warnings } = parse(ES, env);
    expect([cache?.expirationSeconds, errors, warnings]).toEqual([
      3_600,
      [],
      ['ELASTAUTH_CACHE_EXPIRE: not used: `POSTERN_CACHE_EXPIRATION` says it already; unset it'],
    ]);
  });
});

describe('what elastauth did and Postern does not', () => {
  it.each([
    ['proxy: { enabled: true }', 'proxy.enabled: must be `false`'],
    ['proxy: { enabled: "true" }', 'proxy.enabled: must be `false`'],
    ['proxy: { enabled: 1 }', 'proxy.enabled: must be `false`'],
    ['auth_provider: oidc', 'auth_provider: must be `authelia` or absent'],
    ['insecure_skip_verify: true', 'insecure_skip_verify: must be removed'],
  ])('%s is refused', (text, message) => {
    expect(parse(`${ES + text}\n`).errors.join()).toContain(message);
  });

  it.each([
    'proxy: { enabled: false }',
    'proxy: { enabled: "false" }',
    'proxy: {}',
    'auth_provider: Authelia',
    'insecure_skip_verify: false',
    'insecure_skip_verify: "false"',
  ])('%s is not', text => {
    expect(parse(`${ES + text}\n`).errors).toEqual([]);
  });

  it('is refused in variables, too', () => {
    for (const [name, value] of [
      ['ELASTAUTH_PROXY_ENABLED', 'TRUE'],
      ['ELASTAUTH_AUTH_PROVIDER', 'oidc'],
      ['ELASTAUTH_INSECURE_SKIP_VERIFY', '1'],
      ['ELASTAUTH_OIDC_ISSUER', 'https://id.example.com'],
    ] as const) {
      expect(parse(ES, { [name]: value }).errors.join()).toContain(`${name}: must be`);
    }
  });
});

describe('sections of its version 2', () => {
  const HEADERS = { username: 'X-User', groups: 'X-Groups', email: 'X-Email', name: 'X-Name' };

  it('`authelia` names the headers, in the file and in variables', () => {
    const entries = Object.entries(HEADERS);
    const file = entries.map(([field, name]) => `  header_${field}: ${name}\n`).join('');
    const env = entries.map(([field, name]) => [`ELASTAUTH_AUTHELIA_HEADER_${field.toUpperCase()}`, name]);
    for (const { elasticsearch, errors, warnings } of [
      parse(`${ES}authelia:\n${file}`),
      parse(ES, Object.fromEntries(env)),
    ]) {
      expect([elasticsearch?.dropIn?.headers, errors, warnings.length]).toEqual([HEADERS, [], 4]);
    }
    expect(parse(`${ES}authelia: { header_user: X }\n`).errors).toEqual([
      'authelia.header_user: unknown key',
    ]);
  });

  it.each([
    ['', { ELASTAUTH_PROXY_ELASTICSEARCH_URL: 'https://es:9200' }],
    ['', { ELASTAUTH_PROXY_TLS_ENABLED: 'true' }],
    ['', { ELASTAUTH_CACHE_PATH: '/tmp/cache' }],
    ['proxy: { enabled: false, timeout: 30s, tls: { enabled: true } }\n', {}],
    ['cache: { path: /tmp/cache }\n', {}],
  ])('%j with %j loads with one warning', (text, env) => {
    const { errors, warnings } = parse(ES + text, env);
    expect([errors, warnings]).toEqual([[], [expect.stringContaining('not used')]]);
  });
});

describe('elasticsearch.peers', () => {
  it.each([
    '10.0.0.0/08',
    'fe80::1%eth0',
    '127.0.0.1/',
    'localhost',
    '::1/129',
    '1.2.3.4/-1',
    '1.2.3.4/032',
    'unix',
  ])('are not %s', peer => {
    expect(parse(ES.replace('[127.0.0.1]', `['${peer}']`)).errors).toEqual([
      `elasticsearch.peers[0]: must be an address or a network like \`10.0.0.0/8\`, got "${peer}"`,
    ]);
  });

  it.each(['10.1.2.3/8', '::ffff:10.0.0.0/104', '::1', 'fd00::/8', '0.0.0.0/0'])('may be %s', peer => {
    expect(parse(ES.replace('[127.0.0.1]', `['${peer}']`)).errors).toEqual([]);
  });
});

describe('names of headers', () => {
  it.each(['X-User', 'Remote-User', 'X-Forwarded-User', 'X-Auth-Request-Preferred-Username', 'a'])(
    'may be %s',
    name => {
      const { elasticsearch, errors } = parse(`${ES}headers_username: ${name}\n`);
      expect([elasticsearch?.dropIn?.headers.username, errors]).toEqual([name, []]);
    },
  );

  it.each([
    'Authorization',
    'cookie',
    'Host',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Real-IP',
    'X-Original-URL',
    'Forwarded',
    'Postern-Request',
    'Sec-Fetch-User',
    'Remote_User',
    'X User',
    '""',
  ])('may not be %s', name => {
    expect(parse(`${ES}headers_username: ${name}\n`).errors.join()).toContain('must be the name of a header');
  });

  it('differ', () => {
    expect(parse(`${ES}headers_username: X-A\nheaders_groups: x-a\n`).errors).toEqual([
      'headers_groups: must not be `x-a`: `elasticsearch.headers.username` is it already',
    ]);
    expect(parse(`${ES}headers_name: remote-user\n`).errors).toHaveLength(1);
  });
});

describe('roles', () => {
  it.each(['[a]', 'a', '[]', '[a b, "c-d_e/*"]', `['${'r'.repeat(507)}']`])('may be %s', text => {
    expect(parse(`${ES}default_roles: ${text}\n`).errors).toEqual([]);
    expect(parse(`${ES}group_mappings: { x: ${text} }\n`).errors).toEqual([]);
  });

  it.each(['[""]', '[" "]', '["a "]', '["a\\n"]', '[jörg]', `['${'r'.repeat(508)}']`])(
    'may not be %s: Elasticsearch has none that are called so',
    text => {
      expect(parse(`${ES}default_roles: ${text}\n`).errors.join()).toMatch(/^default_roles: must name roles/);
      expect(parse(`${ES}group_mappings: { x: ${text} }\n`).errors.join()).toMatch(
        /^group_mappings: `x` must name roles/,
      );
    },
  );

  it('belong to groups with a name', () => {
    expect(parse(`${ES}group_mappings: { ' ': [a] }\n`).errors).toHaveLength(1);
  });
});

it.each(['sync_interval: 5m', 'headers: { username: A }', 'config_peers: ["::1"]', 'password_lifetime: 1d'])(
  'elasticsearch.%s means nothing without hosts',
  text => {
    expect(parse(`elasticsearch: { ${text} }\n`).errors.join()).toContain('means nothing without');
  },
);
