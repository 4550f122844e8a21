import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IDENTITY_PRESETS } from '../../host/config/identity-presets.ts';
import { loadConfig } from '../../host/config/load.ts';
import { ConfigError, formatProblem } from '../../host/config/problem.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { IdentityHeaders } from '../../host/routes/identity-headers.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { runCli } from '../support/run-cli.ts';
import { type Service, startService } from '../support/service.ts';
import { ask } from '../support/test-app.ts';

const newEngine = () => loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
const engine = newEngine();
const ACCESS = 'access_control: { default_policy: one_factor }\n';

describe('`domains` and `identity_headers` in postern.yml', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'postern-identity-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  /** Problems, without the beginning that all share. */
  function problems(text: string, env: Record<string, string> = {}): string[] {
    const file = join(dir, 'postern.yml');
    writeFileSync(file, `authentication_backend: { file: { path: users.yml } }\n${ACCESS}${text}`);
    const options = { env: { POSTERN_SECRET: createSecret(), ...env }, isTerminal: false, engine };
    try {
      return loadConfig(file, options).warnings.map(formatProblem);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message.replaceAll(`${dir}/`, '').split('\n');
    }
  }

  it.each([
    'identity_headers: authentik\n',
    'identity_headers: elastauth\n',
    "identity_headers: { X-User-ID: '{username}', X-User-Roles: '{groups}', separator: ' ' }\n",
    'denial: adaptive\n',
    'domains: []\n',
    'domains:\n  - domain: a.test\n    identity_headers: oauth2-proxy\n    denial: authelia\n    ambiguous_paths: clean\n',
    "domains:\n  - domain: ['a.test', '*.b.test']\n    identity_headers: { X-Name: '{name} <{email}>' }\n",
    "domains:\n  - domain: a.test\n    identity_headers: { X-Forwarded-User: '{username}', X-Forwarded-Email: '{email}' }\n",
  ])('takes %j', text => {
    expect(problems(text)).toEqual([]);
  });

  it('takes a preset from the environment', () => {
    expect(problems('', { POSTERN_IDENTITY_HEADERS: 'oauth2-proxy' })).toEqual([]);
    expect(problems('', { POSTERN_IDENTITY_HEADERS: 'authelias' })).toEqual([
      expect.stringMatching(/^POSTERN_IDENTITY_HEADERS: must be `authelia`, .*, got "authelias"$/),
    ]);
  });

  it.each([
    [
      'identity_headers: Authelia\n',
      /^postern.yml:3: identity_headers: must be `authelia`, `authentik`, `oauth2-proxy` or `elastauth`, or names of headers with templates such as `X-User-ID: '\{username\}'`, got "Authelia"$/,
    ],
    ['identity_headers: {}\n', /identity_headers: must be .*, got \{\}$/],
    [
      'identity_headers: { X-User-ID: 7 }\n',
      /identity_headers: under `X-User-ID`: must be a text such as '\{username\}', got 7$/,
    ],
    [
      "identity_headers: { X-User-ID: '{user}' }\n",
      /identity_headers.X-User-ID: .* is no template: write `\{username\}`, `\{groups\}`, `\{name\}` or `\{email\}`/,
    ],
    ["identity_headers: { X-User-ID: '{username' }\n", /is no template/],
    ["identity_headers: { X-User-ID: 'a}' }\n", /is no template/],
    ["identity_headers: { X-User-ID: ' {username}' }\n", /is no template/],
    ['identity_headers: { X-User-ID: "a\\n{username}" }\n', /is no template/],
    [`identity_headers: { X-User-ID: '${'x'.repeat(129)}' }\n`, /at most 128 characters/],
    [
      "identity_headers: { x-a: '{name}', X-A: '{name}' }\n",
      /identity_headers.X-A: `X-A` is given twice: keep one$/,
    ],
    [
      "identity_headers: { separator: ',' }\n",
      /identity_headers: must be a preset the host knows, or names with templates/,
    ],
    [
      "identity_headers: { X-A: '{groups}', separator: 'a' }\n",
      /identity_headers.separator: `a` is no separator/,
    ],
    ["identity_headers: { X-A: '{groups}', separator: ',,,,,' }\n", /is no separator/],
    [
      `identity_headers: { ${Array.from({ length: 25 }, (_, i) => `X-${i}: '{name}'`).join(', ')} }\n`,
      /too many names of identity headers: the limit is 24$/,
    ],
    [
      'domains: { a.test: {} }\n',
      /^postern.yml:3: domains: must be a list of entries such as `- domain: 'app.example.com'`$/,
    ],
    [
      'domains:\n  - identity_headers: authelia\n',
      /^postern.yml:4: domains\[0\]: the entry has no domain: add `domain`$/,
    ],
    [
      'domains:\n  - domain: a.test\n    identity_headers: athentik\n',
      /^postern.yml:5: domains\[0\].identity_headers: must be .*, got "athentik"$/,
    ],
    ["domains:\n  - domain: '{user}.test'\n", /domains\[0\].domain: `\{user\}.test` names no domain/],
    ['domains:\n  - domain: a.test\n    denial: loud\n', /domains\[0\].denial: `loud` is no denial: write /],
    [
      'domains:\n  - domain: a.test\n    ambiguous_paths: keep\n',
      /domains\[0\].ambiguous_paths: `keep` must be `refuse`/,
    ],
    [
      'domains:\n  - domain: a.test\n    identity: authelia\n',
      /domains\[0\].identity: `identity` is no key here: the keys are domain, identity_headers, denial, ambiguous_paths, /,
    ],
    ['denial: loud\n', /^postern.yml:3: denial: must be `.*, got "loud"$/],
  ])('refuses %j', (text, message) => {
    expect(problems(text)).toEqual([expect.stringMatching(message)]);
  });

  const TAKEN = [
    ...[
      'Host',
      'connection',
      'Authorization',
      'Proxy-Authorization',
      'Cookie',
      'Set-Cookie',
      'Content-Length',
    ],
    ...[
      'Content-Type',
      'Transfer-Encoding',
      'TE',
      'Trailer',
      'Upgrade',
      'Keep-Alive',
      'Forwarded',
      'Via',
      'Proxy',
    ],
    ...[
      'Postern-Verdict',
      'postern-request',
      'Postern-',
      'Sec-Fetch-Mode',
      'X-Forwarded-For',
      'X-Forwarded-Host',
    ],
    ...[
      'X-Forwarded-Proto',
      'X-Forwarded-Uri',
      'X-Forwarded-Method',
      'X-Forwarded-Port',
      'X-Real-IP',
      'Accept',
    ],
    ...[
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-HTTP-Method-Override',
      'X-Method-Override',
      'If-None-Match',
      'Origin',
    ],
    ...[
      'HTTP2-Settings',
      'Expect',
      'Range',
      'Accept-Encoding',
      'Access-Control-Allow-Origin',
      'X-Requested-With',
    ],
  ];
  const NONE = ['', 'X User', 'X_User', 'X.User', 'X:User', '-X', 'Ü', 'X'.repeat(65), 'X\nY'];
  it.each([...TAKEN, ...NONE])('refuses the name %j', name => {
    for (const document of [
      { identity_headers: { [name]: '{username}' } },
      { domains: [{ domain: 'a.test', identity_headers: { [name]: '{username}' } }] },
    ]) {
      const compiled = engine.compile({ access_control: { default_policy: 'one_factor' }, ...document });
      expect(compiled.ok ? [] : compiled.problems).toEqual([
        expect.objectContaining({
          code: 'policy.identity_headers.name',
          message: expect.stringContaining('cannot be an identity header: write a name of its own such as'),
        }),
      ]);
    }
  });

  it('takes every preset, and what begins as a reserved name does', () => {
    const names = ['Hosted', 'X-Cookie', 'Connections', 'X-Forwarded-Users', 'Postern', 'TEA', 'User'];
    for (const templates of [
      ...Object.values(IDENTITY_PRESETS),
      Object.fromEntries(names.filter(name => name !== 'X-Forwarded-Users').map(name => [name, '{name}'])),
    ]) {
      expect(engine.compileIdentity(templates).length).toBeGreaterThan(6);
    }
    expect(() => engine.compileIdentity({ 'X-Forwarded-Users': '{name}' })).toThrow('no identity headers');
  });

  it('puts every name into what Traefik takes from the host', async () => {
    const file = join(dir, 'postern.yml');
    writeFileSync(
      file,
      `authentication_backend: { file: { path: users.yml } }\n${ACCESS}identity_headers: { X-User-ID: '{username}', separator: ';' }
domains:
  - { domain: a.test, identity_headers: oauth2-proxy }
  - { domain: b.test, identity_headers: { x-user-id: '{username}', X-Late: '{name}' } }
`,
    );
    const args = ['traefik', 'a.test', '--service', 'a', '--config', file, '--dynamic', '--json'];
    const { code, out, err } = await runCli(args, { env: { POSTERN_SECRET: createSecret() } });
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out).http.middlewares['postern-host'].forwardAuth.authResponseHeaders).toEqual([
      ...[
        'Postern-Verdict',
        'Postern-Request',
        'Remote-User',
        'Remote-Groups',
        'Remote-Name',
        'Remote-Email',
      ],
      'X-User-ID',
      ...Object.keys(IDENTITY_PRESETS['oauth2-proxy']),
      'X-Late',
      // What the service may have of the client's.
      'Cookie',
    ]);
  });
});

describe('what endpoints tell', () => {
  let service: Service;
  beforeAll(async () => {
    const digest = await hash('pw-alice', { memoryCost: 64, timeCost: 1, parallelism: 1 });
    service = await startService(
      JSON.stringify({
        users: {
          alice: { password: digest, email: 'a@example.com', displayname: 'Ä', groups: ['dev', 'ops|1'] },
        },
      }),
      {},
      {
        access_control: {
          rules: [
            { domain: '*.example.com', resources: '^/open', policy: 'bypass' },
            { domain: '*.example.com', policy: 'one_factor' },
          ],
        },
        domains: [
          {
            domain: 'roles.example.com',
            identity_headers: { 'X-User-ID': '{username}', 'X-User-Roles': '{groups}' },
          },
          { domain: 'ak.example.com', identity_headers: 'authentik' },
        ],
      },
    );
  });
  afterAll(() => service.stop());

  /** Identity headers of the answer, by lower-case name. */
  async function told(path: string, host: string, uri: string, as?: string) {
    const answer = await ask(Number(new URL(service.url).port), path, [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Uri', uri],
      ...(as === undefined
        ? []
        : [['Authorization', `Basic ${Buffer.from(as).toString('base64')}`] as const]),
    ]);
    const headers = Object.entries(answer.headers).filter(([name]) => /^(remote|x)-/.test(name));
    return { status: answer.status, ...Object.fromEntries(headers) };
  }

  const FORWARD_AUTH = '/api/authz/forward-auth';
  const AUTHENTIK = '/outpost.goauthentik.io/auth/traefik';
  const EMPTY = {
    'x-authentik-entitlements': '',
    'x-authentik-jwt': '',
    'x-authentik-meta-jwks': '',
    'x-authentik-meta-outpost': '',
    'x-authentik-meta-provider': '',
    'x-authentik-meta-app': '',
    'x-authentik-meta-version': '',
    'remote-user': '',
    'remote-groups': '',
    'remote-name': '',
    'remote-email': '',
    'x-user-id': '',
    'x-user-roles': '',
    'x-authentik-username': '',
    'x-authentik-groups': '',
    'x-authentik-email': '',
    'x-authentik-name': '',
    'x-authentik-uid': '',
    'x-auth-username': '',
    'x-auth-groups': '',
    'x-forwarded-email': '',
    'x-forwarded-preferred-username': '',
    'x-forwarded-user': '',
  };

  const REMOTE = {
    'remote-user': 'alice',
    'remote-groups': 'dev,ops|1',
    'remote-name': 'Ã\u0084',
    'remote-email': 'a@example.com',
  };
  const ROLES = { 'x-user-id': 'alice', 'x-user-roles': 'dev,ops|1' };
  const AK = {
    'x-authentik-username': 'alice',
    // The bar separates groups here.
    'x-authentik-groups': 'dev',
    'x-authentik-email': 'a@example.com',
    'x-authentik-name': 'Ã\u0084',
    'x-authentik-uid': 'alice',
    'x-auth-username': 'alice',
    'x-auth-groups': 'dev',
    'x-forwarded-email': 'a@example.com',
    'x-forwarded-preferred-username': 'alice',
    'x-forwarded-user': 'alice',
  };

  it.each([
    ['a host without an entry', FORWARD_AUTH, 'app.example.com', REMOTE],
    ['a host with names of its own', FORWARD_AUTH, 'roles.example.com', ROLES],
    ['the same host, otherwise written', FORWARD_AUTH, 'ROLES.example.com.:443', ROLES],
    ['a host with a preset', FORWARD_AUTH, 'ak.example.com', AK],
    ["an endpoint's own preset", AUTHENTIK, 'app.example.com', AK],
    ["an entry before the endpoint's preset", AUTHENTIK, 'roles.example.com', ROLES],
  ])('%s', async (_name, path, host, expected) => {
    expect(await told(path, host, '/', 'alice:pw-alice')).toEqual({ status: 200, ...EMPTY, ...expected });
    expect(await told(path, host, '/open')).toEqual({ status: 200, ...EMPTY });
  });

  it('says once whose group is left out', () => {
    expect(service.child.stderr.split('left out of the headers').length - 1).toBe(1);
    expect(service.child.stderr).toMatch(/"user":"alice","kind":"group","msg":"left out of the headers/);
  });
});

describe('IdentityHeaders', () => {
  const alice = { username: 'alice', displayName: '', email: '', groups: ['dev'] };
  const compiled = (settings: object) => {
    const made = newEngine().compile({ access_control: { default_policy: 'one_factor' }, ...settings });
    if (!made.ok) throw new Error(JSON.stringify(made.problems));
    return made.image;
  };

  it('remembers headers until another policy is in force', () => {
    const own = newEngine();
    let asked = 0;
    const counted = {
      identity: (...args: Parameters<typeof own.identity>) => {
        asked++;
        return own.identity(...args);
      },
      compileIdentity: own.compileIdentity,
    };
    let inForce = { identityNames: [] as string[] };
    own.load(compiled({}));
    const identity = new IdentityHeaders(counted, () => inForce, fakeLogger());
    const user = () => identity.of('a.test', alice)?.find(([, value]) => value === 'alice')?.[0];
    expect([user(), user(), asked]).toEqual(['Remote-User', 'Remote-User', 1]);
    own.load(compiled({ identity_headers: { 'X-U': '{username}' } }));
    inForce = { identityNames: ['Remote-User', 'X-U'] };
    expect([user(), asked]).toEqual(['X-U', 2]);
    expect(identity.of('a.test', undefined)).toEqual([
      ['X-U', ''],
      ['Remote-User', ''],
    ]);
  });

  it('forgets hosts that clients make up', () => {
    const own = newEngine();
    own.load(compiled({}));
    const identity = new IdentityHeaders(own, () => ({ identityNames: [] }), fakeLogger());
    for (let i = 0; i < 500; i++)
      expect(identity.of(`h${i}.test`, alice)?.[0]).toEqual(['Remote-User', 'alice']);
  });

  it.each(['', ' a', 'a ', 'a\nb', 'a\u0085b'])('tells nothing of the user %j', username => {
    const own = newEngine();
    own.load(compiled({}));
    const log = fakeLogger();
    const identity = new IdentityHeaders(own, () => ({ identityNames: [] }), log);
    expect(identity.of('a.test', { ...alice, username })).toBeUndefined();
    expect(log.lines.map(line => line.fields.kind)).toEqual(['user name']);
  });
});
