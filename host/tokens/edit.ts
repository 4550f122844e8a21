import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Document, isMap, parseDocument, type YAMLMap } from 'yaml';
import { ConfigError, type Problem } from '../config/problem.ts';
import { decodeText, fileProblem } from '../config/read-file.ts';
import { codeOf, isFull } from '../log/file-error.ts';
import { type NetworkCompiler, parseTokens } from './parse-tokens.ts';
import type { ServiceAccount } from './token.ts';

/** Not for other users of the machine; the group may read, as host and operator need not be one user. */
const FILE_MODE = 0o640;
/** An edit takes milliseconds: who waits longer meets a lock that was left behind. */
const LOCK_WAIT_MS = 5_000;
const LOCK_POLL_MS = 50;
const HEADING = ` Service accounts and the digests of their API tokens, written by \`postern token\`.
 Attributes may be changed by hand; the host follows this file.`;

/** A tokens file open for one change. */
export interface Edit {
  readonly accounts: ReadonlyMap<string, ServiceAccount>;
  /** The mapping of one account, with its comments; undefined when there is none. */
  account(name: string): YAMLMap | undefined;
  /** Adds an account; undefined values are left out. */
  add(name: string, value: Readonly<Record<string, unknown>>): void;
  /** Sets or, with undefined, removes a value of an account. */
  set(name: string, key: string, value: unknown): void;
  remove(name: string): void;
}

/** The lock of a tokens file is held by somebody, or was left behind. */
export class LockedError extends Error {}

/**
 * Changes a tokens file under its lock and puts the new one in place by rename,
 * so that a host never reads half of it. Comments, order and what an operator
 * wrote by hand stay. Throws `ConfigError` when the file is wrong already.
 */
export async function editTokens<T>(
  file: string,
  engine: NetworkCompiler,
  change: (edit: Edit) => T,
): Promise<T> {
  const target = resolveLink(file);
  refuseSpecial(target);
  const unlock = await lock(`${target}.lock`);
  try {
    const text = readText(target);
    const document = parseDocument(text, { schema: 'failsafe', merge: true });
    const { accounts, problems } = parseTokens(file, text, engine);
    if (problems.length > 0) throw new ConfigError(problems);
    const result = change(openEdit(document, accounts));
    const changed = document.toString({ lineWidth: 0 });
    // What would not be read must not be written.
    const again = parseTokens(file, changed, engine);
    if (again.problems.length > 0) throw new ConfigError(again.problems);
    replaceFile(target, changed);
    return result;
  } finally {
    unlock();
  }
}

function openEdit(document: Document, accounts: ReadonlyMap<string, ServiceAccount>): Edit {
  const tokens = tokensOf(document);
  const account = (name: string): YAMLMap | undefined => {
    const value: unknown = tokens.get(name);
    return isMap(value) ? value : undefined;
  };
  return {
    accounts,
    account,
    add: (name, value) => tokens.set(name, document.createNode(defined(value))),
    set(name, key, value) {
      if (value === undefined) account(name)?.delete(key);
      else account(name)?.set(key, document.createNode(value));
    },
    remove: name => void tokens.delete(name),
  };
}

/** The mapping below `tokens`, made where there is none. */
function tokensOf(document: Document): YAMLMap {
  if (!isMap(document.contents)) {
    document.contents = document.createNode({}) as never;
    document.commentBefore ??= HEADING;
  }
  const root = document.contents as unknown as YAMLMap;
  const found: unknown = root.get('tokens');
  if (isMap(found)) {
    // `tokens: {}` would go on in one line.
    if (found.items.length === 0) found.flow = false;
    return found;
  }
  const made = document.createNode({}) as YAMLMap;
  root.set('tokens', made);
  return made;
}

function defined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

/** Nothing when there is no file yet. */
function readText(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const problem = fileProblem(file, error);
    if (problem.code === 'file.missing') return '';
    throw new ConfigError([problem]);
  }
  const text = decodeText(file, bytes);
  if (!text.ok) throw new ConfigError([text.problem]);
  return text.text;
}

/** A link stays one: what it names is replaced. */
function resolveLink(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

/** A rename would put a file in the place of `/dev/null`, a pipe or a socket. */
function refuseSpecial(file: string): void {
  const found = statOf(file);
  if (found === undefined || found.isFile() || found.isDirectory()) return;
  throw new ConfigError([
    {
      code: 'file.special',
      severity: 'error',
      path: '',
      message: 'is a device, a pipe or a socket where a file is needed: correct the path',
      file,
    },
  ]);
}

/** With the owner and mode of the old file, or of its directory: an operator's `sudo` must not lock the host out. */
function replaceFile(file: string, text: string): void {
  const directory = dirname(file);
  const old = statOf(file);
  // A new file under a name that nobody can know: `sudo` must not follow a link that waits for it.
  const temporary = join(directory, `.new-tokens-${randomBytes(8).toString('hex')}`);
  try {
    const owner = old ?? statSync(directory);
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      if (process.getuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
      fchmodSync(fd, old === undefined ? FILE_MODE : old.mode & 0o777);
      // Until all is written: of a single write a disk that fills up takes a part, and that is no error.
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new ConfigError([unwritten(file, error)]);
  }
}

function unwritten(file: string, error: unknown): Problem {
  const message = `cannot be written (${codeOf(error)}), and is as it was: ${isFull(error) ? 'make room on its disk' : 'this user must be able to make files beside it and to put one in its place'}`;
  return { code: 'file.unwritable', severity: 'error', path: '', message, file };
}

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

/** A file that only one can make. Left behind by a killed command it must be removed by hand: better than two writers. */
async function lock(path: string): Promise<() => void> {
  for (let waited = 0; ; waited += LOCK_POLL_MS) {
    try {
      closeSync(openSync(path, 'wx', 0o600));
      return () => rmSync(path, { force: true });
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT') {
        throw new LockedError(`the directory of ${path.slice(0, -'.lock'.length)} does not exist: create it`);
      }
      if (code !== 'EEXIST') {
        throw new LockedError(
          `${path} cannot be made (${code}): run this as a user who may write that directory`,
        );
      }
      if (waited >= LOCK_WAIT_MS) {
        throw new LockedError(
          `${path} is held: another \`postern token\` is at work, or was killed; then remove that file`,
        );
      }
    }
    await sleep(LOCK_POLL_MS);
  }
}
