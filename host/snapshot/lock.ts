import { linkSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../config/problem.ts';
import { codeOf, isFull } from '../log/file-error.ts';

export const LOCK_FILE = 'lock';
/** `sun_path` of Linux, without its last zero. */
const MAX_SOCKET_PATH = 107;
/** Two hosts that meet the same dead lock both rename theirs over it; the later one wins, after this both know. */
const SETTLE_MS = 100;
/** A holder that dies closes our connection; this is for one whose lock vanished without. */
const RETRY_MS = 1_000;

export interface LockOptions {
  readonly directory: string;
  /** Distinguishes temporary names. */
  readonly suffix: string;
  /** Called once when another live host has the lock. */
  readonly onWait: () => void;
  readonly signal: AbortSignal;
}

/**
 * The right to write a guest directory: a Unix socket in it that somebody
 * listens on. The kernel stops listening for a process that is gone, so a
 * killed host needs no cleaning up, and waiting is an open connection.
 */
export class DirectoryLock {
  readonly #path: string;
  readonly #inode: number;
  readonly #server: Server;
  readonly #waiting: Set<Socket>;

  private constructor(path: string, inode: number, server: Server, waiting: Set<Socket>) {
    this.#path = path;
    this.#inode = inode;
    this.#server = server;
    this.#waiting = waiting;
  }

  /** Waits until the lock is ours; undefined when the signal aborts first. */
  static async acquire(options: LockOptions): Promise<DirectoryLock | undefined> {
    const path = join(options.directory, LOCK_FILE);
    const own = `${path}-${options.suffix}`;
    if (Buffer.byteLength(own) > MAX_SOCKET_PATH) throw tooLong(options.directory, own);
    rmSync(own, { force: true });
    const waiting = new Set<Socket>();
    const server = await listen(own, waiting).catch((error: unknown) => {
      throw unusable(options.directory, error);
    });
    const inode = lstatSync(own).ino;
    try {
      if (await take(path, own, inode, options)) {
        await removeDead(options.directory);
        return new DirectoryLock(path, inode, server, waiting);
      }
    } catch (error) {
      await close(server, waiting);
      rmSync(own, { force: true });
      throw unusable(options.directory, error);
    }
    await close(server, waiting);
    rmSync(own, { force: true });
    return undefined;
  }

  /** False when somebody removed or replaced the socket: another host may be writing by now. */
  isHeld(): boolean {
    return inodeOf(this.#path) === this.#inode;
  }

  async release(): Promise<void> {
    // First the name, then the listening: a dead socket under the name is only ever a killed host's.
    if (this.isHeld()) rmSync(this.#path, { force: true });
    await close(this.#server, this.#waiting);
  }
}

async function take(path: string, own: string, inode: number, options: LockOptions): Promise<boolean> {
  let told = false;
  while (!options.signal.aborted) {
    if (tryLink(own, path)) {
      rmSync(own, { force: true });
      return true;
    }
    const holder = await connect(path);
    if (holder.state === 'dead') {
      linkSync(own, `${own}-over`);
      renameSync(`${own}-over`, path);
      await sleep(SETTLE_MS);
      if (inodeOf(path) === inode) {
        rmSync(own, { force: true });
        return true;
      }
    }
    if (holder.state === 'live') {
      if (!told) options.onWait();
      told = true;
      await closed(holder.socket, options.signal);
    }
  }
  return false;
}

/** Sockets of hosts that were killed while they waited. */
async function removeDead(directory: string): Promise<void> {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`${LOCK_FILE}-`)) continue;
    const path = join(directory, name);
    const holder = await connect(path);
    if (holder.state === 'live') holder.socket.destroy();
    if (holder.state === 'dead') rmSync(path, { force: true });
  }
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

type Holder =
  | { readonly state: 'live'; readonly socket: Socket }
  | { readonly state: 'dead' }
  | { readonly state: 'absent' };

function connect(path: string): Promise<Holder> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve({ state: 'live', socket }));
    socket.once('error', error => {
      const code = codeOf(error);
      // ENOTSOCK: somebody put a file there.
      if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') resolve({ state: 'dead' });
      else if (code === 'ENOENT' || code === 'ECONNRESET') resolve({ state: 'absent' });
      else reject(error);
    });
  });
}

/** Until the holder ends the connection, a while has passed, or we are to stop. */
function closed(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(done, RETRY_MS);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      socket.destroy();
      resolve();
    }
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', done);
    signal.addEventListener('abort', done);
  });
}

function listen(path: string, waiting: Set<Socket>): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => {
      waiting.add(socket);
      socket.on('error', () => {});
      socket.resume();
      socket.once('close', () => waiting.delete(socket));
    });
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

function close(server: Server, waiting: Set<Socket>): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    for (const socket of waiting) socket.destroy();
  });
}

function inodeOf(path: string): number | undefined {
  try {
    return lstatSync(path).ino;
  } catch {
    return undefined;
  }
}

function tooLong(directory: string, path: string): ConfigError {
  const room = MAX_SOCKET_PATH - (Buffer.byteLength(path) - Buffer.byteLength(directory));
  return refused(
    'guest.directory.length',
    `must have at most ${room} bytes, for the path of the lock's socket: use a shorter path`,
  );
}

function unusable(directory: string, error: unknown): ConfigError {
  if (isFull(error)) {
    return refused(
      'guest.directory.lock',
      `no lock can be made in ${directory} (${codeOf(error)}): it has no room for one more file; remove what does not belong there, or give it more room`,
    );
  }
  return refused(
    'guest.directory.lock',
    `no lock can be made in ${directory} (${codeOf(error)}): use a file system with Unix sockets and hard links, such as tmpfs`,
  );
}

function refused(code: string, message: string): ConfigError {
  return new ConfigError([{ code, severity: 'error', path: 'guest.directory', message }]);
}
