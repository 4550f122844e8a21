import { describe, expect, it } from 'vitest';
import { policy } from '../support/policy-engine.ts';

const open = {
  access_control: {
    default_policy: 'one_factor',
    rules: [{ domain: 'free.test', policy: 'deny' }],
  },
};

/** Text of the reason for a refusal, empty when there is none. */
function read(options: { method?: string; scheme?: string; host?: string; uri?: string }): string {
  const { method = 'GET', scheme = 'https', host = 'app.test', uri = '/' } = options;
  const code = policy.target(method, scheme, host, uri);
  return code === 0 ? '' : policy.reason(code);
}

describe('method, scheme and length', () => {
  it.each(['GET', 'PROPFIND', 'X'])('takes %s', method => {
    policy.use(open);
    expect(read({ method })).toBe('');
  });

  it.each(['', 'get', 'Get', 'GET ', 'G-T', 'GÉT', 'CONNECT', 'A'.repeat(33)])(
    'refuses the method %j',
    method => {
      expect(read({ method })).toBe('bad method');
    },
  );

  it.each(['https', 'HTTPS', 'wss', 'WSS'])('takes %s', scheme => {
    expect(read({ scheme })).toBe('');
  });

  it.each(['', 'ftp', 'https,http', 'https ', 'httpss', 'h', '\u0000https', '\u0000wss', '\u0000ws'])(
    'refuses the scheme %j',
    scheme => {
      expect(read({ scheme })).toBe('bad scheme');
    },
  );

  it('takes 8 KiB and refuses more', () => {
    expect(read({ uri: `/${'a'.repeat(8_191)}` })).toBe('');
    expect(read({ uri: `/?${'a'.repeat(8_190)}` })).toBe('');
    expect(read({ uri: `/${'a'.repeat(8_192)}` })).toBe('request target too long');
  });

  it.each([
    '',
    'x',
    '*',
    '?x',
    'https://app.test/',
    '/a b',
    '/a\tb',
    '/a\u0000',
    '/\u007f',
    '/%',
    '/%4',
    '/%zz',
    '/a%2',
  ])('refuses the target %j', uri => {
    expect(read({ uri })).toBe('bad request target');
  });
});

describe('plain http', () => {
  it.each(['http', 'ws', 'HTTP', 'Ws'])('refuses %s unless the domain is in allow_http', scheme => {
    policy.use(open);
    expect(read({ scheme })).toBe('plain http is not allowed for this host');
    expect(read({ scheme, host: 'localhost' })).toBe('');
    expect(read({ scheme, host: 'a.b.localhost:8080' })).toBe('');
    expect(read({ scheme, host: 'notlocalhost' })).toBe('plain http is not allowed for this host');
    policy.use({ ...open, allow_http: ['App.test'] });
    expect(read({ scheme })).toBe('');
    expect(read({ scheme, host: 'localhost' })).toBe('plain http is not allowed for this host');
    policy.use({ ...open, allow_http: [] });
    expect(read({ scheme, host: 'localhost' })).toBe('plain http is not allowed for this host');
  });
});

describe('host', () => {
  it.each([
    ['app.test', 'app.test'],
    ['APP.Test', 'app.test'],
    ['app.test.', 'app.test'],
    ['app.test:443', 'app.test'],
    ['app.test.:8443', 'app.test'],
    ['a_b-c.test:65535', 'a_b-c.test'],
    ['10.0.0.5', '10.0.0.5'],
    ['localhost', 'localhost'],
    ['1:1', '1'],
    [`${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
    [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
  ])('reads %s as %s', (host, canonical) => {
    policy.use(open);
    expect(read({ host })).toBe('');
    expect(policy.targetHost()).toBe(canonical);
  });

  it.each([
    '',
    '.',
    '..',
    ':80',
    '.:80',
    'app.test..',
    '.app.test',
    'app..test',
    'app.test:',
    'app.test:pub',
    'app.test:80:80',
    'app.test:80.',
    'app.test:65536',
    'app.test:000080',
    'app.test: 80',
    'app.test ',
    ' app.test',
    'app.test\u0000',
    'app.test\t',
    'app.test,evil.test',
    'app.test/evil',
    'app.test@evil.test',
    'app.test%2e',
    'app.test%00',
    'app.test\\evil',
    'app*.test',
    'bücher.test',
    'ａpp.test',
    '\u212a.test',
    '[::1]',
    '[::1]:443',
    '::1',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(127)}a`,
    'a'.repeat(300),
  ])('refuses %j', host => {
    expect(read({ host })).toBe('bad host');
  });
});

describe('what resources match', () => {
  // reference: Go's url.Parse and path.Clean as Authelia's URLPathFullClean combines them
  it.each([
    ['/', '/'],
    ['/?', '/'],
    ['/?x', '/?x'],
    ['//', '//'],
    ['///', '//'],
    ['/../', '//'],
    ['/./', '//'],
    ['/a/../', '//'],
    ['/..', '/'],
    ['/.', '/'],
    ['/a/..', '/'],
    ['//?x', '//?x'],
    ['/a/./b//c/', '/a/b/c/'],
    ['/b/../a', '/a'],
    ['/%2e%2e/a', '/a'],
    ['/%2E%2E%2Fa', '/a'],
    ['/a%2Fb', '/a/b'],
    ['/a%3Fb', '/a?b'],
    ['/a#b', '/a#b'],
    ['/x%0Ay', '/x\ny'],
    ['/..?x', '/?x'],
    ['/a?b?c', '/a?b?c'],
    ['/a?%41&%zz', '/a?%41&%zz'],
    ['/a+b%2Bc', '/a+b+c'],
    ['/%C3%A9t%c3%a9', '/été'],
    ['/...', '/...'],
    ['/a/.../..', '/a'],
    ['/.a/..b', '/.a/..b'],
    ['/a/../../b', '/b'],
    ['/%25', '/%'],
  ])('%s gives %j', (uri, object) => {
    policy.use({ ...open, ambiguous_paths: 'clean' });
    expect(read({ uri })).toBe('');
    expect(policy.targetObject()).toBe(object);
  });
});

const pathRules = (ambiguous_paths?: unknown) => ({
  access_control: {
    default_policy: 'one_factor',
    rules: [
      { domain: 'free.test', policy: 'one_factor' },
      { domain: 'paths.test', resources: '^/x', policy: 'deny' },
      { domain: '{user}.users.test', resources: '^/x', policy: 'deny' },
      { domain_regex: '^(?P<User>\\w+)\\.regex\\.test$', resources: '^/x', policy: 'deny' },
      { domain: 'query.test', query: [{ key: 'k', operator: 'equal', value: '1' }], policy: 'deny' },
      {
        domain: '*.both.test',
        query: [[{ key: 'k', operator: 'pattern', value: '^1' }, { key: 'j' }]],
        policy: 'deny',
      },
    ],
  },
  ...(ambiguous_paths === undefined ? {} : { ambiguous_paths: ambiguous_paths as 'clean' }),
});

const AMBIGUOUS: [string, string][] = [
  ['/.', 'dot segment'],
  ['/a/..', 'dot segment'],
  ['/a/../b', 'dot segment'],
  ['/./a', 'dot segment'],
  ['/%2e%2e/a', 'dot segment'],
  ['/.%2E/a', 'dot segment'],
  ['/a/..;/b', 'dot segment'],
  ['/a/.;x=1/b', 'dot segment'],
  ['//', 'double slash'],
  ['//a', 'double slash'],
  ['/a//', 'double slash'],
  ['/a//b', 'double slash'],
  ['/a%2Fb', 'encoded slash'],
  ['/a%2fb', 'encoded slash'],
  ['/a\\b', 'backslash'],
  ['/a%5Cb', 'backslash'],
  ['/a%00', 'control character'],
  ['/a%0A', 'control character'],
  ['/a%1f', 'control character'],
  ['/a%7F', 'control character'],
  ['/a%3Fb', 'encoded or stray delimiter'],
  ['/a%23b', 'encoded or stray delimiter'],
  ['/a%3Bb', 'encoded or stray delimiter'],
  ['/a#b', 'encoded or stray delimiter'],
  ['/a?b=1#c', 'encoded or stray delimiter'],
  ['/%252e', 'double encoding'],
  ['/%25%32%65', 'double encoding'],
  ['/a%252Fb', 'double encoding'],
  ['/%80', 'invalid UTF-8'],
  ['/%C0%AF', 'invalid UTF-8'],
  ['/%ED%A0%80', 'invalid UTF-8'],
];

describe('ambiguous paths', () => {
  it.each(AMBIGUOUS)('refuses %s where a rule looks at paths', (uri, reason) => {
    policy.use(pathRules());
    expect(read({ host: 'free.test', uri })).toBe('');
    for (const host of ['paths.test', 'john.users.test', 'john.regex.test', 'query.test', 'a.both.test']) {
      expect([host, read({ host, uri })]).toEqual([host, `ambiguous path: ${reason}`]);
    }
  });

  it.each([
    '/',
    '/a',
    '/a/',
    '/a.b',
    '/.well-known/x',
    '/a..b',
    '/...',
    '/a;b',
    '/a/;x',
    '/%20',
    '/%41',
    '/caf%C3%A9',
    '/100%25',
    '/%25zz',
    '/a?b=../..//%2F\\',
    '/été',
  ])('takes %s', uri => {
    policy.use(pathRules());
    expect(read({ host: 'paths.test', uri })).toBe('');
  });

  it('is off with `clean`, everywhere or for the domains named', () => {
    policy.use(pathRules('clean'));
    expect(read({ host: 'paths.test', uri: '/a/../b' })).toBe('');
    policy.use(pathRules({ clean: ['paths.test', '*.both.test'] }));
    expect(read({ host: 'paths.test', uri: '/a/../b' })).toBe('');
    expect(read({ host: 'a.both.test', uri: '/?k=1&k=2' })).toBe('');
    expect(read({ host: 'query.test', uri: '/a/../b' })).toBe('ambiguous path: dot segment');
  });
});

describe('ambiguous paths of some domains', () => {
  const says = (document: object, host: string) => {
    policy.use({ ...pathRules(), ...document });
    return read({ host, uri: '//a' });
  };
  const REFUSED = 'ambiguous path: double slash';

  it.each<[string, object, string]>([
    ['an entry cleans', { domains: [{ domain: 'paths.test', ambiguous_paths: 'clean' }] }, ''],
    [
      'an entry refuses what is cleaned elsewhere',
      { ambiguous_paths: 'clean', domains: [{ domain: 'paths.test', ambiguous_paths: 'refuse' }] },
      REFUSED,
    ],
    ['an entry for another host', { domains: [{ domain: 'other.test', ambiguous_paths: 'clean' }] }, REFUSED],
    [
      'the first entry that says something',
      {
        domains: [
          { domain: ['a.test', 'PATHS.test'], denial: 'adaptive' },
          { domain: '*.test', ambiguous_paths: 'clean' },
          { domain: 'paths.test', ambiguous_paths: 'refuse' },
        ],
      },
      '',
    ],
    [
      'an entry before the list under `clean`',
      {
        ambiguous_paths: { clean: ['paths.test'] },
        domains: [{ domain: 'paths.test', ambiguous_paths: 'refuse' }],
      },
      REFUSED,
    ],
    ['the list under `clean` for the rest', { ambiguous_paths: { clean: ['*.test'] }, domains: [] }, ''],
  ])('%s', (_name, document, expected) => {
    expect(says(document, 'paths.test')).toBe(expected);
    // What was found for one host is not the next one's.
    policy.use({ ...pathRules(), ...document });
    expect(read({ host: 'query.test', uri: '/' })).toBe('');
    expect(read({ host: 'paths.test', uri: '//a' })).toBe(expected);
  });
});

describe('ambiguous queries', () => {
  it.each([
    ['?k=1&k=2', 'repeated key'],
    ['?k&k', 'repeated key'],
    ['?k=1&%6b=2', 'repeated key'],
    ['?%6B=1&x&k', 'repeated key'],
    ['?k=1;k=2', 'bad escape or semicolon'],
    ['?x;k=2', 'bad escape or semicolon'],
    ['?k=%zz', 'bad escape or semicolon'],
    ['?%k=1', 'bad escape or semicolon'],
    ['?a=%', 'bad escape or semicolon'],
    ['?k=%4', 'bad escape or semicolon'],
  ])('refuses %s where a query rule asks', (query, reason) => {
    policy.use(pathRules());
    expect(read({ host: 'query.test', uri: `/${query}` })).toBe(`ambiguous query: ${reason}`);
    expect(read({ host: 'a.both.test', uri: `/${query}` })).toBe(`ambiguous query: ${reason}`);
    // Traefik rewrites `;` behind the guest, so that it matters to every rule that sees the query.
    const whole = query.includes(';') ? `ambiguous query: ${reason}` : '';
    expect(read({ host: 'paths.test', uri: `/${query}` })).toBe(whole);
    expect(read({ host: 'free.test', uri: `/${query}` })).toBe('');
  });

  it('takes repeated keys that no rule asks for', () => {
    policy.use(pathRules());
    expect(read({ host: 'query.test', uri: '/?j=1&j=2&K=1&k=1&kk=1&&' })).toBe('');
    expect(read({ host: 'a.both.test', uri: '/?j=1&j=2' })).toBe('ambiguous query: repeated key');
  });
});
