import type { EndpointConfig, StrategyName } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { isMapping, type Report } from './tree.ts';
import { shown } from './values.ts';

type Implementation = EndpointConfig['implementation'];

const IMPLEMENTATIONS: readonly Implementation[] = ['ForwardAuth', 'AuthRequest', 'ExtAuthz', 'Legacy'];
const STRATEGIES: readonly StrategyName[] = [
  'CookieSession',
  'HeaderAuthorization',
  'HeaderProxyAuthorization',
  'HeaderAuthRequestProxyAuthorization',
  'HeaderLegacy',
];
/** The last one is read as `grants.lifetime`. */
const STRATEGY_KEYS = ['name', 'schemes', 'scheme_basic_cache_lifespan'];
const SCHEMES = ['basic', 'bearer'];
/** Authelia's own names; others have to say their implementation. */
const BY_NAME: Readonly<Record<string, Implementation>> = {
  'forward-auth': 'ForwardAuth',
  'auth-request': 'AuthRequest',
  'ext-authz': 'ExtAuthz',
  legacy: 'Legacy',
};
/** Whose proxies hand the client whatever they are answered. */
const ADAPTING: readonly Implementation[] = ['ForwardAuth', 'ExtAuthz'];
const DENIALS: readonly NonNullable<EndpointConfig['denial']>[] = ['authelia', 'adaptive'];
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9/._-]*[A-Za-z0-9])?$/;
const PATH = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;
/** FORWARD_AUTH_PATH of the routes. */
const DEFERRALS = '/api/authz/forward-auth';
/** Paths that are served in any case. */
const TAKEN =
  /^\/(?:metrics|health|api\/health|outpost\.goauthentik\.io(?:\/.*)?|akprox(?:\/.*)?|oauth2(?:\/.*)?)$/;

/** Keys beside `authz`, which say how Authelia is watched and slowed down. */
const UNUSED = ['enable_pprof', 'enable_expvars', 'rate_limits'];

/** `server.endpoints`; undefined when it names no endpoint, so that the default ones are served. */
export function readEndpoints(raw: unknown, report: Report): readonly EndpointConfig[] | undefined {
  const at = 'server.endpoints';
  if (!isMapping(raw)) {
    report('config.shape', at, `must be a mapping, got ${shown(raw)}`);
    return undefined;
  }
  for (const key of Object.keys(raw)) {
    if (UNUSED.includes(key))
      report('config.unused', `${at}.${key}`, 'not used; the key may stay', 'warning');
    else if (key !== 'authz') {
      report('config.unknown-key', `${at}.${key}`, `unknown key${didYouMean(key, ['authz', ...UNUSED])}`);
    }
  }
  const { authz } = raw;
  if (authz === undefined || authz === null) return undefined;
  if (!isMapping(authz)) {
    report('config.shape', `${at}.authz`, `must be a mapping of names to endpoints, got ${shown(authz)}`);
    return undefined;
  }
  const found: EndpointConfig[] = [];
  for (const [name, entry] of Object.entries(authz)) {
    const endpoint = readEndpoint(name, entry, `${at}.authz.${name}`, report);
    if (endpoint === undefined) continue;
    const other = found.find(one => overlaps(one, endpoint) || overlaps(endpoint, one));
    if (other !== undefined) {
      report(
        'config.twice',
        `${at}.authz.${name}`,
        `its path \`${endpoint.path}\` is served by \`${other.name}\`: set another \`path\``,
      );
    }
    found.push(endpoint);
  }
  return found.length === 0 ? undefined : found;
}

function readEndpoint(name: string, raw: unknown, at: string, report: Report): EndpointConfig | undefined {
  if (!isMapping(raw)) {
    report('config.shape', at, `must be a mapping with \`implementation\`, got ${shown(raw)}`);
    return undefined;
  }
  if (!NAME.test(name)) {
    report('config.value', at, 'the name of an endpoint holds letters, digits, `.`, `_`, `-` and `/`');
    return undefined;
  }
  const keys = ['implementation', 'authn_strategies', 'path', 'denial'];
  for (const key of Object.keys(raw)) {
    if (!keys.includes(key))
      report('config.unknown-key', `${at}.${key}`, `unknown key${didYouMean(key, keys)}`);
  }
  const own = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  const said = raw.implementation ?? own;
  const implementation = IMPLEMENTATIONS.find(one => one === said);
  if (implementation === undefined) {
    report(
      'config.value',
      `${at}.implementation`,
      `must be one of ${listed(IMPLEMENTATIONS)}${raw.implementation === undefined ? '' : `, got ${shown(raw.implementation)}`}`,
    );
    return undefined;
  }
  if ((name === 'legacy') !== (implementation === 'Legacy')) {
    const should =
      name === 'legacy'
        ? 'must be `Legacy`, as the name says'
        : 'must not be `Legacy`, which only `legacy` can be';
    report('config.value', `${at}.implementation`, should);
    return undefined;
  }
  const path = raw.path ?? (name === 'legacy' ? '/api/verify' : `/api/authz/${name}`);
  if (typeof path !== 'string' || !PATH.test(path)) {
    report('config.value', `${at}.path`, `must be a path like \`/auth\`, got ${shown(path)}`);
    return undefined;
  }
  if (TAKEN.test(path)) {
    report('config.value', `${at}.path`, `\`${path}\` is served already: set another path`);
    return undefined;
  }
  if (path === DEFERRALS && implementation !== 'ForwardAuth') {
    report(
      'config.value',
      `${at}.implementation`,
      `must be \`ForwardAuth\`: \`${DEFERRALS}\` is where the plugin sends what it cannot decide; or set another \`path\``,
    );
    return undefined;
  }
  const strategies = readStrategies(raw.authn_strategies, implementation, `${at}.authn_strategies`, report);
  const denial = readDenial(raw.denial, implementation, `${at}.denial`, report);
  return {
    name,
    path,
    implementation,
    ...(strategies === undefined ? {} : { strategies }),
    ...(denial === undefined ? {} : { denial }),
  };
}

function readDenial(
  raw: unknown,
  implementation: Implementation,
  at: string,
  report: Report,
): EndpointConfig['denial'] {
  if (raw === undefined || raw === null) return undefined;
  const denial = DENIALS.find(one => one === raw);
  if (denial === undefined)
    report('config.value', at, `must be one of ${listed(DENIALS)}, got ${shown(raw)}`);
  else if (denial === 'adaptive' && !ADAPTING.includes(implementation)) {
    report(
      'config.value',
      at,
      `must be \`authelia\`: what asks \`${implementation}\` answers the client by itself; ${listed(ADAPTING)} can be \`adaptive\``,
    );
  }
  return denial;
}

function readStrategies(
  raw: unknown,
  implementation: Implementation,
  at: string,
  report: Report,
): EndpointConfig['strategies'] {
  if (raw === undefined || raw === null) return undefined;
  if (!Array.isArray(raw)) {
    report('config.shape', at, 'must be a list with `name` in each entry');
    return undefined;
  }
  const found: { name: StrategyName; schemes?: readonly string[] }[] = [];
  for (const [i, entry] of raw.entries()) {
    for (const key of isMapping(entry) ? Object.keys(entry) : []) {
      if (STRATEGY_KEYS.includes(key)) continue;
      report('config.unknown-key', `${at}[${i}].${key}`, `unknown key${didYouMean(key, STRATEGY_KEYS)}`);
    }
    const said = isMapping(entry) ? entry.name : entry;
    const name = STRATEGIES.find(one => one === said);
    if (name === undefined) {
      report('config.value', `${at}[${i}].name`, `must be one of ${listed(STRATEGIES)}, got ${shown(said)}`);
      continue;
    }
    if (name === 'HeaderLegacy' && implementation !== 'Legacy') {
      report(
        'config.value',
        `${at}[${i}].name`,
        '`HeaderLegacy` is for `legacy` only: write `HeaderAuthorization`',
      );
      continue;
    }
    if (found.some(other => other.name === name)) {
      report('config.twice', `${at}[${i}].name`, `\`${name}\` stands twice: keep one`);
      continue;
    }
    const schemes = isMapping(entry) ? readSchemes(entry.schemes, `${at}[${i}].schemes`, report) : undefined;
    found.push({ name, ...(schemes === undefined ? {} : { schemes }) });
  }
  // An empty list is Authelia's "as usual".
  return found.length === 0 ? undefined : found;
}

function readSchemes(raw: unknown, at: string, report: Report): readonly string[] | undefined {
  if (raw === undefined || raw === null) return undefined;
  const list = (Array.isArray(raw) ? raw : [raw]).map(scheme => String(scheme).toLowerCase());
  if (list.length > 0 && list.every(scheme => SCHEMES.includes(scheme))) return list;
  report('config.value', at, `must be a list of ${listed(SCHEMES)}, got ${shown(raw)}`);
  return undefined;
}

/** Envoy's endpoint takes every path below its own. */
function overlaps(a: EndpointConfig, b: EndpointConfig): boolean {
  return a.path === b.path || (a.implementation === 'ExtAuthz' && b.path.startsWith(`${a.path}/`));
}

function listed(names: readonly string[]): string {
  return names.map(name => `\`${name}\``).join(', ');
}
