import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../host/config/duration.ts';
import { IDENTITY_PROOF_DEFAULTS } from '../../host/config/identity-proof.ts';
import { loadConfig, loadSetup } from '../../host/config/load.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { ConfigError, formatProblem, type Problem } from '../../host/config/problem.ts';
import { NO_REGULATION } from '../../host/config/regulation.ts';
import { suggest } from '../../host/config/suggest.ts';
import { TOTP_DEFAULTS } from '../../host/config/totp.ts';
import { formatGuestKey, formatSecret } from '../../host/secret/secret.ts';
import { checkUsersFile } from '../../host/users/check-users-file.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const otherKey = key.map(byte => byte ^ 1);
const SECRET = formatSecret(key);
const env = { POSTERN_SECRET: SECRET };
const MINIMAL = "authentication_backend:\n  file:\n    path: 'users.yml'\n";

function parse(text: string, variables: Record<string, string> = env, files: Record<string, string> = {}) {
  const parsed = parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text },
    env: variables,
    isTerminal: false,
    readFile: file => {
      const content = files[file];
      if (content === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' });
      return Buffer.from(content);
    },
  });
  const lines = (severity: Problem['severity']) =>
    parsed.problems
      .filter(problem => problem.severity === severity)
      .map(formatProblem)
      .map(line => line.replaceAll('/etc/postern/', ''));
  return { config: parsed.config, errors: lines('error'), warnings: lines('warning') };
}

describe('configuration', () => {
  it('has defaults for everything but users and secret', () => {
    const { config, errors, warnings } = parse(MINIMAL);
    expect([errors, warnings]).toEqual([[], []]);
    expect(config).toEqual({
      file: '/etc/postern/postern.yml',
      server: { host: '127.0.0.1', port: 9091, prefix: '', tls: undefined, endpoints: undefined },
      cookies: [],
      log: { level: 'info', format: 'json' },
      usersFile: '/etc/postern/users.yml',
      usersSearch: { caseInsensitive: false, email: false },
      usersWatch: true,
      guest: { directory: '/run/postern', offlineGraceSeconds: 900 },
      grants: { lifetimeSeconds: 3600, slots: 16_384, slotSize: 1024 },
      cache: { expirationSeconds: 3600, extend: false, prefix: 'postern', redis: undefined },
      totp: TOTP_DEFAULTS,
      identityProof: IDENTITY_PROOF_DEFAULTS,
      regulation: NO_REGULATION,
      policy: {},
      secret: key,
      previousSecret: undefined,
    });
  });

  it('takes every key of its own', () => {
    const { config, errors, warnings } = parse(`
server: { address: 'tcp://:8080/' }
log: { level: trace, format: text }
authentication_backend: { file: { path: /data/users.yml, search: { email: true, case_insensitive: true } } }
guest: { directory: run, offline_grace: 1m 30s }
grants: { lifetime: 2h, slots: 64, slot_size: 512 }
trusted_proxies: ['10.0.0.0/8']
allow_http: localhost
ambiguous_paths: clean
realm: Example
access_control: { default_policy: deny, rules: [{ domain: a.example.com, policy: bypass }] }
definitions: { network: { lan: [10.0.0.0/8] } }
`);
    expect([errors, warnings]).toEqual([[], []]);
    expect(config).toMatchObject({
      server: { host: '', port: 8080 },
      log: { level: 'debug', format: 'text' },
      usersFile: '/data/users.yml',
      usersSearch: { caseInsensitive: true, email: true },
      guest: { directory: '/etc/postern/run', offlineGraceSeconds: 90 },
      grants: { lifetimeSeconds: 7200, slots: 64, slotSize: 512 },
      policy: {
        trusted_proxies: ['10.0.0.0/8'],
        allow_http: ['localhost'],
        ambiguous_paths: 'clean',
        realm: 'Example',
        fold_names: true,
        access_control: { default_policy: 'deny', rules: [{ domain: 'a.example.com', policy: 'bypass' }] },
        definitions: { network: { lan: ['10.0.0.0/8'] } },
      },
    });
  });

  it('lets the environment win, and ignores what Kubernetes sets for a service of that name', () => {
    const { config, errors } = parse(`server: { address: 'tcp://:1' }\n${MINIMAL}`, {
      ...env,
      POSTERN_SERVER_ADDRESS: 'tcp://[::1]:2',
      POSTERN_GRANTS_SLOTS: '64',
      POSTERN_TRUSTED_PROXIES: '10.0.0.1, 10.0.0.2',
      POSTERN_AUTHENTICATION_BACKEND_FILE_WATCH: 'false',
      POSTERN_REALM: '',
      POSTERN_GUEST_KEY: formatGuestKey(key),
      POSTERN_CONFIG: 'postern.yml',
      POSTERN_SERVICE_HOST: '10.96.0.1',
      POSTERN_PORT: 'tcp://10.96.0.1:9091',
      POSTERN_PORT_9091_TCP_ADDR: '10.96.0.1',
      POSTERN_HOST_SERVICE_PORT_HTTP: '9091',
    });
    expect(errors).toEqual([]);
    expect(config).toMatchObject({
      server: { host: '::1', port: 2 },
      grants: { slots: 64 },
      usersWatch: false,
      policy: { trusted_proxies: ['10.0.0.1', '10.0.0.2'] },
    });
    expect(config.policy.realm).toBeUndefined();
  });

  it.each([
    ['servers: {}\n', ['postern.yml:1: servers: unknown key, did you mean `server`?']],
    ['frobnicate: 1\n', ['postern.yml:1: frobnicate: unknown key']],
    ['log:\n  levle: info\n', ['postern.yml:2: log.levle: unknown key, did you mean `level`?']],
    [
      'acess_control:\n  rules: []\n',
      ['postern.yml:1: acess_control: unknown key, did you mean `access_control`?'],
    ],
    ['server: 9091\n', ['postern.yml:1: server: must be a mapping, got 9091']],
    ['- a\n', ['postern.yml: must be a mapping: write `key: value` lines']],
    [
      "server:\n  address: 'unix://run/x'\n",
      ['postern.yml:2: server.address: must be `unix:///PATH?umask=0007`, got "unix://run/x"'],
    ],
    [
      "server:\n  address: 'tcp://:9091/a?b'\n",
      ['postern.yml:2: server.address: the path must look like `/authelia`, got "/a?b"'],
    ],
    [
      'server:\n  address: tcp://:99999\nlog:\n  level: loud\n  format: xml\n',
      [
        'postern.yml:2: server.address: must be `tcp://HOST:PORT` or `unix:///PATH`, for example `tcp://127.0.0.1:9091`, got "tcp://:99999"',
        'postern.yml:4: log.level: must be `error`, `warn`, `info`, `debug` or `trace`, got "loud"',
        'postern.yml:5: log.format: must be `text` or `json`, got "xml"',
      ],
    ],
    [
      'grants:\n  lifetime: 2d\n  slots: 100\n  slot_size: 64\nguest:\n  offline_grace: soon\n',
      [
        'postern.yml:2: grants.lifetime: must be from 1s to 1d, got "2d"',
        'postern.yml:3: grants.slots: must be a multiple of 8 from 8 to 1048576, got 100',
        'postern.yml:4: grants.slot_size: must be a multiple of 8 from 512 to 4096, got 64',
        'postern.yml:6: guest.offline_grace: must be a duration like `1h`, `15m` or `1h 30m`, got "soon"',
      ],
    ],
    [
      'trusted_proxies: [1]\nambiguous_paths: allow\naccess_control: deny\n',
      [
        'postern.yml:1: trusted_proxies: must be a list of texts, got [1]',
        'postern.yml:2: ambiguous_paths: must be `refuse`, `clean` or a list of domains under the key `clean`, got "allow"',
        'postern.yml:3: access_control: must be a mapping with `default_policy` and `rules`',
      ],
    ],
    [
      'session:\n  lifetime: 1h\nserver:\n  path_prefix: /authelia/\n  tls:\n    key: a.pem\nduo_api:\n  hostname: x\n',
      [
        "postern.yml:2: session.lifetime: is no key of Authelia's: write `session.expiration`",
        "postern.yml:4: server.path_prefix: is no key of Authelia's: write the path behind `server.address`, for example `server.address: 'tcp://0.0.0.0:9091/authelia'`",
        'postern.yml:5: server.tls.certificate: missing: `server.tls.key` is nothing without it',
        'postern.yml:7: duo_api: must be removed: Postern does not speak to Duo',
      ],
    ],
    [
      'identity_providers:\n  oidc:\n    hmac_secret: hunter2hunter2\nelasticsearch:\n  hosts: [a]\n  api_key: x\n',
      [
        'postern.yml:1: identity_providers: must be removed: Postern is no OpenID Connect provider',
        'postern.yml:5: elasticsearch.hosts: must be an address like `https://elasticsearch:9200`',
      ],
    ],
    [
      "access_control:\n  rules:\n    - domain: a\n      path: '/admin'\n      policy: deny\n    - domain: b\n      path: [x]\n",
      [
        "postern.yml:4: access_control.rules[0].path: is no key of a rule: write `resources: ['^/admin([/?].*)?$']`",
        "postern.yml:7: access_control.rules[1].path: is no key of a rule: write `resources: ['^/admin([/?].*)?$']`",
      ],
    ],
    [
      'server:\n  address: tcp://:1\n  port: 2\n  path: /x\n',
      [
        'postern.yml:3: server.port: must be removed: `server.address` says it already',
        'postern.yml:4: server.path: must be removed: `server.address` says it already',
      ],
    ],
    [
      'authentication_backend:\n  ldap:\n    address: x\n  file:\n    search:\n      email: maybe\n    watch: yes\n',
      [
        'postern.yml:2: authentication_backend.ldap: must be removed: this version reads users from `authentication_backend.file` only',
        'postern.yml:6: authentication_backend.file.search.email: must be `true` or `false`, got "maybe"',
        'postern.yml:7: authentication_backend.file.watch: must be `true` or `false`, got "yes"',
      ],
    ],
  ])('refuses with the right form: %j', (text, expected) => {
    expect(parse(text).errors).toEqual(expected);
  });

  it.each([
    [
      'a tab',
      'log:\n\tlevel: info\n',
      'postern.yml:2: not valid YAML: a tab stands where the line is indented; use spaces',
    ],
    [
      "the seed's rule, indented as it is printed",
      "access_control:\n  default_policy: deny\n  rules:\n    - domain:\n        - myapp.example.com\n    policy: one_factor\n    subject:\n      - ['group:myapp', 'group:service']\n",
      'postern.yml:6: not valid YAML: `policy` belongs to the mapping that begins in line 4; indent lines 6 to 8 by 2 blanks more',
    ],
    [
      'a value with a colon',
      'realm: a: b\n',
      'postern.yml:1: not valid YAML: this line does not fit what stands before it; write `key: value` with a space behind the colon, indent as the neighbours are, and quote values that hold `: `',
    ],
    [
      'a missing quote',
      "realm: 'x\nlog: {}\n",
      'postern.yml:1: not valid YAML: a quote, bracket or colon is missing here or before',
    ],
    [
      'a reserved character',
      'realm: @x\n',
      'postern.yml:1: not valid YAML: a value that begins with this character must be quoted',
    ],
    [
      'an expression in double quotes',
      'realm: "^\\d"\n',
      "postern.yml:1: not valid YAML: in double quotes a backslash begins an escape; use single quotes: '^/api$'",
    ],
    [
      'two documents',
      'log: {}\n---\nlog: {}\n',
      'postern.yml:2: several YAML documents in one file (`---`): keep one',
    ],
    ['a duplicate key', 'log: {}\nlog: {}\n', 'postern.yml:2: `log` stands twice in one mapping: keep one'],
  ])('says where the YAML breaks: %s', (_name, text, expected) => {
    expect(parse(text).errors).toEqual([expected]);
  });

  it("accepts Authelia's keys without using them, with a warning each", () => {
    const hidden = ['an-oracle-jwt-secret', 'an-oracle-session-secret', 'an-oracle-encryption-key'];
    const { config, errors, warnings } = parse(`---
theme: 'light'
jwt_secret: '${hidden[0]}'
server:
  host: 0.0.0.0
  port: 8080
  tls: { key: '', certificate: '' }
  endpoints:
    authz:
      forward-auth:
        implementation: 'ForwardAuth'
        authn_strategies:
          - name: 'HeaderAuthorization'
            schemes: ['Basic']
            scheme_basic_cache_lifespan: '5 minutes'
          - name: 'CookieSession'
log: { level: 'info', file_path: 'authelia.log' }
totp: { issuer: 'example.com' }
authentication_backend:
  refresh_interval: 5m
  file:
    path: 'users.yml'
    watch: false
    password: { algorithm: argon2 }
session:
  secret: '${hidden[1]}'
  cookies: [{ domain: example.com }]
regulation: { max_retries: 3 }
storage: { encryption_key: '${hidden[2]}', local: { path: db.sqlite3 } }
duo_api: { disable: true }
identity_providers:
`);
    expect(errors).toEqual([]);
    expect(config).toMatchObject({
      server: { host: '0.0.0.0', port: 8080 },
      grants: { lifetimeSeconds: 300 },
      secret: key,
      usersWatch: false,
    });
    const noSetting = 'not used: the portal has no such setting; the key may stay';
    const noSecret =
      'not used: the secret of another program never stands in for POSTERN_SECRET; remove it from here';
    expect(warnings).toEqual([
      `postern.yml:2: theme: ${noSetting}`,
      `postern.yml:3: jwt_secret: ${noSecret}`,
      "postern.yml:5: server.host: is Authelia's old form: write `server.address: 'tcp://0.0.0.0:8080'`",
      "postern.yml:6: server.port: is Authelia's old form: write `server.address: 'tcp://0.0.0.0:8080'`",
      'postern.yml:17: log.file_path: not used: the log goes to standard error; the key may stay',
      'postern.yml:20: authentication_backend.refresh_interval: not used: changes of the users file count within two seconds; the key may stay',
      'postern.yml:23: authentication_backend.file.watch: changed passwords, groups and disabled users count only after a restart: remove the key to follow the file',
      'postern.yml:24: authentication_backend.file.password: not used: it says how Authelia makes new digests, `postern hash` has options for it; the key may stay',
      `postern.yml:26: session.secret: ${noSecret}`,
      `postern.yml:29: storage.encryption_key: ${noSecret}`,
    ]);
    for (const secret of hidden) expect(warnings.join('\n')).not.toContain(secret);
  });

  it('refuses a cache lifespan that no grant may have', () => {
    const lifespan = (value: string) =>
      parse(
        `server: { endpoints: { authz: { ext-authz: { authn_strategies: [{ name: HeaderAuthorization, scheme_basic_cache_lifespan: ${value} }] } } } }\n`,
      );
    expect(lifespan('2d').errors).toEqual([
      'postern.yml:1: server.endpoints.authz.ext-authz.authn_strategies[0].scheme_basic_cache_lifespan: must be from 1s to 1d, got "2d"',
    ]);
    expect(lifespan('0').config.grants.lifetimeSeconds).toBe(3600);
    expect(lifespan('0').errors).toEqual([]);
  });

  it('names a value from the environment by its variable', () => {
    expect(
      parse('', { ...env, POSTERN_LOG_LEVEL: 'loud', POSTERN_SERVER_ADRESS: 'x', POSTERN_FOO: 'y' }).errors,
    ).toEqual([
      'POSTERN_SERVER_ADRESS: unknown environment variable, did you mean `POSTERN_SERVER_ADDRESS`?',
      'POSTERN_FOO: unknown environment variable: unset it',
      'POSTERN_LOG_LEVEL: must be `error`, `warn`, `info`, `debug` or `trace`, got "loud"',
    ]);
  });
});

describe('secrets of the configuration', () => {
  const missing =
    'POSTERN_SECRET: no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)';
  const foreign =
    'not a secret of Postern: it must begin with `postern_secret_`, as `postern secret` prints it; secrets of Authelia, passwords and passphrases are not accepted';
  const other = formatSecret(otherKey);

  it('come from a variable, a file named by a variable, or the YAML file', () => {
    const files = { '/run/secrets/postern': `${SECRET}\n`, '/etc/postern/secret': SECRET };
    expect(parse('', { POSTERN_SECRET_FILE: '/run/secrets/postern' }, files).config.secret).toEqual(key);
    expect(parse('secret_file: secret\n', {}, files).config.secret).toEqual(key);
    expect(parse(`secret: ${SECRET}\n`, {}).config.secret).toEqual(key);
    const both = parse(`secret: ${other}\n`, { POSTERN_SECRET: SECRET, POSTERN_SECRET_PREVIOUS: other });
    expect([both.config.secret, both.config.previousSecret]).toEqual([key, otherKey]);
  });

  it.each<[string, string, Record<string, string>, string]>([
    ['none', '', {}, missing],
    ['an empty one', '', { POSTERN_SECRET: '' }, missing],
    ['a passphrase', '', { POSTERN_SECRET: 'hunter2-hunter2' }, `POSTERN_SECRET: ${foreign}`],
    ['a passphrase in the file', 'secret: hunter2-hunter2\n', {}, `postern.yml:1: secret: ${foreign}`],
    ['a number', 'secret: 12345678\n', {}, `postern.yml:1: secret: ${foreign}`],
    [
      'the guest key',
      '',
      { POSTERN_SECRET: formatGuestKey(key) },
      "POSTERN_SECRET: this is the guest key, which is Traefik's: the host needs the root secret, which begins with `postern_secret_`",
    ],
    [
      'a damaged one',
      '',
      { POSTERN_SECRET: SECRET.replace('_A', '_B') },
      'POSTERN_SECRET: damaged while copying: its checksum does not fit; copy it again',
    ],
    [
      'two places',
      '',
      { POSTERN_SECRET: SECRET, POSTERN_SECRET_FILE: '/x' },
      'POSTERN_SECRET: both `POSTERN_SECRET` and `POSTERN_SECRET_FILE` are set: keep one',
    ],
    [
      'a file that is not there',
      '',
      { POSTERN_SECRET_FILE: '/x' },
      'POSTERN_SECRET_FILE: /x: no such file: create it or correct its path',
    ],
    [
      'the secret itself in place of its file',
      '',
      { POSTERN_SECRET_FILE: SECRET },
      'POSTERN_SECRET_FILE: no such file: write the path of one, or the secret itself into `POSTERN_SECRET` (what stands here is not shown, for it may be the secret)',
    ],
    [
      'the secret itself in place of its file in the YAML file',
      `secret_file: ${SECRET}\n`,
      {},
      'postern.yml:1: secret_file: no such file: write the path of one, or the secret itself into `secret` (what stands here is not shown, for it may be the secret)',
    ],
    [
      'a password in place of its file',
      'cache: { type: redis, redis: { host: localhost } }\n',
      { POSTERN_SECRET: SECRET, POSTERN_CACHE_REDIS_PASSWORD_FILE: 'hunter2' },
      'POSTERN_CACHE_REDIS_PASSWORD_FILE: no such file: write the path of one, or the secret itself into `POSTERN_CACHE_REDIS_PASSWORD` (what stands here is not shown, for it may be the secret)',
    ],
    [
      'a file with other text',
      '',
      { POSTERN_SECRET_FILE: '/pass' },
      `POSTERN_SECRET_FILE: /pass: ${foreign}`,
    ],
    [
      'a bad previous one',
      '',
      { POSTERN_SECRET: SECRET, POSTERN_SECRET_PREVIOUS: 'old' },
      `POSTERN_SECRET_PREVIOUS: ${foreign}`,
    ],
  ])('refuses %s', (_name, text, variables, expected) => {
    const { errors, config } = parse(text, variables, { '/pass': 'hunter2-hunter2' });
    expect(errors).toEqual([expected]);
    expect(expected).not.toContain('hunter2');
    expect(config.secret === undefined || config.previousSecret === undefined).toBe(true);
  });

  it('warns of a previous secret that is the current one', () => {
    const { warnings, config } = parse('', { ...env, POSTERN_SECRET_PREVIOUS: SECRET });
    expect(warnings).toEqual([
      'POSTERN_SECRET_PREVIOUS: is the same as POSTERN_SECRET: unset it, or make a new POSTERN_SECRET with `postern secret`',
    ]);
    expect(config.previousSecret).toBeUndefined();
  });
});

describe('loading', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'postern-config-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  function load(text: string, options: Partial<Parameters<typeof loadConfig>[1]> = {}): string[] {
    const file = join(dir, 'postern.yml');
    writeFileSync(file, text);
    try {
      const { warnings } = loadConfig(file, {
        env,
        isTerminal: false,
        checkUsers: checkUsersFile,
        ...options,
      });
      return ['loaded', ...warnings.map(formatProblem)].map(line => line.replaceAll(`${dir}/`, ''));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message.replaceAll(`${dir}/`, '').split('\n');
    }
  }

  it('reports the configuration, the policy and the users file together, in their order', () => {
    writeFileSync(join(dir, 'users.yml'), 'users:\n  alice:\n    password: hunter2\n');
    const engine = {
      compile: () => ({
        ok: false as const,
        problems: [
          {
            code: 'acl.subject.prefix',
            severity: 'error' as const,
            path: 'access_control.rules[0].subject[0]',
            message: 'must begin with `user:` or `group:`',
          },
          {
            code: 'acl.key',
            severity: 'error' as const,
            path: 'access_control.rules[0].path',
            message: 'unknown key',
          },
        ],
      }),
    };
    expect(
      load(
        `${MINIMAL}access_control:\n  rules:\n    - domain: a\n      subject:\n        - usr:x\n      path: /x\nlog:\n  level: loud\n`,
        { engine },
      ),
    ).toEqual([
      'postern.yml:8: access_control.rules[0].subject[0]: must begin with `user:` or `group:`',
      "postern.yml:9: access_control.rules[0].path: is no key of a rule: write `resources: ['^/x([/?].*)?$']`",
      'postern.yml:11: log.level: must be `error`, `warn`, `info`, `debug` or `trace`, got "loud"',
      'users.yml:3: users.alice.password: not a password digest: write the digest of the password, never the password itself; make one with `postern hash`',
    ]);
  });

  it('names a users file that is missing, in the configuration or on the disk', () => {
    expect(load('log: {}\n')).toEqual([
      "postern.yml: authentication_backend.file.path: missing: write the path of the users file, for example `path: 'users.yml'`",
    ]);
    expect(load(MINIMAL.replace('users', 'nobody'))).toEqual([
      'nobody.yml: no such file: create it or correct its path',
    ]);
  });

  it('goes on after a syntax error with what can be read', () => {
    expect(load('log: [\n')).toEqual([
      expect.stringContaining('authentication_backend.file.path: missing'),
      expect.stringContaining(':1: not valid YAML'),
    ]);
  });

  it('names a configuration that cannot be read', () => {
    const message = (file: string) => {
      try {
        loadConfig(file, { env, isTerminal: false });
        return 'loaded';
      } catch (error) {
        return error instanceof ConfigError ? error.message : error;
      }
    };
    expect(message('/nowhere/postern.yml')).toBe(
      '/nowhere/postern.yml: no such file: create it or correct its path',
    );
    expect(message(dir)).toBe(
      `${dir}: is a directory where a file is needed: correct the path (Docker makes a directory of a bind mount whose source does not exist)`,
    );
  });

  it('gives other commands what they need without users and file', () => {
    const { config } = loadSetup(undefined, {
      env: { ...env, POSTERN_GUEST_DIRECTORY: '/dev/shm/p' },
      isTerminal: true,
    });
    expect(config).toMatchObject({
      secret: key,
      guest: { directory: '/dev/shm/p' },
      log: { format: 'text' },
      file: undefined,
    });
  });
});

describe('duration', () => {
  it.each([
    ['1h', 3600],
    ['15m', 900],
    ['1h 30m', 5400],
    ['1h30m', 5400],
    ['1 hour and 30 minutes', 5400],
    ['1M', 2_592_000],
    ['1y', 31_536_000],
    ['2w', 1_209_600],
    ['90', 90],
    [90, 90],
    ['0', 0],
    ['1 day', 86_400],
    ['1 Month and 2 weeks', 3_801_600],
    ['500ms', 0.5],
  ])('%j is %d s', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  it.each([
    '',
    'h',
    '1x',
    '-1h',
    '1.5h',
    '1h,',
    'and 1h',
    '1h and',
    '1H',
    '1hs',
    1.5,
    -1,
    null,
    true,
    ['1h'],
  ])('%j is none', text => expect(parseDuration(text)).toBeUndefined());

  it.each(['1constructor', '1 toString', '1valueOf', '1hasOwnProperty', '1__proto__', '1h 1constructors'])(
    '%j, which every object knows, is none',
    text => expect(parseDuration(text)).toBeUndefined(),
  );

  it('is written back', () => {
    expect(formatDuration(90)).toBe('1m 30s');
    expect(formatDuration(86_400)).toBe('1d');
    expect(formatDuration(0)).toBe('0s');
  });
});

describe('suggestions', () => {
  it.each([
    ['polcy', 'policy'],
    ['access-control', 'access_control'],
    ['displayName', 'displayname'],
    ['foo', undefined],
  ])('%s: %s', (name, expected) => {
    expect(suggest(name, ['policy', 'access_control', 'displayname', 'networks'])).toBe(expected);
  });
});
