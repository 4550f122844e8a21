import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { type App, type AppConfig, createApp } from '../../host/app.ts';
import { FAILURE_DELAY_MS, FAILURE_JITTER_MS } from '../../host/authn/failure-delay.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { PolicyDocument } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import type { Store } from '../../host/store/store.ts';
import { ask, type RawAnswer } from '../../tools/replay/ask.mjs';
import { FakeDirectory, fakeLogger } from './host-fakes.ts';
import { type HeaderList, testConfig } from './test-app.ts';

/** Where applications on a domain of their own are signed in to and out of. */
const OWN_DOORS = /^\/(?:outpost\.goauthentik\.io|akprox|oauth2)\/(?:start|callback|sign_in|sign_out)\b/;

/** The service with its real engine, rules and users of a test, asked by bytes. */
export interface Authz {
  readonly port: number;
  readonly routes: App['routes'];
  readonly log: ReturnType<typeof fakeLogger>;
  /** @param path with its query; `Host` is 127.0.0.1 unless it is among the headers */
  ask(path: string, headers?: HeaderList, method?: string): Promise<RawAnswer>;
  /** Of a user's password. */
  digestOf(username: string): string;
  stop(): Promise<void>;
}

export interface AuthzOptions {
  readonly policy: PolicyDocument;
  readonly config?: Partial<AppConfig>;
  readonly clock?: Clock;
  /** With it and domains for cookies people sign in. Closed by whoever opened it. */
  readonly database?: Store;
}

/** Time as it is, but for the wait before a refusal: for who asks hundreds of times with bad passwords. */
export const HASTY_CLOCK: Clock = {
  ...systemClock,
  after(ms, callback) {
    const isRefusal = ms > FAILURE_DELAY_MS / 2 && ms <= FAILURE_DELAY_MS + FAILURE_JITTER_MS;
    return systemClock.after(isRefusal ? 0 : ms, callback);
  },
};

const USERS = [
  ['alice', 'password-alice', ['admins', 'dev'], 'Alice Example'],
  ['bob', 'password-bob', ['users'], 'Bob Example'],
  ['carol', 'p:ass:wörd-carol', [], 'Carol Ünïcode'],
  ['dave', 'password-dave', ['users'], 'Dave Disabled'],
] as const;
/** As cheap as it gets: what is shown here is not how passwords are hashed. */
const COST = { memoryCost: 64, timeCost: 1, parallelism: 1 };

/** `dave` is disabled. */
export async function startAuthz(options: AuthzOptions): Promise<Authz> {
  const { policy, config = {}, clock = systemClock, database } = options;
  const directory = mkdtempSync('/dev/shm/postern-authz-');
  const users = new FakeDirectory();
  const digests = new Map<string, string>();
  for (const [name, password, groups, displayName] of USERS) {
    users.put(name, name, { groups: [...groups], name: displayName, disabled: name === 'dave' });
    digests.set(name, await hash(password, COST));
  }
  const dummy = await hash('nobody', COST);
  const log = fakeLogger();
  const app = createApp(
    { ...testConfig(directory), policy, ...config },
    {
      engine: loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url))),
      directory: {
        find(name) {
          const user = users.find(name);
          return user === undefined ? undefined : { ...user, digest: digests.get(name) ?? '' };
        },
        dummyDigest: () => dummy,
        onChange: listener => users.onChange(listener),
        all: () => users.all(),
        close() {},
      },
      clock,
      random: randomBytes,
      log,
      database,
    },
  );
  const server = await app.start();
  if (server === undefined) throw new Error('not started');
  return {
    port: server.port,
    routes: app.routes,
    log,
    digestOf: username => digests.get(username) ?? '',
    async ask(path, headers = [], method = 'GET') {
      const hasHost = headers.some(([name]) => name.toLowerCase() === 'host');
      const all = hasHost ? headers : [['Host', '127.0.0.1'] as const, ...headers];
      const asked = { request_line: `${method} ${path} HTTP/1.1`, request_headers: all };
      const answer = await ask(server.port, asked);
      // No proxy is told to pass cookies on: only what is no decision may set one.
      const sets = answer.headers.some(([name]) => name.toLowerCase() === 'set-cookie');
      if (sets && !OWN_DOORS.test(path)) throw new Error(`${path} answers a cookie`);
      return answer;
    },
    async stop() {
      await app.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

export const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

/** The value of a header of an answer; undefined when it is absent. */
export function headerOf(answer: RawAnswer, name: string): string | undefined {
  return answer.headers.find(([other]) => other === name)?.[1];
}

/** What the rows of `test/cases/authz` say about one request. */
export interface AuthzCase {
  readonly name: string;
  readonly ask: Readonly<Record<string, string | null | { readonly pair: string }>>;
  /** By endpoint: status and `L` for `Location`, `W` for a challenge, `R` for an identity. */
  readonly expect: Readonly<Record<string, string>>;
  /** Where Authelia answers otherwise, and the kind of difference. */
  readonly authelia?: Readonly<Record<string, string>>;
  readonly differs?: string;
}

export const CASES = JSON.parse(
  readFileSync(new URL('../cases/authz/cases.json', import.meta.url), 'utf8'),
) as readonly AuthzCase[];
