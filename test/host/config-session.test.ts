import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { formatProblem } from '../../host/config/problem.ts';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import { createSecret } from '../../host/secret/secret.ts';

const DAY = 86_400;
const STORAGE = 'storage: { local: { path: db.sqlite3 } }\n';
const secret = createSecret();

function parse(text: string, variables: Record<string, string> = {}) {
  const parsed = parseConfig({
    yaml: { file: 'postern.yml', text },
    env: { POSTERN_SECRET: secret, ...variables },
    isTerminal: false,
  });
  const lines = (severity: 'error' | 'warning') =>
    parsed.problems
      .filter(problem => problem.severity === severity)
      .map(problem => formatProblem(problem).replace('postern.yml:', ''));
  return { config: parsed.config, errors: lines('error'), warnings: lines('warning') };
}

describe('session', () => {
  it("has Authelia's defaults, and a name of its own", () => {
    const { config, errors, warnings } = parse(
      `${STORAGE}session: { cookies: [{ domain: example.com, authelia_url: https://auth.example.com }] }\n`,
    );
    expect([errors, warnings]).toEqual([[], []]);
    expect(config.cookies).toEqual([
      { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
    ]);
    expect(DEFAULT_SESSION).toEqual({
      cookieName: '__Secure-postern_session',
      sameSite: 'lax',
      expirationSeconds: 3_600,
      inactivitySeconds: 300,
      rememberMeSeconds: 30 * DAY,
    });
    expect(config.storage).toEqual({ kind: 'sqlite', path: expect.stringMatching(/db\.sqlite3$/) });
  });

  it('says something for all domains, and other things for one', () => {
    const { config, errors } = parse(`${STORAGE}session:
  name: authelia_session
  same_site: strict
  expiration: 1h 30m
  inactivity: 15m
  remember_me: 1y
  cookies:
    - domain: example.com
      authelia_url: https://auth.example.com
    - domain: example.org
      authelia_url: https://example.org/authelia
      name: __Secure-org
      same_site: lax
      expiration: 1M
      inactivity: 90
      remember_me: -1
`);
    expect(errors).toEqual([]);
    expect(config.cookies?.map(({ session }) => session)).toEqual([
      {
        cookieName: '__Secure-authelia_session',
        sameSite: 'strict',
        expirationSeconds: 5_400,
        inactivitySeconds: 900,
        rememberMeSeconds: 365 * DAY,
      },
      {
        cookieName: '__Secure-org',
        sameSite: 'lax',
        expirationSeconds: 30 * DAY,
        inactivitySeconds: 90,
        rememberMeSeconds: 0,
      },
    ]);
  });

  it('of the guide with Caddy and nginx counts as it was meant', () => {
    const { config, errors } = parse(`jwt_secret: use_a_random_64_char_string_here
default_redirection_url: https://example.com
default_2fa_method: totp
server: { address: 'tcp://0.0.0.0:9091/authelia' }
session:
  secret: another_random_64_char_string_here
  name: authelia_session
  expiration: 1h
  inactivity: 15m
  remember_me: 1M
  cookies: [{ domain: example.com, authelia_url: 'https://auth.example.com' }]
  redis: { host: redis, port: 6379, password: your_redis_password, database_index: 0 }
authentication_backend: { file: { path: /config/users_database.yml } }
regulation: { max_retries: 3, find_time: 10m, ban_time: 30m }
notifier: { filesystem: { filename: /config/notification.txt } }
storage: { local: { path: /config/db.sqlite3 } }
access_control: { default_policy: deny, rules: [{ domain: '*.example.com', policy: two_factor }] }
`);
    expect(errors).toEqual([]);
    expect(config.cookies?.[0]?.session).toEqual({
      cookieName: '__Secure-authelia_session',
      sameSite: 'lax',
      expirationSeconds: 3_600,
      inactivitySeconds: 900,
      rememberMeSeconds: 30 * DAY,
    });
    expect(config.policy.sign_in).toEqual([
      { domain: 'example.com', address: expect.any(String), cookie: '__Secure-authelia_session' },
    ]);
    // On top in that guide: whoever comes to the portal by themselves lands there.
    expect(config.cookies?.[0]?.defaultRedirectionUrl).toBe('https://example.com/');
  });

  const landing = (own: string, old = '', authelia = 'https://auth.example.com') =>
    parse(`${STORAGE}${old === '' ? '' : `default_redirection_url: '${old}'\n`}session:
  cookies:
    - { domain: example.com, authelia_url: '${authelia}'${own === '' ? '' : `, default_redirection_url: '${own}'`} }
    - { domain: example.org, authelia_url: 'https://auth.example.org' }
`);

  it('lands people by the old key where a domain says nothing itself', () => {
    const landings = (own: string, old: string) =>
      landing(own, old).config.cookies?.map(({ defaultRedirectionUrl }) => defaultRedirectionUrl);
    expect(landings('', 'https://home.example.com')).toEqual(['https://home.example.com/', undefined]);
    expect(landings('', 'https://home.example.org')).toEqual([undefined, 'https://home.example.org/']);
    expect(landings('https://www.example.com', 'https://home.example.com')).toEqual([
      'https://www.example.com/',
      undefined,
    ]);
    for (const old of [
      'https://example.net',
      'http://example.com',
      '/',
      'example.com',
      'https://evilexample.com',
    ])
      expect(landing('', old).errors).toEqual([
        `2: default_redirection_url: must be an https address below \`example.com\` or \`example.org\`, as \`session.cookies\` says, got "${old}"`,
      ]);
  });

  it.each(['duckdns.org', 'co.uk', 'Com.AU', 'github.io'])('warns of %s, which nobody has alone', domain => {
    const name = domain.toLowerCase();
    const entry = `{ domain: ${domain}, authelia_url: 'https://auth.${name}' }`;
    expect(parse(`${STORAGE}session: { cookies: [${entry}] }\n`).warnings).toEqual([
      `2: session.cookies[0].domain: strangers have names below \`${name}\`, so browsers keep no cookie for all of it, and nobody can sign in: write the name that is yours, such as \`home.${name}\``,
    ]);
  });

  it.each(['home.duckdns.org', 'example.co.uk', 'co.example.com', 'com.example', 'org.example', 'net.me'])(
    'warns of no name of somebody, such as %s',
    domain => {
      const entry = `{ domain: ${domain}, authelia_url: 'https://auth.${domain}' }`;
      expect(parse(`${STORAGE}session: { cookies: [${entry}] }\n`).warnings).toEqual([]);
    },
  );

  it('warns of portals that people would land at from themselves', () => {
    const warnings = (...args: Parameters<typeof landing>) =>
      landing(...args).warnings.filter(line => line.includes('the portal itself'));
    const text = 'is the portal itself, where whoever signs in is already: name another page, or remove it';
    for (const own of ['https://auth.example.com', 'https://AUTH.example.com:443/logout?a=b'])
      expect(warnings(own)).toEqual([`4: session.cookies[0].default_redirection_url: ${text}`]);
    expect(warnings('', 'https://auth.example.com')).toEqual([`2: default_redirection_url: ${text}`]);
    expect(warnings('https://www.example.com/in/', '', 'https://www.example.com/in')).toHaveLength(1);
    for (const own of [
      'https://www.example.com',
      'https://www.example.com/inn',
      'https://www.example.com:444/in',
    ])
      expect(warnings(own, '', 'https://www.example.com/in/')).toEqual([]);
    expect(warnings('https://auth.example.com:8443')).toEqual([]);
  });

  it.each([
    ['https://alice:hunter2@auth.example.com', 'without a user name and a password'],
    ['https://hunter2@auth.example.com', 'without a user name and a password'],
    ['https://auth.example.com/#a', 'without `#`, got "https://auth.example.com/#a"'],
    ['ldap://auth.example.com', 'got "ldap://auth.example.com"'],
  ])('says what is wrong with %s, and no password', (address, end) => {
    const { errors } = landing('', '', address);
    expect(errors).toEqual([
      `4: session.cookies[0].authelia_url: must be an address like \`https://auth.example.com\`, below \`example.com\`, ${end}`,
    ]);
  });

  it('is read from the environment, too', () => {
    const { config, errors } = parse(`${STORAGE}session: { cookies: [{ domain: example.com }] }\n`, {
      POSTERN_SESSION_NAME: 'x',
      POSTERN_SESSION_EXPIRATION: '2h',
      POSTERN_SESSION_REMEMBER_ME: '-1',
    });
    expect(errors).toEqual([]);
    expect(config.cookies?.[0]?.session).toMatchObject({
      cookieName: '__Secure-x',
      expirationSeconds: 7_200,
      rememberMeSeconds: 0,
    });
  });

  it("takes Authelia's old keys, with a warning each", () => {
    const { config, errors, warnings } = parse(
      `${STORAGE}session: { domain: example.com, remember_me_duration: 1w }\ndefault_redirection_url: https://example.com\n`,
    );
    expect(errors).toEqual([]);
    expect(config.cookies).toEqual([
      {
        domain: 'example.com',
        defaultRedirectionUrl: 'https://example.com/',
        session: { ...DEFAULT_SESSION, rememberMeSeconds: 7 * DAY },
      },
    ]);
    expect(warnings).toEqual([
      "2: session.domain: is Authelia's old form of `session.cookies` with `domain` and `authelia_url`; it names no portal, so nobody can sign in here: write that",
      "2: session.remember_me_duration: is Authelia's old form of `session.remember_me`: write that",
      "3: default_redirection_url: is Authelia's old form of `session.cookies[].default_redirection_url`: write that",
    ]);
  });

  it('knows a domain whose portal is below another one', () => {
    const { config, errors } = parse(
      `${STORAGE}session: { cookies: [{ domain: app.example.org, authelia_url: https://auth.example.com }, { domain: example.com, authelia_url: https://auth.example.com }] }\n`,
    );
    expect(errors).toEqual([]);
    expect(config.cookies?.map(({ domain, isHandoff = false }) => [domain, isHandoff])).toEqual([
      ['app.example.org', true],
      ['example.com', false],
    ]);
  });

  it('wants no cookie there that does not come with people from the portal', () => {
    const cookies = (site: string) =>
      `cookies: [{ domain: app.example.org, authelia_url: https://auth.example.com${site} }, { domain: example.com, authelia_url: https://auth.example.com }]`;
    const { errors } = parse(`${STORAGE}session: { same_site: strict, ${cookies('')} }\n`);
    expect(errors).toEqual([
      expect.stringContaining(
        'session.cookies[0].same_site: must be `lax` here: people come from the portal',
      ),
    ]);
    const mended = parse(`${STORAGE}session: { same_site: strict, ${cookies(', same_site: lax')} }\n`);
    expect(mended.errors).toEqual([]);
  });

  it('says what is missing for people to sign in here', () => {
    const { config, warnings } = parse(
      'session: { cookies: [{ domain: example.com, authelia_url: https://auth.example.com }] }\n',
    );
    expect(config.storage).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringContaining('session.cookies: nobody signs in here without a database'),
    ]);
    expect(warnings[0]).toContain('storage: { local: { path:');
  });

  const nested = (more: string) =>
    `session: { cookies: [{ domain: example.com }, { domain: b.example.com${more} }] }\n`;

  it('refuses two domains whose cookies a browser would send together', () => {
    expect(parse(STORAGE + nested('')).errors).toEqual([
      '2: session.cookies[1].domain: `b.example.com` lies below `example.com`, and browsers would send the cookies of both: give one of them a `name` of its own, or remove the inner one',
    ]);
    expect(parse(STORAGE + nested(', name: b')).errors).toEqual([]);
    // Without a database there are no cookies.
    expect(parse(nested('')).errors).toEqual([]);
  });

  it('refuses a portal at which the cookie of another domain counts', () => {
    const pair = (outer: string, inner: string) =>
      `session: { cookies: [{ domain: example.com, authelia_url: '${outer}' }, { domain: b.example.com, name: b, authelia_url: '${inner}' }] }\n`;
    const bad = pair('https://auth.b.example.com', 'https://auth.b.example.com');
    expect(parse(STORAGE + bad).errors).toEqual([
      '2: session.cookies[0].authelia_url: lies below `b.example.com`, which has a cookie of its own, so that nobody could sign in for `example.com`: write an address like `https://auth.example.com`, for `b.example.com` as well if one portal is to serve both',
    ]);
    expect(parse(STORAGE + pair('https://b.example.com', 'https://auth.b.example.com')).errors).toHaveLength(
      1,
    );
    for (const [outer, inner] of [
      ['https://auth.example.com', 'https://auth.example.com'],
      ['https://auth.example.com', 'https://auth.b.example.com'],
      ['https://auth.bb.example.com', 'https://auth.b.example.com'],
    ] as const)
      expect([outer, parse(STORAGE + pair(outer, inner)).errors]).toEqual([outer, []]);
    expect(parse(bad).errors).toEqual([]);
  });

  it.each([
    ['name: a b', 'name: must be a name of at most 55 letters'],
    ["name: ''", 'name: must be a name of at most 55 letters'],
    ["name: 'a;Path=/'", 'name: must be a name of at most 55 letters'],
    ['name: __Secure-', 'name: must be a name of at most 55 letters'],
    ['name: __Host-x', 'name: must not begin with `__Host-`'],
    ['same_site: Lax', 'same_site: must be `lax`, `strict` or `none`, got "Lax"'],
    ['expiration: 0', "expiration: must be from 1s to 3650d, got 0: 0 would be Authelia's default"],
    ['expiration: soon', 'expiration: must be a duration like'],
    ['inactivity: 11y', 'inactivity: must be from 1s to 3650d'],
    [
      'remember_me: -2',
      'remember_me: must be a duration like `1h`, `15m` or `1h 30m`, got -2; -1 does not offer it',
    ],
    ['expiration: 1constructor', 'expiration: must be a duration like'],
    ['remember_me: forever', 'remember_me: must be a duration like'],
  ])('refuses %s, for all domains or one', (line, expected) => {
    const all = parse(`${STORAGE}session: { ${line}, cookies: [{ domain: example.com }] }\n`);
    expect(all.errors).toEqual([expect.stringContaining(`session.${expected}`)]);
    const one = parse(`${STORAGE}session: { cookies: [{ domain: example.com, ${line} }] }\n`);
    expect(one.errors).toEqual([expect.stringContaining(`session.cookies[0].${expected}`)]);
  });

  it('warns of cookies that every site may use', () => {
    for (const text of [
      'same_site: none, cookies: [{ domain: a.test }]',
      'cookies: [{ domain: a.test, same_site: none }]',
    ])
      expect(parse(`${STORAGE}session: { ${text} }\n`).warnings).toEqual([
        expect.stringContaining('lets every other site send requests'),
      ]);
  });

  it('tells what is wrong with the database, which it now needs', () => {
    expect(parse('storage: { local: { path: [] } }\n').errors).toEqual([
      expect.stringContaining('storage.local.path: missing'),
    ]);
    expect(parse('storage: { local: { pfad: x } }\n').errors.join()).toContain(
      'storage.local.pfad: unknown key',
    );
  });
});
