import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { formatProblem } from '../../host/config/problem.ts';
import type { RedisSetup } from '../../host/config/schema.ts';
import { createSecret } from '../../host/secret/secret.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMII…\n-----END CERTIFICATE-----\n';

function parse(text: string, env: Record<string, string> = {}) {
  const { config, problems } = parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text },
    env: { POSTERN_SECRET: createSecret(), ...env },
    isTerminal: false,
    readFile: file => {
      if (file.endsWith('.pem')) return Buffer.from(PEM);
      if (file.endsWith('redis-password')) return Buffer.from('from a file\n');
      if (file.endsWith('junk')) return Buffer.from('junk');
      throw Object.assign(new Error('none'), { code: 'ENOENT' });
    },
  });
  const told = (severity: string) =>
    problems
      .filter(problem => problem.severity === severity)
      .map(problem => formatProblem({ ...problem, file: '' }).replace(/^: ?/, ''));
  return { cache: config.cache, errors: told('error'), warnings: told('warning') };
}

const ACCESS = { database: 0, username: undefined, password: undefined, tls: undefined };
const at = (host: string, port = 6_379): RedisSetup => ({
  ...ACCESS,
  mode: 'single',
  nodes: [{ host, port }],
});

describe('cache', () => {
  it('is memory for an hour unless something is said', () => {
    expect(parse('').cache).toEqual({
      expirationSeconds: 3_600,
      extend: false,
      prefix: 'postern',
      redis: undefined,
    });
    expect(parse('cache: { type: memory, expiration: 30m, extend: true, prefix: blue }').cache).toEqual({
      expirationSeconds: 1_800,
      extend: true,
      prefix: 'blue',
      redis: undefined,
    });
  });

  const good: [string, string, Partial<RedisSetup>][] = [
    ['a Redis on this machine', 'cache: { type: redis }', at('localhost')],
    ['a host', 'cache: { redis: { host: redis } }', at('redis')],
    ['a host and a port', 'cache: { redis: { host: redis, port: 6380 } }', at('redis', 6_380)],
    ['a host with its port', "cache: { redis: { host: 'redis:6380' } }", at('redis', 6_380)],
    ['an IPv6 address', "cache: { redis: { host: '[::1]:6380' } }", at('::1', 6_380)],
    ['an IPv6 address without brackets', "cache: { redis: { host: '2001:db8::1' } }", at('2001:db8::1')],
    [
      'a socket',
      'cache: { redis: { host: /run/redis/redis.sock } }',
      { mode: 'single', nodes: [], socket: '/run/redis/redis.sock' },
    ],
    [
      'user, password and database',
      'cache: { redis: { host: redis, username: postern, password: "x y", database_index: 3 } }',
      { username: 'postern', password: 'x y', database: 3 },
    ],
    [
      'a password in a file',
      'cache: { redis: { host: redis, password_file: redis-password } }',
      { password: 'from a file' },
    ],
    [
      'TLS without more',
      'cache: { redis: { host: redis, tls: {} } }',
      {
        tls: {
          serverName: undefined,
          ca: undefined,
          certificate: undefined,
          key: undefined,
          minVersion: 'TLSv1.2',
        },
      },
    ],
    [
      'TLS with everything',
      `cache:
  redis:
    host: redis
    tls:
      server_name: redis.example.com
      minimum_version: TLS1.3
      ca_certificate: ca.pem
      certificate_chain_file: client.pem
      private_key_file: key.pem
`,
      {
        tls: {
          serverName: 'redis.example.com',
          ca: Buffer.from(PEM),
          certificate: PEM.trimEnd(),
          key: PEM.trimEnd(),
          minVersion: 'TLSv1.3',
        },
      },
    ],
    [
      'sentinels',
      `cache:
  redis:
    high_availability:
      sentinel_name: mymaster
      sentinel_username: watcher
      sentinel_password: secret
      nodes: [{ host: s1 }, { host: s2, port: 26380 }]
`,
      {
        mode: 'sentinel',
        nodes: [
          { host: 's1', port: 26_379 },
          { host: 's2', port: 26_380 },
        ],
        sentinel: { name: 'mymaster', username: 'watcher', password: 'secret' },
      },
    ],
    [
      'a cluster',
      "cache: { redis: { cluster: { nodes: ['r1:7000', { host: r2 }] } } }",
      {
        mode: 'cluster',
        nodes: [
          { host: 'r1', port: 7_000 },
          { host: 'r2', port: 6_379 },
        ],
      },
    ],
  ];
  it.each(good)('takes %s', (_, text, expected) => {
    const { cache, errors, warnings } = parse(text);
    expect([errors, warnings]).toEqual([[], []]);
    expect(cache?.redis).toMatchObject(expected);
  });

  it('takes everything from the environment, lists with commas', () => {
    const { cache, errors, warnings } = parse('', {
      POSTERN_CACHE_TYPE: 'redis',
      POSTERN_CACHE_EXPIRATION: '2h',
      POSTERN_CACHE_REDIS_PASSWORD_FILE: '/run/secrets/redis-password',
      POSTERN_CACHE_REDIS_HIGH_AVAILABILITY_SENTINEL_NAME: 'mymaster',
      POSTERN_CACHE_REDIS_HIGH_AVAILABILITY_NODES: 's1:26379, s2',
    });
    expect([errors, warnings]).toEqual([[], []]);
    expect(cache).toMatchObject({
      expirationSeconds: 7_200,
      redis: {
        mode: 'sentinel',
        password: 'from a file',
        nodes: [
          { host: 's1', port: 26_379 },
          { host: 's2', port: 26_379 },
        ],
      },
    });
  });

  const old: [string, string, Record<string, string>, object, string[]][] = [
    [
      "elastauth's second version",
      "cache: { type: redis, redis_host: 'redis:6379', redis_db: 2, expiration: 1h, extend_cache: true }",
      {},
      { expirationSeconds: 3_600, extend: true, redis: { ...at('redis'), database: 2 } },
      [
        "1: cache.extend_cache: is elastauth's form: write `cache.extend`",
        "1: cache.redis_host: is elastauth's form: write `cache.redis.host`",
        "1: cache.redis_db: is elastauth's form: write `cache.redis.database_index`",
      ],
    ],
    [
      "elastauth's first version",
      'cache_type: redis\ncache_expire: 30m\nextend_cache: true\nredis_host: localhost:6379\nredis_db: 1\n',
      {},
      { expirationSeconds: 1_800, extend: true, redis: { ...at('localhost'), database: 1 } },
      [
        "1: cache_type: is elastauth's form: write `cache.type`",
        "2: cache_expire: is elastauth's form: write `cache.expiration`",
        "3: extend_cache: is elastauth's form: write `cache.extend`",
        "4: redis_host: is elastauth's form: write `cache.redis.host`",
        "5: redis_db: is elastauth's form: write `cache.redis.database_index`",
      ],
    ],
    [
      "elastauth's variables",
      '',
      {
        ELASTAUTH_CACHE_TYPE: 'redis',
        ELASTAUTH_CACHE_REDIS_HOST: 'redis:6379',
        ELASTAUTH_CACHE_EXPIRATION: '1h',
      },
      { expirationSeconds: 3_600, redis: at('redis') },
      [
        "ELASTAUTH_CACHE_TYPE: is elastauth's variable: write `POSTERN_CACHE_TYPE`",
        "ELASTAUTH_CACHE_REDIS_HOST: is elastauth's variable: write `POSTERN_CACHE_REDIS_HOST`",
        "ELASTAUTH_CACHE_EXPIRATION: is elastauth's variable: write `POSTERN_CACHE_EXPIRATION`",
      ],
    ],
    [
      "Authelia's session.redis",
      `session:
  redis:
    host: redis
    port: 6379
    password: your_redis_password
    database_index: 0
    maximum_active_connections: 8
`,
      {},
      { redis: { ...at('redis'), password: 'your_redis_password' } },
      ["2: session.redis: is Authelia's form: write these keys below `cache.redis`"],
    ],
    [
      "Authelia's sentinels, with TLS",
      `session:
  redis:
    host: sentinel-1
    port: 26379
    tls: { server_name: redis.example.com }
    high_availability: { sentinel_name: mymaster, sentinel_password: x, nodes: [{ host: sentinel-2, port: 26380 }] }
`,
      {},
      {
        redis: {
          mode: 'sentinel',
          tls: { serverName: 'redis.example.com' },
          nodes: [
            { host: 'sentinel-1', port: 26_379 },
            { host: 'sentinel-2', port: 26_380 },
          ],
          sentinel: { name: 'mymaster', password: 'x' },
        },
      },
      ["2: session.redis: is Authelia's form: write these keys below `cache.redis`"],
    ],
  ];
  it.each(old)('understands %s', (_, text, env, expected, warned) => {
    const { cache, errors, warnings } = parse(text, env);
    expect(errors).toEqual([]);
    expect(cache).toMatchObject(expected);
    expect(warnings.filter(warning => !warning.includes(': session: ')).toSorted()).toEqual(
      warned.toSorted(),
    );
  });

  const bad: [string, string, string[]][] = [
    ['another type', 'cache: { type: file }', ['1: cache.type: must be `memory` or `redis`, got "file"']],
    [
      'an address with a password, which is not shown',
      "cache:\n  redis:\n    host: 'redis://me:secret@redis'\n",
      [
        '3: cache.redis.host: must be a host like `redis` or `redis:6379`, or the path of a socket; user, password and database have keys of their own',
      ],
    ],
    [
      'two ports',
      "cache: { redis: { host: 'redis:1', port: 2 } }",
      ['1: cache.redis.port: must be removed: `cache.redis.host` names port 1'],
    ],
    [
      'a misspelt key',
      'cache: { redis: { hots: x } }',
      ['1: cache.redis.hots: unknown key, did you mean `host`?'],
    ],
    [
      'a password twice',
      'cache: { redis: { password: x, password_file: redis-password } }',
      [
        '1: cache.redis.password: both `cache.redis.password` and `cache.redis.password_file` are set: keep one',
      ],
    ],
    [
      'a file that is not there',
      'cache: { redis: { tls: { ca_certificate: gone } } }',
      ['1: cache.redis.tls.ca_certificate: /etc/postern/gone: no such file: create it or correct its path'],
    ],
    [
      'a file that is no certificate',
      'cache: { redis: { tls: { ca_certificate: junk } } }',
      ['1: cache.redis.tls.ca_certificate: /etc/postern/junk: is no PEM file (`-----BEGIN …`)'],
    ],
    [
      'half of a certificate',
      'cache: { redis: { tls: { certificate_chain_file: a.pem } } }',
      ['1: cache.redis.tls.private_key: missing: `cache.redis.tls.certificate_chain` is nothing without it'],
    ],
    [
      'an unchecked certificate',
      'cache: { redis: { tls: { skip_verify: true } } }',
      [
        "1: cache.redis.tls.skip_verify: must be removed: the server's certificate is always checked; name its CA in `cache.redis.tls.ca_certificate`",
      ],
    ],
    [
      'an unchecked certificate, as Authelia writes it',
      'session: { redis: { host: redis, tls: { skip_verify: true } } }',
      [
        "1: session.redis.tls.skip_verify: must be removed: the server's certificate is always checked; name its CA in `cache.redis.tls.ca_certificate`",
      ],
    ],
    [
      'an old TLS',
      'cache: { redis: { tls: { minimum_version: TLS1.1 } } }',
      ['1: cache.redis.tls.minimum_version: must be `TLS1.2` or `TLS1.3`, got "TLS1.1"'],
    ],
    [
      'sentinels without a name',
      'cache: { redis: { high_availability: { nodes: [s1] } } }',
      [
        '1: cache.redis.high_availability.sentinel_name: missing: write the name that the sentinels know the master by, for example `mymaster`',
      ],
    ],
    [
      'no sentinels',
      'cache: { redis: { high_availability: { sentinel_name: mymaster } } }',
      [
        '1: cache.redis.high_availability.nodes: missing: name at least one sentinel, for example `- { host: sentinel-1, port: 26379 }`',
      ],
    ],
    [
      'a database in a cluster',
      'cache: { redis: { database_index: 1, cluster: { nodes: [r1] } } }',
      ['1: cache.redis.database_index: must be 0 or absent: a cluster has one database'],
    ],
    [
      'a cluster beside a host',
      'cache: { redis: { host: x, cluster: { nodes: [r1] } } }',
      ['1: cache.redis.host: stands beside `cache.redis.cluster.nodes`: keep one of them'],
    ],
    [
      'a node with a key that it has not',
      'cache: { redis: { cluster: { nodes: [{ host: r1, prt: 7000 }] } } }',
      [
        '1: cache.redis.cluster.nodes: must be a list like `- { host: redis-1, port: 6379 }` or `- redis-1:6379`; a node has no `prt`',
      ],
    ],
    [
      'both forms',
      'cache: { redis: { host: a } }\nsession: { redis: { host: b } }\n',
      ['2: session.redis: must be removed: `cache.redis.host` says already where Redis is'],
    ],
    [
      'a number for a password, which may be another in the file',
      'cache: { redis: { password: 012345 } }',
      ['1: cache.redis.password: must be a text: write it in quotation marks'],
    ],
    [
      'a password that is none',
      "cache: { redis: { password: '' } }",
      ['1: cache.redis.password: is empty: write it, or remove the key'],
    ],
  ];
  it.each(bad)('refuses %s', (_, text, expected) => {
    expect(parse(text).errors).toEqual(expected);
  });

  it('warns of a Redis that is not used', () => {
    const { cache, warnings } = parse('cache: { type: memory, redis: { host: redis } }');
    expect(cache?.redis).toBeUndefined();
    expect(warnings).toEqual([
      '1: cache.type: is `memory`, so the Redis that is configured is not used: write `redis`, or remove the key',
    ]);
  });
});
