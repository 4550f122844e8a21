import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './net.ts';

/** A way to a loopback port that can fail as ways do. */
export interface Forwarder {
  readonly port: number;
  /** Ends every connection by FIN; `reset` by RST. */
  cut(how: 'close' | 'reset'): void;
  /** What becomes of connections from now on: `refuse` nobody listens, `hang-up` they end at once. */
  set(mode: 'open' | 'refuse' | 'hang-up' | 'silent'): Promise<void>;
  stop(): Promise<void>;
}

export async function startForwarder(target: number): Promise<Forwarder> {
  const port = await freePort();
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: Parameters<Forwarder['set']>[0] = 'open';
  let server: Server | undefined;

  function take(client: Socket): void {
    client.on('error', () => {});
    if (mode === 'hang-up') {
      client.resume().end();
      return;
    }
    const onward = connect(target, '127.0.0.1');
    const pair = [client, onward] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [onward, client] as const]) {
      from.on('error', () => {});
      from.on('data', chunk => {
        if (mode !== 'silent') to.write(chunk);
      });
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  }

  const close = () => new Promise<void>(resolve => (server ? server.close(() => resolve()) : resolve()));
  const open = () =>
    new Promise<void>(resolve => {
      server = createServer(take).listen(port, '127.0.0.1', () => resolve());
    });
  await open();

  function cut(how: 'close' | 'reset'): void {
    for (const [client, onward] of pairs) {
      onward.destroy();
      if (how === 'reset') client.resetAndDestroy();
      else client.end();
    }
  }

  return {
    port,
    cut,
    async set(next) {
      const before = mode;
      mode = next;
      if (next === 'refuse') {
        cut('close');
        await close();
      } else if (before === 'refuse') await open();
    },
    async stop() {
      cut('reset');
      if (mode !== 'refuse') await close();
    },
  };
}
