import { stringify } from 'yaml';
import { type Router, type TraefikOptions, traefikSetup } from '../cli/traefik-setup.ts';
import { DOCKER_DEFAULT_RULE } from '../cli/traefik-yaml.ts';

/** The lines that mend, all from what `postern traefik` prints. */
export interface Mend {
  /** Middlewares of the dynamic configuration, by the names the generator gives. */
  middlewares(...names: string[]): string;
  /** Parent and children for a domain, with everything they use. */
  domain(domain: string, service: string): string;
  /** One router as the generator writes it, under the names that are in use. */
  router(name: string, router: Router): string;
  children(parent: string, service: string): string;
  /** Router and service of the portal at this address. */
  portal(address: string): string;
  plugins(): string;
  /** The command with the configuration file in use, e.g. `postern serve --config postern.yml`. */
  postern(command: string): string;
  abort(): string;
  docker(): string;
  /** What `postern-target` is set to, as JSON. */
  readonly targetRegex: string;
  /** Names that `postern-host` must carry. */
  readonly authResponseHeaders: readonly string[];
  entryPoint(name: string, settings: object): string;
}

export function createMend(options: Omit<TraefikOptions, 'domains'>, configFile: string): Mend {
  const setup = (domain: string, service: string) =>
    traefikSetup({ ...options, domains: [{ domain, service }] });
  const any = setup('app.example.com', 'app');
  const { experimental } = any.static;
  const { forwardAuth } = any.dynamic.http.middlewares['postern-host'] as {
    forwardAuth: { authResponseHeaders: string[] };
  };
  const target = any.dynamic.http.middlewares['postern-target'] as { redirectRegex: unknown };
  return {
    authResponseHeaders: forwardAuth.authResponseHeaders,
    targetRegex: JSON.stringify(target.redirectRegex),
    middlewares(...names) {
      const all = any.dynamic.http.middlewares;
      return yaml({ http: { middlewares: Object.fromEntries(names.map(name => [name, all[name]])) } });
    },
    domain(domain, service) {
      return yaml(setup(domain, service).dynamic);
    },
    router(name, router) {
      return yaml({ http: { routers: { [local(name)]: router } } });
    },
    children(parent, service) {
      const routers = setup('app.example.com', service).dynamic.http.routers;
      const named = Object.entries(routers).flatMap(([name, router]) => {
        const suffix = /-(allow|defer)$/.exec(name)?.[0];
        return suffix === undefined
          ? []
          : [[`${local(parent)}${suffix}`, { ...router, parentRefs: [local(parent)] }]];
      });
      return yaml({ http: { routers: Object.fromEntries(named) } });
    },
    portal(address) {
      const { http } = traefikSetup({ ...options, domains: [], portals: [address] }).dynamic;
      const { routers, services, middlewares } = http;
      const { 'postern-target': first } = middlewares;
      return yaml({ http: { routers, services, middlewares: { 'postern-target': first } } });
    },
    postern: command => `postern ${command} --config ${shellWord(configFile)}`,
    plugins: () => `# in the static configuration, then restart Traefik\n${yaml({ experimental })}`,
    abort: () =>
      `# in the static configuration, then restart Traefik\n${yaml({ experimental: { abortOnPluginFailure: true } })}`,
    docker: () =>
      `# in the static configuration, then restart Traefik\n${yaml({
        providers: { docker: { exposedByDefault: false, defaultRule: DOCKER_DEFAULT_RULE } },
      })}`,
    entryPoint: (name, settings) =>
      `# in the static configuration, then restart Traefik\n${yaml({ entryPoints: { [name]: settings } })}`,
  };
}

/** Files and KV stores write names without their provider. */
export const local = (name: string): string => name.replace(/@(file|redis|consul|etcd|zookeeper|http)$/, '');

/** A path as a shell reads it back. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function yaml(value: unknown): string {
  return stringify(JSON.parse(JSON.stringify(value)), {
    lineWidth: 0,
    defaultStringType: 'QUOTE_SINGLE',
    defaultKeyType: 'PLAIN',
  }).trimEnd();
}
