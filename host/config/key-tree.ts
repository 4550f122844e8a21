import { FOREIGN_KEYS, FOREIGN_NAMES } from './foreign-keys.ts';
import { POLICY_TREES, SPECIAL_KEYS, VALUE_KEYS } from './keys.ts';

/** Which keys may stand below a key: what lines that lost their indentation are put right by. */
export interface KeyNode {
  readonly below: Map<string, KeyNode>;
  /** Below keys that the writer names: users, networks, endpoints. */
  any: KeyNode | undefined;
  /** Entries of a list. */
  entry: KeyNode | undefined;
}

/** Keys of a rule, as the engine reads them. */
export const RULE_KEYS = [
  'domain',
  'domain_regex',
  'policy',
  'subject',
  'networks',
  'methods',
  'resources',
  'query',
] as const;

/** Keys of an entry of `domains`, as the engine reads them. */
export const DOMAIN_KEYS = [
  'domain',
  'identity_headers',
  'denial',
  'ambiguous_paths',
  'elasticsearch',
] as const;

/** What the engine and the readers of endpoints understand below their keys; `path` in a rule is a frequent mistake. */
const DEEPER: readonly string[] = [
  'access_control.default_policy',
  'access_control.networks[].name',
  'access_control.networks[].networks',
  ...[...RULE_KEYS, 'path'].map(key => `access_control.rules[].${key}`),
  ...['operator', 'key', 'value'].flatMap(key => [
    `access_control.rules[].query[].${key}`,
    `access_control.rules[].query[][].${key}`,
  ]),
  'definitions.network.*',
  'definitions.user_attributes.*.expression',
  'server.endpoints.enable_pprof',
  'server.endpoints.enable_expvars',
  'server.endpoints.rate_limits',
  'server.endpoints.authz.*.implementation',
  'server.endpoints.authz.*.path',
  'server.endpoints.authz.*.denial',
  ...['name', 'schemes', 'scheme_basic_cache_lifespan'].map(
    key => `server.endpoints.authz.*.authn_strategies[].${key}`,
  ),
  'ambiguous_paths.clean',
  'group_mappings.*',
  'identity_headers.*',
  ...DOMAIN_KEYS.map(key => `domains[].${key}`),
  'domains[].identity_headers.*',
];

/** Of `postern.yml` and of Authelia's `configuration.yml`. */
export function configTree(): KeyNode {
  return treeOf([
    ...Object.keys(VALUE_KEYS),
    ...POLICY_TREES,
    ...SPECIAL_KEYS,
    // Half of all Compose files have a network of that name, and lost their indentation as often.
    ...Object.keys(FOREIGN_KEYS).filter(path => !/^proxy\b/.test(path)),
    ...Object.entries(FOREIGN_NAMES).flatMap(([path, names]) =>
      names.split(' ').map(name => `${path}.${name}`),
    ),
    ...DEEPER,
  ]);
}

/** Of the users file. */
export function usersTree(attributes: readonly string[]): KeyNode {
  return treeOf(attributes.map(name => `users.*.${name}`));
}

function treeOf(paths: readonly string[]): KeyNode {
  const root = newNode();
  for (const path of paths) {
    let node = root;
    for (const step of path.replaceAll('[]', '.[]').split('.')) node = stepDown(node, step);
  }
  return root;
}

function stepDown(node: KeyNode, step: string): KeyNode {
  if (step === '[]') {
    node.entry ??= newNode();
    return node.entry;
  }
  if (step === '*') {
    node.any ??= newNode();
    return node.any;
  }
  const known = node.below.get(step) ?? newNode();
  node.below.set(step, known);
  return known;
}

export function newNode(): KeyNode {
  return { below: new Map(), any: undefined, entry: undefined };
}
