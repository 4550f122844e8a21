import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runPostern } from '../support/postern.ts';
import { describePostgres, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { describeRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { between, type Moment, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type AskOptions, type Stack, startStack } from './stack.ts';
import { openStackSessions, type StackSessions } from './stack-sessions.ts';

const COOKIE = '__Secure-postern_session';
const SCRIPT = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
/** Design decision 6, from the change on. */
const BOUND_MS = 2_000;

/** Each host with a Traefik and its guest; nothing between them but PostgreSQL and Redis. */
describeTraefik('sessions of two hosts', traefik => {
  describePostgres('with PostgreSQL', binaries => {
    describeRedis('and Redis', redisBinary => {
      let postgres: PostgresServer;
      let redis: RedisServer;
      let stacks: Stack[] = [];
      let made: StackSessions;

      beforeAll(async () => {
        postgres = await startPostgres(binaries);
        redis = await startRedis({ binary: redisBinary });
        const digest = await hash('password', { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
        const options = {
          binary: traefik(),
          secret: randomBytes(32),
          accessControl: { rules: [{ domain: 'app.example.com', policy: 'one_factor' }] },
          users: Object.fromEntries(
            ['ann', 'bea', 'cid'].map(name => [name, { password: 'password', digest }]),
          ),
          domains: ['app.example.com'],
          config: {
            storage: {
              postgres: {
                address: `tcp://127.0.0.1:${postgres.port}`,
                database: postgres.createDatabase(),
                username: 'postern',
                password: postgres.password,
              },
            },
            cache: { type: 'redis', redis: { host: '127.0.0.1', port: redis.port } },
            session: { cookies: [{ domain: 'example.com', authelia_url: 'https://auth.example.com' }] },
          },
        };
        stacks = [await startStack(options), await startStack(options)];
        const [first] = stacks as [Stack];
        made = await openStackSessions(first);
      }, 600_000);

      afterAll(async () => {
        for (const stack of stacks) await stack.stop();
        await made?.close();
        await redis?.stop();
        await postgres?.stop();
        removeTempDirectories();
      });

      const both = (token: string) =>
        Promise.all(
          stacks.map(async stack => {
            const headers = { ...SCRIPT, cookie: `${COOKIE}=${token}` };
            return (await stack.ask('app.example.com', '/', { headers })).status;
          }),
        );

      /** How long after `act` any guest let the session in. */
      async function measure(name: string, token: string, act: () => Promise<unknown>): Promise<void> {
        for (let i = 0; i < 3; i++) expect(await both(token)).toEqual([200, 200]);
        let ended: Moment | undefined;
        const done = act().finally(() => {
          ended = moment();
        });
        const answers: Promise<{ at: Moment; statuses: number[] }>[] = [];
        while (ended === undefined || between(ended) < BOUND_MS + 300) {
          const at = moment();
          answers.push(both(token).then(statuses => ({ at, statuses })));
          await sleep(50);
        }
        await done;
        const all = await Promise.all(answers);
        const since = ended;
        const last = Math.max(
          0,
          ...all.filter(({ statuses }) => statuses.includes(200)).map(({ at }) => between(since, at)),
        );
        process.stdout.write(`${name}: last let in ${Math.round(last)} ms after it\n`);
        expect(last).toBeLessThan(BOUND_MS);
        expect(all.at(-1)?.statuses).toEqual([401, 401]);
      }

      it('are known to both, and refused by both when they end at one', async () => {
        const [ann, bea] = [await made.begin('ann'), await made.begin('bea')];
        const [first] = stacks as [Stack];
        await measure('revoked on another host', ann, () =>
          runPostern(
            dirname(first.configFile),
            ['session', 'revoke', '--user', 'ann', '--config', first.configFile],
            first.hostEnv,
          ),
        );
        expect(await both(bea)).toEqual([200, 200]);
        await measure('signed out everywhere', bea, () => made.sessions.endAll('bea'));
      });

      it('go on when both hosts are stopped and started', async () => {
        const token = await made.begin('cid');
        expect(await both(token)).toEqual([200, 200]);
        for (const stack of stacks) {
          await stack.host.stop();
          await stack.startHost();
        }
        await waitUntil('both hosts let it in', async () =>
          (await both(token)).every(status => status === 200),
        );
      });

      it('end with a Redis that is emptied, and begin anew', async () => {
        const token = await made.begin('ann');
        await measure('Redis emptied', token, async () => void redis.cli('FLUSHALL'));
        const next = await made.begin('ann');
        await waitUntil('both let the new one in', async () =>
          (await both(next)).every(status => status === 200),
        );
        expect(await both(token)).toEqual([401, 401]);
      });

      it('are let in by what was granted while the database is away, and looked up when it is back', async () => {
        const [known, unknown] = [await made.begin('ann'), await made.begin('bea')];
        expect(await both(known)).toEqual([200, 200]);
        await postgres.stop();
        expect(await both(known)).toEqual([200, 200]);
        expect(await both(unknown)).toEqual([503, 503]);
        await waitUntil('the hosts say so', async () => {
          const healths = await Promise.all(
            stacks.map(({ hostUrl }) => fetch(`${hostUrl}/health`).then(a => a.json())),
          );
          return healths.every(
            health => (health as { storage: { status: string } }).storage.status === 'down',
          );
        });
        await postgres.restart();
        await waitUntil('both let it in', async () => (await both(unknown)).every(status => status === 200));
      });

      it('wait for a database that is away when a host starts, and nothing else does', async () => {
        const [first] = stacks as [Stack];
        const token = await made.begin('cid');
        await waitUntil('both let it in', async () => (await both(token)).every(status => status === 200));
        await first.host.stop();
        await postgres.stop();
        await first.startHost();
        const ask = async (options: AskOptions) => (await first.ask('app.example.com', '/', options)).status;
        expect(await ask({ as: 'bea:password' })).toBe(200);
        // Guesses are counted all the same.
        const guesses = ['a', 'b', 'c'].map(guess => ask({ as: `ann:${guess}` }));
        expect(await Promise.all(guesses)).toEqual([401, 401, 401]);
        expect(await ask({ as: 'ann:password' })).toBe(401);
        // What it granted before may have ended meanwhile.
        expect(await ask({ headers: { ...SCRIPT, cookie: `${COOKIE}=${token}` } })).toBe(503);
        expect(first.host.output).toContain('started without the database');
        const health = await (await fetch(`${first.hostUrl}/health`)).json();
        expect(health).toMatchObject({ status: 'DEGRADED', storage: { status: 'down' } });
        await postgres.restart();
        await waitUntil('both let it in', async () => (await both(token)).every(status => status === 200));
        await made.sessions.endAll('cid');
        await waitUntil('both refuse it', async () => (await both(token)).every(status => status === 401));
      });
    });
  });
});
