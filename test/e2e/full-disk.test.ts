import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Stack, startStack, type User } from './stack.ts';

const NAMES = ['alice', 'bob', 'carol', 'dave'];
const users: Record<string, User> = Object.fromEntries(
  NAMES.map(name => [name, { password: `${name}s-password` }]),
);
const accessControl = {
  rules: [
    { domain: 'app.example.com', policy: 'one_factor' },
    { domain: 'public.example.com', policy: 'bypass' },
  ],
};
/** Longer than the heartbeat is fresh. */
const FULL_MS = 6_500;

describeSmallDisk('a full disk', mount => {
  describeTraefik('under a real Traefik', binary => {
    let disk: SmallDisk;
    let stack: Stack;
    beforeAll(async () => {
      disk = mount(192);
      const domains = ['app', 'public', 'closed'].map(name => `${name}.example.com`);
      stack = await startStack({ binary: binary(), accessControl, users, domains, directory: disk.path });
    }, 600_000);
    afterAll(async () => {
      await stack?.stop();
      disk?.unmount();
      removeTempDirectories();
    });

    const app = async (as?: string) =>
      (await stack.ask('app.example.com', '/', as === undefined ? {} : { as })).status;
    const login = (name: string) => app(`${name}:${name}s-password`);
    const verifications = () => stack.metric('postern_password_verifications_total');
    /** All of it as if nothing were wrong: who asks for what is slower, not other. */
    async function answersRightly(): Promise<void> {
      for (const name of ['alice', 'bob']) expect(await login(name)).toBe(200);
      expect(await app()).toBe(401);
      expect((await stack.ask('public.example.com', '/')).status).toBe(200);
      expect((await stack.ask('closed.example.com', '/')).status).toBe(403);
    }
    /** A grant is written and read: the next request costs no verification. */
    const hasGrants = (name: string) =>
      waitUntil('grants', async () => {
        expect(await login(name)).toBe(200);
        const before = await verifications();
        expect(await login(name)).toBe(200);
        return (await verifications()) === before;
      });
    const lines = (text: string) => stack.host.output.split('\n').filter(line => line.includes(text));

    it('while all runs: grants hold, others are verified each time, nobody gets 503', async () => {
      await hasGrants('alice');
      disk.fill();
      const before = await verifications();
      let rounds = 0;
      for (const end = Date.now() + FULL_MS; Date.now() < end; rounds++) {
        // A heartbeat's attempt may just have given a page back.
        disk.fill();
        await answersRightly();
        await sleep(50);
      }
      // Bob's, one for each; alice's none.
      expect(await verifications()).toBe(before + rounds);
      expect(await app('alice:wrong')).toBe(401);
      for (const text of ['the guest directory is full', 'grants cannot be written']) {
        expect(lines(text)).toHaveLength(1);
        expect(lines(text).join()).toMatch(/ENOSPC.*remove what does not belong there, or give it more room/);
      }
    });

    it('a revocation counts within two seconds', async () => {
      disk.fill();
      await stack.writeUsers({ ...users, alice: { password: 'another' } });
      const changed = moment();
      await waitUntil('the old password to be refused', async () => (await login('alice')) === 401);
      // The refusal itself is held back for two seconds.
      expect(between(changed)).toBeLessThan(4_000);
      expect(await app('alice:another')).toBe(200);
      expect(lines('could not be')).toEqual([]);
    });

    it('room again: grants again, without a restart of anything', async () => {
      await stack.writeUsers(users);
      disk.free();
      for (const name of ['alice', 'bob', 'carol']) await hasGrants(name);
      expect(lines('the guest directory has room again')).toHaveLength(1);
    });

    it('a host that starts on it answers all, says what to do, and writes when there is room', async () => {
      await stack.host.stop();
      for (const name of readdirSync(disk.path)) rmSync(join(disk.path, name));
      disk.fill();
      await stack.startHost();
      const before = await verifications();
      await answersRightly();
      await sleep(1_500);
      disk.fill();
      await answersRightly();
      expect(await verifications()).toBe(before + 4);
      for (const what of ['policy snapshot', 'state page']) {
        const told = lines(`${what} cannot be written, trying again`);
        expect(told).toHaveLength(1);
        expect(told.join()).toMatch(/ENOSPC.*remove what does not belong there, or give it more room/);
      }
      disk.free();
      await hasGrants('dave');
      expect(lines('policy snapshot written: guests decide again')).toHaveLength(1);
      await answersRightly();
    });

    it('a host that takes over on it mends itself by what the one before leaves', async () => {
      await stack.host.stop();
      disk.fill();
      await stack.startHost();
      // The page says who lives now, in the place of the old one.
      await waitUntil('the page to be seen', async () => (await login('alice')) === 200);
      await answersRightly();
      await hasGrants('alice');
      expect(lines('policy snapshot written: guests decide again')).toHaveLength(1);
      disk.free();
    });
  });
});
