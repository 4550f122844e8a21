import type { Problem } from '../config/problem.ts';
import { didYouMean } from '../config/suggest.ts';
import { readYaml } from '../config/yaml-source.ts';
import type { Engine, Principal } from '../policy/engine.ts';
import { isNull } from '../users/is-null.ts';
import { foldName, groupNameProblem, hasControl, userNameProblem } from '../users/names.ts';
import { isTokenDigest } from './digests.ts';
import { parseTime } from './time.ts';
import { MAX_SECRETS, type ServiceAccount, type TokenSecret, tokenEpoch } from './token.ts';

export interface ParsedTokens {
  readonly accounts: ReadonlyMap<string, ServiceAccount>;
  /** When there is any, the file as a whole is not used. */
  readonly problems: readonly Problem[];
}

export type NetworkCompiler = Pick<Engine, 'compileNetworks'>;

const ACCOUNT_KEYS = [
  'displayname',
  'email',
  'groups',
  'owner',
  'description',
  'disabled',
  'created',
  'expires',
  'networks',
  'secrets',
] as const;
const SECRET_KEYS = ['id', 'digest', 'created', 'expires'] as const;

/** Reads a tokens file. All its problems are found, with their lines; none of them holds a digest. */
export function parseTokens(file: string, text: string, engine: NetworkCompiler): ParsedTokens {
  const yaml = readYaml(file, text, { schema: 'failsafe' });
  if (!yaml.ok) return { accounts: new Map(), problems: yaml.problems };
  const problems: Problem[] = [];
  const report: Report = (path, message) => {
    const line = yaml.source.lineOf(path);
    problems.push({
      code: 'tokens.file',
      severity: 'error',
      path,
      message,
      file,
      ...(line === undefined ? {} : { line }),
    });
  };

  const accounts = new Map<string, ServiceAccount>();
  const folded = new Map<string, string>();
  const digests = new Map<string, string>();
  for (const [name, entry] of entries(yaml.source.value, report)) {
    const path = `tokens.${name}`;
    const problem = userNameProblem(name);
    if (problem !== undefined) report(path, problem);
    const other = folded.get(foldName(name));
    if (other !== undefined) {
      report(path, `differs from \`${other}\` only in upper and lower case: rename one`);
    }
    folded.set(foldName(name), name);
    const account = parseAccount(name, entry, path, engine, report);
    if (account === undefined) continue;
    for (const [i, secret] of account.secrets.entries()) {
      const owner = digests.get(secret.digest);
      if (owner !== undefined) {
        report(`${path}.secrets[${i}].digest`, `is also a secret of \`${owner}\`: revoke one of them`);
      }
      digests.set(secret.digest, name);
    }
    accounts.set(name, account);
  }
  return { accounts, problems };
}

type Report = (path: string, message: string) => void;

function* entries(value: unknown, report: Report): Iterable<[string, unknown]> {
  if (isNull(value)) return;
  if (!(value instanceof Map)) {
    report('', 'is not a tokens file: it must begin with `tokens:`');
    return;
  }
  for (const key of value.keys()) {
    if (key !== 'tokens') report(String(key), `unknown key${didYouMean(String(key), ['tokens'])}`);
  }
  const tokens: unknown = value.get('tokens');
  if (isNull(tokens)) return;
  if (!(tokens instanceof Map)) {
    report('tokens', 'must be a mapping of names: `postern token create` writes it');
    return;
  }
  for (const [name, entry] of tokens) yield [String(name), entry];
}

function parseAccount(
  name: string,
  entry: unknown,
  path: string,
  engine: NetworkCompiler,
  report: Report,
): ServiceAccount | undefined {
  if (!(entry instanceof Map)) {
    report(path, 'must be a mapping: `postern token create` writes it');
    return undefined;
  }
  checkKeys(entry, path, ACCOUNT_KEYS, report);
  const text = (key: string) => readText(entry, key, path, report);
  const principal: Principal = {
    username: name,
    displayName: text('displayname') || name,
    email: text('email'),
    groups: readList(entry, 'groups', path, report, groupNameProblem),
  };
  const networkNames = readList(entry, 'networks', path, report, network =>
    engine.compileNetworks([network]) === undefined
      ? 'is no network: write an address or a CIDR such as `10.0.0.0/8`'
      : undefined,
  );
  // An empty list would let it in from anywhere where somebody meant nowhere.
  const list: unknown = entry.get('networks');
  if (entry.has('networks') && (isNull(list) || (Array.isArray(list) && list.length === 0))) {
    report(`${path}.networks`, 'must list at least one network: remove the key to allow all');
  }
  const networks = networkNames.length === 0 ? undefined : engine.compileNetworks(networkNames);
  const account = {
    principal,
    disabled: readDisabled(entry, path, report),
    owner: text('owner'),
    description: text('description'),
    created: readTime(entry, 'created', path, report),
    expires: readTime(entry, 'expires', path, report),
    networkNames,
    ...(networks === undefined ? {} : { networks }),
    secrets: readSecrets(entry.get('secrets'), `${path}.secrets`, path, report),
  };
  return { ...account, epoch: tokenEpoch({ ...account, networks }) };
}

function readSecrets(value: unknown, path: string, parent: string, report: Report): TokenSecret[] {
  if (!Array.isArray(value) || value.length === 0) {
    report(isNull(value) ? parent : path, 'must have `secrets`: `postern token create` makes one');
    return [];
  }
  if (value.length > MAX_SECRETS) {
    report(path, `has ${value.length} secrets where ${MAX_SECRETS} may be valid at once: remove the oldest`);
  }
  const ids = new Set<string>();
  return value.flatMap((entry: unknown, i): TokenSecret[] => {
    const at = `${path}[${i}]`;
    if (!(entry instanceof Map)) {
      report(at, 'must be a mapping with `id` and `digest`');
      return [];
    }
    checkKeys(entry, at, SECRET_KEYS, report);
    const id = readText(entry, 'id', at, report);
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) {
      report(`${at}.id`, 'must be a name of letters, digits, `-` and `_`');
    }
    if (ids.has(id)) report(`${at}.id`, 'stands twice: each secret of a token needs another');
    ids.add(id);
    const digest: unknown = entry.get('digest');
    if (typeof digest !== 'string' || !isTokenDigest(digest)) {
      // Perhaps the secret itself: it is not shown.
      report(`${at}.digest`, 'is no digest of a token: let `postern token create` or `import` write it');
      return [];
    }
    const created = readTime(entry, 'created', at, report);
    return [{ id, digest, created, expires: readTime(entry, 'expires', at, report) }];
  });
}

function checkKeys(entry: Map<unknown, unknown>, path: string, known: readonly string[], report: Report) {
  for (const key of entry.keys()) {
    if (!known.includes(String(key))) {
      report(`${path}.${String(key)}`, `unknown key${didYouMean(String(key), known)}`);
    }
  }
}

function readText(entry: Map<unknown, unknown>, key: string, path: string, report: Report): string {
  const value = entry.get(key);
  if (isNull(value)) return '';
  if (typeof value !== 'string' || hasControl(value)) {
    report(`${path}.${key}`, 'must be a text without control characters and line breaks');
    return '';
  }
  return value;
}

function readTime(
  entry: Map<unknown, unknown>,
  key: string,
  path: string,
  report: Report,
): number | undefined {
  const value = entry.get(key);
  if (value === undefined) return undefined;
  const time = typeof value === 'string' ? parseTime(value) : undefined;
  if (time !== undefined) return time;
  report(`${path}.${key}`, 'must be a time like `2027-01-31T12:00:00Z` or a day like `2027-01-31`');
  // Whatever was meant, it is not "for ever".
  return 0;
}

/** Anything but a clear `false` keeps the account out, and anything but `true` and `false` is reported. */
function readDisabled(entry: Map<unknown, unknown>, path: string, report: Report): boolean {
  const value = entry.get('disabled');
  if (value === undefined || value === 'false') return false;
  if (value !== 'true') report(`${path}.disabled`, 'must be `true` or `false`');
  return true;
}

function readList(
  entry: Map<unknown, unknown>,
  key: string,
  path: string,
  report: Report,
  problemOf: (item: string) => string | undefined,
): string[] {
  const value = entry.get(key);
  if (isNull(value)) return [];
  if (!Array.isArray(value)) {
    report(`${path}.${key}`, 'must be a list');
    return [];
  }
  const items: string[] = [];
  value.forEach((item: unknown, i) => {
    const problem = typeof item === 'string' ? problemOf(item) : 'must be a text';
    if (problem !== undefined) report(`${path}.${key}[${i}]`, problem);
    else if (typeof item === 'string' && !items.includes(item)) items.push(item);
  });
  return items;
}
