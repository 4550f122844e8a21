import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { between, type Moment, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Stack, startStack } from './stack.ts';
import { type Observed, startLoad } from './steady-load.ts';

/** POSTERN_RELOADS=1000 for the long form (`npm run soak`). */
const RELOADS = Number(process.env.POSTERN_RELOADS ?? 50);
/** A changed rule counts within two seconds of the file's change, in every instance of the guest. */
const PROMISED_MS = 2_000;
/** A broken configuration stands between two good ones so often. */
const BROKEN_EACH = 10;
/** Reloads after which both processes have grown to what they need: code is compiled, heaps and pools are filled. */
const WARM_UP = 10;
/**
 * What may come on top. A policy that is kept by mistake is a few KiB in the
 * host and in each instance, which a thousand reloads would show only in part;
 * an instance of the guest or of the engine (128 KiB, 10 MiB) shows soon. Node's
 * and Go's collectors move the resident memory by some ten MiB by themselves.
 */
const GROWTH_KIB = 64 * 1_024;

const ACCOUNT = 'service:password';
const DOMAINS = ['app.example.com', 'public.example.com', 'turn.example.com'];

/** The rules of one generation: its own path below `turn` is open, those of all others are denied. */
const generation = (n: number) => ({
  default_policy: 'deny',
  rules: [
    { domain: 'public.example.com', policy: 'bypass' },
    { domain: 'app.example.com', policy: 'one_factor', resources: '^/api', subject: 'group:service' },
    { domain: 'turn.example.com', policy: 'bypass', resources: `^/${n}$` },
  ],
});

describeTraefik(`${RELOADS} reloads under load in a real Traefik`, binary => {
  let stack: Stack;
  let config: Record<string, unknown>;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: generation(0),
      users: { service: { password: 'password', groups: ['service'] } },
      domains: DOMAINS,
      config: { log: { level: 'info' } },
    });
    config = JSON.parse(readFileSync(stack.configFile, 'utf8'));
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** JSON is YAML. In place and by rename in turn. */
  function write(text: string, n: number): void {
    if (n % 2 === 0) {
      writeFileSync(stack.configFile, text);
      return;
    }
    writeFileSync(`${stack.configFile}.new`, text);
    renameSync(`${stack.configFile}.new`, stack.configFile);
  }
  const textOf = (n: number) => JSON.stringify({ ...config, access_control: generation(n) });
  const residentKib = (pid: number) =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const memory = () => ({
    host: residentKib(stack.host.pid),
    traefik: residentKib(stack.traefik.child.pid),
  });

  it(
    'fails no request, counts within two seconds, keeps the old policy when broken, and needs no more memory',
    async () => {
      /** When each generation was written. */
      const written: Moment[] = [moment()];
      const wrong: (Observed & { expected: string })[] = [];
      const fixed: Readonly<Record<string, number>> = { account: 200, public: 200, nobody: 401, denied: 403 };
      /** What a generation's path answers while `n` is in force. */
      const under = (n: number, path: string) => (path === `/${n}` ? 200 : 403);

      function judge(seen: Observed): void {
        const expected = fixed[seen.client];
        const possible = new Set<number>();
        if (expected !== undefined) possible.add(expected);
        else {
          // Every policy that some instance may have had in force meanwhile, and no other.
          for (let n = written.length - 1; n >= 0; n--) {
            const since = written[n] as Moment;
            if (since.at <= seen.ended.at) possible.add(under(n, seen.path));
            if (between(since, seen.began) > PROMISED_MS) break;
          }
        }
        if (!possible.has(seen.status)) wrong.push({ ...seen, expected: [...possible].join(' or ') });
      }

      expect((await stack.ask('app.example.com', '/api', { as: ACCOUNT })).status).toBe(200);
      let now = 0;
      const load = startLoad(
        stack,
        [
          { name: 'account', domain: 'app.example.com', path: () => '/api/push', options: { as: ACCOUNT } },
          { name: 'public', domain: 'public.example.com', path: () => '/' },
          { name: 'nobody', domain: 'app.example.com', path: () => '/api' },
          { name: 'denied', domain: 'app.example.com', path: () => '/ui', options: { as: ACCOUNT } },
          { name: 'newest', domain: 'turn.example.com', path: () => `/${now}` },
          { name: 'replaced', domain: 'turn.example.com', path: () => `/${Math.max(0, now - 1)}` },
        ],
        judge,
      );
      const latencies: number[] = [];
      let broken = 0;
      let warm = memory();
      const peak = { host: 0, traefik: 0 };
      const grantsBefore = await stack.metric('postern_password_verifications_total', 'success');

      for (let n = 1; n <= RELOADS; n++) {
        if (n % BROKEN_EACH === 0) {
          broken++;
          write(textOf(n).slice(0, -20), n);
          await waitUntil(
            'the broken configuration to be seen',
            async () => (await stack.metric('postern_config_ok')) === 0,
          );
          // What is in force: the generation before, also a guest's look at the page later.
          await sleep(600);
          expect((await stack.ask('turn.example.com', `/${n - 1}`)).status).toBe(200);
        }
        write(textOf(n), n);
        const began = moment();
        written.push(began);
        now = n;
        await waitUntil('the new rule', async () => {
          const answers = await Promise.all(
            [n, n - 1].map(path => stack.ask('turn.example.com', `/${path}`)),
          );
          return answers[0]?.status === 200 && answers[1]?.status === 403;
        });
        latencies.push(between(began));
        if (n === WARM_UP) warm = memory();
        if (n > WARM_UP) {
          const current = memory();
          peak.host = Math.max(peak.host, current.host);
          peak.traefik = Math.max(peak.traefik, current.traefik);
        }
      }
      // The last one, too, must be in force everywhere by then.
      await sleep(PROMISED_MS + 500);
      await load.stop();

      const slowest = Math.max(...latencies);
      process.stdout.write(
        `${RELOADS} reloads, ${load.count} requests, ${wrong.length} of them wrong; ` +
          `a rule counted after ${Math.round(slowest)} ms at most, ` +
          `${Math.round(latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length)} ms on average, ` +
          `without those that the machine took; resident memory after ${WARM_UP} reloads and at most: ` +
          `host ${warm.host} and ${peak.host} KiB, Traefik ${warm.traefik} and ${peak.traefik} KiB\n`,
      );
      expect(wrong.slice(0, 10)).toEqual([]);
      expect(load.count).toBeGreaterThan(RELOADS * 20);
      expect(slowest).toBeLessThanOrEqual(PROMISED_MS);
      expect(peak.host - warm.host).toBeLessThan(GROWTH_KIB);
      expect(peak.traefik - warm.traefik).toBeLessThan(GROWTH_KIB);

      // Each file was read once, the broken ones too, and no password was verified anew because of them.
      expect(await stack.metric('postern_config_reloads_total', 'success')).toBe(RELOADS);
      expect(await stack.metric('postern_config_reloads_total', 'failure')).toBe(broken);
      expect(await stack.metric('postern_password_verifications_total', 'success')).toBe(grantsBefore);
      expect(await stack.metric('postern_config_ok')).toBe(1);
      // Traefik was not told anything.
      expect(stack.traefik.log).not.toMatch(/trap|wasm error|panic/i);
      // Policies that were replaced are removed a while later.
      await waitUntil(
        'the old policies to be removed',
        () => readdirSync(stack.directory).filter(name => name.startsWith('policy-')).length === 1,
      );
    },
    60_000 + RELOADS * 4_000,
  );
});
