import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that went through, and what Elasticsearch answered; 0 for nothing. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** Stands before an Elasticsearch and notes what it is asked. */
export interface CountingForwarder {
  readonly url: string;
  readonly passed: readonly Passed[];
  /** How many requests wrote this user. */
  writes(name: string): number;
  close(): Promise<void>;
}

export async function startCountingForwarder(target: string): Promise<CountingForwarder> {
  const passed: Passed[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const note = (status: number) => void passed.push({ method, path, status });
    const onward = request(target + path, { method, headers }, answer => {
      note(answer.statusCode ?? 0);
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => {
      note(0);
      outgoing.destroy();
    });
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    writes: name =>
      passed.filter(
        ({ method, path }) =>
          (method === 'PUT' || method === 'POST') && path.split('?')[0] === `/_security/user/${name}`,
      ).length,
    async close() {
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
