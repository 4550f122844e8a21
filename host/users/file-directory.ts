import { randomBytes } from 'node:crypto';
import { ConfigError, type Problem } from '../config/problem.ts';
import { decodeText } from '../config/read-file.ts';
import type { Argon2Cost } from './digest.ts';
import type { Directory, User } from './directory.ts';
import { type ParsedUsers, parseUsers } from './parse-users.ts';
import { type Content, type WatchedFile, watchFile } from './watched-file.ts';

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
  readonly intervalMs?: number;
  /** Called after each reading that changed something, good or bad; once per bad content. */
  readonly onStatus?: (status: DirectoryStatus, changed: readonly string[]) => void;
}

/** What a user who does not exist costs while the file names nobody: Authelia's defaults. */
const DEFAULT_COST: Argon2Cost = {
  memory: 65_536,
  iterations: 3,
  parallelism: 4,
  saltLength: 16,
  hashLength: 32,
};

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

  const first = parseContent(file, initial);
  if (first.problems.length > 0) {
    watched?.close();
    throw new ConfigError(first.problems);
  }
  let users = first.users;
  let dummy = makeDummy(first.costs);
  let status: DirectoryStatus = { ok: true, users: users.size, loadedAt: new Date(), problems: [] };

  function apply(content: Content): void {
    const parsed = parseContent(file, content);
    if (parsed.problems.length > 0) {
      status = { ...status, ok: false, problems: parsed.problems };
      options.onStatus?.(status, []);
      return;
    }
    const changed = difference(users, parsed.users);
    users = parsed.users;
    dummy = makeDummy(parsed.costs);
    status = { ok: true, users: users.size, loadedAt: new Date(), problems: [] };
    // Listeners first: what they revoke matters more than what is told.
    if (changed.length > 0) for (const listener of listeners) listener(changed);
    options.onStatus?.(status, changed);
  }

  return {
    find: username => users.get(username),
    onChange: listener => void listeners.push(listener),
    all: () => users.values(),
    dummyDigest: () => dummy,
    status: () => status,
    close: () => watched?.close(),
  };
}

function parseContent(file: string, content: Content): ParsedUsers {
  if (!content.ok) return { users: new Map(), costs: [], problems: [content.problem] };
  const text = decodeText(file, content.bytes);
  if (!text.ok) return { users: new Map(), costs: [], problems: [text.problem] };
  return parseUsers(file, text.text);
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

/** A digest of nothing at all, as costly as the costliest of the file: its hash is random, no password fits. */
function makeDummy(costs: readonly Argon2Cost[]): string {
  const work = (cost: Argon2Cost) => cost.memory * cost.iterations;
  const { memory, iterations, parallelism, saltLength, hashLength } = costs.reduce(
    (most, cost) => (work(cost) > work(most) ? cost : most),
    costs[0] ?? DEFAULT_COST,
  );
  const random = (length: number) => randomBytes(length).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memory},t=${iterations},p=${parallelism}$${random(saltLength)}$${random(hashLength)}`;
}
