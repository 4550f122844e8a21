import { lstatSync, unlinkSync } from 'node:fs';
import { type AddressInfo, connect, type Server } from 'node:net';

/** Where to listen: an address, or a Unix socket. */
export interface Endpoint {
  /** Empty is every interface. */
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly socket?: UnixSocket | undefined;
}

export interface UnixSocket {
  readonly path: string;
  /** Permission bits that nobody gets; undefined for the process's own mask. */
  readonly umask?: number | undefined;
}

export interface Listening {
  /** As it stands in a URL. */
  readonly address: string;
  readonly port: number;
}

/** Listens, or throws node's error. A socket that a dead process left behind is taken over, a live one is not. */
export async function listen(server: Server, endpoint: Endpoint): Promise<Listening> {
  const { host, port, socket } = endpoint;
  if (socket === undefined) {
    await started(server, () => server.listen({ port, ...(host === '' ? {} : { host }) })).catch(error => {
      // Of a host that there is not node says that it could not be looked up.
      throw error.syscall === 'getaddrinfo'
        ? Object.assign(error, { syscall: 'listen', address: host, port })
        : error;
    });
    const { address, port: bound } = server.address() as AddressInfo;
    return { address: address.includes(':') ? `[${address}]` : address, port: bound };
  }
  try {
    await started(server, () => bind(server, socket));
  } catch (error) {
    if (!isInUse(error) || !(await isDead(socket.path))) throw error;
    unlinkSync(socket.path);
    await started(server, () => bind(server, socket));
  }
  return { address: socket.path, port: 0 };
}

/** node binds within the call, so the mask holds for nothing else. */
function bind(server: Server, { path, umask }: UnixSocket): void {
  const before = umask === undefined ? undefined : process.umask(umask);
  try {
    server.listen({ path });
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

function started(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      server.off('error', reject);
      resolve();
    };
    server.once('error', error => {
      server.off('listening', done);
      reject(error);
    });
    server.once('listening', done);
    start();
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

/** A socket nobody listens at. Anything else in that place is left alone. */
function isDead(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false);
  return new Promise(resolve => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
