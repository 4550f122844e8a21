import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { PolicyDocument } from '../policy/engine.ts';
import { DEFAULT_PORT } from './address.ts';
import { basicCacheLifespan, misusedRules } from './authelia.ts';
import { adoptSessionRedis, readCache } from './cache.ts';
import { elasticDomains, readDomains } from './domains.ts';
import { adoptElastauth, refuseProvider, whitelistSwitch } from './elastauth.ts';
import { readElastic } from './elastic.ts';
import { readEndpoints } from './endpoints.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { readIdentityProof } from './identity-proof.ts';
import { configTree } from './key-tree.ts';
import { DEFAULTS, isValueKey, VALUE_KEYS, type ValueKey, type ValueOf, variableOf } from './keys.ts';
import { readNotifier } from './notifier.ts';
import { otherFile } from './other-file.ts';
import { readPasswordPolicy } from './password-policy.ts';
import { pemReader } from './pem.ts';
import { inOrder, type Problem } from './problem.ts';
import { REGULATION_KEYS, readRegulation } from './regulation.ts';
import type { Config, StorageSetup, TokensSetup } from './schema.ts';
import { readSecretText } from './secret-text.ts';
import { readSecrets } from './secrets.ts';
import { readCookies, signInDocument } from './session.ts';
import { readStorage, withEnvironment } from './storage.ts';
import { readTotp } from './totp.ts';
import { collectValues, isMapping, type Report } from './tree.ts';
import type { Reader } from './values.ts';
import { EVERYTHING } from './yaml-rest.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

export interface ParseInput {
  /** The file and its text; undefined when everything comes from the environment. */
  readonly yaml: { readonly file: string; readonly text: string } | undefined;
  readonly env: Environment;
  /** Whether a person reads the log: then its format is text unless configured. */
  readonly isTerminal: boolean;
  /** Reads files of secrets. */
  readonly readFile?: (file: string) => Uint8Array;
}

/** What could be read, with everything that is wrong. Usable only when no problem is an error. */
export interface Parsed {
  readonly config: Omit<Config, 'file' | 'usersFile' | 'secret'> & {
    readonly file: string | undefined;
    readonly usersFile: string | undefined;
    readonly secret: Uint8Array | undefined;
  };
  readonly problems: readonly Problem[];
  /** What stands below `storage`, for the commands that need it, and that it is missing. */
  storage(): { readonly setup: StorageSetup | undefined; readonly problems: readonly Problem[] };
  /** False where broken YAML hides what stands below this top-level key. */
  isWhole(key: string): boolean;
  /** Gives a problem of the policy (from the engine) the file and line of its path. */
  locate(problem: Problem): Problem;
}

/** Reads `postern.yml` and the environment over it. Touches no file but those of secrets. */
export function parseConfig(input: ParseInput): Parsed {
  const problems: Problem[] = [];
  let source: YamlSource | undefined;
  if (input.yaml !== undefined) {
    const yaml = readYaml(input.yaml.file, input.yaml.text, { schema: 'core', tree: configTree });
    // What can be read of a broken file is looked at, too: all problems are told at once.
    source = yaml.source;
    const other = otherFile(source?.value);
    if (other === undefined) problems.push(...(yaml.ok ? [] : yaml.problems));
    else {
      // That it is no good as a configuration either would be noise.
      problems.push({
        code: 'config.other-file',
        severity: 'error',
        path: '',
        message: other,
        file: input.yaml.file,
      });
      source = undefined;
    }
  }
  const fromEnv = new Map(readEnvironment(input.env, problems));
  /** Keys and variables of elastauth and Authelia, by what they are called here. */
  const oldNames = new Map<string, string>();
  const locate = (problem: Problem): Problem => place(problem, source, fromEnv, oldNames);
  const report = (
    code: string,
    path: string,
    message: string,
    severity: 'error' | 'warning' = 'error',
  ): void => void problems.push(locate({ code, severity, path, message }));

  const values = collectValues(source?.value, report);
  for (const [path, name] of adoptSessionRedis(values, report)) oldNames.set(path, name);
  const elastauth = adoptElastauth(values, input.env, report);
  for (const [path, name] of elastauth.names) oldNames.set(path, name);
  refuseProvider(field(source?.value, 'auth_provider'), input.env, report);
  for (const [path, value] of elastauth.values) (isValueKey(path) ? fromEnv : values).set(path, value);
  const get = <K extends ValueKey>(path: K): ValueOf<K> | undefined => {
    const raw = fromEnv.has(path) ? fromEnv.get(path) : values.get(path);
    if (raw === undefined) return undefined;
    const read = (VALUE_KEYS[path] as Reader<ValueOf<K>>)(raw);
    if (read.ok) return read.value;
    report('config.value', path, read.message);
    return undefined;
  };
  const isSet = (path: string): boolean => fromEnv.has(path) || values.has(path);

  const base = input.yaml === undefined ? '.' : dirname(input.yaml.file);
  const level = get('log.level') ?? 'info';
  const usersFile = get('authentication_backend.file.path');
  const guestDirectory = get('guest.directory') ?? DEFAULTS.guestDirectory;
  const secrets = readSecrets({
    env: input.env,
    yaml: Object.fromEntries(values),
    resolve: path => resolve(base, path),
    ...(input.readFile === undefined ? {} : { readFile: input.readFile }),
  });
  problems.push(...secrets.problems.map(locate));
  const usersSearch = {
    caseInsensitive: get('authentication_backend.file.search.case_insensitive') ?? false,
    email: get('authentication_backend.file.search.email') ?? false,
  };
  const usersWatch = get('authentication_backend.file.watch') ?? true;
  if (!usersWatch) {
    report(
      'config.watch',
      'authentication_backend.file.watch',
      'changed passwords, groups and disabled users count only after a restart: remove the key to follow the file',
      'warning',
    );
  }

  const pem = pemReader({
    get,
    resolve: path => resolve(base, path),
    readFile: input.readFile ?? readFileSync,
    report,
  });
  const redis = field(source?.value, 'cache', 'redis') ?? values.get('session.redis');

  const inStorage = (path: string): unknown => withEnvironment(values.get(path), path, fromEnv);
  const hasStorage = ['storage.local', 'storage.postgres'].some(path => inStorage(path) !== undefined);
  const kept = hasStorage ? lookAtStorage() : undefined;
  problems.push(...(kept?.problems ?? []));
  const cookies = readCookies({ values, get, isKept: hasStorage, report });
  warnOfNoStorage();
  const config: Parsed['config'] = {
    file: input.yaml?.file,
    server: readServer(),
    cookies,
    storage: kept?.setup,
    log: {
      level: level === 'trace' ? 'debug' : level,
      format: get('log.format') ?? (input.isTerminal ? 'text' : 'json'),
    },
    usersFile: usersFile === undefined ? undefined : resolve(base, usersFile),
    usersSearch,
    usersWatch,
    guest: {
      directory: resolve(base, guestDirectory),
      offlineGraceSeconds: get('guest.offline_grace') ?? DEFAULTS.offlineGraceSeconds,
    },
    grants: {
      lifetimeSeconds: readLifetime(),
      slots: get('grants.slots') ?? DEFAULTS.slots,
      slotSize: get('grants.slot_size') ?? DEFAULTS.slotSize,
    },
    tokens: readTokens(),
    elasticsearch: readElastic({
      get,
      isSet: path => isSet(path) || Boolean(input.env[variableOf(path)]),
      secret: readSecret,
      pem,
      report,
      whitelistSwitch: whitelistSwitch(field(source?.value, 'enable_group_whitelist'), input.env, report),
    }),
    cache: readCache({
      get,
      isSet: path => isSet(path) || Boolean(input.env[variableOf(path)]),
      secret: readSecret,
      pem,
      report,
      hasTls: isMapping(redis) && isMapping(redis.tls),
    }),
    totp: readTotp(get, report),
    notifier: readNotifier({
      get,
      isSet: path => isSet(path) || Boolean(input.env[variableOf(path)]),
      secret: readSecret,
      resolve: path => resolve(base, path),
      pem,
      report,
    }),
    identityProof: readIdentityProof(get),
    passwordPolicy: readPasswordPolicy(get, report),
    regulation: readRegulation(get, hasStorage || isRegulated(), report),
    policy: readPolicy(),
    secret: secrets.secret,
    previousSecret: secrets.previousSecret,
  };
  const isWhole = (key: string): boolean =>
    input.yaml === undefined ||
    (source !== undefined && !source.damaged.has(key) && !source.damaged.has(EVERYTHING));
  // What is wrong below `storage` stands among the others already.
  const storage = () => (kept === undefined ? lookAtStorage() : { setup: kept.setup, problems: [] });
  return { config, problems: inOrder(problems), storage, isWhole, locate };

  function isRegulated(): boolean {
    return field(source?.value, 'regulation') !== undefined || Object.keys(REGULATION_KEYS).some(isSet);
  }

  function readSecret(path: string): string | undefined {
    const found: Problem[] = [];
    const { env, readFile } = input;
    const sources = { env, yaml: values, resolve: (file: string) => resolve(base, file) };
    const text = readSecretText({ ...sources, ...(readFile && { readFile }) }, path, found);
    problems.push(...found.map(locate));
    return text;
  }

  function lookAtStorage(): ReturnType<Parsed['storage']> {
    const found: Problem[] = [];
    const tell: Report = (code, path, message, severity = 'error') =>
      void found.push(locate({ code, severity, path, message }));
    const before = problems.length;
    const setup = readStorage({
      local: inStorage('storage.local'),
      postgres: inStorage('storage.postgres'),
      password: () => readSecret('storage.postgres.password'),
      resolve: path => resolve(base, path),
      pem: (file, path) =>
        pemReader({
          get: () => file,
          resolve: name => name,
          readFile: input.readFile ?? readFileSync,
          report: (code, _, message) => tell(code, path, message),
        })('elasticsearch.ca_certificate') ?? undefined,
      report: tell,
    });
    found.push(...problems.splice(before));
    const isGood = found.every(({ severity }) => severity === 'warning');
    return { setup: isGood ? setup : undefined, problems: inOrder(found) };
  }

  /** People are sent to a portal all the same, maybe Authelia's. */
  function warnOfNoStorage(): void {
    if (hasStorage || cookies.every(({ signInUrl }) => signInUrl === undefined)) return;
    report(
      'config.missing',
      'session.cookies',
      "nobody signs in here without a database: write `storage: { local: { path: '/var/lib/postern/postern.sqlite3' } }`, unless `authelia_url` is somebody else's portal",
      'warning',
    );
  }

  function readServer(): Config['server'] {
    const address = get('server.address');
    const host = get('server.host');
    const port = get('server.port');
    const path = get('server.path');
    for (const key of ['server.host', 'server.port', 'server.path'] as const) {
      if (!isSet(key)) continue;
      const better = `tcp://${host ?? DEFAULTS.host}:${port ?? DEFAULT_PORT}${path ?? ''}`;
      if (isSet('server.address')) {
        report('config.twice', key, 'must be removed: `server.address` says it already');
      } else {
        report('config.old', key, `is Authelia's old form: write \`server.address: '${better}'\``, 'warning');
      }
    }
    const endpoints = values.get('server.endpoints');
    return {
      ...(address ?? { host: host ?? DEFAULTS.host, port: port ?? DEFAULT_PORT, prefix: path ?? '' }),
      tls: readTls(),
      endpoints: endpoints === undefined ? undefined : readEndpoints(endpoints, report),
    };
  }

  function readTls(): Config['server']['tls'] {
    const certificate = get('server.tls.certificate') || undefined;
    const key = get('server.tls.key') || undefined;
    if (certificate !== undefined && key !== undefined) {
      return { certificate: resolve(base, certificate), key: resolve(base, key) };
    }
    const without = (path: string, other: string) =>
      report('config.missing', path, `missing: \`${other}\` is nothing without it`);
    if (key !== undefined && !isSet('server.tls.certificate'))
      without('server.tls.certificate', 'server.tls.key');
    if (certificate !== undefined && !isSet('server.tls.key'))
      without('server.tls.key', 'server.tls.certificate');
    return undefined;
  }

  function readLifetime(): number {
    const lifetime = get('grants.lifetime');
    const endpoints = values.get('server.endpoints');
    if (endpoints === undefined) return lifetime ?? DEFAULTS.lifetimeSeconds;
    const lifespan = basicCacheLifespan(endpoints);
    if (lifetime !== undefined || lifespan === undefined) return lifetime ?? DEFAULTS.lifetimeSeconds;
    const read = VALUE_KEYS['grants.lifetime'](lifespan.value);
    if (read.ok) return read.value;
    report('config.value', lifespan.path, read.message);
    return DEFAULTS.lifetimeSeconds;
  }

  function readTokens(): TokensSetup | undefined {
    const file = get('tokens.file');
    const usageFile = get('tokens.usage_file');
    if (file !== undefined) {
      const path = resolve(base, file);
      const usage = usageFile === undefined ? `${path}.used` : resolve(base, usageFile);
      if (usage === path) {
        report(
          'config.value',
          'tokens.usage_file',
          'must be another file than `tokens.file`: it is overwritten',
        );
      }
      return { file: path, usageFile: usage };
    }
    for (const key of ['tokens.usage_file', 'tokens.bearer', 'tokens.header'] as const) {
      if (isSet(key))
        report('config.missing', key, 'means nothing without `tokens.file`: add that or remove this');
    }
    return undefined;
  }

  /** Ways in which tokens are taken besides Basic passwords: Bearer unless it is turned off. */
  function tokenWays(): PolicyDocument['tokens'] {
    if (!isSet('tokens.file')) return undefined;
    const header = get('tokens.header');
    return { bearer: get('tokens.bearer') ?? true, ...(header === undefined ? {} : { header }) };
  }

  function readPolicy(): PolicyDocument {
    const accessControl = values.get('access_control');
    const definitions = values.get('definitions');
    for (const { path, message } of misusedRules(accessControl)) report('config.refused', path, message);
    if (accessControl !== undefined && !isMapping(accessControl)) {
      report('config.shape', 'access_control', 'must be a mapping with `default_policy` and `rules`');
    }
    const trustedProxies = get('trusted_proxies');
    const allowHttp = get('allow_http');
    const ambiguousPaths = get('ambiguous_paths');
    const realm = get('realm');
    const identity = get('identity_headers');
    const denial = get('denial');
    const rawDomains = values.get('domains');
    const domains = rawDomains === undefined ? undefined : readDomains(rawDomains, report);
    if (!isSet('elasticsearch.hosts')) {
      for (const path of elasticDomains(rawDomains)) {
        report(
          'config.missing',
          path,
          'means nothing without `elasticsearch.hosts`: add that, or remove this',
        );
      }
    }
    const tokens = tokenWays();
    const signIn = signInDocument(cookies, kept?.setup !== undefined);
    return {
      ...(accessControl === undefined ? {} : { access_control: accessControl }),
      ...(definitions === undefined ? {} : { definitions }),
      ...(trustedProxies === undefined ? {} : { trusted_proxies: trustedProxies }),
      ...(allowHttp === undefined ? {} : { allow_http: allowHttp }),
      ...(ambiguousPaths === undefined ? {} : { ambiguous_paths: ambiguousPaths }),
      ...(realm === undefined ? {} : { realm }),
      ...(identity === undefined ? {} : { identity_headers: identity }),
      ...(denial === undefined ? {} : { denial }),
      ...(domains === undefined ? {} : { domains }),
      ...(usersSearch.caseInsensitive ? { fold_names: true } : {}),
      ...(tokens === undefined ? {} : { tokens }),
      ...(signIn === undefined ? {} : { sign_in: signIn }),
    };
  }
}

function field(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isMapping(inner) ? inner[key] : undefined), value);
}

/** A value from the environment is named by its variable, one from the file by file and line. */
function place(
  problem: Problem,
  source: YamlSource | undefined,
  fromEnv: ReadonlyMap<string, unknown>,
  oldNames: ReadonlyMap<string, string>,
): Problem {
  if (/^(POSTERN|ELASTAUTH)_/.test(problem.path)) return problem;
  for (const [path, name] of oldNames) {
    if (problem.path !== path && !problem.path.startsWith(`${path}[`)) continue;
    const renamed = { ...problem, path: name + problem.path.slice(path.length) };
    return place(renamed, source, new Map(), new Map());
  }
  for (const path of fromEnv.keys()) {
    if (problem.path === path || problem.path.startsWith(`${path}[`)) {
      return { ...problem, path: variableOf(path) + problem.path.slice(path.length) };
    }
  }
  if (source === undefined) return problem;
  const line = source.lineOf(problem.path);
  return { ...problem, file: source.file, ...(line === undefined ? {} : { line }) };
}
