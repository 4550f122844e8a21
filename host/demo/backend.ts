import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DemoBackend {
  readonly url: string;
  close(): Promise<void>;
}

/** A service without any authentication of its own: it says who the headers name. */
export async function startDemoBackend(): Promise<DemoBackend> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const user = String(request.headers['remote-user'] ?? '');
      const groups = String(request.headers['remote-groups'] ?? '');
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end(
        `${request.method} ${request.url} reached the service as ${user || 'nobody'} (${groups})\n`,
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
