import { VALUE_KEYS, variableOf } from './keys.ts';
import type { Problem } from './problem.ts';
import { secretVariables } from './secret-text.ts';
import { STORAGE_VALUES } from './storage.ts';
import { didYouMean } from './suggest.ts';
import { TOTP_LISTS } from './totp.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that are no configuration keys: the secrets, the guest's, and the command line's. */
const OTHER_VARIABLES: readonly string[] = [
  'POSTERN_SECRET',
  'POSTERN_SECRET_FILE',
  'POSTERN_SECRET_PREVIOUS',
  'POSTERN_SECRET_PREVIOUS_FILE',
  'POSTERN_GUEST_KEY',
  'POSTERN_CONFIG',
];

/** What Kubernetes and Docker links set for a service that is named `postern…`. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/** Values from `POSTERN_…` variables by configuration path. An empty variable counts as unset. */
export function readEnvironment(env: Environment, problems: Problem[]): ReadonlyMap<string, unknown> {
  const paths = new Map(
    [...Object.keys(VALUE_KEYS), ...STORAGE_VALUES].map(path => [variableOf(path), path]),
  );
  const others = [...OTHER_VARIABLES, ...secretVariables()];
  const known = [...paths.keys(), ...others];
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('POSTERN_') || value === undefined || value === '') continue;
    const path = paths.get(name);
    if (path !== undefined) {
      values.set(path, LISTS.has(path) ? value.split(',').map(item => item.trim()) : value);
    } else if (!others.includes(name) && !SERVICE_LINK.test(name)) {
      problems.push({
        code: 'config.unknown-variable',
        severity: 'error',
        path: name,
        message: `unknown environment variable${didYouMean(name, known) || ': unset it'}`,
      });
    }
  }
  return values;
}

const LISTS: ReadonlySet<string> = new Set([
  'trusted_proxies',
  'allow_http',
  'elasticsearch.hosts',
  'elasticsearch.peers',
  'elasticsearch.config_peers',
  'elasticsearch.group_whitelist',
  'default_roles',
  ...TOTP_LISTS,
]);
