import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLUGIN_MODULE, type TraefikSetup } from '../cli/traefik-setup.ts';
import { createGuestPool } from '../proxy/guest-pool.ts';
import { createProxy } from '../proxy/proxy.ts';
import { verdictTag } from '../secret/derive.ts';
import { DEMO_DOMAIN, type DemoFiles } from './files.ts';
import { startProgram } from './program.ts';

/** The proxy in front: a real Traefik, or the embedded one, with the same plugin. */
export interface Front {
  readonly name: string;
  stop(): Promise<void>;
}

export interface FrontOptions {
  readonly files: DemoFiles;
  /** Directory that holds `plugin.wasm`. */
  readonly dist: string;
  readonly setup: TraefikSetup;
  readonly port: number;
}

/** Starts the Traefik at `binary` with what `postern traefik` would print. */
export async function startTraefikFront(binary: string, options: FrontOptions): Promise<Front> {
  const { files, dist, setup, port } = options;
  const plugin = join(files.home, 'plugins-local', 'src', PLUGIN_MODULE);
  mkdirSync(plugin, { recursive: true });
  copyFileSync(join(dist, 'plugin.wasm'), join(plugin, 'plugin.wasm'));
  writeFileSync(
    join(plugin, '.traefik.yml'),
    JSON.stringify({
      displayName: 'Postern',
      type: 'middleware',
      runtime: 'wasm',
      import: PLUGIN_MODULE,
      summary: 'Access control',
      testData: {},
    }),
  );
  mkdirSync(join(files.home, 'dynamic'));
  // JSON is YAML.
  writeFileSync(join(files.home, 'dynamic', 'postern.yml'), JSON.stringify(setup.dynamic));
  const settings = {
    ...setup.static,
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    providers: { file: { directory: join(files.home, 'dynamic') } },
  };
  writeFileSync(join(files.home, 'traefik.yml'), JSON.stringify(settings));
  const program = await startProgram(
    binary,
    ['--configFile=traefik.yml'],
    { cwd: files.home, env: { PATH: process.env.PATH ?? '' } },
    () => answers(port),
  );
  return { name: `Traefik (${binary})`, stop: program.stop };
}

/** Starts the embedded proxy in this process. */
export async function startEmbeddedFront(options: FrontOptions & FrontServers): Promise<Front> {
  const { files, dist, port, hostAddress, backendUrl } = options;
  const { middlewares } = options.setup.dynamic.http;
  const forwardAuth = (middlewares['postern-host'] as { forwardAuth: ForwardAuth }).forwardAuth;
  const guests = createGuestPool({
    wasm: readFileSync(join(dist, 'plugin.wasm')),
    config: {},
    env: {},
    mounts: { '/run/postern': files.guestDirectory, '/etc/postern': join(files.keyFile, '..') },
    log: (level, message) => {
      if (level > 0) process.stderr.write(`${message}\n`);
    },
  });
  const proxy = createProxy({
    guests,
    backends: { [DEMO_DOMAIN]: backendUrl },
    forwardAuth: {
      address: `${hostAddress}/api/authz/forward-auth`,
      authResponseHeaders: forwardAuth.authResponseHeaders,
      maxResponseBodySize: forwardAuth.maxResponseBodySize,
    },
    verdictTag: verdictTag(files.guestKey),
    log: (_level, message) => process.stderr.write(`${message}\n`),
  });
  await proxy.listen(port, '127.0.0.1');
  return {
    name: 'the embedded proxy',
    async stop() {
      await proxy.close();
      guests.close();
    },
  };
}

export interface FrontServers {
  readonly hostAddress: string;
  readonly backendUrl: string;
}

interface ForwardAuth {
  readonly authResponseHeaders: string[];
  readonly maxResponseBodySize: number;
}

/** True once the router is there: anything but Traefik's own 404. */
async function answers(port: number): Promise<boolean> {
  const { askDemo } = await import('./tour.ts');
  return askDemo(port, '/', undefined).then(
    answer => answer.status !== 404,
    () => false,
  );
}
