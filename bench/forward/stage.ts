import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../../assembly/contract.ts';
import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { formatSecret } from '../../host/secret/secret.ts';
import { type CertificateFiles, selfSigned } from '../../test/support/certificate.ts';
import { type Child, type ChildOptions, startChild } from '../../test/support/child.ts';
import { freePort } from '../../test/support/net.ts';
import { guestDirectory, tempDirectory } from '../../test/support/temp.ts';
import { startTraefik } from '../../test/support/traefik.ts';
import { get } from '../support/get.ts';
import type { Go } from '../support/go.ts';
import { accessControl } from '../support/policy.ts';
import { assemble } from '../support/wat.ts';
import { BARE_DOMAIN, type Case, HOST_DOMAIN, NOOP_DOMAIN, PLAIN_DOMAIN, type Ports } from './cases.ts';
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
  /** For `localhost`; default: no TLS. */
  readonly tls?: CertificateFiles;
  /** Path of a Unix socket to listen on; default: TCP. */
  readonly socket?: string;
}

/** Starts `postern serve`; answers it and its address. */
export async function startHost(options: HostOptions): Promise<{ child: Child; url: string }> {
  const folder = tempDirectory();
  const port = await freePort();
  const { tls, socket } = options;
  const users = join(folder, 'users.yml');
  const config = join(folder, 'postern.yml');
  writeFileSync(users, options.users);
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      server: {
        address: socket === undefined ? `tcp://127.0.0.1:${port}` : `unix://${socket}`,
        ...(tls && { tls: { certificate: tls.certificate, key: tls.key } }),
      },
      authentication_backend: { file: { path: users } },
      guest: { directory: join(guestDirectory(), 'guest') },
      access_control: accessControl([PLAIN_DOMAIN]),
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
  return { child, url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}` };
}

/** Everything that is asked, and the two proxies. */
export async function startStage(go: Go, traefik: string, nginx: string, users: string): Promise<Stage> {
  const pinned = ['taskset', '-c', CORE];
  const tls = selfSigned(['localhost']);
  const { child: host, url: hostUrl } = await startHost({ users, before: pinned });
  const socket = join(tempDirectory(), 'postern.sock');
  const { child: unixHost } = await startHost({ users, before: pinned, socket });
  const { child: tlsHost, url: tlsUrl } = await startHost({ users, before: pinned, tls });
  const start = async (...command: string[]) => {
    const child = startChild('taskset', ['-c', CORE, ...command]);
    return { child, url: (await child.waitFor(/^http:\/\/\S+$/m))[0] };
  };
  const bare = await start(process.execPath, 'bench/forward/bare.mjs');
  const noop = await start(go.build('server', 'server', ['build']));
  const noopSocket = join(tempDirectory(), 'noop.sock');
  const noopUnix = await start(go.build('server', 'server', ['build']), noopSocket);
  // The backend is not what is asked: it runs where there is room.
  const backend = startChild(go.build('server', 'server', ['build']), []);
  const backendUrl = (await backend.waitFor(/^http:\/\/\S+$/m))[0];
  const proxy = await startTraefik({
    binary: traefik,
    // It does not start with an empty list of plugins; no router has it.
    plugins: { noop: { wasm: assemble('floor') } },
    static: { log: { level: 'ERROR' } },
    dynamic: routers(backendUrl, {
      // As docs/proxies.md says.
      host: [HOST_DOMAIN, { address: `${tlsUrl}${FORWARD_AUTH_PATH}`, tls: { ca: tls.certificate } }],
      plain: [PLAIN_DOMAIN, { address: `${hostUrl}${FORWARD_AUTH_PATH}` }],
      bare: [BARE_DOMAIN, { address: `${bare.url}/auth` }],
      noop: [NOOP_DOMAIN, { address: `${noop.url}/auth` }],
    }),
  });
  const web = await startNginx(nginx, {
    host: new URL(hostUrl).host,
    hostUnix: `unix:${socket}`,
    bare: new URL(bare.url).host,
    noop: new URL(noop.url).host,
    noopUnix: `unix:${noopSocket}`,
    backend: new URL(backendUrl).host,
  });
  return {
    ports: { bare: portOf(bare.url), host: portOf(hostUrl), traefik: proxy.port, nginx: web.port },
    asked(name) {
      if (name.includes('bare')) return bare.child;
      if (name.endsWith('_noop')) return noop.child;
      if (name === 'nginx_noop_unix') return noopUnix.child;
      if (name === 'nginx_unix') return unixHost;
      return name === 'traefik' ? tlsHost : host;
    },
    async metric(name) {
      const texts = await Promise.all([get(`${hostUrl}/metrics`), get(`${tlsUrl}/metrics`, tls.certificate)]);
      const lines = texts.join('\n').matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'));
      return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
    },
    async stop() {
      await web.stop();
      await proxy.stop();
      for (const child of [bare.child, noop.child, noopUnix.child, backend, host, unixHost, tlsHost]) {
        await child.stop();
      }
    },
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** One door for each domain, with forwardAuth as it says. */
function routers(backend: string, doors: Readonly<Record<string, readonly [domain: string, object]>>) {
  const authResponseHeaders = [HEADER_USER, HEADER_GROUPS, HEADER_NAME, HEADER_EMAIL];
  const each = <T>(make: (name: string, domain: string, forwardAuth: object) => T) =>
    Object.fromEntries(Object.entries(doors).map(([name, [domain, ask]]) => [name, make(name, domain, ask)]));
  return {
    http: {
      services: { backend: { loadBalancer: { servers: [{ url: backend }] } } },
      routers: each((name, domain) => ({
        rule: `Host(\`${domain}\`)`,
        entryPoints: ['web'],
        middlewares: [name],
        service: 'backend',
      })),
      middlewares: each((_name, _domain, ask) => ({ forwardAuth: { ...ask, authResponseHeaders } })),
    },
  };
}
