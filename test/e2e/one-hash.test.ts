import { Agent } from 'node:http';
import { verify } from '@node-rs/argon2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep } from '../support/wait.ts';
import { type Stack, startStack } from './stack.ts';

const REQUESTS = 10_000;
const TOGETHER = 16;
/** How far the cost of one hash is apart from that of another, where others' work fills the caches. */
const APART = 4;
const ACCOUNT = 'my-service-account:password';
/** The service-account guide's digest of 'password', 64 MiB and three passes. */
const DIGEST = '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';

/** When something began and ended. */
interface Attempt {
  readonly from: number;
  readonly to: number;
}

const overlap = (a: Attempt, b: Attempt) => a.from <= b.to && a.to >= b.from;

describeTraefik('10,000 requests with one password', binary => {
  let stack: Stack;
  const agent = new Agent({ keepAlive: true, maxSockets: TOGETHER });

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: {
        rules: [
          {
            domain: 'myapp.example.com',
            policy: 'one_factor',
            resources: ['^/api/push([/?].*)?$'],
            subject: [['group:myapp', 'group:service']],
          },
        ],
      },
      users: { 'my-service-account': { password: 'password', digest: DIGEST, groups: ['myapp', 'service'] } },
      domains: ['myapp.example.com'],
    });
  }, 600_000);

  afterAll(async () => {
    agent.destroy();
    await stack?.stop();
    removeTempDirectories();
  });

  /** Asks until Traefik answers; tells when it did not. */
  async function push(i: number, failed: Attempt[]): Promise<number> {
    for (;;) {
      const from = Date.now();
      try {
        const answer = await stack.ask('myapp.example.com', `/api/push/${i}?status=up`, {
          as: ACCOUNT,
          agent,
        });
        return answer.status;
      } catch {
        failed.push({ from, to: Date.now() });
        await sleep(20);
      }
    }
  }

  it('cost one hash, also when Traefik is restarted half-way', async () => {
    const hash = await hashCost();
    const started = stack.host.cpuTimeMs();
    const failed: Attempt[] = [];
    const statuses: number[] = [await push(0, failed)];
    const first = stack.host.cpuTimeMs() - started;
    // Otherwise what follows would prove nothing.
    expect(first).toBeGreaterThan(hash / APART);

    const began = Date.now();
    let next = 1;
    let restarted: Promise<Attempt> | undefined;
    const worker = async (): Promise<void> => {
      while (next < REQUESTS) {
        const i = next++;
        if (i >= REQUESTS / 2) restarted ??= restart();
        statuses.push(await push(i, failed));
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, worker));
    const others = stack.host.cpuTimeMs() - started - first;
    const seconds = (Date.now() - began) / 1_000;

    expect(statuses).toHaveLength(REQUESTS);
    expect(statuses.filter(status => status !== 200)).toEqual([]);
    const down = await restarted;
    expect(failed.filter(attempt => down === undefined || !overlap(attempt, down))).toEqual([]);
    expect(stack.backend.received.length).toBeGreaterThanOrEqual(REQUESTS);

    // Only the first was deferred: the host answered one request and hashed once.
    expect(await stack.metric('postern_password_verifications_total')).toBe(1);
    expect(await stack.metric('postern_deferrals_total')).toBe(1);

    // In CPU time: the 9,999 others cost the host its heartbeat (measured while nobody asks) and at most a few
    // hashes; by design they cost it nothing at all, while 9,999 hashes would take minutes.
    const idle = await idleCost();
    const heartbeat = idle * seconds;
    expect(others - heartbeat, `${hash} ms a hash, ${heartbeat} ms of heartbeats`).toBeLessThan(APART * hash);
    process.stdout.write(
      `one hash: ${Math.round(hash)} ms; first request: ${Math.round(first)} ms; ${REQUESTS - 1} others in ${seconds} s: ${Math.round(others)} ms, of which heartbeats ${Math.round(heartbeat)} ms; failed while Traefik was down: ${failed.length}\n`,
    );
  }, 120_000);

  async function restart(): Promise<Attempt> {
    const from = Date.now();
    await stack.restartTraefik();
    return { from, to: Date.now() };
  }

  /** CPU milliseconds of one verification; the least of some, as noise only adds. */
  async function hashCost(): Promise<number> {
    const costs: number[] = [];
    for (let i = 0; i < 4; i++) {
      const before = process.cpuUsage();
      expect(await verify(DIGEST, 'password')).toBe(true);
      const { user, system } = process.cpuUsage(before);
      costs.push((user + system) / 1_000);
    }
    return Math.min(...costs);
  }

  /** CPU milliseconds of the host per second while nobody asks; some kernels count in ticks of 10 ms, so watch for long. */
  async function idleCost(): Promise<number> {
    const before = stack.host.cpuTimeMs();
    const began = performance.now();
    await sleep(4_000);
    return ((stack.host.cpuTimeMs() - before) * 1_000) / (performance.now() - began);
  }
});
