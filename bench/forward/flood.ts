import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { hash } from '@node-rs/argon2';
import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { PATH } from '../support/policy.ts';
import { HOST_DOMAIN } from './cases.ts';
import { startHost } from './stage.ts';

/** Memory of a host that is flooded with wrong passwords. */

/** Authelia's default: 64 MiB. */
const AUTHELIA = { memoryCost: 65_536, timeCost: 3, parallelism: 4 };
const ACCOUNTS = 64;
/** More than the queue and the held answers take together, so that some are refused. */
const CONNECTIONS = 1_200;
/** More than the bound on memory lets run together: what a large machine does. */
export const CORES = 8;

export interface FloodFigures {
  /** Highest resident memory, MiB. */
  readonly peak: number;
  /** Before the flood, MiB. */
  readonly idle: number;
  /** Passwords that were verified, refused for being too many, and all answers. */
  readonly failed: number;
  readonly busy: number;
  readonly answers: number;
}

/** Starts a host that takes itself to have `CORES` cores, asks it with wrong passwords for `seconds`, reads its peak. */
export async function flood(seconds: number): Promise<FloodFigures> {
  const password = await hash('the right one', AUTHELIA);
  const users = Object.fromEntries(
    Array.from({ length: ACCOUNTS }, (_, i) => [`user-${i}`, { displayname: `User ${i}`, password }]),
  );
  const cores = `import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module'; os.availableParallelism = () => ${CORES}; syncBuiltinESMExports();`;
  const { child, url } = await startHost({
    users: JSON.stringify({ users }),
    node: ['--import', `data:text/javascript,${encodeURIComponent(cores)}`],
    env: { UV_THREADPOOL_SIZE: String(CORES) },
  });
  try {
    const idle = mib(child.pid, 'VmRSS');
    // proc(5): 5 sets the peak back to what is resident now.
    writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
    const counts = { failed: 0, busy: 0, answers: 0 };
    const end = performance.now() + seconds * 1_000;
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const port = Number(new URL(url).port);
    let turn = 0;
    const client = async () => {
      while (performance.now() < end) {
        const status = await ask(agent, port, turn++);
        counts.answers++;
        if (status === 401) counts.failed++;
        else if (status === 503) counts.busy++;
        else throw new Error(`a wrong password got ${status}`);
        // Who is refused at once would otherwise only measure itself.
        if (status === 503) await new Promise(resolve => setTimeout(resolve, 50));
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, client));
    agent.destroy();
    return { peak: mib(child.pid, 'VmHWM'), idle, ...counts };
  } finally {
    await child.stop();
  }
}

/** Another password, account and address each time: nothing is shared, nobody waits behind himself. */
function ask(agent: Agent, port: number, turn: number): Promise<number> {
  const pair = `user-${turn % ACCOUNTS}:wrong-${turn}`;
  const headers = {
    'X-Forwarded-Method': 'GET',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': HOST_DOMAIN,
    'X-Forwarded-Uri': PATH,
    'X-Forwarded-For': `198.${18 + (turn % 2)}.${(turn >> 1) % 256}.${(turn >> 9) % 256}`,
    Authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  };
  return new Promise((resolve, reject) => {
    request({ agent, host: '127.0.0.1', port, path: FORWARD_AUTH_PATH, headers, timeout: 60_000 }, incoming =>
      incoming.resume().once('end', () => resolve(incoming.statusCode ?? 0)),
    )
      .once('error', reject)
      .end();
  });
}

/** A line of proc(5), status, in MiB. */
function mib(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_024;
}
