import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { formatSecret } from '../../host/secret/secret.ts';
import { type Backend, startBackend } from './backend.ts';
import { type CertificateFiles, selfSigned } from './certificate.ts';
import { type Child, startChild } from './child.ts';
import { freePort } from './net.ts';
import { guestDirectory, tempDirectory } from './temp.ts';

const postern = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));
/** Cheap to verify, so that tests do not wait. */
const CHEAP = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };

export const APP = 'app.example.com';
export const OPEN_HOST = 'other.example.com';
export const PORTAL = 'https://auth.example.com';

/** Of no group that any rule asks for; `root` is of `admin`, `new` is asked about once. */
export const ANN = { as: 'ann:password of ann', user: 'ann', groups: 'staff,users', name: 'Ann Ångström' };
export const ROOT = { as: 'root:password of root', user: 'root', groups: 'admin', name: 'root' };
export const NEW = { as: 'new:password of new', user: 'new', groups: '', name: 'new' };

/** What the examples' application is guarded by in tests. */
const RULES = [
  // What a forged host would be judged by.
  { domain: OPEN_HOST, policy: 'bypass' },
  { domain: APP, policy: 'bypass', resources: '^/open([/?].*)?$' },
  { domain: APP, policy: 'bypass', resources: '^/lan([/?].*)?$', networks: '10.0.0.0/8' },
  // Where the tests come from.
  { domain: APP, policy: 'bypass', resources: '^/near([/?].*)?$', networks: '127.0.0.0/8' },
  { domain: APP, policy: 'bypass', resources: '^/read([/?].*)?$', methods: ['GET', 'HEAD'] },
  { domain: APP, policy: 'one_factor', resources: '^/admin([/?].*)?$', subject: 'group:admin' },
  { domain: APP, policy: 'deny', resources: '^/admin([/?].*)?$' },
  { domain: APP, policy: 'one_factor' },
];

/** A real host and a backend, for proxies to stand in front of. */
export interface World {
  readonly hostPort: number;
  /** Path of the Unix socket that the host listens on in place of that port; undefined when it does not. */
  readonly hostSocket: string | undefined;
  readonly hostUrl: string;
  readonly guestDirectory: string;
  readonly secret: Uint8Array;
  readonly configFile: string;
  /** Gives the root secret to commands. */
  readonly env: Readonly<Record<string, string>>;
  readonly backend: Backend;
  /** For `example.com`, every name below it, and `localhost`. */
  readonly certificate: CertificateFiles;
  readonly host: Child;
  startHost(): Promise<void>;
  stopHost(): Promise<void>;
  stop(): Promise<void>;
}

/** How proxies reach the host: TLS as `https://localhost`. */
export type Reach = 'tcp' | 'tls' | 'unix';

/** @param config further keys of postern.yml */
export async function startWorld(
  config: Readonly<Record<string, unknown>> = {},
  reach: Reach = 'tcp',
): Promise<World> {
  const home = tempDirectory();
  const directory = join(guestDirectory(), 'guest');
  const hostPort = await freePort();
  const hostSocket = reach === 'unix' ? join(home, 'postern.sock') : undefined;
  const users = await Promise.all(
    [ANN, ROOT, NEW].map(async ({ as, user, groups, name }) => {
      const password = await hash(as.slice(user.length + 1), CHEAP);
      const entry = { displayname: name, password, email: `${user}@example.com`, groups: groups.split(',') };
      return [user, groups === '' ? { ...entry, groups: [] } : entry] as const;
    }),
  );
  writeFileSync(join(home, 'users.yml'), JSON.stringify({ users: Object.fromEntries(users) }));
  const configFile = join(home, 'postern.yml');
  const certificate = selfSigned(['example.com', '*.example.com', 'localhost']);
  const file = {
    server: {
      // Also below a path, as some of the examples ask it.
      address:
        hostSocket === undefined
          ? `tcp://127.0.0.1:${hostPort}/authelia`
          : `unix://${hostSocket}?path=authelia`,
      ...(reach === 'tls' && { tls: { certificate: certificate.certificate, key: certificate.key } }),
    },
    log: { level: 'debug', format: 'json' },
    authentication_backend: { file: { path: join(home, 'users.yml') } },
    session: { cookies: [{ domain: 'example.com', authelia_url: PORTAL }] },
    guest: { directory },
    access_control: { default_policy: 'deny', rules: RULES },
    ...config,
  };
  writeFileSync(configFile, JSON.stringify(file));
  const secret = randomBytes(32);
  const env = { POSTERN_SECRET: formatSecret(secret) };
  const backend = await startBackend();
  let host: Child | undefined;

  const world: World = {
    hostPort,
    hostSocket,
    hostUrl: reach === 'tls' ? `https://localhost:${hostPort}` : `http://127.0.0.1:${hostPort}`,
    guestDirectory: directory,
    secret,
    configFile,
    env,
    backend,
    certificate,
    get host() {
      if (host === undefined) throw new Error('the host has not been started');
      return host;
    },
    async startHost() {
      host = startChild(process.execPath, [postern, 'serve', '--config', configFile], { env });
      await host.waitFor(/listening on/);
    },
    async stopHost() {
      await host?.stop();
    },
    async stop() {
      await host?.stop();
      await backend.close();
    },
  };
  await world.startHost();
  return world;
}
