import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { formatGuestKey, formatSecret } from '../../host/secret/secret.ts';
import type { CertificateFiles } from '../../test/support/certificate.ts';
import { startChild } from '../../test/support/child.ts';
import { freePort } from '../../test/support/net.ts';
import { guestDirectory, tempDirectory } from '../../test/support/temp.ts';
import { merge, startTraefik, type Traefik, type Tree } from '../../test/support/traefik.ts';
import { get } from './get.ts';
import type { Go } from './go.ts';
import type { CaseOptions, CaseSetup } from './layers.ts';
import { accessControl, passwordOf, principals } from './policy.ts';
import { assemble } from './wat.ts';

/** Everything but Traefik and load: backend, forwardAuth server, the real host with its users. */
export interface Stage {
  readonly serverUrl: string;
  readonly folder: string;
  readonly setup: CaseSetup;
  /** A Traefik of its own, which knows these plugins and has the routers that need no other. */
  startTraefik(binary: string, plugins: readonly ('noop' | 'postern')[]): Promise<Traefik>;
  /** Deferrals that the host has accepted so far. */
  deferrals(): Promise<number>;
  stop(): Promise<void>;
}

export interface StageOptions {
  /** Guarded by the policy besides the guide's own. */
  readonly domains: readonly string[];
  /** How many accounts there are. */
  readonly principals: number;
  /** Laid over postern.yml. */
  readonly config?: Tree;
  /** For `localhost`: the host speaks TLS. */
  readonly tls?: CertificateFiles;
  /** Routers of all cases; the host runs by then. */
  readonly setup: (options: CaseOptions, host: HostFiles) => CaseSetup | Promise<CaseSetup>;
}

/** What another process needs that does what the host does. */
export interface HostFiles {
  readonly configFile: string;
  readonly usersFile: string;
  readonly secret: Uint8Array;
}

/** Verified once each; what hashing costs is not measured here. */
const CHEAP = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };

export async function startStage(go: Go, options: StageOptions): Promise<Stage> {
  const folder = tempDirectory();
  const directory = join(guestDirectory(), 'guest');
  const keyDirectory = join(folder, 'key');
  mkdirSync(keyDirectory, { mode: 0o750 });
  const secret = randomBytes(32);
  const guestKey = deriveGuestKey(secret);
  const keyFile = join(keyDirectory, 'guest.key');
  writeFileSync(keyFile, formatGuestKey(guestKey), { mode: 0o640 });

  const server = startChild(go.build('server', 'server', ['build']), []);
  const serverUrl = (await server.waitFor(/^http:\/\/\S+$/m))[0];
  const hostPort = await freePort();
  const { tls } = options;
  const hostUrl = tls === undefined ? `http://127.0.0.1:${hostPort}` : `https://localhost:${hostPort}`;
  const configFile = join(folder, 'postern.yml');
  const usersFile = join(folder, 'users.yml');
  writeFileSync(usersFile, await users(options.principals));
  const config = {
    server: {
      address: `tcp://127.0.0.1:${hostPort}`,
      ...(tls && { tls: { certificate: tls.certificate, key: tls.key } }),
    },
    authentication_backend: { file: { path: usersFile } },
    guest: { directory },
    access_control: accessControl(options.domains),
    // The entry point speaks plain http here.
    allow_http: ['*.example.com'],
  };
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(merge(config, options.config ?? {})));
  const host = startChild(
    process.execPath,
    [join(process.cwd(), 'dist/postern.mjs'), 'serve', '--config', configFile],
    {
      env: { POSTERN_SECRET: formatSecret(secret) },
    },
  );
  await host.waitFor(/listening on/);
  const setup = await options.setup(
    { guestKey, hostUrl, serverUrl, directory, keyFile, ...(tls && { ca: tls.certificate }) },
    { configFile, usersFile, secret },
  );
  const floor = assemble('floor');

  return {
    serverUrl,
    folder,
    setup,
    startTraefik(binary, plugins) {
      const known = { noop: { wasm: floor }, postern: { mounts: setup.mounts } };
      return startTraefik({
        binary,
        plugins: Object.fromEntries(plugins.map(name => [name, known[name]])),
        dynamic: onlyWith(setup.dynamic as unknown as Dynamic, plugins),
        static: { log: { level: 'ERROR' } },
      });
    },
    async deferrals() {
      const text = await get(`${hostUrl}/metrics`, tls?.certificate);
      return Number(/^postern_deferrals_total\{reason="accepted"\} (\d+)$/m.exec(text)?.[1]);
    },
    async stop() {
      await host.stop();
      await server.stop();
    },
  };
}

interface Dynamic {
  readonly [key: string]: unknown;
  readonly http: {
    readonly routers: Record<string, { middlewares?: string[]; parentRefs?: string[] }>;
    readonly middlewares: Record<string, { plugin?: Record<string, unknown> }>;
    readonly services: Record<string, unknown>;
  };
}

/** The configuration without what needs other plugins. */
function onlyWith(dynamic: Dynamic, plugins: readonly string[]): Dynamic {
  const { routers, middlewares, services } = dynamic.http;
  const missing = Object.keys(middlewares).filter(name => {
    const [plugin] = Object.keys(middlewares[name]?.plugin ?? {});
    return plugin !== undefined && !plugins.includes(plugin);
  });
  const without = <T>(all: Record<string, T>, drop: (name: string, value: T) => boolean) =>
    Object.fromEntries(Object.entries(all).filter(([name, value]) => !drop(name, value)));
  const unusable = (name: string) =>
    routers[name]?.middlewares?.some(each => missing.includes(each)) ?? false;
  return {
    http: {
      services,
      middlewares: without(middlewares, name => missing.includes(name)),
      routers: without(
        routers,
        (name, router) => unusable(name) || (router.parentRefs?.some(unusable) ?? false),
      ),
    },
  };
}

async function users(count: number): Promise<string> {
  const entries = principals(count).map(async ({ username, displayName, email, groups }) => {
    const password = await hash(passwordOf(username), CHEAP);
    return [username, { displayname: displayName, password, email, groups }];
  });
  return JSON.stringify({ users: Object.fromEntries(await Promise.all(entries)) });
}
