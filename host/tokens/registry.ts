import { ConfigError, type Problem } from '../config/problem.ts';
import { decodeText } from '../config/read-file.ts';
import { type Content, type WatchedFile, watchFile } from '../config/watched-file.ts';
import { type NetworkCompiler, type ParsedTokens, parseTokens } from './parse-tokens.ts';
import type { ServiceAccount, TokenSecret } from './token.ts';

export interface FoundToken {
  readonly account: ServiceAccount;
  readonly secret: TokenSecret;
}

/** The service accounts in force. Answers from memory, so that finding one and acting on it is one synchronous step. */
export interface TokenRegistry {
  /** By any of a presented secret's digests. Expired and disabled ones are found, too. */
  bySecret(digests: readonly string[]): FoundToken | undefined;
  find(name: string): ServiceAccount | undefined;
  all(): Iterable<ServiceAccount>;
  /** Calls back with every name whose epoch differs from before (also removed and new ones). */
  onChange(listener: (names: readonly string[]) => void): void;
}

/** How the tokens file is doing. */
export interface TokensStatus {
  /** False while the file cannot be used; the tokens read before stay in force. */
  readonly ok: boolean;
  readonly tokens: number;
  readonly problems: readonly Problem[];
}

export interface TokensFile extends TokenRegistry {
  status(): TokensStatus;
  close(): void;
}

export interface TokensFileOptions {
  readonly engine: NetworkCompiler;
  readonly intervalMs?: number;
  /** Called after each reading that changed something, good or bad; once per bad content. */
  readonly onStatus?: (status: TokensStatus, changed: readonly string[]) => void;
}

/**
 * Follows a tokens file. One that is wrong at the start throws `ConfigError`;
 * one that becomes so later is reported, and the tokens read before stay in
 * force. A file that is not there holds no token: removing it revokes all.
 */
export function openTokensFile(file: string, options: TokensFileOptions): TokensFile {
  const listeners: ((names: readonly string[]) => void)[] = [];
  const { initial, watched }: { initial: Content; watched: WatchedFile } = watchFile(file, {
    onChange: content => apply(content),
    ...(options.intervalMs === undefined ? {} : { intervalMs: options.intervalMs }),
  });
  const first = readTokens(file, initial, options.engine);
  if (first.problems.length > 0) {
    watched.close();
    throw new ConfigError(first.problems);
  }
  let accounts = first.accounts;
  let digests = indexByDigest(accounts);
  let status: TokensStatus = { ok: true, tokens: accounts.size, problems: [] };

  function apply(content: Content): void {
    const parsed = readTokens(file, content, options.engine);
    if (parsed.problems.length > 0) {
      status = { ...status, ok: false, problems: parsed.problems };
      options.onStatus?.(status, []);
      return;
    }
    const changed = difference(accounts, parsed.accounts);
    accounts = parsed.accounts;
    digests = indexByDigest(accounts);
    status = { ok: true, tokens: accounts.size, problems: [] };
    // Listeners first: what they revoke matters more than what is told.
    if (changed.length > 0) for (const listener of listeners) listener(changed);
    options.onStatus?.(status, changed);
  }

  return {
    bySecret: candidates => {
      for (const digest of candidates) {
        const found = digests.get(digest);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    find: name => accounts.get(name),
    all: () => accounts.values(),
    onChange: listener => void listeners.push(listener),
    status: () => status,
    close: () => watched.close(),
  };
}

/** The accounts of a tokens file as it is now; throws `ConfigError` when it is wrong. */
export function readTokensFile(file: string, engine: NetworkCompiler): ReadonlyMap<string, ServiceAccount> {
  const opened = watchFile(file, { onChange() {} });
  opened.watched.close();
  const { accounts, problems } = readTokens(file, opened.initial, engine);
  if (problems.length > 0) throw new ConfigError(problems);
  return accounts;
}

/** Everything that is wrong with a tokens file; one that is not there yet is good. */
export function readTokens(file: string, content: Content, engine: NetworkCompiler): ParsedTokens {
  if (!content.ok) {
    const missing = content.problem.code === 'file.missing';
    return { accounts: new Map(), problems: missing ? [] : [content.problem] };
  }
  const text = decodeText(file, content.bytes);
  if (!text.ok) return { accounts: new Map(), problems: [text.problem] };
  return parseTokens(file, text.text, engine);
}

function indexByDigest(accounts: ReadonlyMap<string, ServiceAccount>): ReadonlyMap<string, FoundToken> {
  const index = new Map<string, FoundToken>();
  for (const account of accounts.values()) {
    for (const secret of account.secrets) index.set(secret.digest, { account, secret });
  }
  return index;
}

/** Names whose epoch differs, also those that came and went. */
function difference(
  before: ReadonlyMap<string, ServiceAccount>,
  after: ReadonlyMap<string, ServiceAccount>,
): string[] {
  const changed: string[] = [];
  for (const [name, account] of before) {
    const now = after.get(name);
    if (now === undefined || Buffer.compare(now.epoch, account.epoch) !== 0) changed.push(name);
  }
  for (const name of after.keys()) if (!before.has(name)) changed.push(name);
  return changed;
}
