import { isIP } from 'node:net';
import { VALUE_KEYS, type ValueKey, type ValueOf } from './keys.ts';
import type { ReadPem } from './pem.ts';
import type { ElasticAccess, ElasticSetup } from './schema.ts';
import type { Report } from './tree.ts';

/** Where elastauth listens. */
export const DROP_IN = { host: '127.0.0.1', port: 5_000 } as const;
/** Users that have gone are looked for this often. */
const SYNC_SECONDS = 10 * 60;

export interface ElasticInput {
  get<K extends ValueKey>(path: K): ValueOf<K> | undefined;
  isSet(path: string): boolean;
  /** One of `SECRET_TEXTS`. */
  secret(path: string): string | undefined;
  pem: ReadPem;
  readonly report: Report;
  /** elastauth's `enable_group_whitelist`. */
  readonly whitelistSwitch: boolean | undefined;
}

/** The section `elasticsearch` with `default_roles` and `group_mappings`; undefined without hosts. */
export function readElastic(input: ElasticInput): ElasticSetup | undefined {
  const { get, isSet, report } = input;
  const dryRun = get('elasticsearch.dry_run') ?? false;
  const hosts = readHosts(input);
  const access = readAccess(input, hosts ?? []);
  const dropIn = readDropIn(input);
  const roles = { groupMappings: get('group_mappings') ?? [], defaultRoles: get('default_roles') ?? [] };
  const whitelist = get('elasticsearch.group_whitelist');
  const passwordSeconds = get('elasticsearch.password_lifetime');
  const syncSeconds = get('elasticsearch.sync_interval') ?? SYNC_SECONDS;
  if (!isSet('elasticsearch.hosts')) {
    for (const key of KEYS) {
      if (isSet(key)) {
        const message =
          "means nothing without `elasticsearch.hosts`: add that, for example ['https://localhost:9200'], or remove this";
        report('config.missing', key, message);
        break;
      }
    }
    return undefined;
  }
  if (input.whitelistSwitch === true && !isSet('elasticsearch.group_whitelist')) {
    report(
      'config.missing',
      'elasticsearch.group_whitelist',
      'missing: `enable_group_whitelist` says that only groups of a list may come; write it, or remove the switch',
    );
  }
  if (hosts === undefined || (access === undefined && !dryRun)) return undefined;
  return {
    access,
    dryRun,
    roles,
    groupWhitelist: input.whitelistSwitch === false ? undefined : whitelist,
    passwordSeconds,
    syncSeconds,
    dropIn,
  };
}

/** What can stand in a header, and in no `id:api_key`. */
const SENDABLE_KEY = /^[!-9;-~]+$/;

const KEYS: readonly string[] = [
  ...Object.keys(VALUE_KEYS).filter(path => path.startsWith('elasticsearch.')),
  'elasticsearch.password',
  'elasticsearch.password_file',
  'elasticsearch.api_key',
  'elasticsearch.api_key_file',
  'default_roles',
  'group_mappings',
];

function readHosts({ get, report }: ElasticInput): readonly string[] | undefined {
  const raw = get('elasticsearch.hosts');
  if (raw === undefined) return undefined;
  const at = (i: number) => (raw.length === 1 ? 'elasticsearch.hosts' : `elasticsearch.hosts[${i}]`);
  if (raw.length === 0)
    report(
      'config.value',
      'elasticsearch.hosts',
      "must name at least one, for example ['https://localhost:9200']",
    );
  let good = raw.length > 0;
  for (const [i, host] of raw.entries()) {
    const url = URL.canParse(host) ? new URL(host) : undefined;
    const isPlain = url !== undefined && url.search === '' && url.hash === '';
    if (!isPlain || !/^https?:$/.test(url.protocol)) {
      // Not shown: there may be a password in it.
      report('config.value', at(i), 'must be an address like `https://elasticsearch:9200`');
      good = false;
    } else if (url.username !== '' || url.password !== '') {
      report(
        'config.value',
        at(i),
        'must hold no name and password: write them in `elasticsearch.username` and `elasticsearch.password_file`',
      );
      good = false;
    }
  }
  return good ? raw : undefined;
}

function readAccess(input: ElasticInput, hosts: readonly string[]): ElasticAccess | undefined {
  const { get, isSet, report } = input;
  const username = get('elasticsearch.username');
  const password = input.secret('elasticsearch.password');
  const apiKey = input.secret('elasticsearch.api_key');
  const tls = readTls(input);
  const isSecretSet = (path: string) => isSet(path) || isSet(`${path}_file`);
  const hasKey = isSecretSet('elasticsearch.api_key');
  if (hasKey && (isSet('elasticsearch.username') || isSecretSet('elasticsearch.password'))) {
    report(
      'config.twice',
      'elasticsearch.api_key',
      'stands beside `elasticsearch.username` and `password`: keep one way in',
    );
    return undefined;
  }
  if (tls === undefined) return undefined;
  if (hasKey) {
    if (apiKey !== undefined && !SENDABLE_KEY.test(apiKey)) {
      report(
        'config.value',
        'elasticsearch.api_key',
        'must be what Elasticsearch gives as `encoded`, in one line: not `id:api_key`',
      );
    }
    return apiKey === undefined ? undefined : { hosts, credentials: { apiKey }, tls };
  }
  if (username !== undefined && password !== undefined) {
    if (username.includes(':')) {
      report(
        'config.value',
        'elasticsearch.username',
        'must not hold a colon: Basic authentication cannot send it',
      );
    }
    return { hosts, credentials: { username, password }, tls };
  }
  if (!isSet('elasticsearch.hosts') || get('elasticsearch.dry_run') === true) return undefined;
  const missing = [
    ...(isSet('elasticsearch.username') ? [] : ['elasticsearch.username']),
    ...(isSecretSet('elasticsearch.password') ? [] : ['elasticsearch.password']),
  ];
  for (const path of missing) {
    report(
      'config.missing',
      path,
      'missing: Postern needs an account with the privilege `manage_security`, by `username` and `password_file` or by `api_key_file`',
    );
  }
  return undefined;
}

/** Undefined when a file cannot be read, or half of a pair is missing. */
function readTls(input: ElasticInput): ElasticAccess['tls'] | undefined {
  const ca = input.pem('elasticsearch.ca_certificate');
  const cert = input.pem('elasticsearch.client_certificate');
  const key = input.pem('elasticsearch.client_key');
  let good = ca !== null && cert !== null && key !== null;
  for (const [path, one, other, value] of [
    ['elasticsearch.client_key', cert, key, 'elasticsearch.client_certificate'],
    ['elasticsearch.client_certificate', key, cert, 'elasticsearch.client_key'],
  ] as const) {
    if (one && other === undefined) {
      input.report('config.missing', path, `missing: \`${value}\` is nothing without it`);
      good = false;
    }
  }
  if (!good) return undefined;
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function readDropIn({ get, isSet, report }: ElasticInput): ElasticSetup['dropIn'] {
  const listen = get('elasticsearch.listen');
  const peers = networks('elasticsearch.peers', get('elasticsearch.peers'), report);
  const configPeers = networks('elasticsearch.config_peers', get('elasticsearch.config_peers'), report);
  const headers = {
    username: get('elasticsearch.headers.username') ?? 'Remote-User',
    groups: get('elasticsearch.headers.groups') ?? 'Remote-Groups',
    email: get('elasticsearch.headers.email') ?? 'Remote-Email',
    name: get('elasticsearch.headers.name') ?? 'Remote-Name',
  };
  const seen = new Map<string, string>();
  for (const [field, name] of Object.entries(headers)) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      report(
        'config.twice',
        `elasticsearch.headers.${field}`,
        `must not be \`${name}\`: \`elasticsearch.headers.${other}\` is it already`,
      );
    seen.set(name.toLowerCase(), field);
  }
  if (!isSet('elasticsearch.peers')) {
    if (isSet('elasticsearch.listen')) {
      report(
        'config.missing',
        'elasticsearch.peers',
        "missing: whoever may ask there is whoever it says it is; write the addresses of your proxy, for example `peers: ['127.0.0.1']`, or remove `elasticsearch.listen`",
      );
    }
    return undefined;
  }
  return {
    ...(listen ?? DROP_IN),
    peers: peers ?? [],
    configPeers: configPeers ?? ['127.0.0.1', '::1'],
    headers,
  };
}

/** What can be written as an address or network at all; who lies in one the engine decides. */
function networks(
  path: string,
  list: readonly string[] | undefined,
  report: Report,
): readonly string[] | undefined {
  for (const [i, entry] of (list ?? []).entries()) {
    const [address = '', bits, ...rest] = entry.split('/');
    const version = isIP(address);
    const isLength =
      bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
    // `fe80::1%eth0` is an address to node, and the zone none of the peer's.
    if (version === 0 || address.includes('%') || !isLength || rest.length > 0) {
      report(
        'config.value',
        `${path}[${i}]`,
        `must be an address or a network like \`10.0.0.0/8\`, got ${JSON.stringify(entry)}`,
      );
    }
  }
  return list;
}
