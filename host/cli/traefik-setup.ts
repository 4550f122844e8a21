import { basename, dirname } from 'node:path';
import {
  HEADER_REQUEST,
  HEADER_VERDICT,
  VERDICT_ALLOW_PREFIX,
  VERDICT_DEFER_PREFIX,
} from '../../assembly/contract.ts';
import { identityNames } from '../config/identity-presets.ts';
import { verdictTag } from '../secret/derive.ts';
import { handoffRules, hostRule, portalRules } from './traefik-rules.ts';

/** The plugin's module name: Traefik looks below `plugins-local/src/` for it. */
export const PLUGIN_MODULE = 'github.com/postern-auth/postern';
/** Where the plugin finds the guest directory and the directory of its key; its own defaults. */
export const GUEST_DIRECTORY = '/run/postern';
export const GUEST_KEY_DIRECTORY = '/etc/postern';
export const GUEST_KEY_FILE = 'guest.key';
/** Handed to the guest by name when there is no key file. */
export const GUEST_KEY_VARIABLE = 'POSTERN_GUEST_KEY';

/**
 * Over every priority that Traefik gives by itself (the rule's length) and that
 * people write: another router of the same host must not win.
 */
const PRIORITY = 1_000_000;
/** A wildcard yields to the names under it. */
const WILDCARD_PRIORITY = 900_000;
/** The portal, below a path of a guarded domain, comes before that domain. */
const PORTAL_PRIORITY = PRIORITY + 1;
/** Answers of the host are small pages; a larger one is not the host's. */
const MAX_AUTH_BODY = 65_536;

/** Router and service of the portal; a second portal has a number behind it. */
export const PORTAL = 'postern-portal';
/** The host for services that take its `Authorization` in place of the client's. */
export const ELASTIC_HOST = 'postern-host-elastic';

export interface TraefikOptions {
  readonly domains: readonly {
    /** `app.example.com` or `*.example.com`. */
    readonly domain: string;
    /** What stands behind it: a name, or the URL of a server. */
    readonly service: string;
    /** It is Elasticsearch, and takes the `Authorization` that the host answers. */
    readonly elasticsearch?: boolean;
  }[];
  readonly guestKey: Uint8Array;
  /** While it is set, routers let verdicts of guests with the old key pass too. */
  readonly previousGuestKey?: Uint8Array | undefined;
  /** The host's URL as Traefik reaches it, e.g. `http://127.0.0.1:9091`. */
  readonly hostAddress: string;
  /** The guest directory as Traefik sees it. */
  readonly directory: string;
  /** The guest key's file as Traefik sees it; undefined gives it POSTERN_GUEST_KEY instead. */
  readonly keyFile: string | undefined;
  /** Names and addresses. Default `websecure` on `:443`. */
  readonly entryPoints?: Readonly<Record<string, string>>;
  /** Default true: routers answer HTTPS. */
  readonly tls?: boolean;
  readonly certResolver?: string | undefined;
  /** Where Traefik reads dynamic configuration. Default /etc/traefik/dynamic. */
  readonly dynamicDirectory?: string;
  /** Names of all headers that tell who asks. Default Authelia's. */
  readonly identityHeaders?: readonly string[];
  /** Further configuration of the plugin, e.g. an inline policy. */
  readonly plugin?: Readonly<Record<string, unknown>>;
  /** Addresses where people sign in at this host: `https://auth.example.com`, also below a path. */
  readonly portals?: readonly string[];
  /** Domains whose portal lies below another one: the host also answers at them, where they are handed a session. */
  readonly handoffs?: readonly string[];
}

export interface Router {
  rule: string;
  entryPoints?: string[];
  priority?: number;
  middlewares?: string[];
  tls?: { certResolver?: string };
  parentRefs?: string[];
  service?: string;
}

export interface TraefikSetup {
  /** traefik.yml: read at the start only. */
  readonly static: {
    readonly entryPoints: Record<string, { address: string }>;
    readonly providers: { readonly file: { directory: string } };
    readonly experimental: {
      readonly abortOnPluginFailure: true;
      readonly localPlugins: {
        readonly postern: {
          moduleName: string;
          settings: { mounts: string[]; envs?: string[] };
        };
      };
    };
  };
  /** A file of the dynamic configuration. */
  readonly dynamic: {
    readonly http: {
      readonly middlewares: Record<string, unknown>;
      readonly routers: Record<string, Router>;
      readonly services?: Record<string, unknown>;
    };
  };
}

/** Everything that Traefik has to be told; the command, the demo and the tests use this same set-up. */
export function traefikSetup(options: TraefikOptions): TraefikSetup {
  return {
    static: {
      entryPoints: Object.fromEntries(
        Object.entries(entryPoints(options)).map(([name, address]) => [name, { address }]),
      ),
      providers: { file: { directory: options.dynamicDirectory ?? '/etc/traefik/dynamic' } },
      experimental: {
        abortOnPluginFailure: true,
        localPlugins: { postern: { moduleName: PLUGIN_MODULE, settings: pluginSettings(options) } },
      },
    },
    dynamic: { http: { middlewares: middlewares(options), ...routersAndServices(options) } },
  };
}

function entryPoints(options: TraefikOptions): Readonly<Record<string, string>> {
  return options.entryPoints ?? { websecure: ':443' };
}

function pluginSettings(options: TraefikOptions): { mounts: string[]; envs?: string[] } {
  const directory = `${options.directory}:${GUEST_DIRECTORY}:ro`;
  if (options.keyFile === undefined) return { mounts: [directory], envs: [GUEST_KEY_VARIABLE] };
  return { mounts: [directory, `${dirname(options.keyFile)}:${GUEST_KEY_DIRECTORY}:ro`] };
}

function middlewares(options: TraefikOptions): Record<string, unknown> {
  const keyFile = options.keyFile === undefined ? GUEST_KEY_FILE : basename(options.keyFile);
  return {
    // Go takes a request target like `a:http://app.example.com/admin` for a URL without a path: the
    // plugin would be told `/`, and the service be sent all behind the first colon. This replaces
    // the URL by itself, read anew as scheme, host and path; nobody is redirected.
    'postern-target': { redirectRegex: { regex: '^h', replacement: 'h' } },
    postern: {
      plugin: {
        postern: {
          directory: GUEST_DIRECTORY,
          ...(options.keyFile === undefined ? {} : { key_file: `${GUEST_KEY_DIRECTORY}/${keyFile}` }),
          ...options.plugin,
        },
      },
    },
    'postern-host': forwardAuth(options, []),
    ...(options.domains.some(({ elasticsearch }) => elasticsearch)
      ? { [ELASTIC_HOST]: forwardAuth(options, ['Authorization']) }
      : {}),
    // An empty value removes: services have no business with our headers.
    'postern-clean': {
      headers: { customRequestHeaders: { [HEADER_VERDICT]: '', [HEADER_REQUEST]: '' } },
    },
  };
}

/** The host, asked about what the guest cannot decide. @param more headers that its answer sets besides */
function forwardAuth(options: TraefikOptions, more: readonly string[]) {
  return {
    forwardAuth: {
      address: `${options.hostAddress}/api/authz/forward-auth`,
      // What it trusts is the guest, which has just written these headers.
      trustForwardHeader: true,
      maxResponseBodySize: MAX_AUTH_BODY,
      // Traefik removes the request's own copies of these before it copies the answer's.
      authResponseHeaders: [
        HEADER_VERDICT,
        HEADER_REQUEST,
        ...(options.identityHeaders ?? identityNames({})),
        // Without our sessions.
        'Cookie',
        ...more,
      ],
    },
  };
}

function routersAndServices(options: TraefikOptions): {
  routers: Record<string, Router>;
  services?: Record<string, unknown>;
} {
  const keys = [options.guestKey, ...(options.previousGuestKey ? [options.previousGuestKey] : [])];
  const tags = keys.map(verdictTag);
  const verdict = (prefix: string) =>
    tags.map(tag => `Header(\`${HEADER_VERDICT}\`, \`${prefix}${tag}\`)`).join(' || ');

  const routers: Record<string, Router> = {};
  const services: Record<string, unknown> = {};
  for (const { domain, service, elasticsearch } of options.domains) {
    const name = freeName(`postern-${domain.replace('*', 'any').replaceAll(/[^a-z0-9]+/g, '-')}`, routers);
    const isUrl = /^https?:\/\//.test(service);
    if (isUrl) services[name] = { loadBalancer: { servers: [{ url: service }] } };
    const target = isUrl ? name : service;
    routers[name] = {
      rule: hostRule(domain),
      entryPoints: Object.keys(entryPoints(options)),
      priority: domain.startsWith('*.') ? WILDCARD_PRIORITY : PRIORITY,
      middlewares: ['postern-target', 'postern'],
      ...tls(options),
    };
    // Children have neither entry points nor TLS: without their parent they must lead nowhere.
    routers[`${name}-allow`] = {
      rule: verdict(VERDICT_ALLOW_PREFIX),
      parentRefs: [name],
      middlewares: ['postern-clean'],
      service: target,
    };
    routers[`${name}-defer`] = {
      rule: verdict(VERDICT_DEFER_PREFIX),
      parentRefs: [name],
      middlewares: [elasticsearch ? ELASTIC_HOST : 'postern-host', 'postern-clean'],
      service: target,
    };
  }
  const portals = [...portalRules(options.portals ?? []), ...handoffRules(options.handoffs ?? [])];
  for (const rule of portals) {
    services[PORTAL] = { loadBalancer: { servers: [{ url: options.hostAddress }] } };
    routers[freeName(PORTAL, routers)] = {
      rule,
      entryPoints: Object.keys(entryPoints(options)),
      priority: PORTAL_PRIORITY,
      // It judges by itself who may see what; nobody needs to be signed in to sign in.
      middlewares: ['postern-target'],
      ...tls(options),
      service: PORTAL,
    };
  }
  return Object.keys(services).length === 0 ? { routers } : { routers, services };
}

function tls(options: TraefikOptions): Pick<Router, 'tls'> {
  if (options.tls === false) return {};
  return { tls: options.certResolver ? { certResolver: options.certResolver } : {} };
}

function freeName(wanted: string, taken: Readonly<Record<string, unknown>>): string {
  let name = wanted;
  for (let i = 2; Object.hasOwn(taken, name); i++) name = `${wanted}-${i}`;
  return name;
}
