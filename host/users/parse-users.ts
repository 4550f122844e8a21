import { usersTree } from '../config/key-tree.ts';
import type { Problem } from '../config/problem.ts';
import type { UserSearch } from '../config/schema.ts';
import { didYouMean } from '../config/suggest.ts';
import { readYaml } from '../config/yaml-source.ts';
import type { Digest } from '../digests/digest.ts';
import { parseDigest } from '../digests/parse.ts';
import type { Principal } from '../policy/engine.ts';
import type { User } from './directory.ts';
import { userEpoch } from './epoch.ts';
import { isNull } from './is-null.ts';
import { foldName, groupNameProblem, hasControl, userNameProblem } from './names.ts';
import { EXACT_SEARCH, searchProblems } from './search.ts';

export interface ParsedUsers {
  readonly users: ReadonlyMap<string, User>;
  /** Of each user. */
  readonly digests: readonly Digest[];
  /** When there is any, the file as a whole is not used. */
  readonly problems: readonly Problem[];
}

const USED = ['disabled', 'displayname', 'password', 'email', 'groups'] as const;
/** Attributes of Authelia 4.39 that no grant carries: accepted and not read. */
const UNUSED = [
  'given_name',
  'middle_name',
  'family_name',
  'nickname',
  'gender',
  'birthdate',
  'website',
  'profile',
  'picture',
  'zoneinfo',
  'locale',
  'phone_number',
  'phone_extension',
  'address',
  'extra',
] as const;
const KNOWN: readonly string[] = [...USED, ...UNUSED];

/** Reads Authelia's users file. All its problems are found, none of them holds a password or digest. */
export function parseUsers(file: string, text: string, search: UserSearch = EXACT_SEARCH): ParsedUsers {
  const yaml = readYaml(file, text, { schema: 'failsafe', tree: () => usersTree(KNOWN) });
  // What can be read of a broken file is looked at, too: all problems are told at once.
  const { source } = yaml;
  const problems: Problem[] = yaml.ok ? [] : [...yaml.problems];
  if (source === undefined || source.damaged.size > 0) return { users: new Map(), digests: [], problems };
  const report = (code: string, path: string, message: string) => {
    const line = source.lineOf(path);
    problems.push({ code, severity: 'error', path, message, file, ...(line === undefined ? {} : { line }) });
  };

  const users = new Map<string, User>();
  const digests: Digest[] = [];
  const folded = new Map<string, string>();
  for (const [name, entry] of userEntries(source.value, report)) {
    const path = `users.${name}`;
    const nameProblem = userNameProblem(name);
    if (nameProblem !== undefined) report('users.name', path, nameProblem);
    const other = folded.get(foldName(name));
    if (other !== undefined) {
      report('users.name', path, `differs from user \`${other}\` only in upper and lower case: rename one`);
    }
    folded.set(foldName(name), name);
    const user = parseUser(name, entry, path, search, report);
    if (user === undefined) continue;
    users.set(name, user.user);
    digests.push(user.digest);
  }
  for (const { username, key, message } of searchProblems(users.values(), search)) {
    report('users.search', key === undefined ? `users.${username}` : `users.${username}.${key}`, message);
  }
  return { users, digests, problems };
}

type Report = (code: string, path: string, message: string) => void;

function* userEntries(value: unknown, report: Report): Iterable<[string, unknown]> {
  if (isNull(value) || (value instanceof Map && value.size === 0)) {
    report('users.empty', '', 'is empty: write the users below `users:`');
    return;
  }
  if (!(value instanceof Map)) {
    report('users.shape', '', 'is not a users file: it must begin with `users:`');
    return;
  }
  for (const key of value.keys()) {
    if (key !== 'users') {
      report('users.unknown-key', String(key), `unknown key${didYouMean(String(key), ['users'])}`);
    }
  }
  const users: unknown = value.get('users');
  if (!value.has('users')) {
    report('users.shape', '', 'is not a users file: it must begin with `users:`');
  } else if (isNull(users) || (users instanceof Map && users.size === 0)) {
    report('users.empty', 'users', 'must list at least one user');
  } else if (users instanceof Map) {
    for (const [name, entry] of users) yield [String(name), entry];
  } else {
    report(
      'users.shape',
      'users',
      'must be a mapping of user names: write `alice:` and her attributes below',
    );
  }
}

function parseUser(
  name: string,
  entry: unknown,
  path: string,
  search: UserSearch,
  report: Report,
): { user: User; digest: Digest } | undefined {
  if (!(entry instanceof Map)) {
    report(
      'users.shape',
      path,
      'must be a mapping: write `displayname`, `password`, `email` and `groups` below',
    );
    return undefined;
  }
  for (const key of entry.keys()) {
    if (!KNOWN.includes(String(key))) {
      report('users.unknown-key', `${path}.${key}`, `unknown key${didYouMean(String(key), KNOWN)}`);
    }
  }
  const text = (key: string): string => {
    const value: unknown = entry.get(key);
    if (isNull(value)) return '';
    if (typeof value !== 'string') {
      report('users.shape', `${path}.${key}`, isHiddenAddress(value) ? HIDDEN_ADDRESS : 'must be a text');
      return '';
    }
    if (hasControl(value)) {
      report('users.text', `${path}.${key}`, 'must not hold control characters or line breaks');
    }
    return value;
  };

  const password = entry.get('password');
  const parsed = parseDigest(typeof password === 'string' ? password : '');
  if (!parsed.ok) report(parsed.code, entry.has('password') ? `${path}.password` : path, parsed.message);
  const principal: Principal = {
    username: name,
    displayName: text('displayname') || name,
    email: text('email'),
    groups: parseGroups(entry.get('groups'), `${path}.groups`, report),
  };
  const disabled = parseDisabled(entry.get('disabled'), `${path}.disabled`, report);
  if (!parsed.ok) return undefined;
  const { digest } = parsed;
  const epoch = userEpoch(principal, disabled, digest.text, search);
  return { user: { principal, disabled, digest: digest.text, epoch }, digest };
}

/** What Cloudflare puts in the place of each mail address of a web page; in YAML it is a list. */
function isHiddenAddress(value: unknown): boolean {
  return Array.isArray(value) && value.length === 1 && value[0] === 'email protected';
}

const HIDDEN_ADDRESS =
  'must be a text: `[email protected]` is what the web page that this was copied from shows instead of a mail address; write the address';

/** Anything but a clear `false` keeps the user out, and anything but `true` and `false` is reported. */
function parseDisabled(value: unknown, path: string, report: Report): boolean {
  if (value === undefined) return false;
  if (typeof value === 'string') {
    if (/^(true|True|TRUE)$/.test(value)) return true;
    if (/^(false|False|FALSE)$/.test(value)) return false;
  }
  report('users.disabled', path, 'must be `true` or `false`');
  return true;
}

function parseGroups(value: unknown, path: string, report: Report): string[] {
  if (isNull(value)) return [];
  if (!Array.isArray(value)) {
    report('users.groups', path, "must be a list: write `- 'admins'` below it, or `['admins']`");
    return [];
  }
  const groups: string[] = [];
  value.forEach((group: unknown, i) => {
    const problem = typeof group === 'string' ? groupNameProblem(group) : 'a group must be a text';
    if (problem !== undefined) report('users.groups', `${path}[${i}]`, problem);
    else if (typeof group === 'string' && !groups.includes(group)) groups.push(group);
  });
  return groups;
}
