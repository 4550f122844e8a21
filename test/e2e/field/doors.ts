import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { traefikSetup } from '../../../host/cli/traefik-setup.ts';
import { deriveGuestKey } from '../../../host/secret/derive.ts';
import { formatGuestKey } from '../../../host/secret/secret.ts';
import { describeCaddy, startCaddy } from '../../support/caddy.ts';
import { exampleFile } from '../../support/example.ts';
import { describeHaproxy, startHaproxy } from '../../support/haproxy.ts';
import { freePort, freePorts } from '../../support/net.ts';
import { describeNginx, startNginx } from '../../support/nginx.ts';
import { tempDirectory } from '../../support/temp.ts';
import { describeTraefik, startTraefik, type Tree } from '../../support/traefik.ts';
import type { World } from '../../support/world.ts';

/** A real proxy with the shipped configuration, guarding everything below `example.com`. */
export interface RunningDoor {
  /** Takes TLS. */
  readonly port: number;
  /** Where the proxy believes its peer about the client, as behind a load balancer; undefined when it has no such port. */
  readonly trustingPort?: number;
  stop(): Promise<void>;
}

export type DoorName = 'traefik-guest' | 'traefik' | 'nginx' | 'caddy' | 'haproxy';

export interface Door {
  readonly name: DoorName;
  /** As `name`, one for each Caddy. */
  readonly version: string;
  start(world: World): Promise<RunningDoor>;
}

/** `describe` with each of the proxies that are here; those that are not say so. */
export function describeDoors(title: string, body: (door: Door) => void): void {
  describeTraefik(`${title}: Traefik with the guest`, binary => {
    body({ name: 'traefik-guest', version: 'traefik-guest', start: world => startGuarded(binary(), world) });
  });
  describeTraefik(`${title}: Traefik with forwardAuth alone`, binary => {
    body({ name: 'traefik', version: 'traefik', start: world => startForwardAuth(binary(), world) });
  });
  describeNginx(`${title}: nginx`, binary => {
    body({ name: 'nginx', version: 'nginx', start: world => startWithAuthRequest(binary, world) });
  });
  let caddies = 0;
  describeCaddy(`${title}`, binary => {
    const version = `caddy${'-next'.repeat(caddies++)}`;
    body({ name: 'caddy', version, start: world => startWithCopyHeaders(binary(), world) });
  });
  describeHaproxy(`${title}: HAProxy`, binary => {
    body({ name: 'haproxy', version: 'haproxy', start: world => startWithLua(binary, world) });
  });
}

/** As `postern traefik` writes it. */
async function startGuarded(binary: string, world: World): Promise<RunningDoor> {
  const guestKey = deriveGuestKey(world.secret);
  const keyDirectory = join(tempDirectory(), 'key');
  mkdirSync(keyDirectory, { mode: 0o750 });
  const keyFile = join(keyDirectory, 'guest.key');
  writeFileSync(keyFile, formatGuestKey(guestKey));
  const setup = traefikSetup({
    domains: [{ domain: '*.example.com', service: world.backend.url }],
    guestKey,
    hostAddress: world.hostUrl,
    directory: world.guestDirectory,
    keyFile,
    entryPoints: { web: '', trusting: '' },
  });
  const { mounts } = setup.static.experimental.localPlugins.postern.settings;
  const dynamic = JSON.parse(JSON.stringify(setup.dynamic)) as Tree;
  return startWithEntryPoints(binary, world, dynamic, { postern: { mounts } });
}

async function startForwardAuth(binary: string, world: World): Promise<RunningDoor> {
  const text = exampleFile('traefik/forward-auth.yml', {
    'Host(`app.example.com`)': 'HostRegexp(`^.+\\.example\\.com\\.?$$`)',
    "- 'websecure'": "- 'web'\n        - 'trusting'",
    '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
  });
  return startWithEntryPoints(binary, world, parse(text) as Tree);
}

async function startWithEntryPoints(
  binary: string,
  { certificate }: World,
  dynamic: Tree,
  plugins?: Readonly<Record<string, { mounts: readonly string[] }>>,
): Promise<RunningDoor> {
  const trustingPort = await freePort();
  const traefik = await startTraefik({
    binary,
    ...(plugins && { plugins }),
    static: {
      entryPoints: {
        // A path that Traefik has cleaned says nothing about what Postern makes of it.
        web: { http: { sanitizePath: false } },
        trusting: {
          address: `127.0.0.1:${trustingPort}`,
          forwardedHeaders: { trustedIPs: ['127.0.0.1/32'] },
        },
      },
    },
    dynamic: {
      ...dynamic,
      tls: { certificates: [{ certFile: certificate.certificate, keyFile: certificate.key }] },
    },
  });
  return { port: traefik.port, trustingPort, stop: () => traefik.stop() };
}

async function startWithAuthRequest(binary: string, world: World): Promise<RunningDoor> {
  const port = await freePort();
  const snippets = join(tempDirectory(), 'snippets');
  mkdirSync(snippets);
  const put = (name: string, replacements: Readonly<Record<string, string>>): void =>
    writeFileSync(join(snippets, name), exampleFile(`nginx/snippets/${name}`, replacements));
  put('postern-endpoint.conf', {});
  put('postern-protect.conf', {});
  const http = exampleFile('nginx/postern.conf', {
    'listen 443': `listen 127.0.0.1:${port}`,
    'server_name app.example.com': 'server_name .example.com',
    '/etc/nginx/certs/example.com.crt': world.certificate.certificate,
    '/etc/nginx/certs/example.com.key': world.certificate.key,
    'include snippets/': `include ${snippets}/`,
    '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
  });
  return { port, ...(await startNginx({ binary, http, ports: [port] })) };
}

async function startWithCopyHeaders(binary: string, world: World): Promise<RunningDoor> {
  const [port = 0, httpPort = 0] = await freePorts(2);
  const { certificate, key } = world.certificate;
  const sites = exampleFile('caddy/Caddyfile', {
    'app.example.com {': '*.example.com, *.b.example.com {',
    '/etc/caddy/certs/example.com.crt': certificate,
    '/etc/caddy/certs/example.com.key': key,
    '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
  });
  const global = [`https_port ${port}`, `http_port ${httpPort}`];
  return { port, ...(await startCaddy({ binary, sites, global, ports: [port] })) };
}

async function startWithLua(binary: string, world: World): Promise<RunningDoor> {
  const port = await freePort();
  const directory = tempDirectory();
  const lua = join(directory, 'postern.lua');
  writeFileSync(lua, exampleFile('haproxy/postern.lua', {}));
  const config = exampleFile('haproxy/haproxy.cfg', {
    '/etc/haproxy/postern.lua': lua,
    'bind :443': `bind 127.0.0.1:${port}`,
    '/etc/haproxy/certs/example.com.pem': world.certificate.both,
    'field(1,:) -i app.example.com': 'field(1,:) -i -m end .example.com',
    '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
  });
  return { port, ...(await startHaproxy({ binary, config, ports: [port] })) };
}
