import { QueueFullError } from '../../host/authn/password.ts';
import type { PasswordAttempt, PasswordResult } from '../../host/authn/password-login.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { CookieConfig } from '../../host/config/schema.ts';
import { DEFAULT_SESSION } from '../../host/config/session.ts';
import { cookieValue } from '../../host/http/cookies.ts';
import { createRouter } from '../../host/http/router.ts';
import { type HttpServer, startHttpServer } from '../../host/http/server.ts';
import { FormTokens } from '../../host/portal/csrf.ts';
import { Need } from '../../host/portal/need.ts';
import { ReturnAddresses } from '../../host/portal/return-address.ts';
import { createPortalRoutes } from '../../host/portal/routes.ts';
import { Sites } from '../../host/portal/sites.ts';
import type { PortalRoute } from '../../host/portal/visit.ts';
import { DeviceCookies } from '../../host/regulation/device-cookie.ts';
import { createIsApplication, createIsPortal } from '../../host/routes/own-address.ts';
import { SignIn } from '../../host/routes/sign-in.ts';
import { FakeSessions } from './fake-sessions.ts';
import { FakeDirectory, FakeEngine, fakeLogger, fakeRandom } from './host-fakes.ts';
import { type Answer, ask, type HeaderList, SECRET } from './test-app.ts';

export const COOKIES: readonly CookieConfig[] = [
  { domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION },
  {
    domain: 'other.test',
    signInUrl: 'https://login.other.test:8443/authelia',
    defaultRedirectionUrl: 'https://start.other.test/',
    session: { ...DEFAULT_SESSION, rememberMeSeconds: 0 },
  },
];

/** As `PasswordLogin`, over the digests of `FakeDirectory`; whoever is `banned` gets in with no password. */
export class FakeLogin {
  readonly tried: PasswordAttempt[] = [];
  readonly banned = new Set<string>();
  isFull = false;
  readonly #directory: FakeDirectory;

  constructor(directory: FakeDirectory) {
    this.#directory = directory;
  }

  async check(attempt: PasswordAttempt): Promise<PasswordResult> {
    if (this.isFull) throw new QueueFullError();
    this.tried.push(attempt);
    const user = this.#directory.find(attempt.username);
    if (user === undefined) return { ok: false, reason: 'unknown user' };
    if (this.banned.has(attempt.username)) return { ok: false, reason: 'banned' };
    if (user.digest !== `fake$${attempt.password}`) return { ok: false, reason: 'wrong password' };
    return user.disabled ? { ok: false, reason: 'the user is disabled' } : { ok: true, user };
  }
}

export interface TestPortal {
  readonly port: number;
  readonly users: FakeDirectory;
  readonly sessions: FakeSessions;
  readonly login: FakeLogin;
  readonly returns: ReturnAddresses;
  readonly log: ReturnType<typeof fakeLogger>;
  /** What was waited for, in milliseconds: nobody really waits. */
  readonly delays: number[];
  /** Moves the clock of tokens and return addresses. */
  later(ms: number): void;
  stop(): Promise<void>;
}

export async function startPortal(
  options: { readonly cookies?: readonly CookieConfig[]; readonly more?: readonly PortalRoute[] } = {},
): Promise<TestPortal> {
  const cookies = options.cookies ?? COOKIES;
  const users = new FakeDirectory();
  const sessions = new FakeSessions(users);
  const login = new FakeLogin(users);
  const log = fakeLogger();
  const random = fakeRandom();
  const engine = new FakeEngine();
  const delays: number[] = [];
  let ahead = 0;
  const clock: Clock = {
    now: () => systemClock.now() + ahead,
    monotonic: systemClock.monotonic,
    after(ms, callback) {
      delays.push(ms);
      return systemClock.after(0, callback);
    },
  };
  const returns = new ReturnAddresses({ cookies, secret: SECRET, clock });
  const signIn = new SignIn(cookies);
  const isPortal = createIsPortal(signIn, engine);
  const routes = createPortalRoutes({
    sites: new Sites(cookies),
    sessions,
    sessionToken: ({ headers }, { cookie }) => cookieValue(headers, cookie.session.cookieName),
    returns,
    tokens: new FormTokens({ secret: SECRET, clock, random }),
    engine,
    isPortal,
    need: new Need(engine),
    login,
    directory: users,
    devices: new DeviceCookies({ secret: SECRET, clock, random }),
    clock,
    random,
    log,
    more: options.more ?? [],
  });
  const router = createRouter(routes, log, {
    prefix: '/authelia',
    isPortal,
    isApplication: createIsApplication(signIn, engine),
  });
  const server: HttpServer = await startHttpServer({ host: '127.0.0.1', port: 0 }, router, log);
  return {
    port: server.port,
    users,
    sessions,
    login,
    returns,
    log,
    delays,
    later(ms) {
      ahead += ms;
    },
    stop: () => server.close(),
  };
}

/** A form as it stands in a page. */
export interface SeenForm {
  readonly id: string;
  readonly action: string;
  readonly fields: Record<string, string>;
}

/**
 * A browser without scripts: keeps cookies, follows nothing by itself, sends
 * forms with the headers that browsers send.
 */
export class Visitor {
  readonly jar = new Map<string, string>();
  readonly #port: number;
  readonly #host: string;
  readonly #origin: string;

  constructor(port: number, origin = 'https://auth.example.com') {
    this.#port = port;
    this.#origin = origin;
    this.#host = new URL(origin).host;
  }

  async get(path: string, more: HeaderList = []): Promise<Answer> {
    return this.#keep(await ask(this.#port, path, [...this.headers(), ...more]));
  }

  /** Sends a form of a page, with `fields` filled in; `undefined` leaves one out. */
  async submit(
    form: SeenForm,
    fields: Readonly<Record<string, string | undefined>> = {},
    more: HeaderList = [
      ['Origin', this.#origin],
      ['Sec-Fetch-Site', 'same-origin'],
      ['Sec-Fetch-Dest', 'document'],
    ],
  ): Promise<Answer> {
    const filled = Object.entries({ ...form.fields, ...fields }).filter(([, value]) => value !== undefined);
    const body = new URLSearchParams(filled as [string, string][]).toString();
    return this.#keep(await post(this.#port, form.action, [...this.headers(), ...more], body));
  }

  /** Opens the sign-in page and signs in. */
  async signIn(
    username: string,
    password: string,
    path = '/',
    fields: Record<string, string> = {},
  ): Promise<Answer> {
    return this.submit(formOf(await this.get(path), 'sign-in'), { username, password, ...fields });
  }

  /** What a proxy in front of the portal sends. */
  headers(): HeaderList {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    return [
      ['Host', this.#host],
      ['X-Forwarded-Host', this.#host],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-For', '198.51.100.7'],
      ...(cookie === '' ? [] : ([['Cookie', cookie]] as const)),
    ];
  }

  #keep(answer: Answer): Answer {
    for (const line of setCookies(answer)) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0(?:;|$)/.test(line)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return answer;
  }
}

export function setCookies({ headers }: Answer): string[] {
  const lines = headers['set-cookie'] ?? [];
  return Array.isArray(lines) ? lines : [lines];
}

/** The form of this name; throws when the page has none. */
export function formOf({ body }: Answer, id: string): SeenForm {
  const match = new RegExp(`<form id="${id}" method="post" action="([^"]*)">([\\s\\S]*?)</form>`).exec(body);
  if (match === null) throw new Error(`no form ${id} in:\n${body}`);
  const fields: Record<string, string> = {};
  for (const [tag] of (match[2] ?? '').matchAll(/<input[^>]*>/g)) {
    if (/type="checkbox"/.test(tag) && !/ checked/.test(tag)) continue;
    const name = /name="([^"]*)"/.exec(tag)?.[1] ?? '';
    fields[name] = unescaped(/value="([^"]*)"/.exec(tag)?.[1] ?? '');
  }
  return { id, action: unescaped(match[1] ?? ''), fields };
}

function unescaped(text: string): string {
  const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' };
  return text.replace(/&([a-z#0-9]+);/g, (whole, name: string) => names[name] ?? whole);
}

function post(port: number, path: string, headers: HeaderList, body: string): Promise<Answer> {
  const typed: HeaderList = [
    ...headers,
    ['Content-Type', 'application/x-www-form-urlencoded'],
    ['Content-Length', String(Buffer.byteLength(body))],
  ];
  return ask(port, path, typed, 'POST', body);
}
