import { ConfigError, type Problem } from '../config/problem.ts';
import { decodeText } from '../config/read-file.ts';
import type { UserSearch } from '../config/schema.ts';
import { type Content, type WatchedFile, watchFile } from '../config/watched-file.ts';
import { ARGON2_DEFAULTS, argon2Dummy } from '../digests/argon2.ts';
import type { Digest } from '../digests/digest.ts';
import type { Directory, User } from './directory.ts';
import { type ParsedUsers, parseUsers } from './parse-users.ts';
import { EXACT_SEARCH, UserIndex } from './search.ts';

/** How the users file is doing; shown by /health. */
export interface DirectoryStatus {
  /** False while the file cannot be used; the users read before stay in force. */
  readonly ok: boolean;
  readonly users: number;
  /** When the users in force were read. */
  readonly loadedAt: Date;
  readonly problems: readonly Problem[];
}

export interface FileDirectory extends Directory {
  status(): DirectoryStatus;
}

export interface FileDirectoryOptions {
  /** Follow changes of the file. Default true. */
  readonly watch?: boolean;
  /** Default: by the exact name. */
  readonly search?: UserSearch;
  readonly intervalMs?: number;
  /** Called after each reading that changed something, good or bad; once per bad content. */
  readonly onStatus?: (status: DirectoryStatus, changed: readonly string[]) => void;
}

/**
 * Authelia's users file as a directory. A file that is missing or wrong at the
 * start throws `ConfigError`; one that becomes so later is reported, and the
 * users read before stay in force.
 */
export function openFileDirectory(file: string, options: FileDirectoryOptions = {}): FileDirectory {
  const listeners: ((usernames: readonly string[]) => void)[] = [];
  let watched: WatchedFile | undefined;
  let initial: Content;
  if (options.watch === false) {
    const opened = watchFile(file, { onChange() {} });
    opened.watched.close();
    initial = opened.initial;
  } else {
    ({ initial, watched } = watchFile(file, {
      onChange: content => apply(content),
      ...(options.intervalMs === undefined ? {} : { intervalMs: options.intervalMs }),
    }));
  }

  const { search = EXACT_SEARCH } = options;
  const first = parseContent(file, initial, search);
  if (first.problems.length > 0) {
    watched?.close();
    throw new ConfigError(first.problems);
  }
  let users = first.users;
  let index = new UserIndex(users, search);
  let dummy = makeDummy(first.digests);
  let status: DirectoryStatus = { ok: true, users: users.size, loadedAt: new Date(), problems: [] };

  function apply(content: Content): void {
    const parsed = parseContent(file, content, search);
    if (parsed.problems.length > 0) {
      status = { ...status, ok: false, problems: parsed.problems };
      options.onStatus?.(status, []);
      return;
    }
    const changed = difference(users, parsed.users);
    users = parsed.users;
    index = new UserIndex(users, search);
    dummy = makeDummy(parsed.digests);
    status = { ok: true, users: users.size, loadedAt: new Date(), problems: [] };
    // Listeners first: what they revoke matters more than what is told.
    if (changed.length > 0) for (const listener of listeners) listener(changed);
    options.onStatus?.(status, changed);
  }

  return {
    find: username => index.find(username),
    onChange: listener => void listeners.push(listener),
    all: () => users.values(),
    dummyDigest: () => dummy,
    status: () => status,
    close: () => watched?.close(),
  };
}

function parseContent(file: string, content: Content, search: UserSearch): ParsedUsers {
  if (!content.ok) return { users: new Map(), digests: [], problems: [content.problem] };
  const text = decodeText(file, content.bytes);
  if (!text.ok) return { users: new Map(), digests: [], problems: [text.problem] };
  return parseUsers(file, text.text, search);
}

/** Names whose epoch differs, also those that came and went. */
function difference(before: ReadonlyMap<string, User>, after: ReadonlyMap<string, User>): string[] {
  const changed: string[] = [];
  for (const [name, user] of before) {
    const now = after.get(name);
    if (now === undefined || Buffer.compare(now.epoch, user.epoch) !== 0) changed.push(name);
  }
  for (const name of after.keys()) if (!before.has(name)) changed.push(name);
  return changed;
}

/**
 * What is verified for a user who does not exist: a digest of nothing, of the
 * kind and cost of the file's costliest. Its hash is random, no password fits.
 */
function makeDummy(digests: readonly Digest[]): string {
  const [first, ...others] = digests;
  if (first === undefined) return argon2Dummy('argon2id', ARGON2_DEFAULTS, 16, 32);
  return others.reduce((most, digest) => (digest.millis > most.millis ? digest : most), first).dummy();
}
