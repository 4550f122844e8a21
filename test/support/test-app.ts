import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { type App, type AppConfig, createApp } from '../../host/app.ts';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { FakeArgon2, FakeClock, FakeDirectory, FakeEngine, fakeLogger, fakeRandom } from './host-fakes.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Names and values, so that a name may stand twice. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The service on a free port, with a guest directory on tmpfs and fakes for what decides and hashes. */
export interface TestApp {
  readonly app: App;
  readonly engine: FakeEngine;
  readonly users: FakeDirectory;
  readonly argon2: FakeArgon2;
  readonly clock: FakeClock;
  readonly log: ReturnType<typeof fakeLogger>;
  readonly guestDirectory: string;
  readonly guestKey: Uint8Array;
  readonly port: number;
  usersOk: boolean;
  get(path: string, headers?: HeaderList, method?: string): Promise<Answer>;
  stop(): Promise<void>;
  /** Removes the guest directory. */
  clean(): void;
}

export const SECRET = Buffer.alloc(32, 7);
export const PREVIOUS_SECRET = Buffer.alloc(32, 8);

export interface TestAppOptions {
  /** To be read while the start is waited for. */
  readonly log?: ReturnType<typeof fakeLogger>;
  readonly guestDirectory?: string;
  readonly users?: FakeDirectory;
  readonly config?: Partial<AppConfig>;
  readonly maxQueue?: number;
}

export function testConfig(guestDirectory: string): AppConfig {
  return {
    server: { host: '127.0.0.1', port: 0 },
    guest: { directory: guestDirectory, offlineGraceSeconds: 900 },
    grants: { lifetimeSeconds: 3_600, slotSize: 1_024, slots: 64 },
    policy: { realm: 'The "realm"' },
    secret: SECRET,
    previousSecret: undefined,
  };
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const guestDirectory = options.guestDirectory ?? mkdtempSync('/dev/shm/postern-app-');
  const engine = new FakeEngine();
  const users = options.users ?? new FakeDirectory();
  const argon2 = new FakeArgon2();
  const clock = new FakeClock();
  const log = options.log ?? fakeLogger();
  const config = { ...testConfig(guestDirectory), ...options.config };
  const app = createApp(config, {
    engine,
    directory: users,
    usersOk: () => test.usersOk,
    clock,
    random: fakeRandom(),
    log,
    password: {
      concurrency: 1,
      verify: argon2.verify,
      ...(options.maxQueue === undefined ? {} : { maxQueue: options.maxQueue }),
    },
  });
  const server = await app.start();
  if (server === undefined) throw new Error('not started');
  const test: TestApp = {
    app,
    engine,
    users,
    argon2,
    clock,
    log,
    guestDirectory,
    guestKey: deriveGuestKey(config.secret),
    port: server.port,
    usersOk: true,
    get: (path, headers = [], method = 'GET') => ask(server.port, path, headers, method),
    stop: () => app.stop(),
    clean: () => rmSync(guestDirectory, { recursive: true, force: true }),
  };
  return test;
}

/** `Host` is 127.0.0.1 unless it is among the headers. */
export function ask(
  port: number,
  path: string,
  headers: HeaderList,
  method = 'GET',
  content?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const host = headers.some(([name]) => name.toLowerCase() === 'host') ? [] : ['Host', '127.0.0.1'];
    const flat = [...host, 'Connection', 'close', ...headers.flat()];
    const sent = request({ host: '127.0.0.1', port, path, method, headers: flat, agent: false }, response => {
      let body = '';
      response.setEncoding('utf8').on('data', chunk => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    sent.on('error', reject);
    sent.end(content);
  });
}
