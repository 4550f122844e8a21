import { parseDuration } from './duration.ts';

/** Refused keys that many files hold in an empty or switched-off form, which means nothing. */
export function isSwitchedOff(value: unknown): boolean {
  if (value === null || value === '' || value === false || value === 'false') return true;
  if (Array.isArray(value)) return value.every(isSwitchedOff);
  if (typeof value !== 'object') return false;
  if ('disable' in value && value.disable === true) return true;
  return Object.values(value).every(isSwitchedOff);
}

/** Keys that people write into a rule, and the key they mean. */
const RULE_KEYS_MEANT: Readonly<Record<string, string>> = {
  paths: 'resources',
  resource: 'resources',
  url: 'resources',
  urls: 'resources',
  uri: 'resources',
  domains: 'domain',
  host: 'domain',
  hosts: 'domain',
  method: 'methods',
  network: 'networks',
  ip: 'networks',
  ips: 'networks',
  subjects: 'subject',
};
/** The same for who may get in, where a prefix is needed. */
const SUBJECT_KEYS_MEANT: Readonly<Record<string, string>> = {
  user: 'user',
  users: 'user',
  group: 'group',
  groups: 'group',
};

/** Problems of rules that the engine would call by name only, with what was meant. */
export function* misusedRules(accessControl: unknown): Iterable<{ path: string; message: string }> {
  const rules = field(accessControl, 'rules');
  if (!Array.isArray(rules)) return;
  for (const [i, rule] of rules.entries()) {
    const path = `access_control.rules[${i}]`;
    if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) continue;
    for (const [key, value] of Object.entries(rule)) {
      const message = misusedKey(key, value);
      if (message !== undefined) yield { path: `${path}.${key}`, message };
    }
    const message = catchAll(rule, field(accessControl, 'default_policy'), i === rules.length - 1);
    if (message !== undefined) yield { path, message };
  }
}

function misusedKey(key: string, value: unknown): string | undefined {
  if (key === 'path') {
    const example = typeof value === 'string' && /^\/[\w./-]*$/.test(value) ? value : '/admin';
    const pattern = `^${example.replace(/\/$/, '').replaceAll('.', '\\.')}([/?].*)?$`;
    return `is no key of a rule: write \`resources: ['${pattern}']\``;
  }
  if (Object.hasOwn(RULE_KEYS_MEANT, key)) return `is no key of a rule: write \`${RULE_KEYS_MEANT[key]}\``;
  if (!Object.hasOwn(SUBJECT_KEYS_MEANT, key)) return undefined;
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const name = typeof first === 'string' && /^[\w.@-]+$/.test(first) ? first : 'NAME';
  return `is no key of a rule: write \`subject: '${SUBJECT_KEYS_MEANT[key]}:${name}'\``;
}

/** A rule that says nothing but its policy is meant for everything that no rule before it matched. */
function catchAll(rule: object, defaultPolicy: unknown, isLast: boolean): string | undefined {
  const { policy, ...rest } = rule as Record<string, unknown>;
  if (typeof policy !== 'string' || Object.keys(rest).length > 0) return undefined;
  const otherwise = typeof defaultPolicy === 'string' ? defaultPolicy : 'deny';
  const meant =
    otherwise === policy
      ? `remove the rule: \`default_policy: ${policy}\` does it already`
      : isLast
        ? `write \`default_policy: ${policy}\` and remove the rule`
        : "add `domain`, for example `domain: '*.example.com'`";
  return `the rule has no domain; for everything that no other rule matches, ${meant}`;
}

/**
 * `scheme_basic_cache_lifespan` of the header strategies below
 * `server.endpoints.authz`, in seconds; the shortest, when several differ. Zero
 * is Authelia's "no cache", which says nothing about grants.
 */
export function basicCacheLifespan(
  endpoints: unknown,
): { path: string; value: unknown; seconds: number | undefined } | undefined {
  let found: { path: string; value: unknown; seconds: number | undefined } | undefined;
  const authz = field(endpoints, 'authz');
  if (typeof authz !== 'object' || authz === null) return undefined;
  for (const [name, endpoint] of Object.entries(authz)) {
    const strategies = field(endpoint, 'authn_strategies');
    if (!Array.isArray(strategies)) continue;
    for (const [i, strategy] of strategies.entries()) {
      const value = field(strategy, 'scheme_basic_cache_lifespan');
      if (value === undefined) continue;
      const seconds = parseDuration(value);
      if (seconds === 0) continue;
      const path = `server.endpoints.authz.${name}.authn_strategies[${i}].scheme_basic_cache_lifespan`;
      if (found === undefined || seconds === undefined || seconds < (found.seconds ?? 0)) {
        found = { path, value, seconds };
      }
    }
  }
  return found;
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
