import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { traefikSetup } from '../../host/cli/traefik-setup.ts';
import { identityNames } from '../../host/config/identity-presets.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { deriveGuestKey, verdictTag } from '../../host/secret/derive.ts';
import { formatGuestKey, formatSecret } from '../../host/secret/secret.ts';
import { type Backend, startBackend } from '../support/backend.ts';
import { type Child, startChild } from '../support/child.ts';
import { freePort } from '../support/net.ts';
import { guestDirectory, tempDirectory } from '../support/temp.ts';
import { merge, startTraefik, type Traefik, type Tree } from '../support/traefik.ts';

const postern = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

/** Cheap to verify, so that tests do not wait; what is measured about hashing uses the seed's parameters. */
const CHEAP = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };

export interface User {
  readonly password: string;
  readonly groups?: readonly string[];
  readonly email?: string;
  readonly displayname?: string;
  readonly disabled?: boolean;
  /** In place of a cheap digest of `password`. */
  readonly digest?: string;
}

export interface StackOptions {
  /** Path of a Traefik. */
  readonly binary: string;
  readonly accessControl: Tree;
  readonly users: Readonly<Record<string, User>>;
  readonly domains: readonly string[];
  /** Where Elasticsearch is, by those domains behind which it stands. */
  readonly elastic?: Readonly<Record<string, string>>;
  /** The root secret. Default: a new one. */
  readonly secret?: Uint8Array;
  /** Laid over postern.yml. */
  readonly config?: Tree;
  /** Laid over Traefik's static configuration. */
  readonly static?: Tree;
  /** Further configuration of the plugin. */
  readonly plugin?: Readonly<Record<string, unknown>>;
  /** Last change to the dynamic configuration before Traefik starts. */
  readonly dynamic?: (dynamic: Tree) => Tree;
  /** Default true. */
  readonly startHost?: boolean;
  /** Text of the guest key's file in place of the right one; null for no file. */
  readonly keyText?: string | null;
  /** The guest directory. Default: a new one on tmpfs. */
  readonly directory?: string;
  /** Last change to the plugin's mounts. */
  readonly mounts?: (mounts: readonly string[]) => readonly string[];
}

/** Client, real Traefik with the plugin, host and backend, as `postern traefik` puts them together. */
export interface Stack {
  readonly traefik: Traefik;
  readonly host: Child;
  readonly hostUrl: string;
  readonly backend: Backend;
  readonly directory: string;
  readonly usersFile: string;
  /** postern.yml, and the environment that the host is given. */
  readonly configFile: string;
  readonly hostEnv: Readonly<Record<string, string>>;
  /** Where Traefik's plugin looks for the guest key, and the right text for it. */
  readonly keyFile: string;
  readonly guestKey: string;
  readonly verdictTag: string;
  readonly dynamic: Tree;
  writeUsers(users: Readonly<Record<string, User>>): Promise<void>;
  startHost(): Promise<void>;
  restartTraefik(): Promise<void>;
  /** One request through Traefik. */
  ask(domain: string, path: string, options?: AskOptions): Promise<Answer>;
  /** Value of a counter of the host's `/metrics`, all its labels added up, or of one line. */
  metric(name: string, labels?: string): Promise<number>;
  stop(): Promise<void>;
}

export interface AskOptions {
  readonly method?: string;
  /** `user:password` for Basic. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For kept connections. */
  readonly agent?: Agent;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** What the backend received, when it answered. */
  readonly received: Record<string, string>;
}

export function basic(credential: string): string {
  return `Basic ${Buffer.from(credential, 'utf8').toString('base64')}`;
}

async function usersYaml(users: Readonly<Record<string, User>>): Promise<string> {
  const entries = await Promise.all(
    Object.entries(users).map(async ([name, user]) => [
      name,
      {
        displayname: user.displayname ?? name,
        password: user.digest ?? (await hash(user.password, CHEAP)),
        email: user.email ?? `${name}@example.com`,
        groups: user.groups ?? [],
        ...(user.disabled === undefined ? {} : { disabled: user.disabled }),
      },
    ]),
  );
  // JSON is YAML.
  return JSON.stringify({ users: Object.fromEntries(entries) });
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const home = tempDirectory();
  const directory = options.directory ?? join(guestDirectory(), 'guest');
  const keyDirectory = join(home, 'key');
  mkdirSync(keyDirectory, { mode: 0o750 });
  const { secret = randomBytes(32) } = options;
  const guestKey = deriveGuestKey(secret);
  const keyFile = join(keyDirectory, 'guest.key');
  const { keyText = formatGuestKey(guestKey) } = options;
  if (keyText !== null) writeFileSync(keyFile, keyText);
  const usersFile = join(home, 'users.yml');
  writeFileSync(usersFile, await usersYaml(options.users));

  const hostPort = await freePort();
  const hostUrl = `http://127.0.0.1:${hostPort}`;
  const configFile = join(home, 'postern.yml');
  const config = merge(
    {
      server: { address: `tcp://127.0.0.1:${hostPort}` },
      log: { level: 'debug', format: 'json' },
      authentication_backend: { file: { path: usersFile } },
      guest: { directory },
      access_control: options.accessControl,
      // Traefik's own entry point serves plain http here; the domains stand for https ones.
      allow_http: ['*.example.com', '*.test'],
    },
    options.config ?? {},
  );
  writeFileSync(configFile, JSON.stringify(config));
  const yaml = { file: configFile, text: JSON.stringify(config) };
  const { policy } = parseConfig({ yaml, env: {}, isTerminal: false }).config;

  const backend = await startBackend();
  const hostEnv = { POSTERN_SECRET: formatSecret(secret) };
  let host: Child | undefined;
  async function startHost(): Promise<void> {
    host = startChild(process.execPath, [postern, 'serve', '--config', configFile], {
      env: hostEnv,
    });
    await host.waitFor(/listening on/);
  }
  if (options.startHost !== false) await startHost();

  const setup = traefikSetup({
    domains: options.domains.map(domain => ({
      domain,
      service: options.elastic?.[domain] ?? backend.url,
      elasticsearch: options.elastic?.[domain] !== undefined,
    })),
    guestKey,
    hostAddress: hostUrl,
    directory,
    keyFile,
    identityHeaders: identityNames(policy),
    entryPoints: { web: '' },
    tls: false,
    ...(options.plugin && { plugin: options.plugin }),
  });
  const generated = JSON.parse(JSON.stringify(setup.dynamic)) as Tree;
  const dynamic = options.dynamic?.(generated) ?? generated;
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const { mounts } = setup.static.experimental.localPlugins.postern.settings;
  const launch = () =>
    startTraefik({
      binary: options.binary,
      plugins: { postern: { mounts: options.mounts?.(mounts) ?? mounts } },
      dynamic,
      ...(options.static && { static: options.static }),
    });
  let traefik = await launch();

  const stack: Stack = {
    get traefik() {
      return traefik;
    },
    get host() {
      if (host === undefined) throw new Error('the host has not been started');
      return host;
    },
    hostUrl,
    backend,
    directory,
    usersFile,
    configFile,
    hostEnv,
    keyFile,
    guestKey: formatGuestKey(guestKey),
    verdictTag: verdictTag(guestKey),
    dynamic,
    async writeUsers(users) {
      writeFileSync(usersFile, await usersYaml(users));
    },
    startHost,
    async restartTraefik() {
      await traefik.stop();
      traefik = await launch();
    },
    async ask(domain, path, ask = {}) {
      // `fetch` does not let Host be set: the name goes into the header by hand.
      const answer = await rawFetch(traefik.port, domain, path, ask);
      return answer;
    },
    async metric(name, labels) {
      const text = await (await fetch(`${hostUrl}/metrics`)).text();
      const lines = text.split('\n').filter(line => new RegExp(`^${name}(\\{|\\s)`).test(line));
      const wanted = labels === undefined ? lines : lines.filter(line => line.includes(labels));
      return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    async stop() {
      await traefik.stop();
      await host?.stop();
      await backend.close();
    },
  };
  return stack;
}

function rawFetch(port: number, domain: string, path: string, ask: AskOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: ask.method ?? 'GET',
        headers: {
          host: domain,
          ...(ask.as === undefined ? {} : { authorization: basic(ask.as) }),
          ...ask.headers,
        },
        timeout: 15_000,
        ...(ask.agent && { agent: ask.agent }),
      },
      incoming => {
        const parts: Buffer[] = [];
        incoming.on('data', part => parts.push(part));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          const headers = new Headers();
          for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
            headers.append(incoming.rawHeaders[i] ?? '', incoming.rawHeaders[i + 1] ?? '');
          }
          resolve({ status: incoming.statusCode ?? 0, headers, text, received: receivedHeaders(text) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 15 s')));
    outgoing.end(ask.body);
  });
}

/** Names in lower case and values of what the backend says it received; nothing when it was not asked. */
function receivedHeaders(text: string): Record<string, string> {
  if (!text.startsWith('{')) return {};
  const { headers = [] } = JSON.parse(text) as { headers?: [string, string][] };
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}
