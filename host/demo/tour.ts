import { Agent, request } from 'node:http';
import { DEMO_DOMAIN, SERVICE_ACCOUNT } from './files.ts';

export interface Step {
  readonly request: string;
  readonly as: string;
  readonly status: number;
  readonly milliseconds: number;
  /** Who decided and why, in a few words. */
  readonly what: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Sends one request to the demo's domain at `port`; `credential` is `user:password`. */
export function askDemo(
  port: number,
  path: string,
  credential: string | undefined,
): Promise<{ readonly status: number; readonly milliseconds: number }> {
  const headers: Record<string, string> = { Host: `${DEMO_DOMAIN}:${port}` };
  if (credential !== undefined) {
    headers.Authorization = `Basic ${Buffer.from(credential, 'utf8').toString('base64')}`;
  }
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const outgoing = request({ host: '127.0.0.1', port, path, headers, agent, timeout: 15_000 }, incoming => {
      incoming.resume();
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, milliseconds: performance.now() - start }),
      );
    });
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      // The proxy may end a connection just as it is used again; a new one is asked then.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') {
        askDemo(port, path, credential).then(resolve, reject);
      } else {
        reject(error);
      }
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in 15 s')));
    outgoing.end();
  });
}

/** The requests of the service-account guide, with what each is to show. */
export async function* tour(port: number, password: string): AsyncGenerator<Step> {
  const account = `${SERVICE_ACCOUNT}:${password}`;
  const stops: readonly [path: string, credential: string | undefined, what: string][] = [
    ['/api/push/alive', undefined, 'refused: no credentials; decided in the guest'],
    [
      '/api/push/alive',
      `${SERVICE_ACCOUNT}:wrong`,
      'refused: wrong password; the host delays every failure by 2 s',
    ],
    ['/api/push/alive', account, 'first request: one argon2id in the host, which writes a grant'],
    ['/api/push/alive', account, 'second request: decided in the guest, from the grant'],
    ['/api/push/alive', account, 'third request: decided in the guest, from its memory'],
    ['/admin', account, 'forbidden: a path that no rule gives to service accounts'],
  ];
  for (const [path, credential, what] of stops) {
    const { status, milliseconds } = await askDemo(port, path, credential);
    yield {
      request: `GET ${path}`,
      as: credential === undefined ? '-' : SERVICE_ACCOUNT,
      status,
      milliseconds,
      what,
    };
  }
}

/** Lets the process end: no connection is kept. */
export function endTour(): void {
  agent.destroy();
}
