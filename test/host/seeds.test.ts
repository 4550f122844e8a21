import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import { selfSigned } from '../support/certificate.ts';
import { freePort } from '../support/net.ts';
import { type Postern, runPostern, startPostern } from '../support/postern.ts';
import { basic } from '../support/service.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { type Answer, ask, type HeaderList } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

/**
 * The set-ups of four guides in front of which Postern comes: their
 * configuration as printed, asked as the proxies asked in their place. The
 * proxies themselves are in `test/e2e`.
 */
const printed = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../cases/seeds/${name}`, import.meta.url)), 'utf8');

const CHEAP = { memoryCost: 64, timeCost: 1, parallelism: 1 };

let service: Postern | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});
afterAll(removeTempDirectories);

/** As Traefik's forwardAuth asks. */
const traefik = (host: string, uri: string, more: HeaderList = []): HeaderList => [
  ['X-Forwarded-For', '203.0.113.9'],
  ['X-Forwarded-Host', host],
  ['X-Forwarded-Method', 'GET'],
  ['X-Forwarded-Port', '443'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Server', 'edge'],
  ['X-Forwarded-Uri', uri],
  ...more,
];
const browser = ['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'] as const;

describe('Authelia with Traefik and service accounts', () => {
  const files = selfSigned(['authelia']);
  const certificate = readFileSync(files.certificate, 'utf8');

  /** `https://authelia:9091/api/authz/forward-auth`, the certificate checked as Traefik checks it. */
  const ask = (port: number, headers: HeaderList) =>
    new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          servername: 'authelia',
          ca: certificate,
          path: '/api/authz/forward-auth',
          headers: ['Host', `authelia:${port}`, ...headers.flat()],
          agent: false,
        },
        answer => {
          answer.resume();
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
        },
      );
      sent.on('error', reject);
      sent.end();
    });

  it('lets service accounts in by password, and sends people nowhere without a second factor', async () => {
    const port = await freePort();
    // The first rule as it is meant: printed, its keys stand at the level of the list.
    const rules = printed('service-account-rules.yml').replace(
      /^ {4}(?=policy|subject)|^ {6}(?=- \['group)/gm,
      match => `${match}  `,
    );
    service = await startPostern({
      'postern.yml': `server:
  address: 'tcp://127.0.0.1:${port}'
  tls:
    certificate: tls.crt
    key: tls.key
authentication_backend:
  file:
    path: users.yaml
${rules}`,
      'users.yaml': printed('service-account-users.yml'),
      'tls.crt': certificate,
      'tls.key': readFileSync(files.key, 'utf8'),
    });
    const account = await ask(
      port,
      traefik('myapp.example.com', '/', [['Authorization', basic('my-service-account:password')]]),
    );
    expect(account).toMatchObject({
      status: 200,
      headers: {
        'remote-user': 'my-service-account',
        'remote-groups': 'myapp,service',
        'remote-email': 'my-service-account@example.com',
        'remote-name': 'My Service Account',
      },
    });
    const john = await ask(
      port,
      traefik('myapp.example.com', '/', [['Authorization', basic('john:password')]]),
    );
    expect(john.status).toBe(401);
    expect(john.headers['remote-user']).toBeUndefined();
    expect((await ask(port, traefik('myapp.example.com', '/'))).status).toBe(401);
    expect((await ask(port, traefik('other.example.com', '/'))).status).toBe(403);
  });
});

describe('a forward-auth service of one function', () => {
  it('answers at /auth, by the token that its clients have', async () => {
    const port = await freePort();
    const secret = { POSTERN_SECRET_FILE: 'postern.secret' };
    const files = {
      'postern.secret': createSecret(),
      'users.yml': `users: { nobody: { displayname: Nobody, password: '${await hash('x', CHEAP)}' } }\n`,
      'postern.yml': `server:
  address: 'tcp://127.0.0.1:${port}'
authentication_backend: { file: { path: users.yml } }
tokens: { file: tokens.yml }
access_control:
  default_policy: deny
  rules:
    - domain: myapp.example.com
      policy: one_factor
`,
    };
    service = await startPostern(files, { ...secret, POSTERN_SECRET: '' });
    const imported = await runPostern(
      service.home,
      ['token', 'import', 'user-abc', '--group', 'admin', '--group', 'user'],
      secret,
      'valid-token-123\n',
    );
    expect(imported).toMatchObject({ code: 0, output: expect.stringContaining('may be guessed') });

    const asking = (authorization?: string) =>
      ask(
        port,
        '/auth',
        traefik(
          'myapp.example.com',
          '/',
          authorization === undefined ? [] : [['Authorization', authorization]],
        ),
      );
    await expect
      .poll(async () => (await asking('Bearer valid-token-123')).status, { timeout: 30_000 })
      .toBe(200);
    expect((await asking('Bearer valid-token-123')).headers).toMatchObject({
      'remote-user': 'user-abc',
      'remote-groups': 'admin,user',
    });
    for (const bad of [undefined, 'Bearer valid-token-124', 'Bearer', 'valid-token-123', 'Basic dmFsaWQ=']) {
      expect([bad, (await asking(bad)).status]).toEqual([bad, 401]);
    }
  });
});

describe("authentik's outpost", () => {
  const APP = 'app.authentik.company';
  let outpost: Postern;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    outpost = await startPostern({
      'users.yml': `users: { akadmin: { displayname: Admin, email: root@authentik.company, password: '${await hash('pass', CHEAP)}', groups: [admins, users] } }\n`,
      'postern.yml': `server:
  address: 'tcp://127.0.0.1:${port}'
authentication_backend: { file: { path: users.yml } }
session:
  cookies:
    - domain: authentik.company
      authelia_url: https://authentik.company
access_control:
  default_policy: deny
  rules:
    - domain: 'open.authentik.company'
      policy: bypass
    - domain: 'paths.authentik.company'
      policy: bypass
      resources: '^/open$'
    - domain: 'lan.authentik.company'
      policy: bypass
      networks: '10.0.0.0/8'
    - domain: '*.authentik.company'
      policy: one_factor
`,
    });
  });
  afterAll(() => outpost.stop());
  const user = ['Authorization', basic('akadmin:pass')] as const;
  const IDENTITY = {
    'x-auth-username': 'akadmin',
    'x-auth-groups': 'admins|users',
    'x-forwarded-email': 'root@authentik.company',
    'x-forwarded-preferred-username': 'akadmin',
    'x-forwarded-user': 'akadmin',
    'x-authentik-username': 'akadmin',
  };

  it('answers Traefik at /akprox/auth/traefik, and the browser at /akprox/', async () => {
    const path = '/akprox/auth/traefik';
    const address = ['Host', 'authentik-outpost-example-outpost:9000'] as const;
    const signedIn = await ask(port, path, [address, ...traefik(APP, '/a?b=c', [user])]);
    expect(signedIn).toMatchObject({ status: 200, headers: IDENTITY });
    const visitor = await ask(port, path, [address, ...traefik(APP, '/a?b=c', [browser])]);
    expect(visitor).toMatchObject({
      status: 302,
      headers: {
        location: 'https://authentik.company/?rd=https%3A%2F%2Fapp.authentik.company%2Fa%3Fb%3Dc&rm=GET',
      },
    });
    // The second router of the guide: Traefik passes `/akprox/` on, for the application's host.
    const start_ = await ask(port, '/akprox/start?rd=/a', [
      ['Host', APP],
      ...traefik(APP, '/akprox/start?rd=/a'),
    ]);
    expect(start_).toMatchObject({
      status: 302,
      headers: { location: 'https://authentik.company/?rd=https%3A%2F%2Fapp.authentik.company%2Fa&rm=GET' },
    });
  });

  it('answers nginx as printed, which tells nothing but Host', async () => {
    // `auth_request /akprox/auth/nginx`, passed on with the client's own headers.
    const nginx = (host: string, headers: HeaderList = []) =>
      ask(port, '/akprox/auth/nginx', [['Host', host], ...headers]);
    expect(await nginx(APP, [user])).toMatchObject({ status: 200, headers: IDENTITY });
    const visitor = await nginx(APP, [browser]);
    expect([visitor.status, visitor.headers.location]).toEqual([401, undefined]);
    expect((await nginx('open.authentik.company')).status).toBe(200);
    // Rules that ask for a path, a network: nobody told them.
    expect((await nginx('paths.authentik.company', [user])).status).toBe(403);
    const [line] = await waitUntil('the word in the log', () => {
      const found = outpost.logged('`hint` is what its configuration must say');
      return found.length > 0 && found;
    });
    expect(line).toContain('proxy_set_header X-Original-URL $scheme://$host$request_uri;');
    // `error_page 401 = @akprox_signin`, which returns `/akprox/start?rd=$request_uri` as it is.
    const back = (rd: string) => ask(port, `/akprox/start?rd=${rd}`, [['Host', APP]]);
    for (const [rd, location] of [
      ['/', 'https%3A%2F%2Fapp.authentik.company%2F'],
      ['/a/b?c=d&e=%2F', 'https%3A%2F%2Fapp.authentik.company%2Fa%2Fb%3Fc%3Dd%26e%3D%252F'],
      // The domain level's, absolute.
      ['https://app.authentik.company/x?y=z', 'https%3A%2F%2Fapp.authentik.company%2Fx%3Fy%3Dz'],
    ]) {
      const { status, headers } = await back(rd ?? '');
      expect([status, headers.location]).toEqual([302, `https://authentik.company/?rd=${location}&rm=GET`]);
    }
    for (const rd of [
      '//evil.org/',
      'https://evil.org/',
      'http://app.authentik.company/',
      'javascript:x',
      '/\\evil.org',
      'https://app.authentik.company@evil.org/',
    ]) {
      const { status, headers } = await back(rd);
      expect([
        rd,
        status,
        String(headers.location ?? '').includes('evil.org') &&
          !String(headers.location).startsWith('https://authentik.company/'),
      ]).toEqual([rd, status, false]);
      expect([302, 400]).toContain(status);
    }
  });

  it("believes no claim of nginx's clients, which that configuration passes on", async () => {
    const open = 'open.authentik.company';
    const claims: HeaderList[] = [
      [['X-Forwarded-Host', open]],
      [['X-Original-URL', `https://${open}/`]],
      [
        ['X-Forwarded-Host', open],
        ['X-Original-URL', `https://${open}/`],
      ],
      [
        ['X-Forwarded-Host', open],
        ['X-Forwarded-Host', APP],
      ],
      [...traefik(open, '/')],
    ];
    for (const path of [
      '/akprox/auth/nginx',
      '/akprox/auth?nginx',
      '/outpost.goauthentik.io/auth/nginx',
      '/oauth2/auth',
      '/oauth2/userinfo',
    ]) {
      for (const host of [APP, 'nothing.elsewhere.org', `${APP}:443`, 'APP.authentik.company.']) {
        for (const claim of claims) {
          const { status } = await ask(port, path, [['Host', host], ...claim]);
          expect([path, host, claim, status >= 400]).toEqual([path, host, claim, true]);
        }
      }
      const network = await ask(port, path, [
        ['Host', 'lan.authentik.company'],
        ...(path.startsWith('/oauth2') ? [] : [['X-Forwarded-For', '10.0.0.1'] as const]),
      ]);
      expect([path, network.status >= 400]).toEqual([path, true]);
    }
    // oauth2-proxy's guide has nginx tell the client in X-Real-IP, and nothing about it elsewhere.
    const byGuide = async (...more: HeaderList) => {
      const lan = [
        ['Host', 'lan.authentik.company'],
        ['X-Forwarded-Uri', '/'],
        ['X-Forwarded-Method', 'GET'],
      ] as const;
      return (await ask(port, '/oauth2/auth', [...lan, ...more])).status;
    };
    for (const claimed of ['10.0.0.1', '203.0.113.9, 10.0.0.1', '10.0.0.1, 10.0.0.2', '::ffff:10.0.0.1']) {
      const claim = ['X-Forwarded-For', claimed] as const;
      expect([claimed, await byGuide(['X-Real-IP', '203.0.113.9'], claim)]).toEqual([claimed, 401]);
      expect([claimed, await byGuide(claim, ['X-Real-IP', '203.0.113.9'], claim)]).toEqual([claimed, 401]);
    }
    const own = ['X-Real-IP', '10.0.0.1'] as const;
    expect(await byGuide(own, ['X-Forwarded-For', '10.0.0.1'])).toBe(202);
    expect(await byGuide(own, own, ['X-Forwarded-For', '10.0.0.1'])).toBe(401);
    expect(await byGuide(['X-Real-IP', '127.0.0.1'], ['X-Forwarded-For', '10.0.0.1, 127.0.0.1'])).toBe(202);
    expect(await byGuide(own, ['X-Forwarded-For', '10.0.0.1, 127.0.0.1'])).toBe(202);
    const forgedPath = await ask(port, '/akprox/auth/nginx', [
      ['Host', 'paths.authentik.company'],
      ['X-Forwarded-Uri', '/open'],
    ]);
    expect(forgedPath.status).toBe(403);
  });

  it('answers ingress-nginx at /akprox/auth?nginx, through the application itself', async () => {
    const ingress = (uri: string, more: HeaderList = []): HeaderList => [
      ['Host', APP],
      ['X-Request-ID', '0'],
      ['X-Original-URL', `https://${APP}${uri}`],
      ['X-Original-Method', 'GET'],
      ['X-Sent-From', 'nginx-ingress-controller'],
      ['X-Real-IP', '203.0.113.9'],
      ['X-Forwarded-For', '203.0.113.9'],
      ['X-Forwarded-Host', APP],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Scheme', 'https'],
      ['X-Auth-Request-Redirect', uri],
      ...more,
    ];
    expect(await ask(port, '/akprox/auth?nginx', ingress('/a', [user]))).toMatchObject({
      status: 200,
      headers: IDENTITY,
    });
    expect((await ask(port, '/akprox/auth?nginx', ingress('/a', [browser]))).status).toBe(401);
    // `auth-signin: …/akprox/start?rd=$escaped_request_uri`
    const { status, headers } = await ask(
      port,
      '/akprox/start?rd=%2Fa%3Fb%3Dc',
      ingress('/akprox/start?rd=%2Fa%3Fb%3Dc'),
    );
    expect([status, headers.location]).toEqual([
      302,
      'https://authentik.company/?rd=https%3A%2F%2Fapp.authentik.company%2Fa%3Fb%3Dc&rm=GET',
    ]);
  });

  it('signs out at the portal, and tells its health', async () => {
    for (const base of ['/akprox', '/outpost.goauthentik.io']) {
      expect(await ask(port, `${base}/sign_out`, [['Host', APP]])).toMatchObject({
        status: 302,
        headers: { location: 'https://authentik.company/logout' },
      });
      expect((await ask(port, `${base}/ping`, [])).status).toBe(204);
    }
  });
});

describe('Authelia with Caddy and nginx', () => {
  /** The configuration as it was meant, which the page shows without indentation. */
  const CONFIGURATION = `---
jwt_secret: use_a_random_64_char_string_here
default_redirection_url: https://example.com
default_2fa_method: totp
server:
  host: 0.0.0.0
  port: 9091
  path_prefix: /authelia/
session:
  secret: another_random_64_char_string_here
  name: authelia_session
  domain: example.com
  lifetime: 1h
  inactivity: 15m
  remember_me: 1M
  redis:
    host: redis
    port: 6379
    password: your_redis_password
    database_index: 0
authentication_backend:
  file:
    path: /config/users_database.yml
access_control:
  default_policy: deny
  rules:
    - domain: "*.example.com"
      policy: two_factor
    - domain: "admin.example.com"
      policy: two_factor
      subject: "group:admins"
regulation:
  max_retries: 3
  find_time: 10m
  ban_time: 30m
notifier:
  filesystem:
    filename: /config/notification.txt
password_policy:
  standard:
    enabled: true
    min_length: 8
    require_uppercase: true
    require_lowercase: true
    require_numbers: true
    require_special: true
`;
  /** What postern says is wrong with it, in its words. */
  const MENDED = (port: number) =>
    CONFIGURATION.replace('path_prefix: /authelia/', 'path: /authelia')
      .replace('lifetime: 1h', 'expiration: 1h')
      .replace('require_numbers', 'require_number')
      .replace('port: 9091', `port: ${port}`)
      .replace('/config/users_database.yml', 'users_database.yml');

  // Its Redis is not there: what needs none works all the same.
  let authelia: Postern;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    authelia = await startPostern({
      'postern.yml': MENDED(port),
      'users_database.yml': `users: { admin: { displayname: Admin User, email: admin@example.com, password: '${await hash('Passw0rd!', CHEAP)}', groups: [admins] } }\n`,
    });
  });
  afterAll(() => authelia.stop());

  it('is the page, but for the indentation', () => {
    const flat = (text: string) => text.replace(/^ +/gm, '').trim();
    expect(flat(CONFIGURATION)).toBe(flat(printed('zero-trust-configuration.yml')));
  });

  it('is told in full what to write instead, where a key would mean nothing', async () => {
    const bad = startPostern({ 'postern.yml': CONFIGURATION, 'users_database.yml': 'users: {}\n' });
    const error = await bad.then(
      () => '',
      (why: Error) => why.message,
    );
    expect(error).toContain(
      "postern.yml:8: server.path_prefix: is no key of Authelia's: write the path behind `server.address`",
    );
    expect(error).toContain(
      "postern.yml:13: session.lifetime: is no key of Authelia's: write `session.expiration`",
    );
    expect(error).toContain('require_numbers: unknown key, did you mean `require_number`?');
  });

  it('answers Caddy below /authelia, and sends browsers to the address in its query', async () => {
    const path = '/authelia/api/verify?rd=https://auth.example.com';
    const caddy = (uri: string, more: HeaderList = []): HeaderList => [
      ['Host', 'nextcloud.example.com'],
      ['X-Forwarded-For', '203.0.113.9'],
      ['X-Forwarded-Host', 'nextcloud.example.com'],
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Uri', uri],
      ...more,
    ];
    const visitor = await ask(port, path, caddy('/apps?x=1', [browser]));
    expect(visitor).toMatchObject({
      status: 302,
      headers: {
        location: 'https://auth.example.com/?rd=https%3A%2F%2Fnextcloud.example.com%2Fapps%3Fx%3D1&rm=GET',
      },
    });
    // A password is one factor, wherever it stands, and every rule asks for two.
    for (const header of ['Authorization', 'Proxy-Authorization'] as const) {
      const { status } = await ask(port, path, caddy('/', [[header, basic('admin:Passw0rd!')]]));
      expect([header, status]).toEqual([header, 401]);
    }
    expect(
      (
        await ask(
          port,
          path,
          [...caddy('/')].map(([name, value]) => [
            name,
            value.replace('nextcloud.example.com', 'elsewhere.org'),
          ]),
        )
      ).status,
    ).toBe(401);
  });

  it('refuses nginx as printed, which tells no target, and says once which lines are missing', async () => {
    const nginx = (more: HeaderList = []) =>
      ask(port, '/authelia/api/verify', [['Host', 'authelia'], ['User-Agent', 'curl'], ...more]);
    for (let i = 0; i < 50; i++) expect((await nginx()).status).toBe(401);
    const told = () => authelia.logged('the proxy does not say properly what is asked for');
    await waitUntil('the word in the log', () => told().length > 0);
    const lines = told();
    expect(lines).toHaveLength(1);
    for (const line of [
      'proxy_pass_request_body off;',
      'proxy_set_header Content-Length "";',
      'proxy_set_header X-Original-Method $request_method;',
      'proxy_set_header X-Original-URL $scheme://$host$request_uri;',
      'proxy_set_header X-Forwarded-For $remote_addr;',
    ]) {
      expect(JSON.parse(lines[0] ?? '').hint).toContain(line);
    }

    // The block mended with these lines.
    const mended = (more: HeaderList = []) =>
      nginx([
        ['X-Original-Method', 'GET'],
        ['X-Original-URL', 'https://nextcloud.example.com/apps?x=1'],
        ['X-Forwarded-For', '203.0.113.9'],
        ...more,
      ]);
    const visitor: Answer = await mended([browser]);
    expect([visitor.status, visitor.headers.location]).toEqual([401, undefined]);
    expect(told()).toHaveLength(1);
    // The guide's server listens on port 80.
    const plain = await nginx([
      ['X-Original-Method', 'GET'],
      ['X-Original-URL', 'http://nextcloud.example.com/'],
    ]);
    expect(plain.status).toBe(401);
    await waitUntil(
      'the word about http',
      () => authelia.logged('plain http is not allowed for this host').length === 1,
    );
    // What a client adds contradicts nginx.
    expect((await mended([['X-Forwarded-Host', 'open.example.com']])).status).toBe(401);
  });

  it("keeps nothing else at the portal's address open behind nginx", async () => {
    const portal: HeaderList = [
      ['Host', 'auth.example.com'],
      ['X-Forwarded-Host', 'auth.example.com'],
    ];
    for (const path of ['/', '/authelia', '/authelia/', '/authelia/api/health', '/metrics']) {
      expect([path, (await ask(port, path, portal)).status]).toEqual([path, 403]);
    }
  });
});
