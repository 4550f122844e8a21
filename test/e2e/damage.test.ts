import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { moment, passed } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Stack, startStack } from './stack.ts';

const users = { alice: { password: 'alices-password' }, bob: { password: 'bobs-password' } };
const accessControl = {
  rules: [
    { domain: 'app.example.com', policy: 'one_factor' },
    { domain: 'public.example.com', policy: 'bypass' },
  ],
};

const DAMAGE: readonly [string, (path: string) => void][] = [
  ['deleted', path => rmSync(path, { force: true })],
  ['cut', path => truncateSync(path, 60)],
  ['filled with random bytes', path => writeFileSync(path, randomBytes(readFileSync(path).length))],
];

describeTraefik('damage in a real Traefik', binary => {
  let stack: Stack;
  beforeAll(async () => {
    const domains = ['app', 'public', 'closed'].map(name => `${name}.example.com`);
    stack = await startStack({ binary: binary(), accessControl, users, domains });
  }, 600_000);
  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  const app = async (as?: string) =>
    (await stack.ask('app.example.com', '/', as === undefined ? {} : { as })).status;
  const file = (prefix: string) => {
    const name = readdirSync(stack.directory).find(found => found.startsWith(prefix));
    if (name === undefined) throw new Error(`no ${prefix}`);
    return join(stack.directory, name);
  };
  /** Right answers, or "come back later"; the backend's is only for who may have it. */
  async function answersRightly(later = [503]): Promise<void> {
    expect([200, ...later]).toContain(await app('alice:alices-password'));
    expect([401, ...later]).toContain(await app('alice:wrong'));
    expect([401, ...later]).toContain(await app());
    expect([200, ...later]).toContain((await stack.ask('public.example.com', '/')).status);
    expect([403, ...later]).toContain((await stack.ask('closed.example.com', '/')).status);
  }
  const recovers = () =>
    waitUntil('alice to be let in', async () => (await app('alice:alices-password')) === 200);

  it.each(
    DAMAGE.flatMap(([name, damage]) => ['state', 'grants-', 'policy-'].map(of => ({ name, of, damage }))),
  )('$of $name', async ({ of, damage }) => {
    await recovers();
    damage(file(of));
    const end = Date.now() + 1_300;
    while (Date.now() < end) {
      await answersRightly();
      await sleep(20);
    }
    // The host writes anew what others changed.
    await recovers();
  });

  it('each kind of damage is told by host and guest', () => {
    for (const text of [
      'the policy snapshot was removed or changed by somebody else: it is written anew',
      'the grant table was removed, replaced, cut or written by somebody else: everybody is verified anew',
    ]) {
      expect(stack.host.output).toContain(text);
    }
    expect(stack.traefik.log).toMatch(/postern: guest directory: /);
  });

  it('an older copy over the table brings no old password back', async () => {
    expect(await app('alice:alices-password')).toBe(200);
    const table = file('grants-');
    const old = readFileSync(table);
    await stack.writeUsers({ ...users, alice: { password: 'new-password' } });
    await waitUntil(
      'the old password to be refused',
      async () => (await app('alice:alices-password')) === 401,
    );
    writeFileSync(table, old);
    // Until the next heartbeat nobody can know.
    await passed(moment(), 1_700);
    expect(await app('alice:alices-password')).toBe(401);
    expect(await app('alice:new-password')).toBe(200);
    await stack.writeUsers(users);
    await recovers();
  });

  it('a second host waits, takes over when the first is killed, and mends the directory', async () => {
    const first = stack.host;
    const second = stack.startHost();
    await waitUntil('the second host to wait', () => stack.host.output.includes('waiting until it stops'));
    await answersRightly();
    first.signal('SIGKILL');
    await first.exit;
    // Until its heartbeat is stale, Traefik asks a host that is not there, and says 500.
    await answersRightly([500, 503]);
    await second;
    await recovers();
    expect(await app('bob:bobs-password')).toBe(200);
    await answersRightly();
  });
});
