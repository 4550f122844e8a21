import { dirname } from 'node:path';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPostern } from '../support/postern.ts';
import { between, type Moment, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Answer, type Stack, startStack, type User } from './stack.ts';
import { openStackSessions, type StackSessions } from './stack-sessions.ts';

const COOKIE = '__Secure-postern_session';
/** Design decision 6, from the change on. */
const BOUND_MS = 2_000;
const NAVIGATION = {
  accept: 'text/html,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
};
const SCRIPT = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
const USERS = ['ann', 'bea', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal'];

describeTraefik('sessions in a real Traefik', binary => {
  let stack: Stack;
  let made: StackSessions;
  let users: Record<string, User>;
  const digests = { old: '', new: '' };

  beforeAll(async () => {
    const cheap = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
    digests.old = await hash('old', cheap);
    digests.new = await hash('new', cheap);
    users = Object.fromEntries(
      USERS.map(name => [
        name,
        { password: 'old', digest: digests.old, groups: [name === 'ann' ? 'admins' : 'users'] },
      ]),
    );
    const portal = { authelia_url: 'https://auth.example.com' };
    stack = await startStack({
      binary: binary(),
      accessControl: {
        default_policy: 'deny',
        rules: [
          { domain: 'public.example.com', policy: 'bypass' },
          { domain: 'two.example.com', policy: 'two_factor' },
          { domain: 'admin.example.com', policy: 'one_factor', subject: 'group:admins' },
          { domain: ['app.example.com', 'app.quick.test', 'app.short.test'], policy: 'one_factor' },
        ],
      },
      users,
      domains: [
        ...['app', 'two', 'admin', 'public', 'nobody'].map(name => `${name}.example.com`),
        'app.quick.test',
        'app.short.test',
      ],
      config: {
        storage: { local: { path: 'postern.sqlite3' } },
        session: {
          cookies: [
            { domain: 'example.com', ...portal },
            { domain: 'quick.test', authelia_url: 'https://auth.quick.test', inactivity: '4s' },
            { domain: 'short.test', authelia_url: 'https://auth.short.test', expiration: '3s' },
          ],
        },
      },
    });
    made = await openStackSessions(stack);
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    await made?.close();
    removeTempDirectories();
  });

  const ask = (
    domain: string,
    token: string,
    headers: Readonly<Record<string, string>> = SCRIPT,
    path = '/',
  ) => stack.ask(domain, path, { headers: { ...headers, cookie: `${COOKIE}=${token}` } });
  const status = async (domain: string, token: string) => (await ask(domain, token)).status;
  const deferrals = () => stack.metric('postern_deferrals_total', 'accepted');
  const postern = (args: readonly string[]) =>
    runPostern(dirname(stack.configFile), [...args, '--config', stack.configFile], stack.hostEnv);

  it('asks the host once, and tells the application who it is and nothing of the cookie', async () => {
    const token = await made.begin('ann');
    const first = await stack.ask('app.example.com', '/page', {
      headers: { ...NAVIGATION, cookie: `theme=dark; ${COOKIE}=${token}; lang=en` },
    });
    expect(first.status).toBe(200);
    const before = await deferrals();
    for (let i = 0; i < 20; i++) {
      const { received } = await stack.ask('app.example.com', `/${i}`, {
        headers: { ...SCRIPT, cookie: `theme=dark; ${COOKIE}=${token}; lang=en` },
      });
      expect(received).toMatchObject({ 'remote-user': 'ann', 'remote-groups': 'admins' });
      expect(received.cookie?.replaceAll(' ', '')).toBe('theme=dark;lang=en');
    }
    expect(await deferrals()).toBe(before);
    expect((await ask('public.example.com', token)).received).not.toHaveProperty('cookie');
  });

  it('decides by groups and levels, and asks for what is missing where people sign in', async () => {
    const [ann, bea] = [await made.begin('ann'), await made.begin('bea')];
    expect([await status('admin.example.com', ann), await status('admin.example.com', bea)]).toEqual([
      200, 403,
    ]);
    expect(await status('nobody.example.com', ann)).toBe(403);
    const page = await ask('two.example.com', ann, NAVIGATION, '/x?y=1');
    expect([page.status, page.headers.get('location')]).toEqual([
      302,
      expect.stringMatching(/^https:\/\/auth\.example\.com\/\?rd=http.*two\.example\.com/),
    ]);
    const script = await ask('two.example.com', ann);
    expect([script.status, script.headers.get('www-authenticate')]).toEqual([401, null]);
    const next = await made.begin('ann', { level: 2, replaces: ann });
    expect(await status('two.example.com', next)).toBe(200);
    await waitUntil('the old session is refused', async () => (await status('app.example.com', ann)) === 401);
  });

  it('takes none that is not what we gave, and no two', async () => {
    const token = await made.begin('bea');
    const other = await made.begin('bea');
    expect(await status('app.example.com', token)).toBe(200);
    const before = await deferrals();
    const bytes = Buffer.from(token, 'base64url');
    const forged = [0, 31, 32, 47].map(at => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      return changed.toString('base64url');
    });
    const bad = [...forged, token.slice(1), `${token}A`, `${token.slice(0, -1)}=`, '', 'x'.repeat(64)];
    for (const value of bad) expect([value, await status('app.example.com', value)]).toEqual([value, 401]);
    // What has the form of a token is asked about, and costs no look into the database.
    expect((await deferrals()) - before).toBeLessThanOrEqual(forged.length + 1);
    const twice = await stack.ask('app.example.com', '/', {
      headers: { ...SCRIPT, cookie: `${COOKIE}=${token}; ${COOKIE}=${other}` },
    });
    expect(twice.status).toBe(401);
    expect(await status('app.quick.test', token)).toBe(401);
    expect(await status('app.example.com', await made.begin('bea', { domain: 'quick.test' }))).toBe(401);
    expect(await status('app.example.com', token)).toBe(200);
  });

  it('a script keeps its user signed in; nobody there signs them out', async () => {
    const token = await made.begin('cid', { domain: 'quick.test' });
    const begun = performance.now();
    while (performance.now() - begun < 9_000) {
      expect([Math.round(performance.now() - begun), await status('app.quick.test', token)]).toEqual([
        expect.any(Number),
        200,
      ]);
      await sleep(300);
    }
    // Idle from now on, and a quarter of the time may count as activity that was not noted.
    await sleep(4_200);
    const page = await ask('app.quick.test', token, NAVIGATION);
    expect([page.status, page.headers.get('location')]).toEqual([
      302,
      expect.stringMatching(/^https:\/\/auth\.quick\.test\//),
    ]);
    expect(page.headers.getSetCookie()).toEqual([]);
  });

  it('ends at its end, whatever is asked', async () => {
    const token = await made.begin('cid', { domain: 'short.test' });
    const begun = performance.now();
    let last = 0;
    while (performance.now() - begun < 4_500) {
      const at = performance.now() - begun;
      if ((await status('app.short.test', token)) === 200) last = at;
      await sleep(100);
    }
    expect(last).toBeGreaterThan(1_000);
    expect(last).toBeLessThan(3_200);
  });

  describe('is refused within two seconds', () => {
    /** Sends requests until one is refused; how long after `act` the last was let in. */
    async function measure(name: string, token: string, act: () => Promise<unknown>): Promise<void> {
      for (let i = 0; i < 3; i++) expect(await status('app.example.com', token)).toBe(200);
      let ended: Moment | undefined;
      const done = act().finally(() => {
        ended = moment();
      });
      const answers: Promise<{ at: Moment; status: number }>[] = [];
      while (ended === undefined || between(ended) < BOUND_MS + 300) {
        const at = moment();
        answers.push(status('app.example.com', token).then(status => ({ at, status })));
        await sleep(50);
      }
      await done;
      const all = await Promise.all(answers);
      const since = ended;
      const last = Math.max(
        0,
        ...all.filter(({ status }) => status === 200).map(({ at }) => between(since, at)),
      );
      process.stdout.write(`${name}: last let in ${Math.round(last)} ms after it\n`);
      expect(last).toBeLessThan(BOUND_MS);
      expect(all.at(-1)?.status).toBe(401);
      expect(await status('app.example.com', token)).toBe(401);
    }
    const change = (name: string, to: Partial<User>) => async () => {
      users = { ...users, [name]: { ...(users[name] as User), ...to } };
      await stack.writeUsers(users);
    };

    it('when its user signs out here, by another host', async () => {
      const [token, other] = [await made.begin('dan'), await made.begin('dan')];
      await measure('sign-out here', token, () => made.sessions.end('example.com', token));
      expect(await status('app.example.com', other)).toBe(200);
      await measure('sign-out everywhere', other, () => made.sessions.endAll('dan'));
    });

    it('when the user is disabled, and when the password changes', async () => {
      await measure('user disabled', await made.begin('eve'), change('eve', { disabled: true }));
      await measure('password changed', await made.begin('fay'), change('fay', { digest: digests.new }));
    });

    it('when the operator says so', async () => {
      const [token, there] = [await made.begin('gus'), await made.begin('hal')];
      const listed = await postern(['session', 'list', '--user', 'gus', '--json']);
      const [{ id, browser }] = JSON.parse(listed.output.trim()) as [{ id: string; browser: string }];
      expect(browser).toBe('Firefox');
      await measure('revoked by id', token, () => postern(['session', 'revoke', id.slice(0, 8)]));
      expect(await status('app.example.com', there)).toBe(200);
      await measure('everybody revoked', there, () => postern(['session', 'revoke', '--all']));
    });
  });

  it('goes on when the host is stopped and started, and while it is away', async () => {
    const token = await made.begin('ann');
    expect(await status('app.example.com', token)).toBe(200);
    await stack.host.stop();
    // The state page says that nobody answers: what was granted counts all the same.
    await sleep(1_000);
    expect(await status('app.example.com', token)).toBe(200);
    await stack.startHost();
    expect(await status('app.example.com', token)).toBe(200);
    const answer: Answer = await ask('app.example.com', token);
    expect(answer.received['remote-user']).toBe('ann');
  });
});
