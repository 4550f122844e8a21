import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  HEARTBEAT_STALE_MS,
  STATE_FILE,
  STATE_MAX_READ_AGE_MS,
  STATE_WALL_TIME,
} from '../../assembly/contract.ts';
import { deriveGuestKey, verdictTag } from '../../host/secret/derive.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { describeTraefik, merge, type Tree } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';

const users = Object.fromEntries(
  ['alice', 'bob', 'carol', 'dave'].map(name => [name, { password: `${name}s-password`, groups: ['app'] }]),
);
const accessControl = {
  rules: [
    { domain: 'app.example.com', policy: 'one_factor', subject: 'group:app' },
    { domain: 'public.example.com', policy: 'bypass' },
  ],
};
/** `offline_grace`, from the last heartbeat on. */
const GRACE_MS = 2_000;
const login = (name: string) => `${name}:${name}s-password`;

/** What an answer of refusing mode or of a guest without a host is: 503 that says when to come back. */
const isUnavailable = (answer: Awaited<ReturnType<Stack['ask']>>) =>
  answer.status === 503 &&
  answer.headers.get('retry-after') === '5' &&
  answer.headers.get('cache-control') === 'no-store';

describeTraefik('outages in a real Traefik', binary => {
  let stack: Stack;
  const start = async (options: Partial<StackOptions> = {}) => {
    stack = await startStack({
      binary: binary(),
      accessControl,
      users,
      domains: ['app.example.com', 'public.example.com', 'closed.example.com'],
      ...options,
    });
  };
  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** Status of a request, by the name of a user or none. */
  const app = async (name?: string) =>
    (await stack.ask('app.example.com', '/', name === undefined ? {} : { as: login(name) })).status;
  const anonymous = async () => {
    const statuses: number[] = [];
    for (const domain of ['app', 'closed', 'public']) {
      statuses.push((await stack.ask(`${domain}.example.com`, '/')).status);
    }
    return statuses;
  };

  /** SIGKILL; answers when the host said for the last time that it is there: what the guests go by. */
  const kill = async () => {
    stack.host.signal('SIGKILL');
    await stack.host.exit;
    return Number(readFileSync(join(stack.directory, STATE_FILE)).readBigUInt64LE(STATE_WALL_TIME));
  };

  describe('of the host', () => {
    it('starts a stack', async () => start(), 600_000);

    it('stopped: grants go on, new credentials get 503 at once, nobody gets 500', async () => {
      expect(await app('alice')).toBe(200);
      stack.host.signal('SIGTERM');
      const began = moment();
      let first503: number | undefined;
      while (between(began) < 2_500) {
        expect(await app('alice')).toBe(200);
        const asked = moment();
        const answer = await stack.ask('app.example.com', '/', { as: login('bob') });
        expect(between(asked)).toBeLessThan(500);
        // While some instance's page is not half a second old yet, the host is still there to answer it.
        if (answer.status === 200 && between(began, asked) < 600) continue;
        expect(isUnavailable(answer)).toBe(true);
        first503 ??= between(began);
        expect(await anonymous()).toEqual([401, 403, 200]);
        if (between(began, asked) < 700) continue;
        expect(isUnavailable(await stack.ask('app.example.com', '/', { as: 'alice:wrong' }))).toBe(true);
        await sleep(50);
      }
      expect(first503).toBeLessThan(800);
      process.stdout.write(`stopped: a new login gets 503 after ${Math.round(first503 ?? 0)} ms\n`);
      expect(await stack.host.exit).toBe(0);
      expect((await stack.ask('public.example.com', '/', { as: login('bob') })).status).toBe(200);
      expect((await stack.ask('closed.example.com', '/', { as: login('alice') })).status).toBe(403);
    });

    it('started again: all is well, and the grants of before are still good', async () => {
      await stack.startHost();
      const began = moment();
      await waitUntil('a new login', async () => (await app('bob')) === 200);
      expect(between(began)).toBeLessThan(2_000);
      process.stdout.write(`a new login ${Math.round(between(began))} ms after the start\n`);
      expect(await app('alice')).toBe(200);
      expect(await app('bob')).toBe(200);
      expect(await stack.metric('postern_password_verifications_total')).toBe(1);
    });

    it('killed: grants go on, new credentials are never let in, and get 503 once the heartbeat is stale', async () => {
      // Every instance has read the page of the living host by then.
      await sleep(600);
      const heartbeat = await kill();
      const seen: { asked: number; answered: number; status: number }[] = [];
      while (Date.now() - heartbeat < 7_000) {
        expect(await app('alice')).toBe(200);
        const asked = Date.now() - heartbeat;
        const answer = await stack.ask('app.example.com', '/', { as: login('carol') });
        seen.push({ asked, answered: Date.now() - heartbeat, status: answer.status });
        if (answer.status === 503) expect(isUnavailable(answer)).toBe(true);
        const wrong = await stack.ask('app.example.com', '/', { as: 'alice:wrong' });
        expect([500, 503]).toContain(wrong.status);
        expect(await anonymous()).toEqual([401, 403, 200]);
        await sleep(100);
      }
      // Nobody can know yet that the host is gone: what Traefik says when forwardAuth reaches nobody.
      const before = seen.filter(({ answered }) => answered < HEARTBEAT_STALE_MS).map(({ status }) => status);
      expect(new Set(before)).toEqual(new Set([500]));
      const after = seen
        .filter(({ asked }) => asked > HEARTBEAT_STALE_MS + STATE_MAX_READ_AGE_MS)
        .map(({ status }) => status);
      expect(new Set(after)).toEqual(new Set([503]));
      expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([500, 503]));
      const first = seen.find(({ status }) => status === 503)?.answered;
      process.stdout.write(`killed: 503 in place of 500 after the last heartbeat by ${first} ms\n`);
    });

    it('started after that: all is well', async () => {
      await stack.startHost();
      const began = moment();
      await waitUntil('a new login', async () => (await app('carol')) === 200);
      expect(between(began)).toBeLessThan(2_000);
      expect(await app('alice')).toBe(200);
      expect(await stack.metric('postern_password_verifications_total')).toBe(1);
    });
  });

  describe('of the guest directory', () => {
    const expectGrants = () =>
      waitUntil('grants', async () => {
        const before = await stack.metric('postern_deferrals_total');
        expect(await app('alice')).toBe(200);
        return (await stack.metric('postern_deferrals_total')) === before;
      });

    const hostSays = (text: string) => waitUntil(text, () => stack.host.output.includes(text));

    it('removed under a running host: made again, and all goes on without a restart', async () => {
      rmSync(stack.directory, { recursive: true });
      for (let end = Date.now() + 1_500; Date.now() < end; await sleep(50)) {
        expect(await app('alice')).toBe(200);
        expect(await anonymous()).toEqual([401, 403, 200]);
      }
      await hostSays('the guest directory was removed: it is made anew');
      await hostSays('the guest directory is written again');
      expect((await stack.ask('app.example.com', '/', { as: 'alice:wrong' })).status).toBe(401);
      await expectGrants();
      expect(stack.host.output).not.toContain('not on tmpfs');
    });

    it('something else in its place: every request is deferred and answered, and the host says why', async () => {
      rmSync(stack.directory, { recursive: true });
      writeFileSync(stack.directory, 'not a directory');
      await hostSays('is not a directory: remove it, or name a directory of Postern');
      await sleep(600);
      const before = await stack.metric('postern_password_verifications_total');
      expect([await app('alice'), await app('alice')]).toEqual([200, 200]);
      expect(await stack.metric('postern_password_verifications_total')).toBe(before + 2);
      expect(await anonymous()).toEqual([401, 403, 200]);
      expect((await stack.ask('app.example.com', '/', { as: 'alice:wrong' })).status).toBe(401);
      expect(stack.traefik.log).toContain(
        'postern: guest directory: no state page: is `postern serve` running, and its guest.directory mounted (settings.mounts)?; what needs a grant or a rule goes to the host',
      );
      expect(stack.host.output.split('is not a directory').length).toBe(2);
    });

    it('which is taken away: grants again, without touching host or Traefik', async () => {
      rmSync(stack.directory);
      await expectGrants();
    });

    const expectDeferred = async () => {
      expect([await app('alice'), await app('alice')]).toEqual([200, 200]);
      expect(await stack.metric('postern_password_verifications_total')).toBe(2);
      expect(await anonymous()).toEqual([401, 403, 200]);
      expect((await stack.ask('app.example.com', '/', { as: 'alice:wrong' })).status).toBe(401);
    };

    it('not mounted: every request is deferred and answered', async () => {
      await stack.stop();
      await start({ mounts: mounts => mounts.slice(1) });
      await expectDeferred();
    });

    it('mounted from where nothing is: the same, and grants as soon as it is there', async () => {
      await stack.stop();
      const absent = join(tempDirectory(), 'absent');
      await start({ mounts: ([, key = '']) => [`${absent}:/run/postern:ro`, key] });
      await expectDeferred();
      symlinkSync(stack.directory, absent);
      await expectGrants();
    });
  });

  it('longer than offline_grace: 503 for all', async () => {
    await stack.stop();
    await start({ config: { guest: { offline_grace: `${GRACE_MS / 1_000}s` } } });
    for (let i = 0; i < 2; i++) await waitUntil('alice', async () => (await app('alice')) === 200);
    const heartbeat = await kill();
    let asked = 0;
    let lastIn = 0;
    await waitUntil('the end of the grace', async () => {
      asked = Date.now() - heartbeat;
      if ((await app('alice')) !== 200) return true;
      lastIn = asked;
      return false;
    });
    expect(Date.now() - heartbeat).toBeGreaterThan(GRACE_MS);
    expect(lastIn).toBeLessThan(GRACE_MS + STATE_MAX_READ_AGE_MS);
    for (const name of ['alice', 'bob']) {
      const answer = await stack.ask('app.example.com', '/', { as: login(name) });
      expect(isUnavailable(answer)).toBe(true);
    }
    expect(await anonymous()).toEqual([503, 503, 503]);
    await stack.startHost();
    const started = moment();
    await waitUntil('grants', async () => (await app('alice')) === 200);
    expect(between(started)).toBeLessThan(2_000);
  });

  describe('of the plugin', () => {
    /** What the guest says of itself, without time and router: each instance says it once. */
    const said = (from = 0) => {
      const lines = stack.traefik.log.slice(from).matchAll(/ (ERR|WRN) (postern: .*?) entryPointName=/g);
      return [...new Set([...lines].map(([, level, text]) => `${level} ${text}`))];
    };

    it('without its key: 503 for everything, one clear line, and the key is found when it comes', async () => {
      await stack.stop();
      await start({ keyText: null });
      for (let i = 0; i < 3; i++) {
        expect(await anonymous()).toEqual([503, 503, 503]);
        expect(isUnavailable(await stack.ask('app.example.com', '/', { as: login('alice') }))).toBe(true);
      }
      expect(said()).toEqual([
        'ERR postern: no guest key: name POSTERN_GUEST_KEY in settings.envs, or mount the file with what `postern secret guest` prints and name it as key_file (default /etc/postern/guest.key); every request is answered with 503',
      ]);
      writeFileSync(stack.keyFile, stack.guestKey);
      const began = moment();
      await waitUntil('the key to be found', async () => (await app('alice')) === 200);
      process.stdout.write(`key found after ${Math.round(between(began))} ms\n`);
      await waitUntil('all', async () => String(await anonymous()) === '401,403,200');
      expect(between(began)).toBeLessThan(8_000);
    });

    const broken = (plugin: Tree) =>
      merge(stack.dynamic, { http: { middlewares: { postern: { plugin: { postern: plugin } } } } });

    it.each<[string, Tree, string]>([
      [
        'a relative directory',
        { directory: 'run/postern' },
        'plugin configuration: directory must be an absolute path of at most 255 bytes',
      ],
      [
        'a key it does not know',
        { direcory: '/run/postern' },
        'plugin configuration: only directory and key_file mean something without access_control',
      ],
      [
        'a policy that does not compile',
        { access_control: { rules: [{ policy: 'bypass' }] } },
        'plugin configuration: [{"code":"acl.domain.missing","severity":"error","path":"access_control.rules[0]","message":"the rule has no domain: add `domain` or `domain_regex`"}]',
      ],
      [
        'a configuration over 16 KiB',
        { filler: 'x'.repeat(17_000) },
        'plugin configuration: longer than 16 KiB; leave the rules to postern.yml',
      ],
    ])('with %s: 503 for everything and a line that says why', async (_name, plugin, why) => {
      const from = stack.traefik.log.length;
      await stack.traefik.reconfigure(broken(plugin));
      // Instances of the configuration before may still have had their say.
      await waitUntil(why, () =>
        said(from).includes(`ERR postern: ${why}; every request is answered with 503`),
      );
      expect(await anonymous()).toEqual([503, 503, 503]);
      expect(isUnavailable(await stack.ask('app.example.com', '/', { as: login('alice') }))).toBe(true);
    });

    it('with a key that was cut: 503 for everything and a line that says why', async () => {
      const from = stack.traefik.log.length;
      writeFileSync(stack.keyFile, stack.guestKey.slice(0, -1));
      await stack.traefik.reconfigure(stack.dynamic);
      const why =
        'ERR postern: the guest key is not what `postern secret guest` prints: cut, mistyped, or another secret (the root secret never belongs here); every request is answered with 503';
      // Mounts, and so keys, are looked at with the first request.
      await waitUntil('the bad key', async () => String(await anonymous()) === '503,503,503');
      await waitUntil('its log line', () => said(from).includes(why));
      expect(stack.traefik.log).not.toContain(stack.guestKey.slice(20, 40));
    });

    it("with another host's key: no way in, by the printed routers nor by any", async () => {
      const other = deriveGuestKey(randomBytes(32));
      writeFileSync(stack.keyFile, formatGuestKey(other));
      await stack.traefik.reconfigure(stack.dynamic);
      // Its verdicts bear another tag, which no router knows.
      await waitUntil('the other key', async () => String(await anonymous()) === '404,404,404');
      expect(await app('alice')).toBe(404);
      const forged = JSON.parse(
        JSON.stringify(stack.dynamic).replaceAll(stack.verdictTag, verdictTag(other)),
      ) as Tree;
      await stack.traefik.reconfigure(forged);
      await waitUntil('the other routers', async () => String(await anonymous()) === '403,403,403');
      expect(await app('alice')).toBe(403);
      expect(await stack.metric('postern_deferrals_total', 'reason="mac"')).toBeGreaterThan(3);
      expect(stack.host.output).toContain(
        "deferral refused: Postern-Request is not signed by this host's guest key; give Traefik the output of `postern secret guest`",
      );
    });
  });
});
