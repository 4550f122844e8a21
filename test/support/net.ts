import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type ListenOptions } from 'node:net';

/** Above the ports of services that a machine may run itself. */
const FIRST = 10_000;
/** Where systems begin to give ports to outgoing connections: 32,768 on Linux, 49,152 elsewhere. */
const USUAL_END = 32_768;
/** As few ports as leave a choice. */
const ENOUGH = 2_000;

const END = end();

/**
 * A TCP port on loopback that was free a moment ago. Until this process ends, no other one is given it by this
 * function, and no outgoing connection by the system: either could take it before a server listens on it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if ((await reserve(port)) && (await isFree(port))) return port;
  }
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/**
 * Holds a name that says the port: in Linux's abstract namespace, which belongs to the same network as the port,
 * and from which the system takes it when the process ends, however it does. Elsewhere there is none to hold.
 */
async function reserve(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const server = createServer();
  const isOurs = await listens(server, { path: `\0postern-test-port-${port}` });
  server.unref();
  return isOurs;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await listens(server, { port, host: '127.0.0.1' });
  if (isListening) await new Promise<void>(resolve => server.close(() => resolve()));
  return isListening;
}

function listens(server: ReturnType<typeof createServer>, options: ListenOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(options, () => resolve(true));
  });
}

function end(): number {
  const range = '/proc/sys/net/ipv4/ip_local_port_range';
  const first = existsSync(range) ? Number.parseInt(readFileSync(range, 'utf8'), 10) : USUAL_END;
  // A machine that gives outgoing connections nearly all of them leaves none to itself.
  return first < FIRST + ENOUGH ? USUAL_END : Math.min(first, USUAL_END);
}
