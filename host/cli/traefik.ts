import { dirname, join, relative, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { isElastic } from '../config/domains.ts';
import { identityNames } from '../config/identity-presets.ts';
import type { Setup } from '../config/schema.ts';
import { deriveGuestKey } from '../secret/derive.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { configOption, directoryName, setupFor, shownUrl } from './options.ts';
import { makeDirectory, writeNewFile } from './output-file.ts';
import { forwardAuthSetup, type PrintedSetup } from './traefik-forward-auth.ts';
import { DEFAULT_LISTEN, SERVE_PATH, serveDynamic } from './traefik-serve.ts';
import { type TraefikOptions, traefikSetup } from './traefik-setup.ts';
import { dynamicYaml, staticYaml } from './traefik-yaml.ts';

/** As Traefik sees it; in a directory of its own, since the plugin is given the whole directory. */
const DEFAULT_KEY_FILE = '/etc/postern/traefik/guest.key';
/** Traefik's own default. */
const POLL_INTERVAL = '5s';

interface Options {
  readonly config?: string;
  readonly hostAddress?: string;
  readonly service: readonly string[];
  readonly directory?: string;
  readonly keyFile: string;
  readonly keyFromEnvironment?: boolean;
  readonly entryPoint: readonly string[];
  readonly tls: boolean;
  readonly certResolver?: string;
  readonly static?: boolean;
  readonly dynamic?: boolean;
  readonly json?: boolean;
  readonly outDir?: string;
  readonly plugin: boolean;
  readonly endpoint?: string;
  readonly serve?: boolean;
  readonly listen: string;
}

/** `postern traefik`: prints what Traefik has to be told. */
export function traefikCommand(io: Io): Command {
  const many = (value: string, before: readonly string[]) => [...before, value];
  return new Command('traefik')
    .description("print Traefik's configuration for these domains: plugin, layered routers, forwardAuth")
    .argument('<domain...>', 'domains to guard, e.g. app.example.com or *.example.com')
    .addOption(configOption())
    .option(
      '-s, --service <[domain=]service>',
      'service behind the domain, a name (app@docker) or the URL of a server; may be repeated',
      many,
      [],
    )
    .option('--host-address <url>', "the host's URL as Traefik reaches it (else from server.address)")
    .option('--directory <path>', 'guest directory as Traefik sees it (else guest.directory)')
    .option('--key-file <path>', "guest key's file as Traefik sees it", DEFAULT_KEY_FILE)
    .addOption(
      new Option('--key-from-environment', 'give the key in POSTERN_GUEST_KEY instead of a file').conflicts(
        'keyFile',
      ),
    )
    .option('--entry-point <name[=address]>', 'entry point of the routers; may be repeated', many, [])
    .option('--no-tls', 'routers without TLS: something in front of Traefik ends it')
    .addOption(new Option('--cert-resolver <name>', 'certificate resolver of the routers').conflicts('tls'))
    .addOption(new Option('--static', 'only the static part').conflicts('dynamic'))
    .option('--dynamic', 'only the dynamic part')
    .addOption(new Option('--json', 'print JSON').conflicts('outDir'))
    .option(
      '--out-dir <dir>',
      'write traefik.yml and dynamic/postern.yml there instead of printing',
      directoryName,
    )
    .option('--no-plugin', 'forwardAuth alone, for a Traefik without the plugin: the host is asked each time')
    .option(
      '--endpoint <url>',
      "where Traefik's HTTP provider finds the dynamic part, instead of a directory",
    )
    .addOption(
      new Option('--serve', "serve the dynamic part for Traefik's HTTP provider").conflicts([
        'static',
        'json',
        'outDir',
        'endpoint',
      ]),
    )
    .option('--listen <address>', 'HOST:PORT of --serve', DEFAULT_LISTEN)
    .action(async (domains: readonly string[], options: Options, command: Command) => {
      if (!options.serve && command.getOptionValueSource('listen') === 'cli') {
        throw usage('--listen needs --serve');
      }
      const make = () => setupOf(domains, options, io);
      if (options.serve) await serveDynamic(() => make().dynamic, options.listen, io);
      else if (options.outDir === undefined) io.stdout.write(render(make(), options));
      else await writeFiles(make(), options, options.outDir, io);
    })
    .addHelpText(
      'after',
      `
The root secret is read from POSTERN_SECRET_FILE, POSTERN_SECRET or the configuration file; while
POSTERN_SECRET_PREVIOUS is set, the routers let plugins with the old guest key pass too.

Examples:
  postern traefik app.example.com --service app@docker
  postern traefik app.example.com --service http://127.0.0.1:8080 --host-address http://postern:9091
  postern traefik a.example.com b.example.com -s a.example.com=a@docker -s b.example.com=b@docker
  postern traefik app.example.com -s app --dynamic > /etc/traefik/dynamic/postern.yml
  postern traefik app.example.com -s app --no-plugin
  postern traefik app.example.com -s app --serve`,
    );
}

function setupOf(domains: readonly string[], options: Options, io: Io): PrintedSetup {
  const made = setupOptions(domains, options, io);
  const setup: PrintedSetup = options.plugin ? traefikSetup(made) : forwardAuthSetup(made);
  if (options.endpoint === undefined) return setup;
  const endpoint = checkEndpoint(options.endpoint);
  const providers = { http: { endpoint, pollInterval: POLL_INTERVAL } };
  return { ...setup, static: { ...setup.static, providers } };
}

function setupOptions(domains: readonly string[], options: Options, io: Io): TraefikOptions {
  const { config } = setupFor(options.config, io);
  const names = [...new Set(domains.map(checkDomain))];
  const services = serviceMap(options.service, names);
  const directory = checkMount('--directory', options.directory ?? config.guest.directory);
  const keyFile = options.keyFromEnvironment ? undefined : checkMount('--key-file', options.keyFile);
  if (keyFile !== undefined && options.plugin) checkKeyDirectory(dirname(keyFile), directory, io);
  return {
    domains: names.map(domain => ({
      domain,
      service: services(domain),
      ...(isElastic(config.policy.domains, domain) ? { elasticsearch: true } : {}),
    })),
    guestKey: deriveGuestKey(config.secret),
    previousGuestKey: config.previousSecret && deriveGuestKey(config.previousSecret),
    hostAddress: checkHostAddress(options.hostAddress ?? reachable(config.server)),
    directory,
    keyFile,
    identityHeaders: identityNames(config.policy),
    ...portals(config),
    tls: options.tls,
    certResolver: options.certResolver === undefined ? undefined : checkResolver(options.certResolver),
    ...(options.entryPoint.length === 0 ? {} : { entryPoints: entryPoints(options) }),
    ...(options.outDir === undefined ? {} : { dynamicDirectory: resolve(options.outDir, 'dynamic') }),
  };
}

/** Where this host has a portal; without a storage it has none, and `session.cookies` names another's. */
function portals({ cookies = [], storage }: Setup): Pick<TraefikOptions, 'portals' | 'handoffs'> {
  if (storage === undefined) return {};
  return {
    portals: cookies.flatMap(({ signInUrl }) => (signInUrl === undefined ? [] : [signInUrl])),
    handoffs: cookies.flatMap(({ domain, isHandoff }) => (isHandoff ? [domain] : [])),
  };
}

function render(setup: PrintedSetup, options: Options): string {
  if (options.json) {
    const value = options.static ? setup.static : options.dynamic ? setup.dynamic : setup;
    return `${JSON.stringify(value, undefined, 2)}\n`;
  }
  if (options.static) return staticYaml(setup);
  if (options.dynamic) return dynamicYaml(setup);
  return `${staticYaml(setup)}---\n${dynamicYaml(setup)}`;
}

async function writeFiles(setup: PrintedSetup, options: Options, outDir: string, io: Io): Promise<void> {
  const files: [string, string, number][] = [];
  if (!options.dynamic) files.push([join(outDir, 'traefik.yml'), staticYaml(setup), 0o644]);
  // The verdict tags are no key, but whoever knows them passes a parent that lost its plugin.
  if (!options.static) files.push([join(outDir, 'dynamic', 'postern.yml'), dynamicYaml(setup), 0o640]);
  for (const [file, text, mode] of files) {
    await makeDirectory(dirname(file));
    writeNewFile(file, text, mode);
    io.stderr.write(`wrote ${file}\n`);
  }
}

function usage(message: string): CommandError {
  return new CommandError(message, EXIT_USAGE);
}

function checkDomain(domain: string): string {
  const name = domain.toLowerCase();
  if (
    name.length <= 253 &&
    /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name)
  ) {
    return name;
  }
  throw usage(
    `not a domain: ${JSON.stringify(domain)}; write app.example.com or *.example.com, without scheme, port or path`,
  );
}

/** `--service x` for all domains, `--service domain=x` for one; without either the domain's first label. */
function serviceMap(values: readonly string[], domains: readonly string[]): (domain: string) => string {
  const byDomain = new Map<string, string>();
  let fallback: string | undefined;
  for (const value of values) {
    // A URL may hold `=` itself, a domain holds no `/`.
    const match = /^([^=/@]+)=(.+)$/.exec(value);
    const service = match?.[2] ?? value;
    if (!/^(https?:\/\/[^\s`]+|[A-Za-z0-9_.@-]+)$/.test(service)) {
      throw usage(`--service ${shownUrl(value)}: must be a service's name or an http(s) URL`);
    }
    const domain = match?.[1]?.toLowerCase();
    if (domain === undefined) {
      if (fallback !== undefined)
        throw usage('--service for all domains is given twice: name the domain, DOMAIN=SERVICE');
      fallback = service;
    } else if (domains.includes(domain)) {
      byDomain.set(domain, service);
    } else {
      throw usage(`--service ${value}: ${domain} is not among the domains`);
    }
  }
  return domain => byDomain.get(domain) ?? fallback ?? domain.replace('*.', '').split('.')[0] ?? domain;
}

function checkHostAddress(address: string): string {
  if (/^https?:\/\/[^/?#\s@]+\/?$/.test(address) && URL.canParse(address)) return address.replace(/\/$/, '');
  throw usage(`--host-address ${shownUrl(address)}: must be http://HOST:PORT, without a path`);
}

function checkEndpoint(url: string): string {
  if (/^https?:\/\/[^/?#\s@]+\/\S*$/.test(url) && URL.canParse(url)) return url;
  throw usage(
    `--endpoint ${shownUrl(url)}: must be an address as --serve prints it, http://HOST:PORT${SERVE_PATH}`,
  );
}

/** Where a listener on every interface is reached from the same machine. */
export function reachable(server: {
  readonly host: string;
  readonly port: number;
  readonly tls?: object | undefined;
}): string {
  const host = ['', '0.0.0.0', '::'].includes(server.host) ? '127.0.0.1' : server.host;
  return `${server.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
}

function checkMount(option: string, path: string): string {
  if (path.startsWith('/') && !/[:\s]/.test(path)) return resolve(path);
  throw usage(`${option} ${path}: must be an absolute path without colons and spaces`);
}

/** A key of Traefik's `certificatesResolvers`. */
function checkResolver(name: string): string {
  if (/^[^\s`'"]+$/.test(name)) return name;
  throw usage(
    `--cert-resolver ${name}: must be a name below certificatesResolvers of Traefik's configuration`,
  );
}

/** The plugin is given the key's whole directory: nothing else of ours may lie in it. */
function checkKeyDirectory(keyDirectory: string, guestDirectory: string, io: Io): void {
  const holds = (outer: string, inner: string) => !/^\.\.(\/|$)/.test(relative(outer, inner));
  if (holds(keyDirectory, guestDirectory) || holds(guestDirectory, keyDirectory)) {
    throw usage(
      '--key-file: the key must not lie in the guest directory nor above it: name another directory',
    );
  }
  const secretFile = io.env.POSTERN_SECRET_FILE;
  if (secretFile && holds(keyDirectory, resolve(secretFile))) {
    throw usage(
      `--key-file: ${keyDirectory} also holds the root secret, which Traefik must not have: keep the key in a directory of its own`,
    );
  }
}

function entryPoints(options: Options): Record<string, string> {
  return Object.fromEntries(
    options.entryPoint.map(value => {
      const match = /^([A-Za-z0-9_-]+)(?:=(\S+))?$/.exec(value);
      if (match?.[1] === undefined) throw usage(`--entry-point ${value}: must be NAME or NAME=ADDRESS`);
      return [match[1], match[2] ?? (options.tls ? ':443' : ':80')];
    }),
  );
}
