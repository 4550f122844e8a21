import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { formatProblem } from '../../host/config/problem.ts';
import { DEFAULT_SESSION } from '../../host/config/session.ts';

function parse(text: string) {
  const parsed = parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text },
    env: {},
    isTerminal: false,
  });
  const errors = parsed.problems
    .filter(problem => problem.severity === 'error' && !problem.path.startsWith('POSTERN_SECRET'))
    .map(problem => formatProblem(problem).replace('/etc/postern/postern.yml:', ''));
  return { config: parsed.config, errors };
}

describe('server.address', () => {
  it.each([
    ['tcp://:9091/authelia', { host: '', port: 9091, prefix: '/authelia' }],
    ['tcp://127.0.0.1:9091/authelia/', { host: '127.0.0.1', port: 9091, prefix: '/authelia' }],
    ['tcp://[::1]:1/a/b.c', { host: '::1', port: 1, prefix: '/a/b.c' }],
    ['0.0.0.0', { host: '0.0.0.0', port: 9091, prefix: '' }],
    ['tcp://:80/', { host: '', port: 80, prefix: '' }],
    ['unix:///run/postern.sock', { socket: { path: '/run/postern.sock' }, prefix: '' }],
    [
      'unix:///run/p.sock?umask=0007&path=authelia',
      { socket: { path: '/run/p.sock', umask: 0o007 }, prefix: '/authelia' },
    ],
    ['unix:///run/p.sock?umask=022', { socket: { path: '/run/p.sock', umask: 0o022 } }],
  ])('%s', (address, expected) => {
    const { config, errors } = parse(`server: { address: '${address}' }\n`);
    expect(errors).toEqual([]);
    expect(config.server).toMatchObject(expected);
  });

  it.each([
    'tcp://:9091/a//b',
    'tcp://:9091/../b',
    'tcp://:9091/a b',
    'tcp://:9091/a?b=c',
    'unix://run/x',
    'unix:///run/',
    'unix:///run/x?umask=9',
    'unix:///run/x?mode=0600',
    `unix:///${'x'.repeat(120)}`,
    'fd://3',
    'http://localhost',
  ])('refuses %s', address => {
    const { errors } = parse(`server: { address: '${address}' }\n`);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^1: server\.address: .*(must be|must look|at most)/);
  });

  it("takes Authelia's old path for what it is", () => {
    expect(parse('server: { host: 127.0.0.1, port: 8080, path: authelia }\n').config.server).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      prefix: '/authelia',
    });
  });
});

describe('server.tls', () => {
  it('names files beside the configuration', () => {
    expect(parse('server: { tls: { certificate: c.pem, key: /k.pem } }\n').config.server.tls).toEqual({
      certificate: '/etc/postern/c.pem',
      key: '/k.pem',
    });
  });

  it('wants both, or none', () => {
    expect(parse("server: { tls: { certificate: '', key: '' } }\n")).toMatchObject({ errors: [] });
    expect(parse('server: { tls: { certificate: c.pem } }\n').errors).toEqual([
      '1: server.tls.key: missing: `server.tls.certificate` is nothing without it',
    ]);
  });

  it('does not pretend to look at certificates of clients', () => {
    expect(parse('server: { tls: { client_certificates: [a.pem] } }\n').errors).toEqual([
      '1: server.tls.client_certificates: must be removed: certificates of clients are not looked at; `trusted_proxies` says whose requests count',
    ]);
  });
});

describe('session.cookies', () => {
  it('says where people of a domain sign in', () => {
    const { config, errors } = parse(
      "session:\n  name: x\n  cookies:\n    - domain: Example.com\n      authelia_url: 'https://auth.example.com'\n      default_redirection_url: 'https://www.example.com/'\n    - { domain: b.example.com, authelia_url: 'https://b.example.com/login' }\n",
    );
    expect(errors).toEqual([]);
    expect(config.cookies).toEqual([
      {
        domain: 'example.com',
        signInUrl: 'https://auth.example.com/',
        defaultRedirectionUrl: 'https://www.example.com/',
        session: { ...DEFAULT_SESSION, cookieName: '__Secure-x' },
      },
      {
        domain: 'b.example.com',
        signInUrl: 'https://b.example.com/login',
        defaultRedirectionUrl: undefined,
        session: { ...DEFAULT_SESSION, cookieName: '__Secure-x' },
      },
    ]);
  });

  it('takes what Authelia had before it', () => {
    const { config, errors } = parse(
      "session: { domain: example.com }\ndefault_redirection_url: 'https://example.com'\n",
    );
    expect(errors).toEqual([]);
    expect(config.cookies).toEqual([
      { domain: 'example.com', defaultRedirectionUrl: 'https://example.com/', session: DEFAULT_SESSION },
    ]);
    expect(parse('').config.cookies).toEqual([]);
  });

  it.each([
    ["{ domain: '.example.com' }", 'domain: must be a domain'],
    ["{ domain: '*.example.com' }", 'domain: must be a domain'],
    ['{ domain: com }', 'domain: must be a domain'],
    ['{ authelia_url: x }', 'domain: must be a domain'],
    ['{ domain: example.com, authelia_url: https://auth.example.org }', 'authelia_url: must be an address'],
    ['{ domain: example.com, authelia_url: https://authexample.com }', 'authelia_url: must be an address'],
    ['{ domain: example.com, authelia_url: http://auth.example.com }', 'authelia_url: must be an address'],
    [
      "{ domain: example.com, authelia_url: 'https://u@auth.example.com' }",
      'authelia_url: must be an address',
    ],
    ['{ domain: example.com, default_redirection_url: /x }', 'default_redirection_url: must be an address'],
    ['{ domain: example.com, autelia_url: x }', 'autelia_url: unknown key'],
    ['x', 'must be a mapping'],
  ])('refuses %s', (entry, expected) => {
    const { errors } = parse(`session:\n  cookies:\n    - ${entry}\n`);
    expect(errors.join('\n')).toContain(expected);
    expect(errors[0]).toMatch(/^3: session\.cookies\[0\]/);
  });

  it('refuses a domain twice', () => {
    expect(parse('session: { cookies: [{ domain: a.com }, { domain: A.com }] }\n').errors).toEqual([
      '1: session.cookies[1].domain: `a.com` stands twice: keep one',
    ]);
    expect(parse('session: { domain: a.com, cookies: [{ domain: a.com }] }\n').errors).toEqual([
      '1: session.domain: must be removed: `session.cookies` says it already',
    ]);
  });
});

describe('server.endpoints', () => {
  const endpoints = (authz: string) => parse(`server: { endpoints: { authz: ${authz} } }\n`);

  it('names endpoints with path, implementation and strategies', () => {
    const { config, errors } = endpoints(
      "{ forward-auth: {}, legacy: { implementation: Legacy }, my/envoy: { implementation: ExtAuthz }, mine: { implementation: AuthRequest, path: /auth, authn_strategies: [{ name: HeaderAuthRequestProxyAuthorization, schemes: ['Basic', bearer] }, { name: CookieSession }] } }",
    );
    expect(errors).toEqual([]);
    expect(config.server.endpoints).toEqual([
      { name: 'forward-auth', path: '/api/authz/forward-auth', implementation: 'ForwardAuth' },
      { name: 'legacy', path: '/api/verify', implementation: 'Legacy' },
      { name: 'my/envoy', path: '/api/authz/my/envoy', implementation: 'ExtAuthz' },
      {
        name: 'mine',
        path: '/auth',
        implementation: 'AuthRequest',
        strategies: [
          { name: 'HeaderAuthRequestProxyAuthorization', schemes: ['basic', 'bearer'] },
          { name: 'CookieSession' },
        ],
      },
    ]);
  });

  it('says which of them suit the client', () => {
    const { config, errors } = endpoints(
      '{ forward-auth: { denial: adaptive }, mine: { implementation: ForwardAuth, denial: authelia }, auth-request: { denial: authelia } }',
    );
    expect(errors).toEqual([]);
    expect(config.server.endpoints?.map(({ denial }) => denial)).toEqual([
      'adaptive',
      'authelia',
      'authelia',
    ]);
  });

  it('serves the default ones where none is named', () => {
    for (const text of ['{}', '{ authz: {} }', '{ enable_pprof: true }']) {
      expect(parse(`server: { endpoints: ${text} }\n`)).toMatchObject({
        errors: [],
        config: { server: { endpoints: undefined } },
      });
    }
  });

  it.each([
    ['{ mine: {} }', 'authz.mine.implementation: must be one of'],
    ['{ forward-auth: { denial: json } }', 'denial: must be one of `authelia`, `adaptive`, got "json"'],
    ['{ auth-request: { denial: adaptive } }', '`ForwardAuth`, `ExtAuthz` can be `adaptive`'],
    ['{ mine: { implementation: forwardauth } }', 'got "forwardauth"'],
    ['{ mine: { implementation: Legacy } }', 'only `legacy` can be'],
    ['{ legacy: { implementation: ForwardAuth } }', 'must be `Legacy`'],
    ['{ mine: x }', 'must be a mapping'],
    ["{ '../x': { implementation: ForwardAuth } }", 'name of an endpoint'],
    ['{ forward-auth: { strategies: [] } }', 'unknown key'],
    ['{ forward-auth: { path: /metrics } }', 'is served already'],
    ['{ forward-auth: { path: /oauth2/auth } }', 'is served already'],
    ['{ forward-auth: { path: auth } }', 'must be a path'],
    ['{ forward-auth: { path: //a } }', 'must be a path'],
    ['{ forward-auth: { path: /a }, auth-request: { path: /a } }', 'is served by `forward-auth`'],
    ['{ ext-authz: { path: /a }, auth-request: { path: /a/b } }', 'is served by `ext-authz`'],
    [
      '{ forward-auth: { authn_strategies: [{ name: HeaderLegacy }] } }',
      '`HeaderLegacy` is for `legacy` only',
    ],
    ['{ forward-auth: { authn_strategies: [{ name: Cookie }] } }', 'must be one of `CookieSession`'],
    [
      '{ forward-auth: { authn_strategies: [{ name: CookieSession }, { name: CookieSession }] } }',
      'stands twice',
    ],
    [
      '{ forward-auth: { authn_strategies: [{ name: HeaderAuthorization, schemes: [digest] }] } }',
      'must be a list of `basic`, `bearer`',
    ],
    [
      '{ forward-auth: { authn_strategies: [{ name: HeaderAuthorization, scheme: basic }] } }',
      'authn_strategies[0].scheme: unknown key, did you mean `schemes`?',
    ],
    ['{ forward-auth: { implementation: AuthRequest } }', 'must be `ForwardAuth`'],
    [
      '{ mine: { implementation: ExtAuthz, path: /api/authz/forward-auth } }',
      'is where the plugin sends what it cannot decide',
    ],
  ])('refuses %s', (authz, expected) => {
    const { errors } = endpoints(authz);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(expected);
  });

  it('refuses keys that nobody knows', () => {
    expect(parse('server: { endpoints: { auths: {} } }\n').errors).toEqual([
      '1: server.endpoints.auths: unknown key, did you mean `authz`?',
    ]);
  });
});
