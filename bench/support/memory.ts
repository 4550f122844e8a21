import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { waitUntil } from '../../test/support/wait.ts';

/** Resident memory of a proxy while it holds many slow requests. */

export const IN_FLIGHT = 1_000;
const CHURN_ROUNDS = 3;

export interface Held {
  readonly pid: number;
  readonly port: number;
  /** Backend of bench/server. */
  readonly serverUrl: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * KiB that each of a thousand requests costs: resident memory while the backend
 * holds them all, without that of the idle proxy. Before that come three
 * rounds of the same, because untouched pages of a fresh proxy are free.
 */
export async function memoryPerRequest(held: Held): Promise<number> {
  await hold(held, 1);
  const idle = residentKiB(held.pid);
  for (let round = 0; round < CHURN_ROUNDS; round++) await hold(held, IN_FLIGHT);
  return ((await hold(held, IN_FLIGHT)) - idle) / IN_FLIGHT;
}

/** Holds `count` requests at once and lets them go; answers the resident memory in between. */
async function hold({ pid, port, serverUrl, path, headers }: Held, count: number): Promise<number> {
  const agent = new Agent({ maxSockets: count });
  const answers = Array.from({ length: count }, () => ask(agent, port, path, headers));
  const all = Promise.all(answers);
  all.catch(() => {}); // awaited below
  await waitUntil(
    `${count} requests at the backend`,
    async () => Number(await (await fetch(`${serverUrl}/held`)).text()) === count,
    30_000,
  );
  const resident = residentKiB(pid);
  await fetch(`${serverUrl}/release`);
  const failed = (await all).filter(status => status !== 200);
  agent.destroy();
  if (failed.length > 0) throw new Error(`${failed.length} of ${count} held requests got ${failed[0]}`);
  return resident;
}

function ask(
  agent: Agent,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ agent, host: '127.0.0.1', port, path, headers, timeout: 60_000 }, incoming => {
      incoming.resume().once('end', () => resolve(incoming.statusCode ?? 0));
    })
      .once('error', reject)
      .once('timeout', () => reject(new Error('no answer in a minute')))
      .end();
  });
}

/** proc(5), status: VmRSS. */
function residentKiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}
