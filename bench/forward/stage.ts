import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../../assembly/contract.ts';
import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { formatSecret } from '../../host/secret/secret.ts';
import { type Child, type ChildOptions, startChild } from '../../test/support/child.ts';
import { freePort } from '../../test/support/net.ts';
import { guestDirectory, tempDirectory } from '../../test/support/temp.ts';
import { startTraefik } from '../../test/support/traefik.ts';
import type { Go } from '../support/go.ts';
import { accessControl } from '../support/policy.ts';
import { assemble } from '../support/wat.ts';
import { type Case, HOST_DOMAIN, NOOP_DOMAIN, type Ports } from './cases.ts';
import { startNginx } from './nginx.ts';

/** The core of whatever is asked: the host, node's bare http, the do-nothing server. */
const CORE = '0';

export interface Stage {
  readonly ports: Ports;
  /** The process that judges the requests of a case. */
  asked(name: Case): Child;
  /** Sum of a counter of the host's metrics. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

export interface HostOptions {
  /** Content of the users file. */
  readonly users: string;
  /** In front of `node …`: pinning, say. */
  readonly before?: readonly string[];
  readonly node?: readonly string[];
  readonly env?: ChildOptions['env'];
}

/** Starts `postern serve`; answers it and its address. */
export async function startHost(options: HostOptions): Promise<{ child: Child; url: string }> {
  const folder = tempDirectory();
  const url = `http://127.0.0.1:${await freePort()}`;
  const users = join(folder, 'users.yml');
  const config = join(folder, 'postern.yml');
  writeFileSync(users, options.users);
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      server: { address: url.replace('http', 'tcp') },
      authentication_backend: { file: { path: users } },
      guest: { directory: join(guestDirectory(), 'guest') },
      access_control: accessControl(),
      // The proxies' clients speak plain http here.
      allow_http: ['*.example.com'],
    }),
  );
  const serve = [join(process.cwd(), 'dist/postern.mjs'), 'serve', '--config', config];
  const [command = '', ...args] = [
    ...(options.before ?? []),
    process.execPath,
    ...(options.node ?? []),
    ...serve,
  ];
  const child = startChild(command, args, {
    env: { ...options.env, POSTERN_SECRET: formatSecret(randomBytes(32)) },
  });
  await child.waitFor(/listening on/);
  return { child, url };
}

/** Everything that is asked, and the two proxies. */
export async function startStage(go: Go, traefik: string, nginx: string, users: string): Promise<Stage> {
  const pinned = ['taskset', '-c', CORE];
  const { child: host, url: hostUrl } = await startHost({ users, before: pinned });
  const start = async (...command: string[]) => {
    const child = startChild('taskset', ['-c', CORE, ...command]);
    return { child, url: (await child.waitFor(/^http:\/\/\S+$/m))[0] };
  };
  const bare = await start(process.execPath, 'bench/forward/bare.mjs');
  const noop = await start(go.build('server', 'server', ['build']));
  // The backend is not what is asked: it runs where there is room.
  const backend = startChild(go.build('server', 'server', ['build']), []);
  const backendUrl = (await backend.waitFor(/^http:\/\/\S+$/m))[0];
  const proxy = await startTraefik({
    binary: traefik,
    // It does not start with an empty list of plugins; no router has it.
    plugins: { noop: { wasm: assemble('floor') } },
    static: { log: { level: 'ERROR' } },
    dynamic: routers(`${hostUrl}${FORWARD_AUTH_PATH}`, `${noop.url}/auth`, backendUrl),
  });
  const web = await startNginx(nginx, hostUrl, noop.url, backendUrl);
  return {
    ports: { bare: portOf(bare.url), host: portOf(hostUrl), traefik: proxy.port, nginx: web.port },
    asked: name => (name.startsWith('bare') ? bare.child : name.endsWith('_noop') ? noop.child : host),
    async metric(name) {
      const text = await (await fetch(`${hostUrl}/metrics`)).text();
      const lines = text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'));
      return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
    },
    async stop() {
      await web.stop();
      await proxy.stop();
      for (const child of [bare.child, noop.child, backend, host]) await child.stop();
    },
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function routers(hostAddress: string, noopAddress: string, backend: string) {
  const authResponseHeaders = [HEADER_USER, HEADER_GROUPS, HEADER_NAME, HEADER_EMAIL];
  const router = (domain: string, middleware: string) => ({
    rule: `Host(\`${domain}\`)`,
    entryPoints: ['web'],
    middlewares: [middleware],
    service: 'backend',
  });
  return {
    http: {
      services: { backend: { loadBalancer: { servers: [{ url: backend }] } } },
      routers: { host: router(HOST_DOMAIN, 'host'), noop: router(NOOP_DOMAIN, 'noop') },
      middlewares: {
        host: { forwardAuth: { address: hostAddress, authResponseHeaders } },
        noop: { forwardAuth: { address: noopAddress, authResponseHeaders } },
      },
    },
  };
}
