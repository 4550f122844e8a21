/** What Traefik's API says, as far as it is looked at; shapes recorded from v3.7.9. */

interface Runtime {
  /** `enabled`, `warning` or `disabled`. */
  readonly status?: string;
  readonly error?: readonly string[];
}

export interface RouterView extends Runtime {
  /** With its provider, `app@docker`. */
  readonly name: string;
  readonly rule: string;
  /** Traefik computes it from the rule's length where none is written. */
  readonly priority: number;
  readonly entryPoints: readonly string[];
  readonly middlewares: readonly string[];
  readonly parentRefs: readonly string[];
  readonly service: string | undefined;
  readonly tls: boolean;
}

export interface MiddlewareView extends Runtime {
  readonly name: string;
  readonly usedBy: readonly string[];
  /** `forwardAuth`, `plugin`, `headers`, …: one of them is there. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface EntryPointView {
  readonly name: string;
  readonly address: string;
  readonly insecure: boolean;
  readonly trustedIps: readonly string[];
  readonly proxyProtocolInsecure: boolean;
  /** `keep`, `delete` or `reject`; undefined in a Traefik that has no such setting. */
  readonly underscoreHeaders: string | undefined;
  /** The same for names with any other character in place of a dash. */
  readonly aliasHeaders: string | undefined;
}

/** Of the static configuration only the support dump tells, with names and paths blacked out. */
export interface StaticView {
  readonly abortOnPluginFailure: boolean;
  /** By the name that middlewares use. */
  readonly plugins: ReadonlyMap<string, { readonly mounts: number; readonly envs: number }>;
  /** Undefined without the Docker provider. */
  readonly dockerExposedByDefault: boolean | undefined;
}

export interface TraefikView {
  readonly version: string;
  readonly routers: ReadonlyMap<string, RouterView>;
  readonly middlewares: ReadonlyMap<string, MiddlewareView>;
  /** Addresses of each service's servers, as far as it has any. */
  readonly services: ReadonlyMap<string, readonly string[]>;
  readonly entryPoints: ReadonlyMap<string, EntryPointView>;
  readonly static: StaticView | undefined;
  /** Offset of Traefik's clock in milliseconds, between these two. */
  readonly clock: ClockOffset | undefined;
}

/** Another's clock minus ours, as narrow as a `Date` header of whole seconds tells. */
export interface ClockOffset {
  readonly atLeast: number;
  readonly atMost: number;
}

type Tree = Readonly<Record<string, unknown>>;

export const asTree = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
export const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
export const asTexts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(item => typeof item === 'string') : [];

export interface ApiAnswers {
  readonly version: unknown;
  readonly rawdata: unknown;
  readonly entrypoints: unknown;
  /** `static-config.json` of the support dump. */
  readonly static: unknown;
  readonly clock: ClockOffset | undefined;
}

/** What is missing in the answers, or of another shape, is left out. */
export function readTraefik(answers: ApiAnswers): TraefikView {
  const raw = asTree(answers.rawdata);
  return {
    version: asText(asTree(answers.version).Version) ?? '',
    routers: named(raw.routers, readRouter),
    middlewares: named(raw.middlewares, readMiddleware),
    services: named(raw.services, readService),
    entryPoints: new Map(
      (Array.isArray(answers.entrypoints) ? answers.entrypoints : [])
        .map(item => readEntryPoint(asTree(item)))
        .map(item => [item.name, item]),
    ),
    static: answers.static === undefined ? undefined : readStatic(asTree(answers.static)),
    clock: answers.clock,
  };
}

function named<T>(value: unknown, read: (name: string, tree: Tree) => T): ReadonlyMap<string, T> {
  return new Map(Object.entries(asTree(value)).map(([name, item]) => [name, read(name, asTree(item))]));
}

function runtime(tree: Tree): Runtime {
  const status = asText(tree.status);
  return { ...(status === undefined ? {} : { status }), error: asTexts(tree.error) };
}

function readRouter(name: string, tree: Tree): RouterView {
  const rule = asText(tree.rule) ?? '';
  return {
    ...runtime(tree),
    name,
    rule,
    priority: typeof tree.priority === 'number' ? tree.priority : rule.length,
    entryPoints: asTexts(tree.entryPoints),
    middlewares: asTexts(tree.middlewares).map(other => qualified(other, name)),
    parentRefs: asTexts(tree.parentRefs).map(other => qualified(other, name)),
    service: asText(tree.service),
    tls: tree.tls !== undefined && tree.tls !== null,
  };
}

function readMiddleware(name: string, tree: Tree): MiddlewareView {
  const { status: _, error: __, usedBy, ...settings } = tree;
  return { ...runtime(tree), name, usedBy: asTexts(usedBy), settings };
}

function readService(_name: string, tree: Tree): readonly string[] {
  const { servers } = asTree(tree.loadBalancer);
  return Array.isArray(servers) ? servers.flatMap(server => asText(asTree(server).url) ?? []) : [];
}

function readEntryPoint(tree: Tree): EntryPointView {
  const forwarded = asTree(tree.forwardedHeaders);
  return {
    name: asText(tree.name) ?? '',
    address: asText(tree.address) ?? '',
    insecure: forwarded.insecure === true,
    trustedIps: asTexts(forwarded.trustedIPs),
    proxyProtocolInsecure: asTree(tree.proxyProtocol).insecure === true,
    underscoreHeaders: asText(asTree(tree.http).underscoreHeadersStrategy),
    aliasHeaders: asText(asTree(tree.http).aliasHeadersStrategy),
  };
}

function readStatic(tree: Tree): StaticView {
  const experimental = asTree(tree.experimental);
  const providers = asTree(tree.providers);
  const plugins = { ...asTree(experimental.plugins), ...asTree(experimental.localPlugins) };
  return {
    abortOnPluginFailure: experimental.abortOnPluginFailure === true,
    plugins: new Map(
      Object.entries(plugins).map(([name, plugin]) => {
        const settings = asTree(asTree(plugin).settings);
        return [name, { mounts: asTexts(settings.mounts).length, envs: asTexts(settings.envs).length }];
      }),
    ),
    dockerExposedByDefault:
      providers.docker === undefined ? undefined : asTree(providers.docker).exposedByDefault === true,
  };
}

/** A name without provider is of the provider of whoever uses it. */
export function qualified(name: string, user: string): string {
  return name.includes('@') ? name : `${name}${user.slice(user.lastIndexOf('@'))}`;
}
