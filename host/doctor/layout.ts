import { HEADER_VERDICT } from '../../assembly/contract.ts';
import { FORWARD_AUTH_PATH } from '../routes/paths.ts';
import { parseRule, type Rule } from './rule.ts';
import { headerValuesOf } from './rule-match.ts';
import {
  asText,
  asTexts,
  asTree,
  type MiddlewareView,
  type RouterView,
  type TraefikView,
} from './traefik-view.ts';

/** Traefik's routers in the parts they play for us. */
export interface Layout {
  /** Middlewares that are the plugin, or were meant to be. */
  readonly plugins: readonly PluginView[];
  /** Root routers that run the plugin. */
  readonly guards: readonly GuardView[];
  /** Root routers that serve clients without it. Traefik's own are left out. */
  readonly others: readonly PlacedRouter[];
  /** Routers that ask for our verdict although their parent is no guard. */
  readonly strays: readonly PlacedRouter[];
}

export interface PluginView {
  readonly middleware: MiddlewareView;
  /** The plugin's name in the static configuration. */
  readonly plugin: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface PlacedRouter extends RouterView {
  readonly parsed: Rule | undefined;
  /** Its middlewares in order, chains unfolded. Those that do not exist are left out. */
  readonly chain: readonly MiddlewareView[];
}

export interface GuardView extends PlacedRouter {
  readonly children: readonly PlacedRouter[];
}

/** Chains of chains of …: more is a circle. */
const MAX_CHAIN_DEPTH = 8;

/** Which routers are guarded by our plugin, and what their middlewares come to. */
export function layoutOf(traefik: TraefikView): Layout {
  const plugins = [...traefik.middlewares.values()].flatMap(middleware => {
    const view = pluginOf(middleware);
    return view === undefined ? [] : [view];
  });
  const ours = new Set(plugins.map(({ middleware }) => middleware.name));
  const placed = [...traefik.routers.values()].map(router => ({
    ...router,
    parsed: parseRule(router.rule),
    chain: unfold(router.middlewares, traefik, 0),
  }));
  const isGuard = (router: PlacedRouter) =>
    router.parentRefs.length === 0 &&
    (router.chain.some(({ name }) => ours.has(name)) || router.middlewares.some(name => ours.has(name)));
  const guards = placed.filter(isGuard).map(guard => ({
    ...guard,
    children: placed.filter(({ parentRefs }) => parentRefs.includes(guard.name)),
  }));
  const guarded = new Set(guards.map(({ name }) => name));
  return {
    plugins,
    guards,
    others: placed.filter(
      router =>
        router.parentRefs.length === 0 &&
        !guarded.has(router.name) &&
        !router.name.endsWith('@internal') &&
        router.status !== 'disabled',
    ),
    strays: placed.filter(
      router =>
        headerValuesOf(router.parsed, HEADER_VERDICT).length > 0 &&
        !router.parentRefs.some(parent => guarded.has(parent)),
    ),
  };
}

/** The plugin has one key, its name; ours is told by that, by the middleware's, or by what is set in it. */
function pluginOf(middleware: MiddlewareView): PluginView | undefined {
  const entry = Object.entries(asTree(middleware.settings.plugin))[0];
  if (entry === undefined) return undefined;
  const [plugin, value] = entry;
  const config = asTree(value);
  const isOurs =
    /postern/i.test(plugin) || /^postern/i.test(middleware.name) || Object.hasOwn(config, 'key_file');
  return isOurs ? { middleware, plugin, config } : undefined;
}

function unfold(names: readonly string[], traefik: TraefikView, depth: number): MiddlewareView[] {
  if (depth > MAX_CHAIN_DEPTH) return [];
  return names.flatMap(name => {
    const middleware = traefik.middlewares.get(name);
    if (middleware === undefined) return [];
    if (middleware.settings.chain === undefined) return [middleware];
    const provider = name.slice(name.lastIndexOf('@'));
    const inner = asTexts(asTree(middleware.settings.chain).middlewares);
    return unfold(
      inner.map(other => (other.includes('@') ? other : other + provider)),
      traefik,
      depth + 1,
    );
  });
}

/** What a forwardAuth middleware is told, when it is one that asks a host of ours. */
export function forwardAuthOf(middleware: MiddlewareView): Readonly<Record<string, unknown>> | undefined {
  const settings = middleware.settings.forwardAuth;
  if (settings === undefined) return undefined;
  const address = asText(asTree(settings).address) ?? '';
  return address.includes(FORWARD_AUTH_PATH) || /^postern/i.test(middleware.name)
    ? asTree(settings)
    : undefined;
}

/** Whether a router only sends clients elsewhere, e.g. from http to https. */
export function onlyRedirects(router: PlacedRouter): boolean {
  return router.chain.some(({ settings }) => settings.redirectScheme !== undefined);
}
