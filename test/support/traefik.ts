import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.ts';
import { freePorts } from './net.ts';
import { tempDirectory } from './temp.ts';
import { waitUntil } from './wait.ts';

export { describeTraefik, TRAEFIK_VERSION } from './traefik-binary.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** A plain tree of objects, as configurations are. */
export interface Tree {
  readonly [key: string]: unknown;
}

export interface TraefikPlugin {
  /** Default `dist/plugin.wasm`. */
  readonly wasm?: string | Uint8Array;
  /** `settings.mounts`: `host:guest` or `host:guest:ro`. */
  readonly mounts?: readonly string[];
  /** `settings.envs`: names of variables that the guest may read. */
  readonly envs?: readonly string[];
}

export interface TraefikOptions {
  readonly binary: string;
  /** Local plugins by the name that middlewares call them. */
  readonly plugins?: Readonly<Record<string, TraefikPlugin>>;
  /** The file provider's content, `{ http: { routers, middlewares, services } }`. */
  readonly dynamic: Tree;
  /**
   * Laid over the default static configuration, whose one entry point for
   * tests is `web` on a free port. More entry points: give them an address
   * `127.0.0.1:<port>` (see `freePort`).
   */
  readonly static?: Tree;
  /** The process's environment; nothing is inherited but PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Traefik {
  /** Port of entry point `web`. */
  readonly port: number;
  /** `http://127.0.0.1:<port>` of entry point `web`. */
  readonly url: string;
  /** Base of Traefik's own API, `…/api/rawdata` and the like. */
  readonly apiUrl: string;
  readonly directory: string;
  readonly child: Child;
  /** The log so far. */
  readonly log: string;
  /** Replaces the dynamic configuration and waits until Traefik has taken it. */
  reconfigure(dynamic: Tree): Promise<void>;
  stop(): Promise<void>;
}

const manifest = `displayName: Postern
type: middleware
runtime: wasm
import: github.com/traefik/plugin-postern
summary: under test
testData: {}
`;

/** Starts Traefik in a directory of its own and waits until its routers are there. */
export async function startTraefik(options: TraefikOptions): Promise<Traefik> {
  const directory = tempDirectory();
  const [port = 0, apiPort = 0] = await freePorts(2);
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const localPlugins = installPlugins(directory, options.plugins ?? {});
  const settings = merge(
    {
      global: { checkNewVersion: false, sendAnonymousUsage: false },
      log: { level: 'INFO', noColor: true },
      api: { insecure: true, dashboard: false },
      entryPoints: {
        // Tests end with requests still open; they are not worth the default of ten seconds.
        web: { address: `127.0.0.1:${port}`, transport: { lifeCycle: { graceTimeOut: '1s' } } },
        traefik: { address: `127.0.0.1:${apiPort}` },
      },
      providers: {
        providersThrottleDuration: '50ms',
        file: { filename: join(directory, 'dynamic.yml'), watch: true },
      },
      // Traefik does not start with an empty list of plugins.
      ...(options.plugins === undefined
        ? {}
        : { experimental: { abortOnPluginFailure: true, localPlugins } }),
    },
    options.static ?? {},
  );
  writeFileSync(join(directory, 'traefik.yml'), JSON.stringify(settings, undefined, 2));

  let generation = 0;
  /** Writes the file with a service that only this generation has, and answers that service's name. */
  function publish(dynamic: Tree): string {
    const name = `generation-${++generation}`;
    const marker = { http: { services: { [name]: { loadBalancer: { servers: [{ url: apiUrl }] } } } } };
    const temporary = join(directory, 'dynamic.new');
    writeFileSync(temporary, JSON.stringify(merge(dynamic, marker), undefined, 2));
    renameSync(temporary, join(directory, 'dynamic.yml'));
    return name;
  }

  let logStart = 0;
  let expected = publish(options.dynamic);
  const child = startChild(options.binary, ['--configFile=traefik.yml'], {
    cwd: directory,
    ...(options.env && { env: options.env }),
  });

  /** What Traefik said about a file it cannot read, since `publish`. */
  function refused(): string | undefined {
    return child.output.slice(logStart).match(/ERR .*building configuration.*/)?.[0];
  }

  async function taken(): Promise<void> {
    await waitUntil(`Traefik's configuration ${expected}`, async () => {
      if (child.exited || refused()) return true;
      const answer = await fetch(`${apiUrl}/api/rawdata`);
      const data = (await answer.json()) as { services?: Record<string, unknown> };
      return data.services?.[`${expected}@file`] !== undefined;
    }).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}; its log:\n${child.output}`);
    });
    if (refused() !== undefined) throw new Error(`Traefik refuses the configuration: ${refused()}`);
    if (child.exited) throw new Error(`Traefik ended (${await child.exit}); its log:\n${child.output}`);
  }

  try {
    await taken();
  } catch (error) {
    await child.stop(2_000);
    throw error;
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    apiUrl,
    directory,
    child,
    get log() {
      return child.output;
    },
    async reconfigure(dynamic) {
      logStart = child.output.length;
      expected = publish(dynamic);
      await taken();
    },
    async stop() {
      await child.stop(5_000);
    },
  };
}

/** Lays each plugin where local mode looks for it; answers `experimental.localPlugins`. */
function installPlugins(directory: string, plugins: Readonly<Record<string, TraefikPlugin>>): Tree {
  const entries = Object.entries(plugins).map(([name, plugin]) => {
    const moduleName = `postern.test/${name}`;
    const folder = join(directory, 'plugins-local/src', moduleName);
    mkdirSync(folder, { recursive: true });
    const wasm = plugin.wasm ?? join(root, 'dist/plugin.wasm');
    if (typeof wasm === 'string') copyFileSync(wasm, join(folder, 'plugin.wasm'));
    else writeFileSync(join(folder, 'plugin.wasm'), wasm);
    const real = join(root, '.traefik.yml');
    if (existsSync(real)) copyFileSync(real, join(folder, '.traefik.yml'));
    else writeFileSync(join(folder, '.traefik.yml'), manifest);
    const settings = { mounts: plugin.mounts ?? [], envs: plugin.envs ?? [] };
    return [name, { moduleName, settings }];
  });
  return Object.fromEntries(entries);
}

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `over` laid over `base`, object by object; anything else in `over` replaces. */
export function merge(base: Tree, over: Tree): Tree {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isTree(below) && isTree(value) ? merge(below, value) : value;
  }
  return result;
}
