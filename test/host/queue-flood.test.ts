import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { hash } from '@node-rs/argon2';
import { afterAll, describe, expect, it } from 'vitest';
import { header } from '../support/guest.ts';
import { basic, startService } from '../support/service.ts';
import { workedMs } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';

const WRONG = 5_000;
const TOGETHER = 200;
/** As Authelia makes them. */
const DIGEST = { memoryCost: 65_536, timeCost: 3, parallelism: 4 };

describe('5,000 wrong passwords from as many addresses', () => {
  afterAll(removeTempDirectories);

  it('take no memory, and nothing from who has a grant', async () => {
    const digest = await hash('pw', DIGEST);
    const service = await startService(`users:\n  alice:\n    password: '${digest}'\n`);
    const agent = new Agent({ keepAlive: true, maxSockets: TOGETHER });
    const guess = (i: number) =>
      new Promise<{ status: number; retryAfter: unknown }>((resolve, reject) => {
        const headers = {
          'X-Forwarded-Method': 'GET',
          'X-Forwarded-Proto': 'https',
          'X-Forwarded-Host': 'app.example.com',
          'X-Forwarded-Uri': '/',
          'X-Forwarded-For': `10.${i >> 8}.${i & 255}.1`,
          Authorization: basic(i % 2 === 0 ? `nobody-${i}:x` : `alice:guess-${i}`),
        };
        request(`${service.url}/api/authz/forward-auth`, { agent, headers }, answer => {
          answer
            .resume()
            .on('end', () =>
              resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] }),
            );
        })
          .on('error', reject)
          .end();
      });
    const rss = () =>
      Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${service.child.pid}/status`, 'utf8'))?.[1]) / 1_024;
    try {
      expect((await service.login('alice:pw')).status).toBe(200);
      const guest = service.guest();
      let running = true;
      /** Milliseconds of a processor: the guest asks nobody, and what else this machine does is not its own. */
      const times: number[] = [];
      const verdicts = new Set<string | undefined>();
      const honest = async () => {
        while (running) {
          const before = workedMs();
          const outcome = guest.ask({
            host: 'app.example.com',
            headers: [['Authorization', basic('alice:pw')]],
          });
          times.push(workedMs() - before);
          verdicts.add(header(outcome, 'Postern-Verdict')?.slice(0, 5) ?? String(outcome.response?.status));
          await new Promise(resolve => setTimeout(resolve, 5));
        }
      };
      const working = honest();

      const statuses = new Map<number, number>();
      const peaks: number[] = [];
      let next = 0;
      const attacker = async () => {
        while (next < WRONG) {
          const i = next++;
          const { status, retryAfter } = await guess(i);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status === 503) expect(retryAfter).toBe('2');
          if (i % 10 === 0) peaks[Math.floor(i / 1_000)] = Math.max(peaks[Math.floor(i / 1_000)] ?? 0, rss());
        }
      };
      await Promise.all(Array.from({ length: TOGETHER }, attacker));
      running = false;
      await working;

      expect([...verdicts]).toEqual(['allow']);
      expect([...statuses.keys()].sort()).toEqual([401, 503]);
      // Digests in work take what they take (64 MiB each); what must not grow is the rest, from one thousand to the next.
      const [first = 0, ...later] = peaks;
      expect(Math.max(...later) - first, peaks.join(' ')).toBeLessThan(64);
      times.sort((a, b) => a - b);
      const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
      process.stdout.write(
        `flood: ${JSON.stringify([...statuses])}, guest p99 ${p99.toFixed(2)} ms of a processor, of ${times.length}, RSS by thousand ${peaks.map(Math.round).join(' ')} MiB\n`,
      );
      expect(p99).toBeLessThan(50);
      // Afterwards everything is as before.
      const alice = await service.login('alice:pw');
      expect(alice.status).toBe(200);
      expect(await service.get('/metrics')).toMatch(/^postern_logins_held 0$/m);
    } finally {
      agent.destroy();
      await service.stop();
    }
  }, 120_000);
});
