import { writeFileSync } from 'node:fs';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { between, type Moment, moment, passed } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Stack, startStack, type User } from './stack.ts';

/** Design decision 6: a change counts within this, from the file's change on. */
const BOUND_MS = 2_000;
/** No decision uses a state page that was read longer ago; and a bit for the way. */
const PAGE_AGE_MS = 600;

const NAMES = ['same', 'password', 'disabled', 'removed', 'group', 'idle', 'wide-1', 'wide-2', 'down'];
const OLD = 'old-password';
const NEW = 'new-password';

type Users = Record<string, User>;

describeTraefik('revocation in a real Traefik', binary => {
  let stack: Stack;
  let users: Users;
  const digests = { old: '', new: '' };

  beforeAll(async () => {
    const cheap = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
    digests.old = await hash(OLD, cheap);
    digests.new = await hash(NEW, cheap);
    // With their digests, so that writing the file again changes nobody else.
    users = Object.fromEntries(
      NAMES.map(name => [name, { password: OLD, digest: digests.old, groups: ['other', 'app'] }]),
    );
    stack = await startStack({
      binary: binary(),
      accessControl: { rules: [{ domain: 'app.example.com', policy: 'one_factor', subject: 'group:app' }] },
      users,
      domains: ['app.example.com'],
    });
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  const ask = async (name: string, password = OLD, path = '/') =>
    (await stack.ask('app.example.com', path, { as: `${name}:${password}` })).status;
  const verifications = () => stack.metric('postern_password_verifications_total');
  const newPassword = (name: string): Users => ({
    ...users,
    [name]: { ...users[name], password: NEW, digest: digests.new },
  });

  /** Writes the users file; answers since when. */
  async function change(to: Users): Promise<Moment> {
    users = to;
    const since = moment();
    await stack.writeUsers(to);
    return since;
  }

  /** Sends a request every 50 ms for `ms`, waiting for none of them; what became of each, by when it was sent. */
  async function follow(name: string, since: Moment, ms: number): Promise<{ at: number; status: number }[]> {
    const answers: Promise<{ at: number; status: number }>[] = [];
    while (between(since) < ms) {
      const at = between(since);
      answers.push(ask(name).then(status => ({ at, status })));
      await sleep(50);
    }
    return Promise.all(answers);
  }

  it('password changed, user disabled, user removed, group removed: refused within two seconds', async () => {
    for (const name of NAMES) expect([await ask(name), await ask(name)]).toEqual([200, 200]);
    expect(await verifications()).toBe(NAMES.length);

    const { removed: _, ...others } = newPassword('password');
    const since = await change({
      ...others,
      disabled: { ...others.disabled, password: OLD, disabled: true },
      group: { ...others.group, password: OLD, groups: ['other'] },
    });
    const cases = [
      ['password', 401],
      ['disabled', 401],
      ['removed', 401],
      ['group', 403],
    ] as const;
    await Promise.all(
      cases.map(async ([name, refusal]) => {
        const answers = await follow(name, since, 2_700);
        const last = Math.max(0, ...answers.filter(({ status }) => status === 200).map(({ at }) => at));
        expect(last, name).toBeLessThan(BOUND_MS);
        expect(new Set(answers.filter(({ at }) => at > last).map(({ status }) => status)), name).toEqual(
          new Set([refusal]),
        );
        process.stdout.write(`${name}: last let in ${Math.round(last)} ms after the change\n`);
      }),
    );
    expect(await ask('password', NEW)).toBe(200);
  });

  it('whoever was not changed goes on without a new hash', async () => {
    const before = await verifications();
    expect(await ask('same')).toBe(200);
    expect(await verifications()).toBe(before);
  });

  it('an instance that was idle knows at once', async () => {
    expect(await ask('idle')).toBe(200);
    await sleep(3_000);
    await passed(await change(newPassword('idle')), BOUND_MS);
    const [old, fresh] = await Promise.all([ask('idle'), ask('idle', NEW)]);
    expect([old, fresh]).toEqual([401, 200]);
  });

  it('64 warm instances know, each of them', async () => {
    const together = (name: string, path: string) =>
      Promise.all(Array.from({ length: 64 }, () => ask(name, OLD, path))).then(all => new Set(all));
    // A request holds its instance until the backend has answered.
    for (const name of ['wide-1', 'wide-2', 'wide-1', 'wide-2']) {
      const statuses = together(name, '/hold');
      await waitUntil('64 requests at once', () => stack.backend.open === 64);
      stack.backend.release();
      expect(await statuses).toEqual(new Set([200]));
    }
    const since = await change({
      ...newPassword('wide-1'),
      'wide-2': { ...users['wide-2'], password: OLD, groups: [] },
    });
    await passed(since, BOUND_MS);
    const late = ['wide-1', 'wide-2'].map(name => together(name, '/slow?ms=400'));
    expect(await Promise.all(late)).toEqual([new Set([401]), new Set([403])]);
    expect(await ask('wide-1', NEW)).toBe(200);
  });

  it('a restart of the host alone costs no hash', async () => {
    await stack.host.stop();
    await stack.startHost();
    await sleep(PAGE_AGE_MS);
    expect(await ask('same')).toBe(200);
    expect(await ask('idle', NEW)).toBe(200);
    expect(await verifications()).toBe(0);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'changed while the host is down (%s): refused from its first heartbeat on',
    async signal => {
      const [was, is] = signal === 'SIGTERM' ? [OLD, NEW] : [NEW, OLD];
      const digest = signal === 'SIGTERM' ? digests.new : digests.old;
      expect(await ask('down', was)).toBe(200);
      stack.host.signal(signal);
      await stack.host.exit;
      users = { ...users, down: { password: is, digest, groups: ['app'] } };
      await stack.writeUsers(users);
      // Nobody is there to know: within the grace the grant still counts.
      expect(await ask('down', was)).toBe(200);
      await stack.startHost();
      // An instance may have read its page just before.
      await sleep(PAGE_AGE_MS);
      const answers: Promise<number>[] = [];
      for (let i = 0; i < 20; i++) {
        answers.push(ask('down', was));
        await sleep(50);
      }
      expect(new Set(await Promise.all(answers))).toEqual(new Set([401]));
      const before = await verifications();
      expect(await ask('same')).toBe(200);
      expect(await verifications()).toBe(before);
      expect(await ask('down', is)).toBe(200);
      expect(await verifications()).toBe(before + 1);
    },
  );

  it('a users file that breaks keeps those it had, and says so', async () => {
    writeFileSync(stack.usersFile, 'users: [');
    await waitUntil('the complaint', () => stack.host.output.includes('the users file cannot be used'));
    expect(await ask('same')).toBe(200);
    expect(await ask('down', NEW)).toBe(401);
  });
});
