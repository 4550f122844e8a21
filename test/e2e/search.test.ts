import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GRANT_SLOT_SIZE } from '../../assembly/contract.ts';
import { readHeader } from '../../host/grant/seal.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { type Stack, startStack } from './stack.ts';

describeTraefik('one account of many names in a real Traefik', binary => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: { rules: [{ domain: 'app.example.com', policy: 'one_factor', subject: 'user:bob' }] },
      users: { bob: { password: 'pw', groups: ['users'] } },
      domains: ['app.example.com'],
      config: { authentication_backend: { file: { search: { case_insensitive: true, email: true } } } },
    });
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** User tags of the grant table's records. */
  const tags = () => {
    const name = readdirSync(stack.directory).find(entry => entry.startsWith('grants-')) ?? '';
    const table = readFileSync(join(stack.directory, name));
    const found: string[] = [];
    for (let at = 0; at < table.length; at += GRANT_SLOT_SIZE) {
      const header = readHeader(table.subarray(at, at + GRANT_SLOT_SIZE));
      if (header !== undefined) found.push(Buffer.from(header.userTag).toString('hex'));
    }
    return found;
  };
  const verifications = () => stack.metric('postern_password_verifications_total');

  it('is the same user, the first time and the second, in the host and in the guest', async () => {
    const names = ['Bob', 'bob', 'bob@example.com', 'BOB', 'Bob@Example.com'];
    for (let time = 0; time < 2; time++) {
      for (const name of names) {
        const answer = await stack.ask('app.example.com', '/', { as: `${name}:pw` });
        expect([name, answer.status, answer.received['remote-user']]).toEqual([name, 200, 'bob']);
        expect(answer.received['remote-email']).toBe('bob@example.com');
      }
    }
    // One for the name and one for the address: the guest folded the others by itself.
    expect(await verifications()).toBe(2);
    expect(tags()).toHaveLength(2);
    expect(new Set(tags()).size).toBe(1);
  });

  it('does not take a blank behind the name for nothing', async () => {
    expect((await stack.ask('app.example.com', '/', { as: 'bob :pw' })).status).toBe(401);
    expect(tags()).toHaveLength(2);
  });

  it('ends for all of its names when the user changes', async () => {
    await stack.writeUsers({ bob: { password: 'new', groups: ['users'] } });
    for (const name of ['BOB', 'bob@EXAMPLE.com']) {
      await expect
        .poll(async () => (await stack.ask('app.example.com', '/', { as: `${name}:pw` })).status, {
          timeout: 30_000,
        })
        .toBe(401);
      expect((await stack.ask('app.example.com', '/', { as: `${name}:new` })).status).toBe(200);
    }
    expect(new Set(tags()).size).toBe(1);
  });
});
